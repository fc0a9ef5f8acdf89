//! A GitHub App's way in: a JWT of the app for a token of its installation.
use ceven_actors::clock::rfc3339;
use serde_json::{Value, json};

use super::{GitHub, error};
use crate::dev::{
    access::Grant,
    keys::verified,
    sim::Call,
    wire::{Answer, Refusal},
};

/// A JWT lives at most this long, and may be this far in the past.
const LONGEST_SECS: i64 = 600;
/// An installation's token lives an hour.
const TOKEN_MS: i64 = 3_600_000;

/// Judges the app's JWT.
fn check_app(github: &GitHub, call: &Call<'_>) -> Result<(), Refusal> {
    let refuse = |why: &str| Refusal::exact(error(401, why));
    let token = call.request.authorization("Bearer").ok_or(Refusal::Credentials)?;
    let (_, claims) = verified(token, github.key.public())
        .ok_or_else(|| refuse("A JSON web token could not be decoded"))?;
    if claims["iss"] != github.app_id.as_str() {
        return Err(refuse("'Issuer' claim ('iss') must be an Integration"));
    }
    let now = call.now_secs();
    match (claims["iat"].as_i64(), claims["exp"].as_i64()) {
        (Some(iat), _) if iat > now => Err(refuse(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )),
        (_, Some(exp)) if exp <= now => Err(refuse(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )),
        (Some(_), Some(exp)) if exp > now + LONGEST_SECS => {
            Err(refuse("'Expiration time' claim ('exp') is too far in the future"))
        }
        (Some(_), Some(_)) => Ok(()),
        _ => Err(refuse("Missing 'issued at' claim ('iat') in assertion")),
    }
}

fn permissions(list: &[String]) -> Value {
    let pairs = list.iter().filter_map(|one| one.split_once(':'));
    pairs.map(|(name, access)| (name.to_owned(), access.into())).collect::<serde_json::Map<_, _>>().into()
}

fn installation(github: &GitHub, call: &Call<'_>) -> Value {
    json!({ "id": github.installation_id, "app_slug": "ceven", "client_id": github.app_id, "target_type": "Organization",
        "account": { "login": github.org, "id": 1, "type": "Organization" }, "repository_selection": "all",
        "access_tokens_url": format!("{}/app/installations/{}/access_tokens", call.base, github.installation_id),
        "permissions": permissions(&github.permissions), "suspended_at": null })
}

/// `GET /app`
pub(super) fn get_app(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_app(github, call)?;
    let body = json!({ "id": 1, "slug": "ceven", "client_id": github.app_id, "name": "Ceven",
        "permissions": permissions(&github.permissions), "installations_count": 1 });
    Ok(Answer::json(200, &body))
}

/// `GET /orgs/{org}/installation`
pub(super) fn get_installation(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_app(github, call)?;
    github.check_org(call)?;
    Ok(Answer::json(200, &installation(github, call)))
}

/// `POST /app/installations/{installation}/access_tokens`
pub(super) fn access_token(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_app(github, call)?;
    if call.at("installation") != github.installation_id.to_string() {
        return Err(Refusal::Missing("installation"));
    }
    let body = if call.request.body.is_empty() { json!({}) } else { call.request.object()? };
    let scopes = match body["permissions"].as_object() {
        None => github.permissions.clone(),
        Some(asked) => {
            let asked: Vec<String> = (asked.iter())
                .map(|(name, access)| format!("{name}:{}", access.as_str().unwrap_or_default()))
                .collect();
            let has = |one: &String| {
                github.permissions.contains(one)
                    || github.permissions.contains(&one.replace(":read", ":write"))
            };
            if !asked.iter().all(has) {
                let why = "The permissions requested are not granted to this installation.";
                return Err(Refusal::exact(error(422, why)));
            }
            asked
        }
    };
    let expires_ms = call.now_ms + TOKEN_MS;
    let shown = permissions(&scopes);
    let grant = Grant { subject: "ceven[bot]".into(), scopes, expires_ms, bound_to: None };
    let token = call.access.issue(call.clock, "ghs_", grant);
    let body = json!({ "token": token, "expires_at": rfc3339(expires_ms), "permissions": shown,
        "repository_selection": "all" });
    Ok(Answer::json(201, &body))
}

/// `GET /rate_limit`: the same numbers are in every answer's headers.
pub(super) fn rate_limit(_github: &mut GitHub, _call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::json(200, &json!({ "resources": { "core": { "limit": 15_000 } } })))
}
