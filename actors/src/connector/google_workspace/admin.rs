//! Admins: whom the connector acts for, whom it leaves alone, and whose role it takes away when wished.
//!
//! 1. The admin that the connector acts for is never touched, whatever the settings say.
//! 2. Any other super admin is left to a person, unless the settings ask for the role to be taken away first. Only a super
//!    admin may do that, so whoever loses the role was not the last one.
//!
//! <https://developers.google.com/workspace/admin/directory/v1/guides/manage-users#make_admin>
use serde_json::json;

use super::GoogleWorkspace;
use super::account::{Account, read_user, user_path};
use super::api::{Token, judge};
use crate::connector::pass::{Failure, Halt, Outcome, Pass};
use crate::connector::step::{Fetched, removal};
use crate::connector::wire::Method;

const NAME: &str = "admin_role";

impl GoogleWorkspace {
    /// Stops at whom no program removes.
    pub(super) fn guard(
        &self,
        pass: &mut Pass<'_>,
        token: &Token<'_>,
        account: &Account,
    ) -> Result<(), Halt> {
        const OWN: &str = "the connector acts for this admin";
        let protected = |detail: &str| Failure::Protected { detail: detail.to_owned() };
        if account.emails.iter().any(|email| email == self.api.admin_email()) {
            return Err(pass.fail("guard", protected(OWN))); // (1)
        }
        if !account.is_admin {
            return Ok(());
        }
        if !self.strip_admin {
            return Err(pass.fail("guard", protected("a super admin: take the role away first"))); // (2)
        }
        let failure = match self.own_admin(pass, token)? {
            Ok(own) if own.id == account.id => protected(OWN), // (1)
            Ok(own) if own.is_admin => return Ok(()),
            Ok(_) => no_super_admin(), // (2)
            Err(failure) => failure,
        };
        Err(pass.fail("guard", failure))
    }

    /// The rungs of the check: who it is, and whether that is enough.
    pub(super) fn check_admin(&self, pass: &mut Pass<'_>, token: &Token<'_>) -> Result<(), Halt> {
        let admin = match self.own_admin(pass, token)? {
            Ok(admin) => admin,
            Err(failure) => return Err(pass.fail("admin", failure)),
        };
        let detail = match admin.is_admin {
            true => "a super admin",
            false => {
                "a delegated admin: the role must allow updating users, their security and group members"
            }
        };
        pass.note("admin", Outcome::Done, detail.to_owned());
        if self.strip_admin {
            let outcome = if admin.is_admin { Outcome::Done } else { Outcome::Failed(no_super_admin()) };
            pass.note(NAME, outcome, None);
        }
        Ok(())
    }

    fn own_admin(&self, pass: &mut Pass<'_>, token: &Token<'_>) -> Fetched<Account> {
        let found = read_user(pass, token, self.api.admin_email())?;
        Ok(found.and_then(|admin| {
            let detail = format!("{} is no user here", self.api.admin_email());
            admin.ok_or(Failure::Auth { detail })
        }))
    }
}

/// Takes the role away. First of all: from then on any admin may suspend the person, and whatever fails later, they are
/// no super admin any more.
pub(super) fn strip_admin(pass: &mut Pass<'_>, token: &Token<'_>, account: &Account) -> Result<(), Halt> {
    if !account.is_admin {
        pass.note(NAME, Outcome::Already, "no super admin".to_owned());
        return Ok(());
    }
    let path = format!("{}/makeAdmin", user_path(&account.id));
    let request = token.write(Method::Post, &path).json(json!({ "status": false }));
    let undo = "Make the user a super admin again in the Google Admin console.";
    pass.write(NAME, Some(undo), request, |answer| removal(answer, judge))?;
    Ok(())
}

fn no_super_admin() -> Failure {
    Failure::Permission { missing: "a super admin to act for: only one may take the role away".into() }
}
