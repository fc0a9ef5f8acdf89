//! What GitHub knows from the identity provider: SCIM of the organization and of an enterprise with managed users, and
//! the GraphQL operations that matter.
use serde_json::{Value, json};

use super::{Account, GitHub, enterprise, user};
use crate::dev::{
    scim_parts,
    sim::Call,
    wire::{Answer, Refusal, Request},
};

fn shown(account: &Account, id: &str) -> Value {
    // The address of a suspended account is obfuscated; the name that the identity provider gave is kept.
    let email = match account.suspended_login {
        None => account.email.clone(),
        Some(_) => format!("{}@obfuscated.test", account.login),
    };
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": id, "externalId": account.email,
        "userName": account.email, "active": account.suspended_login.is_none(),
        "emails": [{ "value": email, "primary": true }],
    })
}

/// The organization or the enterprise that the path names has a SCIM of its own: where users are managed, the enterprise.
fn check_place(github: &GitHub, call: &Call<'_>) -> Result<(), Refusal> {
    match (call.at("enterprise"), github.has_managed_users) {
        ("", false) => github.check_org(call),
        (slug, true) if slug.eq_ignore_ascii_case(&github.enterprise) => Ok(()),
        _ => Err(Refusal::Missing("User")),
    }
}

/// `GET …/Users`
pub(super) fn scim_list(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_place(github, call)?;
    let wanted = match call.request.parameter("filter").map(scim_parts::wanted) {
        None => None,
        Some(Some(wanted)) => Some(wanted),
        Some(None) => return Err(Refusal::Body("The filter is not supported.".into())),
    };
    let users =
        github.accounts.iter().filter_map(|account| Some(shown(account, account.identity.as_deref()?)));
    let found: Vec<Value> = users
        .filter(|user| wanted.as_ref().is_none_or(|wanted| scim_parts::is_wanted(user, wanted)))
        .collect();
    let start = call.request.number("startIndex").unwrap_or(1);
    Ok(Answer::scim(200, &scim_parts::list(&found, start, call.request.number("count").unwrap_or(30))))
}

fn account<'a>(github: &'a mut GitHub, call: &Call<'_>) -> Result<&'a mut Account, Refusal> {
    check_place(github, call)?;
    let is_it = |account: &&mut Account| account.identity.as_deref() == Some(call.at("id"));
    github.accounts.iter_mut().find(is_it).ok_or(Refusal::Missing("User"))
}

/// `GET …/Users/{id}`
pub(super) fn scim_get(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let account = account(github, call)?;
    Ok(Answer::scim(200, &shown(account, call.at("id"))))
}

/// `PATCH …/Users/{id}`: at an organization `active: false` takes the person out of it, at an enterprise it suspends.
pub(super) fn scim_patch(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let active = scim_parts::patched_active(&call.request.object()?).map_err(Refusal::Body)?;
    let is_managed = github.has_managed_users;
    let account = account(github, call)?;
    match (active, is_managed) {
        (Some(false), true) => account.suspend(),
        (Some(true), true) => account.unsuspend(),
        (Some(false), false) => {
            let mut user = shown(account, call.at("id"));
            user["active"] = false.into();
            account.leave();
            return Ok(Answer::scim(200, &user));
        }
        _ => {}
    }
    Ok(Answer::scim(200, &shown(account, call.at("id"))))
}

/// `DELETE …/Users/{id}`
pub(super) fn scim_delete(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    account(github, call)?.leave();
    Ok(Answer::empty(204))
}

/// Errors of the SCIM interface.
pub(super) fn refuse(refusal: &Refusal) -> Answer {
    let error = |status, detail: &str| Answer::scim(status, &scim_parts::error(status, None, detail));
    match refusal {
        Refusal::Address | Refusal::Missing(_) => error(404, "Resource not found."),
        Refusal::Method(allowed) => error(405, "Method not allowed.").with("allow", allowed),
        Refusal::Body(why) => error(400, why),
        Refusal::Credentials => error(401, "Bad credentials"),
        Refusal::Right(right) => error(403, "Resource not accessible by integration")
            .with("x-accepted-github-permissions", right.replace(':', "=")),
        Refusal::Limited { .. } => {
            error(429, "API rate limit exceeded").with("retry-after", refusal.wait_secs().to_string())
        }
        Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Unicorn!</h1>"),
        Refusal::Exact(answer) => (**answer).clone(),
    }
}

/// Whether a GraphQL request changes something.
pub(super) fn is_mutation(request: &Request) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["query"].as_str().unwrap_or_default().trim_start().starts_with("mutation")
}

/// An argument of a query, written in it or handed over as a variable. `$name:` declares a variable and is none.
pub(super) fn argument(query: &str, variables: &Value, name: &str) -> Option<String> {
    let sign = format!("{name}:");
    let is_whole = |at: usize| {
        !query[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric() || "$_".contains(letter))
    };
    let (at, _) = query.match_indices(&sign).find(|(at, _)| is_whole(*at))?;
    let after = query[at + sign.len()..].trim_start();
    if let Some(variable) = after.strip_prefix('$') {
        let end = variable.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        return variables[&variable[..end.unwrap_or(variable.len())]].as_str().map(str::to_owned);
    }
    serde_json::Deserializer::from_str(after).into_iter::<String>().next()?.ok()
}

pub(super) fn failed(kind: &str, path: &str, message: &str) -> Answer {
    let error = json!({ "type": kind, "path": [path], "message": message });
    Answer::json(200, &json!({ "data": { path: null }, "errors": [error] }))
}

/// `POST /graphql`. Some operations, recognized by their field; every member of their answer is there, asked or not.
pub(super) fn graphql(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let (query, variables) = (body["query"].as_str().unwrap_or_default(), &body["variables"]);
    if query.contains("removeEnterpriseMember") {
        return Ok(enterprise::remove(github, call, query, variables));
    }
    if query.contains("enterprise(") {
        return Ok(enterprise::overview(github, call, query, variables));
    }
    if query.contains("organization(") {
        return Ok(external_identities(github, query, variables));
    }
    let error = json!({ "message": "A query attribute must be specified and must be a string." });
    Ok(Answer::json(200, &json!({ "errors": [error] })))
}

fn external_identities(github: &GitHub, query: &str, variables: &Value) -> Answer {
    let org = argument(query, variables, "login").unwrap_or_default();
    if !org.eq_ignore_ascii_case(&github.org) {
        let why = format!("Could not resolve to an Organization with the login of '{org}'.");
        return failed("NOT_FOUND", "organization", &why);
    }
    // Where users are managed, the enterprise has the provider.
    let provider = match github.has_managed_users {
        true => Value::Null,
        false => identities(github, argument(query, variables, "userName")),
    };
    Answer::json(200, &json!({ "data": { "organization": { "samlIdentityProvider": provider } } }))
}

/// A provider with the external identities of this name; all without one.
pub(super) fn identities(github: &GitHub, name: Option<String>) -> Value {
    let wanted = |account: &&Account| {
        account.identity.is_some()
            && name.as_ref().is_none_or(|name| account.email.eq_ignore_ascii_case(name))
    };
    let nodes: Vec<Value> = github
        .accounts
        .iter()
        .filter(wanted)
        .map(|account| {
            let emails = json!([{ "value": account.email }]);
            let mut user = user(account);
            (user["databaseId"], user["id"]) = (account.id.into(), user["node_id"].clone());
            json!({
                "guid": account.identity, "user": user,
                "samlIdentity": { "nameId": account.email, "username": account.email, "emails": emails },
                "scimIdentity": { "username": account.email, "emails": emails },
            })
        })
        .collect();
    let page = json!({ "hasNextPage": false, "endCursor": null });
    json!({ "id": "SIP_simulated", "externalIdentities": { "totalCount": nodes.len(), "nodes": nodes, "pageInfo": page } })
}
