//! Whose account at Okta it is.
//!
//! 1. The linked one.
//! 2. Else the one that has signed in to Ceven: the organization's own authorization server names people by their ids,
//!    which custom ones do not.
//! 3. Else the one that SCIM's `externalId` names, then the one with the login, then the only one with an address of the
//!    person. A deactivated account beside a living one is a former one.
//!
//! Okta's answer is compared again here: its look-up takes short logins and `me`.
use serde_json::Value;

use super::api::{Session, judge_read};
use crate::connector::answer::{entries, same, text};
use crate::connector::pass::{Failure, Match, Pass};
use crate::connector::step::{Fetched, addresses};
use crate::connector::wire::escape;

/// Nobody signs in, and Okta has taken the person out of everything.
pub const DEPROVISIONED: &str = "DEPROVISIONED";

/// What is read of a user.
pub struct User {
    /// The unchanging id.
    pub id: String,
    /// What they sign in with.
    pub login: String,
    /// The primary address.
    pub email: String,
    /// As Okta spells it: `ACTIVE`.
    pub status: String,
    /// Whether it is on its way to [`DEPROVISIONED`].
    pub is_leaving: bool,
}

/// The accounts that fit, with what each was found by.
///
/// # Errors
/// [`Halt::Send`](crate::connector::pass::Halt::Send) while an answer is missing.
pub fn candidates(pass: &mut Pass<'_>, session: &Session<'_>, base_url: &str) -> Fetched<Vec<(Match, User)>> {
    let leaver = pass.leaver();
    if let Some(link) = &leaver.link {
        // (1) A linked account that is gone ends the search: another one may be anybody's.
        let user = find_user(pass, session, &link.external_id)?;
        return Ok(user.map(|user| named(user.filter(|user| user.id == link.external_id), "link")));
    }
    let signed_in = leaver.identity.as_ref().filter(|identity| &*identity.issuer == base_url); // (2)
    let ids = [
        (signed_in.map(|identity| &*identity.subject), "identity"),
        (leaver.external_id.as_deref(), "external_id"),
    ];
    for (id, matched_by) in ids {
        let Some(id) = id.filter(|id| !id.is_empty()) else { continue };
        match find_user(pass, session, id)? {
            Ok(Some(user)) if user.id == id => return Ok(Ok(named(Some(user), matched_by))),
            Ok(_) => {}
            Err(failure) => return Ok(Err(failure)),
        }
    }
    match by_login(pass, session, leaver.user_name.trim())? {
        Ok(None) => {}
        found => return Ok(found.map(|user| named(user, "user_name"))),
    }
    let mut all = Vec::new();
    for address in addresses(leaver) {
        match search(pass, session, "email", &address)? {
            Ok(users) => all.extend(users.into_iter().filter(|user| same(&user.email, &address))),
            Err(failure) => return Ok(Err(failure)),
        }
    }
    if all.iter().any(|user| user.status != DEPROVISIONED) {
        all.retain(|user| user.status != DEPROVISIONED);
    }
    Ok(Ok(all.into_iter().flat_map(|user| named(Some(user), "email")).collect()))
}

/// The user with this login. Okta takes one with a slash only in a search.
fn by_login(pass: &mut Pass<'_>, session: &Session<'_>, login: &str) -> Fetched<Option<User>> {
    let found = match login {
        "" => Ok(None),
        _ if login.contains('/') => {
            let users = search(pass, session, "login", login)?;
            users.map(|users| users.into_iter().find(|user| same(&user.login, login)))
        }
        _ => find_user(pass, session, login)?,
    };
    Ok(found.map(|user| user.filter(|user| same(&user.login, login))))
}

/// Users whose profile has this value, whatever their status.
fn search(pass: &mut Pass<'_>, session: &Session<'_>, attribute: &str, value: &str) -> Fetched<Vec<User>> {
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    let search = escape(&format!("profile.{attribute} eq \"{quoted}\""));
    let request = session.read(pass, &format!("/api/v1/users?search={search}&limit=10"));
    let users = pass.fetch(request, judge_read)?.and_then(|page| entries(&page, ""));
    Ok(users.map(|users| users.iter().filter_map(User::read).collect()))
}

impl User {
    fn read(body: &Value) -> Option<Self> {
        let profile = &body["profile"];
        Some(Self {
            id: Some(text(body, "id")).filter(|id| !id.is_empty())?.to_owned(),
            login: text(profile, "login").to_owned(),
            email: text(profile, "email").to_owned(),
            status: text(body, "status").to_owned(),
            is_leaving: text(body, "transitioningToStatus") == DEPROVISIONED,
        })
    }
}

/// A user by id, login or `me`.
///
/// # Errors
/// [`Halt::Send`](crate::connector::pass::Halt::Send) while it is not answered.
pub fn find_user(pass: &mut Pass<'_>, session: &Session<'_>, key: &str) -> Fetched<Option<User>> {
    let request = session.read(pass, &format!("/api/v1/users/{}", escape(key)));
    Ok(match pass.find(request, judge_read)? {
        Ok(Some(response)) => User::read(&response.json()).map(Some).ok_or_else(unreadable),
        Ok(None) => Ok(None),
        Err(failure) => Err(failure),
    })
}

fn named(user: Option<User>, matched_by: &str) -> Vec<(Match, User)> {
    let found = |user: User| {
        let label = if user.login.is_empty() { &user.email } else { &user.login };
        let found =
            Match { external_id: user.id.clone(), label: label.clone(), matched_by: matched_by.to_owned() };
        (found, user)
    };
    user.map(found).into_iter().collect()
}

/// An answer that should be a user and is none.
pub fn unreadable() -> Failure {
    Failure::Malformed { detail: "Okta's answer is no user".into() }
}
