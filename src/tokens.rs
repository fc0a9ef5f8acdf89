//! Making bearer tokens, and showing their records: the command line, the API and the console alike.
use std::sync::Arc;

use ceven_actors::{
    clock::{Clock, rfc3339},
    domain::{
        id::TokenId,
        token::{Token, TokenKind},
    },
    protocol,
};
use serde_json::{Value, json};

use crate::{
    secret::{self, Strength},
    store::scim_log::TokenUse,
};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a rotated token works on, when nobody says.
pub const OVERLAP_MS: i64 = 7 * DAY_MS;
/// Longer labels are cut nowhere and help nobody.
const MAX_LABEL_CHARACTERS: usize = 120;

/// A token that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No label, or too much of one.
    #[error("a token needs a label of 1 to 120 characters, on one line")]
    Label,
    /// argon2id refuses; it does not, for texts of this length.
    #[error("the token could not be hashed")]
    Hash,
}

/// Draws a token: the text to show once, and the record to keep. Takes milliseconds of a core.
///
/// # Errors
/// [`TokenError`].
pub fn draw(
    clock: &dyn Clock,
    label: &str,
    kind: TokenKind,
    lifetime_ms: Option<i64>,
) -> Result<(String, Arc<Token>), TokenError> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > MAX_LABEL_CHARACTERS || label.chars().any(char::is_control)
    {
        return Err(TokenError::Label);
    }
    let raw = protocol::secret::draw(clock);
    let verifier = secret::hash(clock, &raw, Strength::Token).map_err(|_| TokenError::Hash)?;
    let created_ms = clock.now_ms();
    let token = Token {
        id: TokenId(clock.new_id()),
        label: label.into(),
        kind,
        digest: protocol::secret::digest(&raw),
        verifier: verifier.into(),
        created_ms,
        expires_ms: lifetime_ms.map(|lifetime| created_ms + lifetime),
        revoked_ms: None,
    };
    Ok((raw, Arc::new(token)))
}

/// The one document that holds the token itself.
pub fn shown_once(raw: &str, token: &Token) -> Value {
    json!({
        "id": token.id, "label": token.label, "kind": token.kind.name(), "token": raw,
        "expires_at": token.expires_ms.map(rfc3339),
    })
}

/// A token's record, with its last use as far as it is known.
pub fn view(token: &Token, used: Option<&TokenUse>, now_ms: i64) -> Value {
    json!({
        "id": token.id, "label": token.label, "kind": token.kind.name(), "live": token.is_live(now_ms),
        "created_at": rfc3339(token.created_ms), "expires_at": token.expires_ms.map(rfc3339),
        "revoked_at": token.revoked_ms.map(rfc3339),
        "last_used_at": used.map(|used| rfc3339(used.at_ms)), "last_used_ip": used.map(|used| &used.ip),
        "last_used_by": used.map(|used| &used.user_agent),
    })
}

/// `live`, `revoked` or `expired`.
pub fn state(token: &Token, now_ms: i64) -> &'static str {
    match (token.revoked_ms.is_some(), token.is_live(now_ms)) {
        (true, _) => "revoked",
        (_, true) => "live",
        _ => "expired",
    }
}

/// `90d`, `12h`, `30m` or `45s` in milliseconds.
///
/// # Errors
/// A sentence for whoever wrote it.
pub fn duration_ms(text: &str) -> Result<i64, String> {
    let wrong = || "use a number and d, h, m or s, such as 90d".to_owned();
    let unit_ms = match text.chars().last() {
        Some('d') => DAY_MS,
        Some('h') => DAY_MS / 24,
        Some('m') => 60_000,
        Some('s') => 1_000,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit_ms)
        .filter(|ms| (0..=100 * 365 * DAY_MS).contains(ms))
        .ok_or_else(|| "that is less than nothing, or more than 100 years".to_owned())
}
