//! Slack's two ways to say no.
//!
//! The Web API: `{"ok": false, "error": "missing_scope", "needed": "users:read"}` with status 200.
//! SCIM: `{"Errors": {"description": "…", "code": 403}}`.
use crate::connector::pass::{Failure, classify, retry_after_ms};
use crate::connector::wire::Answer;

/// The error code of a Web API answer.
pub fn code(answer: &Answer) -> Option<String> {
    let body = answer.as_ref().ok()?.json();
    match body["ok"] == false {
        true => Some(body["error"].as_str().unwrap_or("no error code").to_owned()),
        false => None,
    }
}

/// What a Web API answer means.
pub fn judge_web(answer: &Answer) -> Option<Failure> {
    let Ok(response) = answer else { return classify(answer) };
    let Some(code) = code(answer) else {
        let malformed = || Failure::Malformed { detail: "an answer without ok".into() };
        return classify(answer).or_else(|| (response.json()["ok"] != true).then(malformed));
    };
    Some(match code.as_str() {
        "ratelimited" | "rate_limited" => Failure::RateLimited { until_ms: retry_after_ms(response) },
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            Failure::Auth { detail: code }
        }
        "missing_scope" => {
            let needed = response.json()["needed"].as_str().map(str::to_owned);
            Failure::Permission { missing: needed.unwrap_or(code) }
        }
        "not_an_admin" => {
            Failure::Permission { missing: "the token of an admin or owner (not_an_admin)".into() }
        }
        "access_denied"
        | "no_permission"
        | "not_allowed_token_type"
        | "restricted_action"
        | "session_reset_not_allowed"
        | "enterprise_is_restricted"
        | "ekm_access_denied" => Failure::Permission { missing: code },
        "feature_not_enabled" | "paid_only" | "not_an_enterprise" => {
            Failure::PlanUnavailable { detail: code }
        }
        "cannot_reset_primary_owner" => Failure::Protected { detail: "the primary owner".into() },
        "cannot_reset_bot" => Failure::Protected { detail: "a bot, no person".into() },
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "accesslimited" => {
            Failure::Transient { detail: code }
        }
        "deactivation_failed" => Failure::Conflict { detail: code },
        _ => Failure::Malformed { detail: code },
    })
}

/// What a SCIM answer means.
pub fn judge_scim(answer: &Answer) -> Option<Failure> {
    let Ok(response) = answer else { return classify(answer) };
    if code(answer).is_some() {
        // Limits and bad tokens are answered in the Web API's words here too.
        return judge_web(answer);
    }
    let body = response.json();
    let words = body["Errors"]["description"].as_str().or(body["detail"].as_str()).map(str::to_owned);
    // Samples show the code in the body too; a 200 with one in it is no success.
    let status = body["Errors"]["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|_| response.is_success()).unwrap_or(response.status);
    let detail = words.unwrap_or_else(|| format!("Slack answered {status}"));
    let folded = detail.to_lowercase();
    match status {
        200..300 => None,
        400 | 403 | 409 if folded.contains("primary owner") => Some(Failure::Protected { detail }),
        402 => Some(Failure::PlanUnavailable { detail }),
        403 if folded.contains("plan") => Some(Failure::PlanUnavailable { detail }),
        401 => Some(Failure::Auth { detail }),
        403 => Some(Failure::Permission { missing: detail }),
        409 => Some(Failure::Conflict { detail }),
        429 => classify(answer),
        503 if response.header("retry-after").is_some() => classify(answer),
        408 | 425 | 500.. => Some(Failure::Transient { detail }),
        _ => Some(Failure::Malformed { detail }),
    }
}
