//! Global Token Revocation (draft-parecki-oauth-global-token-revocation-05) as Okta's Universal Logout sends it
//! (developer.okta.com, "Universal Logout": signed JWT): a token that says who asks, and a body that says for whom.
use serde_json::Value;

use super::{
    jose::{JoseError, Jws},
    scim::Object,
};

/// `typ` of the token.
pub const TOKEN_TYPE: &str = "global-token-revocation+jwt";
/// Okta makes tokens valid for five minutes.
const MAX_LIFETIME_SECS: i64 = 300;

/// What a token must fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Okta's issuer, as the organization has it.
    pub issuer: &'a str,
    /// Ceven's client id there.
    pub client_id: &'a str,
    /// Ceven's address of the endpoint, as the public knows it.
    pub audience: &'a str,
    /// Seconds since 1970.
    pub now_secs: i64,
    /// How far clocks may differ.
    pub skew_secs: i64,
}

/// A token that may be obeyed, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its id, unique for the issuer.
    pub jti: String,
    /// Seconds since 1970 until which the id must be remembered: the end of its life and the skew.
    pub remember_until_secs: i64,
}

/// Why a token is refused: for the log, never for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// The token itself.
    #[error("{0}")]
    Jose(#[from] JoseError),
    /// `iss`.
    #[error("wrong issuer")]
    Issuer,
    /// `sub`.
    #[error("wrong client id")]
    Subject,
    /// `aud`.
    #[error("wrong audience")]
    Audience,
    /// `exp`, `iat` or `nbf` is missing or no time.
    #[error("{0} is missing or no time")]
    NoTime(&'static str),
    /// Too late by so many seconds, the skew not counted.
    #[error("expired {0} s ago")]
    Expired(i64),
    /// Too early by so many seconds, the skew not counted.
    #[error("dated {0} s ahead")]
    Ahead(i64),
    /// Valid longer than such a token may be.
    #[error("valid too long")]
    Lifetime,
    /// `jti`.
    #[error("no usable jti")]
    Jti,
}

/// Checks a token whose signature has been verified with the issuer's keys.
///
/// 1. `typ` is [`TOKEN_TYPE`]: an ID token of the same issuer, signed with the same key, is none.
/// 2. `iss` is the organization's issuer, character by character.
/// 3. `sub` is Ceven's client id there; it never names the user.
/// 4. `aud` is the endpoint's public address, alone or in a list of one.
/// 5. `exp` has not passed by more than the skew.
/// 6. `iat` is not ahead by more than the skew, and not before 1970.
/// 7. `exp` is at most five minutes and the skew after `iat`.
/// 8. `nbf`, when there is one, is not ahead by more than the skew.
/// 9. `jti` has 1 to 255 characters, none of them a control character.
///
/// # Errors
/// [`RevocationError`].
pub fn verify(jws: &Jws, expected: &Expected<'_>) -> Result<Verified, RevocationError> {
    jws.require_type(TOKEN_TYPE)?; // (1)
    if jws.text("iss") != Some(expected.issuer) {
        return Err(RevocationError::Issuer); // (2)
    }
    if jws.text("sub") != Some(expected.client_id) {
        return Err(RevocationError::Subject); // (3)
    }
    let audience = match &jws.claims["aud"] {
        Value::Array(list) if list.len() == 1 => &list[0],
        single => single,
    };
    if audience.as_str() != Some(expected.audience) {
        return Err(RevocationError::Audience); // (4)
    }
    let remember_until_secs = check_times(jws, expected)?;
    let jti = jws.text("jti").ok_or(RevocationError::Jti)?;
    if jti.is_empty() || jti.chars().count() > 255 || jti.chars().any(char::is_control) {
        return Err(RevocationError::Jti); // (9)
    }
    Ok(Verified { jti: jti.to_owned(), remember_until_secs })
}

fn check_times(jws: &Jws, expected: &Expected<'_>) -> Result<i64, RevocationError> {
    let seconds = |name: &'static str| {
        let at = jws.claims[name].as_f64().filter(|at| at.is_finite() && at.abs() < 1e15);
        at.map(|at| at as i64).ok_or(RevocationError::NoTime(name))
    };
    let (exp, iat) = (seconds("exp")?, seconds("iat")?);
    let (now, skew) = (expected.now_secs, expected.skew_secs);
    if now >= exp + skew {
        return Err(RevocationError::Expired(now - exp)); // (5)
    }
    if iat > now + skew {
        return Err(RevocationError::Ahead(iat - now)); // (6)
    }
    if iat < 0 {
        return Err(RevocationError::NoTime("iat")); // (6)
    }
    if exp - iat > MAX_LIFETIME_SECS + skew {
        return Err(RevocationError::Lifetime); // (7)
    }
    if !jws.claims["nbf"].is_null() {
        let nbf = seconds("nbf")?;
        if nbf > now + skew {
            return Err(RevocationError::Ahead(nbf - now)); // (8)
        }
    }
    Ok(exp + skew)
}

/// Whom a request is about (RFC 9493).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// §3.2.2.
    Email(String),
    /// §3.2.3.
    IssSub {
        /// Who says so.
        iss: String,
        /// The id there.
        sub: String,
    },
    /// §3.2.4.
    Opaque(String),
}

/// Longest text of a subject.
const MAX_SUBJECT_BYTES: usize = 1_024;

impl Subject {
    /// Reads a subject identifier. One has a `format` and exactly the members of that format (RFC 9493 §3).
    ///
    /// # Errors
    /// A sentence.
    pub fn read(value: &Value) -> Result<Self, &'static str> {
        const MALFORMED: &str = "The subject identifier is malformed.";
        let object = value.as_object().ok_or("The subject identifier must be an object.")?;
        let text = |name: &str| {
            let text = object.get(name).and_then(Value::as_str);
            let fits = |text: &&str| !text.is_empty() && text.len() <= MAX_SUBJECT_BYTES;
            text.filter(fits).map(str::to_owned).ok_or(MALFORMED)
        };
        let (subject, members) = match object.get("format").and_then(Value::as_str) {
            Some("email") => (Self::Email(text("email")?), 2),
            Some("iss_sub") => (Self::IssSub { iss: text("iss")?, sub: text("sub")? }, 3),
            Some("opaque") => (Self::Opaque(text("id")?), 2),
            _ => return Err("The format of the subject identifier is not supported."),
        };
        if let Self::Email(email) = &subject
            && !email.contains('@')
        {
            return Err(MALFORMED);
        }
        if object.len() == members { Ok(subject) } else { Err(MALFORMED) }
    }

    /// The subject of a request: `sub_id`, or `subject` as it was called before draft -03.
    ///
    /// # Errors
    /// A sentence.
    pub fn of_request(body: &Object) -> Result<Self, &'static str> {
        match (body.get("sub_id"), body.get("subject")) {
            (Some(subject), None) | (None, Some(subject)) => Self::read(subject),
            (Some(new), Some(old)) if new == old => Self::read(new),
            (Some(_), Some(_)) => Err("sub_id and subject differ."),
            (None, None) => Err("sub_id is missing."),
        }
    }

    /// As the audit log shows it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Email(email) => serde_json::json!({ "format": "email", "email": email }),
            Self::IssSub { iss, sub } => serde_json::json!({ "format": "iss_sub", "iss": iss, "sub": sub }),
            Self::Opaque(id) => serde_json::json!({ "format": "opaque", "id": id }),
        }
    }
}
