//! Security event tokens (RFC 8417) pushed by a transmitter (RFC 8935): OpenID SSF 1.0 with CAEP and RISC events, and
//! the older shape in which Okta sends them.
//!
//! 1. `typ` is `secevent+jwt`.
//! 2. There is no `exp` and no `sub`: a token made for something else is none (SSF 1.0 §4.1).
//! 3. `iss` is the organization's issuer.
//! 4. `aud` names Ceven, alone or among others.
//! 5. `iat` is a time that is not ahead by more than the skew; a token is never too old to be obeyed.
//! 6. `jti` has 1 to 255 characters.
//! 7. `events` holds exactly one event (CAEP interoperability profile §2.4).
//! 8. The subject is `sub_id` of the token, or `subject` of the event as before SSF 1.0; both only when they are equal.
//! 9. A type that Ceven does not act on is no error.
use serde_json::Value;

use super::{
    jose::{JoseError, Jws},
    revocation::Subject,
};

/// `typ` of the token.
pub const TOKEN_TYPE: &str = "secevent+jwt";

const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";

/// Types that Ceven acts on, in full: what a stream is asked for.
pub fn acted_on() -> impl Iterator<Item = String> {
    let caep = ["session-revoked", "credential-change"].map(|name| format!("{CAEP}{name}"));
    let risc = [
        "sessions-revoked",
        "account-disabled",
        "account-purged",
        "account-credential-change-required",
        "credential-compromise",
    ]
    .map(|name| format!("{RISC}{name}"));
    caep.into_iter().chain(risc)
}

/// What a token must fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The transmitter.
    pub issuer: &'a str,
    /// What Ceven may be called.
    pub audiences: &'a [&'a str],
    /// Seconds since 1970.
    pub now_secs: i64,
    /// How far clocks may differ.
    pub skew_secs: i64,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A test of the stream, with the state that was asked for, if it was.
    Verification {
        /// What Ceven sent.
        state: Option<String>,
    },
    /// The person's sessions are over (CAEP `session-revoked`, RISC `sessions-revoked`). An ordinary sign-out also
    /// sends it, so it never deactivates.
    SessionRevoked,
    /// The person's credentials changed, or must: whoever is signed in signs in again.
    CredentialChange,
    /// The account is disabled or purged (RISC).
    AccountDisabled,
    /// Anything else (9).
    Other,
}

/// A token that may be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Its id, unique for the transmitter.
    pub jti: String,
    /// Full name of the event's type.
    pub event_type: String,
    /// What it means here.
    pub kind: EventKind,
    /// Whom it is about; nothing for verifications and for subjects that are no person.
    pub subject: Option<Subject>,
    /// When it happened, in milliseconds since 1970, if it says.
    pub event_ms: Option<i64>,
}

/// Why a token is refused: `err` and `description` of the answer (RFC 8935 §2.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct SetError {
    /// As registered at IANA.
    pub code: &'static str,
    /// A sentence.
    pub description: &'static str,
}

impl SetError {
    /// A code with a sentence.
    pub const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }
}

impl From<JoseError> for SetError {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::Type => Self::new("invalid_request", "The type of the token is not secevent+jwt."),
            JoseError::UnknownKey => Self::new("invalid_key", "The key is not known."),
            JoseError::Signature => Self::new("authentication_failed", "The signature does not fit."),
            JoseError::Malformed | JoseError::Algorithm => {
                Self::new("invalid_request", "The token is malformed or its algorithm is not allowed.")
            }
        }
    }
}

fn request(description: &'static str) -> SetError {
    SetError::new("invalid_request", description)
}

/// Reads a token whose signature has been verified with the transmitter's keys.
///
/// # Errors
/// [`SetError`].
pub fn read(jws: &Jws, expected: &Expected<'_>) -> Result<SecurityEvent, SetError> {
    jws.require_type(TOKEN_TYPE)?; // (1)
    let claims = &jws.claims;
    if !claims["exp"].is_null() || !claims["sub"].is_null() {
        return Err(request("A security event token has neither exp nor sub.")); // (2)
    }
    if jws.text("iss") != Some(expected.issuer) {
        return Err(SetError::new("invalid_issuer", "The issuer is not this organization's.")); // (3)
    }
    let is_us = |audience: &Value| audience.as_str().is_some_and(|name| expected.audiences.contains(&name));
    let for_us = match &claims["aud"] {
        Value::Array(list) => list.iter().any(is_us),
        single => is_us(single),
    };
    if !for_us {
        return Err(SetError::new("invalid_audience", "The token is for someone else.")); // (4)
    }
    let iat = claims["iat"].as_f64().filter(|at| (0.0..1e12).contains(at));
    let iat = iat.ok_or(request("iat is missing or no time."))? as i64;
    if iat > expected.now_secs + expected.skew_secs {
        return Err(request("iat is ahead of time.")); // (5)
    }
    let jti = jws.text("jti").filter(|jti| (1..=255).contains(&jti.chars().count()));
    let jti = jti.ok_or(request("jti is missing or too long."))?; // (6)
    let events = claims["events"].as_object().filter(|events| events.len() == 1);
    let (event_type, event) =
        events.and_then(|events| events.iter().next()).ok_or(request("There must be exactly one event."))?; // (7)
    Ok(SecurityEvent {
        jti: jti.to_owned(),
        event_type: event_type.clone(),
        kind: kind(event_type, event),
        subject: subject(claims, event)?,
        event_ms: event["event_timestamp"].as_f64().map(milliseconds),
    })
}

fn kind(event_type: &str, event: &Value) -> EventKind {
    let is = |family: &str, names: &[&str]| {
        event_type.strip_prefix(family).is_some_and(|name| names.contains(&name))
    };
    if is(SSF, &["verification"]) {
        return EventKind::Verification { state: event["state"].as_str().map(str::to_owned) };
    }
    if is(CAEP, &["session-revoked"]) || is(RISC, &["sessions-revoked"]) {
        return EventKind::SessionRevoked;
    }
    if is(RISC, &["account-disabled", "account-purged"]) {
        return EventKind::AccountDisabled;
    }
    if is(CAEP, &["credential-change"])
        || is(RISC, &["account-credential-change-required", "credential-compromise"])
    {
        return EventKind::CredentialChange;
    }
    EventKind::Other // (9)
}

/// (8)
fn subject(claims: &Value, event: &Value) -> Result<Option<Subject>, SetError> {
    let subject = match (&claims["sub_id"], &event["subject"]) {
        (new, Value::Null) => new,
        (Value::Null, old) => old,
        (new, old) if new == old => new,
        _ => return Err(request("sub_id and the event's subject differ.")),
    };
    // A complex subject names the person among other things (SSF 1.0 §3.2).
    let subject = if subject["user"].is_object() { &subject["user"] } else { subject };
    // A format that Ceven cannot look up is about nobody it knows (9).
    Ok(Subject::read(subject).ok())
}

/// Okta's older events count milliseconds where the standard counts seconds.
fn milliseconds(at: f64) -> i64 {
    if at > 1e11 { at as i64 } else { (at * 1_000.0) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_acted_on() {
        for event in acted_on() {
            assert_ne!(kind(&event, &Value::Null), EventKind::Other, "{event}");
        }
    }
}
