//! The enterprise above the organization: whoever leaves all its organizations stays in it as an "unaffiliated user"
//! and may keep a Copilot seat, so the person is removed from the enterprise too.
use serde_json::{Value, json};

use super::account::Account;
use super::api::{Api, Session, judge_graphql, must};
use crate::connector::pass::{Failure, Halt, Outcome, Pass};
use crate::connector::step::{Fetched, change};
use crate::connector::wire::{Answer, Purpose};

/// `viewer` is the token's own user; `admins` are searched by login and compared again here.
const OVERVIEW: &str = "query($slug: String!, $login: String!) { viewer { databaseId } enterprise(slug: $slug) { id \
     ownerInfo { admins(first: 100, query: $login, role: OWNER) { nodes { databaseId } } } } }";
const MEMBERS: &str = "query($slug: String!, $login: String!) { enterprise(slug: $slug) { \
     members(first: 100, query: $login) { nodes { ... on User { databaseId } \
     ... on EnterpriseUserAccount { user { databaseId } } } } } }";
const REMOVE: &str = "mutation($enterprise: ID!, $user: ID!) { removeEnterpriseMember(input: {enterpriseId: \
     $enterprise, userId: $user}) { clientMutationId } }";

/// What the token needs.
const OWNER_RIGHT: &str = "admin:enterprise, as an enterprise owner";

/// An enterprise, and a token of one of its owners: an App that is installed on an organization has no right there.
pub struct Enterprise {
    /// As in its address.
    pub slug: String,
    /// A classic token with `admin:enterprise`.
    pub token: String,
}

impl Enterprise {
    /// Requests in the owner's name.
    pub fn session<'a>(&self, api: &'a Api) -> Session<'a> {
        Session::with_token(&api.base_url, &self.token)
    }

    /// The enterprise's id, unless the person is one of its owners or the token's own user.
    pub fn guard(&self, pass: &mut Pass<'_>, api: &Api, account: &Account) -> Result<String, Halt> {
        let variables = json!({ "slug": self.slug, "login": account.login });
        let fetched = self.session(api).query(pass, OVERVIEW, variables)?;
        let data = must(pass, "guard", fetched)?;
        let is_account = |user: &Value| user["databaseId"] == account.id;
        let owners = data.pointer("/enterprise/ownerInfo/admins/nodes").and_then(Value::as_array);
        // Who may not see the owners cannot tell whether this is one.
        let unseen = || Failure::Permission { missing: OWNER_RIGHT.into() };
        let owners = must(pass, "guard", owners.ok_or_else(unseen))?;
        let detail = if is_account(&data["viewer"]) {
            "the connector acts for this account"
        } else if owners.iter().any(is_account) {
            "an owner of the enterprise: take the role away first"
        } else {
            let missing = Failure::Malformed { detail: "an enterprise without id".into() };
            let id = data["enterprise"]["id"].as_str().map(str::to_owned).ok_or(missing);
            return must(pass, "guard", id);
        };
        Err(pass.fail("guard", Failure::Protected { detail: detail.into() }))
    }

    /// Removes the person from the enterprise.
    pub fn remove(&self, pass: &mut Pass<'_>, api: &Api, id: &str, account: &Account) -> Result<(), Halt> {
        let variables = json!({ "enterprise": id, "user": account.node_id });
        let request = self.session(api).graphql(Purpose::Write, REMOVE, variables);
        let undo = "Invite the person to an organization of the enterprise again.";
        pass.write("enterprise_membership", Some(undo), request, removed)?;
        Ok(())
    }

    /// Whether the person is still in the enterprise.
    pub fn has(&self, pass: &mut Pass<'_>, api: &Api, account: &Account) -> Fetched<bool> {
        let variables = json!({ "slug": self.slug, "login": account.login });
        let data = self.session(api).query(pass, MEMBERS, variables)?;
        Ok(data.map(|data| {
            let nodes = data.pointer("/enterprise/members/nodes").and_then(Value::as_array);
            let mut ids = nodes.into_iter().flatten();
            ids.any(|node| node["databaseId"] == account.id || node["user"]["databaseId"] == account.id)
        }))
    }

    /// The rung of the check.
    pub fn check(&self, pass: &mut Pass<'_>, api: &Api) -> Result<(), Halt> {
        let variables = json!({ "slug": self.slug, "login": "" });
        let outcome = match self.session(api).query(pass, OVERVIEW, variables)? {
            Ok(data) if data["enterprise"]["id"].is_null() => Outcome::Failed(Failure::Auth {
                detail: format!("the token sees no enterprise {}", self.slug),
            }),
            // Only owners see it.
            Ok(data) if data["enterprise"]["ownerInfo"].is_null() => {
                Outcome::Failed(Failure::Permission { missing: OWNER_RIGHT.into() })
            }
            Ok(_) => Outcome::Done,
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note("enterprise", outcome, None);
        Ok(())
    }
}

/// GraphQL says with an error that nobody is there to remove.
fn removed(answer: &Answer) -> Outcome {
    let body = answer.as_ref().map(|response| response.json()).unwrap_or_default();
    match body.pointer("/errors/0/type").and_then(Value::as_str) {
        Some("NOT_FOUND") => Outcome::Already,
        _ => change(answer, judge_graphql),
    }
}
