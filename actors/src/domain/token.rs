//! What an organization keeps of a bearer token, and of a local admin: never the secret itself.
use std::{fmt, str::FromStr};

use super::id::{AdminId, TokenId};
pub use crate::protocol::secret::Digest;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Everything under `/api/v1/scim/v2`.
    Scim,
    /// Reading the audit log.
    Audit,
}

impl TokenKind {
    /// Name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TokenKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "scim" => Ok(Self::Scim),
            "audit" => Ok(Self::Audit),
            other => Err(format!("{other:?} is no kind of token; use scim or audit")),
        }
    }
}

/// A bearer token's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id in the console and in the audit log.
    pub id: TokenId,
    /// What the admin called it.
    pub label: Box<str>,
    /// What it opens.
    pub kind: TokenKind,
    /// Index key.
    pub digest: Digest,
    /// argon2id PHC string.
    pub verifier: Box<str>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970; refused from that instant on.
    pub expires_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub revoked_ms: Option<i64>,
}

impl Token {
    /// Whether the token opens anything at `now_ms`.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|expires| now_ms < expires)
    }
}

/// A local break-glass admin: signs in with a password when the identity provider is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Never changes.
    pub id: AdminId,
    /// Name at sign-in; unique without case in the organization.
    pub email: Box<str>,
    /// argon2id PHC string of the password.
    pub verifier: Box<str>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}
