//! Google's token endpoint: a service account's assertion (RFC 7523) for an access token.
use serde_json::json;

use super::GoogleWorkspace;
use crate::dev::{
    access::Grant,
    keys::{has_audience, verified},
    sim::Call,
    wire::{Answer, Refusal},
};

/// What an assertion is for at the real place.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// An assertion lives at most this long.
const LONGEST_SECS: i64 = 3600;
/// Clocks may differ by this.
const SKEW_SECS: i64 = 300;

fn error(status: u16, code: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": code, "error_description": description }))
}

fn invalid_grant(description: &str) -> Refusal {
    Refusal::exact(error(400, "invalid_grant", description))
}

/// Every general reason in the words of the token endpoint.
pub(super) fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::Exact(answer) => (**answer).clone(),
        Refusal::Method(allowed) => {
            error(405, "invalid_request", "Method not allowed").with("allow", allowed)
        }
        Refusal::Body(why) => error(400, "invalid_request", why),
        Refusal::Limited { .. } => error(429, "rate_limit_exceeded", "Rate limit exceeded"),
        Refusal::Broken(status) => error(*status, "internal_failure", "Backend error"),
        _ => error(401, "invalid_client", "The OAuth client was not found."),
    }
}

/// `POST /token`.
pub(super) fn token(google: &mut GoogleWorkspace, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let form = call.request.form()?;
    if form.get("grant_type") != GRANT_TYPE {
        let why = format!("Invalid grant_type: {}", form.get("grant_type"));
        return Err(Refusal::exact(error(400, "unsupported_grant_type", &why)));
    }
    let (_, claims) = verified(form.get("assertion"), google.key.public())
        .ok_or_else(|| invalid_grant("Invalid JWT Signature."))?;
    if claims["iss"] != google.client_email.as_str() {
        return Err(invalid_grant("Invalid grant: account not found"));
    }
    if !has_audience(&claims, AUDIENCE) && !has_audience(&claims, &format!("{}/token", call.base)) {
        return Err(invalid_grant("Invalid JWT: Failed audience check."));
    }
    let now = call.now_secs();
    let timely = match (claims["iat"].as_i64(), claims["exp"].as_i64()) {
        (Some(iat), Some(exp)) => iat <= now + SKEW_SECS && exp > now && exp - iat <= LONGEST_SECS,
        _ => false,
    };
    if !timely {
        let why =
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
        return Err(invalid_grant(why));
    }
    // Without a `sub` the account speaks for itself, and it has no rights in the directory.
    let subject = claims["sub"].as_str().unwrap_or_default();
    let of_subject = |email: &str| email.eq_ignore_ascii_case(subject);
    let admin =
        google.accounts.iter().find(|account| account.shown["primaryEmail"].as_str().is_some_and(of_subject));
    let Some(admin) = admin else { return Err(invalid_grant("Invalid email or User ID")) };
    if admin.shown["suspended"] == true {
        return Err(invalid_grant("Account has been deleted"));
    }
    let asked: Vec<String> =
        claims["scope"].as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if asked.is_empty() {
        return Err(Refusal::exact(error(400, "invalid_scope", "Empty or missing scope not allowed.")));
    }
    if asked.iter().any(|scope| !google.granted.contains(scope)) {
        let why = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
        return Err(Refusal::exact(error(401, "unauthorized_client", why)));
    }
    if admin.shown["isAdmin"] != true {
        return Err(Refusal::exact(error(403, "access_denied", "Requested client not authorized.")));
    }
    let grant = Grant {
        subject: subject.to_owned(),
        scopes: asked,
        expires_ms: call.now_ms + LONGEST_SECS * 1000,
        bound_to: None,
    };
    let token = call.access.issue(call.clock, "ya29.", grant);
    Ok(Answer::json(200, &json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" })))
}
