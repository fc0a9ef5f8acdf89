//! The enterprise above the organization: who owns it, who is in it, and the accounts that belong to it when it has
//! managed users. An application that is installed on an organization has no right here; an owner's token has.
use serde_json::{Value, json};

use super::{Account, GitHub, identity, user};
use crate::dev::{
    access::stable_id,
    sim::Call,
    wire::{Answer, Refusal},
};

/// The account of the owner whose token it is.
pub(super) const OWNER: (u64, &str) = (9_000_001, "acme_admin");
const ADMIN: &str = "admin:enterprise";

/// Judges an owner's token; nothing when it is another one.
pub(super) fn authorize(
    github: &GitHub,
    call: &mut Call<'_>,
    scopes: &[&str],
) -> Option<Result<(), Refusal>> {
    if call.request.authorization("Bearer") != Some(github.enterprise_token.as_str()) {
        return None;
    }
    OWNER.1.clone_into(&mut call.subject);
    let has = |scope: &&str| github.enterprise_scopes.iter().any(|one| one == scope);
    Some(match scopes.is_empty() || scopes.iter().any(has) {
        true => Ok(()),
        false => Err(Refusal::Right(scopes[0].to_owned())),
    })
}

/// Whether whoever asks may see and change the enterprise.
fn is_owner(github: &GitHub, call: &Call<'_>) -> bool {
    call.subject == OWNER.1 && github.enterprise_scopes.iter().any(|scope| scope == ADMIN)
}

/// `enterprise(slug:)`; every member of the answer is there, asked or not.
pub(super) fn overview(github: &GitHub, call: &Call<'_>, query: &str, variables: &Value) -> Answer {
    let argument = |name| identity::argument(query, variables, name);
    let slug = argument("slug").unwrap_or_default();
    let may_see = call.subject == OWNER.1;
    if !may_see || !slug.eq_ignore_ascii_case(&github.enterprise) {
        let why = format!("Could not resolve to a Business with the URL slug of '{slug}'.");
        return identity::failed("NOT_FOUND", "enterprise", &why);
    }
    let wanted = argument("query").unwrap_or_default().to_lowercase();
    let owner = json!({ "databaseId": OWNER.0, "login": OWNER.1 });
    let members: Vec<Value> = (github.accounts.iter())
        .filter(|account| account.in_enterprise && account.login.to_lowercase().contains(&wanted))
        .map(|account| match github.has_managed_users {
            true => json!({ "user": { "databaseId": account.id } }),
            false => json!({ "databaseId": account.id }),
        })
        .collect();
    let provider = match github.has_managed_users {
        true => identity::identities(github, argument("userName")),
        false => Value::Null,
    };
    let admins: Vec<&Value> = OWNER.1.contains(&wanted).then_some(&owner).into_iter().collect();
    let info = match is_owner(github, call) {
        true => json!({ "admins": { "nodes": admins }, "samlIdentityProvider": provider }),
        false => Value::Null,
    };
    let enterprise =
        json!({ "id": github.enterprise_id, "ownerInfo": info, "members": { "nodes": members } });
    Answer::json(200, &json!({ "data": { "viewer": owner, "enterprise": enterprise } }))
}

/// `removeEnterpriseMember`. The input is an object: inline, or the variable `input`, or a variable for each member.
pub(super) fn remove(github: &mut GitHub, call: &Call<'_>, query: &str, variables: &Value) -> Answer {
    const PATH: &str = "removeEnterpriseMember";
    let input = |name: &str| {
        let handed = variables["input"][name].as_str().map(str::to_owned);
        handed.or_else(|| identity::argument(query, variables, name)).unwrap_or_default()
    };
    let (enterprise, member) = (input("enterpriseId"), input("userId"));
    if !is_owner(github, call) {
        return identity::failed("FORBIDDEN", PATH, "Resource not accessible by integration");
    }
    let is_it = |account: &&mut Account| account.in_enterprise && member == format!("U_{}", account.id);
    match github.accounts.iter_mut().find(is_it) {
        Some(account) if enterprise == github.enterprise_id => {
            account.leave();
            account.in_enterprise = false;
            let node = user(account);
            let removed =
                json!({ "clientMutationId": null, "user": node, "enterprise": { "id": enterprise } });
            Answer::json(200, &json!({ "data": { PATH: removed } }))
        }
        _ => identity::failed("NOT_FOUND", PATH, "Could not resolve to a node with the global id."),
    }
}

impl Account {
    /// Out of the organization, and the external identity with it.
    pub(super) fn leave(&mut self) {
        self.membership = None;
        self.identity = None;
    }

    /// A managed account that is suspended: nobody signs in, it is in no organization, and its login is obfuscated.
    pub(super) fn suspend(&mut self) {
        if self.suspended_login.is_none() {
            let obfuscated = stable_id("", 20, &format!("suspended {}", self.id)).to_lowercase();
            self.suspended_login = Some(std::mem::replace(&mut self.login, obfuscated));
            self.membership = None;
        }
    }

    /// The same, undone; organizations take the person in anew.
    pub(super) fn unsuspend(&mut self) {
        if let Some(login) = self.suspended_login.take() {
            self.login = login;
        }
    }
}
