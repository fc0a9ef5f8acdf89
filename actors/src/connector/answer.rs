//! What tools say in their answers, read tolerantly.
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::pass::{Failure, classify};
use super::wire::{Answer, Response};

/// Longer words are cut: a page of a gateway belongs in no step.
const MAX_WORDS: usize = 200;

/// No tool makes anyone wait longer; a longer time is a broken clock.
const MAX_WAIT_MS: i64 = 86_400_000;

/// [`classify`], in the tool's own words.
pub fn judge(answer: &Answer) -> Option<Failure> {
    let failure = classify(answer)?;
    let Some(words) = answer.as_ref().ok().and_then(words) else { return Some(failure) };
    Some(match failure {
        Failure::Auth { .. } => Failure::Auth { detail: words },
        Failure::Permission { .. } => Failure::Permission { missing: words },
        Failure::Transient { detail } => Failure::Transient { detail: format!("{detail}: {words}") },
        Failure::Malformed { detail } => Failure::Malformed { detail: format!("{detail}: {words}") },
        other => other,
    })
}

/// Names the right that is missing, before the tool's words.
pub fn needs(right: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Permission { missing } => Failure::Permission { missing: format!("{right} ({missing})") },
        other => other,
    }
}

/// The sentence of an error, wherever the tool puts it: RFC 7644 §3.12, RFC 6749 §5.2, `{"Errors": …}`, lists.
pub fn words(response: &Response) -> Option<String> {
    const PLACES: [&str; 12] = [
        "/detail",
        "/errorSummary",
        "/error_description",
        "/Errors/description",
        "/0/message",
        "/errors/0/detail",
        "/errors/0/message",
        "/errors/0/title",
        "/errors/0/description",
        "/error/message",
        "/message",
        "/error",
    ];
    let body = response.json();
    let found = PLACES.iter().find_map(|place| body.pointer(place)?.as_str().filter(|text| !text.is_empty()));
    found.map(|text| text.chars().take(MAX_WORDS).collect())
}

/// The entries of a list that must be there. An empty name: the body itself is the list.
///
/// # Errors
/// [`Failure::Malformed`] when there is none: that is not the same as an empty list.
pub fn entries(response: &Response, member: &str) -> Result<Vec<Value>, Failure> {
    let mut body = response.json();
    let list = if member.is_empty() { body } else { body[member].take() };
    match list {
        Value::Array(entries) => Ok(entries),
        _ => {
            Err(Failure::Malformed { detail: format!("an answer without a list {member}").trim_end().into() })
        }
    }
}

/// A text member; empty when it is absent.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// Whether two names or addresses are the same but for case and space around them.
pub fn same(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

/// The answer of a token endpoint (RFC 6749 §5), which has a token.
///
/// # Errors
/// A scope that is not granted is [`Failure::Permission`], any other refusal of the client [`Failure::Auth`].
pub fn token(answer: &Answer) -> Result<Value, Failure> {
    let Ok(response) = answer else {
        return Err(classify(answer).unwrap_or(Failure::Malformed { detail: "no answer".into() }));
    };
    let body = response.json();
    let said = || words(response).unwrap_or_default();
    match judge(answer) {
        None if !text(&body, "access_token").is_empty() => Ok(body),
        None => Err(Failure::Malformed { detail: "a token answer without a token".into() }),
        Some(failure) => Err(match (response.status, text(&body, "error")) {
            (400..=403, "invalid_scope" | "access_denied") => Failure::Permission { missing: said() },
            (400..=403, code) if !code.is_empty() => Failure::Auth { detail: format!("{code}: {}", said()) },
            _ => failure,
        }),
    }
}

/// A time of the tool's clock as one of ours: measured from the answer's `Date` (RFC 9110 §6.6.1), when it has one.
pub fn on_our_clock(response: &Response, theirs_ms: i64) -> i64 {
    let now_ms = response.header("date").and_then(date_ms).unwrap_or(response.at_ms);
    response.at_ms + theirs_ms.saturating_sub(now_ms).clamp(0, MAX_WAIT_MS)
}

/// A date of a header (RFC 9110 §5.6.7), in milliseconds since 1970.
pub fn date_ms(text: &str) -> Option<i64> {
    Some(OffsetDateTime::parse(text, &Rfc2822).ok()?.unix_timestamp() * 1_000)
}

/// The names of a setting that lists some, by comma.
pub fn listed(setting: Option<&str>) -> Vec<String> {
    let names = setting.unwrap_or_default().split([',', '\n']).map(|name| name.trim().to_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}
