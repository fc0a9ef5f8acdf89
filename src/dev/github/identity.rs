//! What GitHub knows from the identity provider: the organization's SCIM, and the two GraphQL operations that matter.
use serde_json::{Value, json};

use super::{Account, GitHub, user};
use crate::dev::{
    scim_parts,
    sim::Call,
    wire::{Answer, Refusal, Request},
};

fn shown(account: &Account, id: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": id, "externalId": account.email,
        "userName": account.email, "active": true, "emails": [{ "value": account.email, "primary": true }],
    })
}

/// `GET /scim/v2/organizations/{org}/Users`
pub(super) fn scim_list(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
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
    github.check_org(call)?;
    let is_it = |account: &&mut Account| account.identity.as_deref() == Some(call.at("id"));
    github.accounts.iter_mut().find(is_it).ok_or(Refusal::Missing("User"))
}

/// `GET …/Users/{id}`
pub(super) fn scim_get(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let account = account(github, call)?;
    Ok(Answer::scim(200, &shown(account, call.at("id"))))
}

/// Both ways out take the person out of the organization and the external identity with it.
fn remove(account: &mut Account) {
    account.membership = None;
    account.identity = None;
}

/// `PATCH …/Users/{id}`
pub(super) fn scim_patch(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let active = scim_parts::patched_active(&call.request.object()?).map_err(Refusal::Body)?;
    let account = account(github, call)?;
    let mut user = shown(account, call.at("id"));
    if active == Some(false) {
        remove(account);
        user["active"] = false.into();
    }
    Ok(Answer::scim(200, &user))
}

/// `DELETE …/Users/{id}`
pub(super) fn scim_delete(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    remove(account(github, call)?);
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
fn argument(query: &str, variables: &Value, name: &str) -> Option<String> {
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

fn failed(kind: &str, path: &str, message: &str) -> Answer {
    let error = json!({ "type": kind, "path": [path], "message": message });
    Answer::json(200, &json!({ "data": { path: null }, "errors": [error] }))
}

/// `POST /graphql`. Two operations, recognized by their field; every member of their answer is there, asked or not.
pub(super) fn graphql(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let (query, variables) = (body["query"].as_str().unwrap_or_default(), &body["variables"]);
    if query.contains("removeEnterpriseMember") {
        return Ok(remove_from_enterprise(github, query, variables));
    }
    if query.contains("externalIdentities") {
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
    let name = argument(query, variables, "userName");
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
    let identities = json!({ "totalCount": nodes.len(), "nodes": nodes, "pageInfo": page });
    let provider = json!({ "externalIdentities": identities });
    Answer::json(200, &json!({ "data": { "organization": { "samlIdentityProvider": provider } } }))
}

/// The input is an object: inline, or the variable `input`, or a variable for each member.
fn remove_from_enterprise(github: &mut GitHub, query: &str, variables: &Value) -> Answer {
    let input = |name: &str| {
        let handed = variables["input"][name].as_str().map(str::to_owned);
        handed.or_else(|| argument(query, variables, name)).unwrap_or_default()
    };
    let (enterprise, member) = (input("enterpriseId"), input("userId"));
    if !github.is_enterprise_app {
        return failed("FORBIDDEN", "removeEnterpriseMember", "Resource not accessible by integration");
    }
    let is_it = |account: &&mut Account| member == format!("U_{}", account.id);
    match github.accounts.iter_mut().find(is_it) {
        Some(account) if enterprise == github.enterprise_id => {
            remove(account);
            account.in_enterprise = false;
            let node = user(account);
            Answer::json(
                200,
                &json!({ "data": { "removeEnterpriseMember": { "clientMutationId": null, "user": node,
                "enterprise": { "id": enterprise } } } }),
            )
        }
        _ => failed("NOT_FOUND", "removeEnterpriseMember", "Could not resolve to a node with the global id."),
    }
}
