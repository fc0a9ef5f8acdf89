//! Signed statements: what the server says about a log or an offboarding, so that whoever holds it can show later
//! that it was said.
//!
//! 1. `signature` is Ed25519 over the RFC 8785 form of the statement without `signature`; `key` is the public key.
//! 2. `type` says what a statement is, so that none can pass for one of another kind.
//! 3. The head of an export is its last line. `digest` is the SHA-256 of every byte before that line, so nothing can be
//!    changed, taken out or cut off; `seq` and `hash` are where the whole log stood.
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Head, Mode, canonical, hex};
use crate::{
    clock::rfc3339,
    protocol::signature::{SigningKey, is_signed},
};

/// `type` of the last line of an export.
pub const HEAD: &str = "ceven.audit.head";

/// Signs a statement of a kind (1) (2).
pub fn sign(key: &SigningKey, kind: &str, mut statement: Map<String, Value>) -> Value {
    statement.insert("type".into(), kind.into());
    statement.insert("key".into(), key.public().into());
    let signature = key.sign(&canonical(&Value::Object(statement.clone())));
    statement.insert("signature".into(), signature.into());
    Value::Object(statement)
}

/// The public key of whoever signed a statement of a kind; nothing when nobody did.
pub fn signer(kind: &str, statement: &Value) -> Option<String> {
    let mut unsigned = statement.as_object()?.clone();
    let signature = unsigned.remove("signature")?;
    let key = unsigned.get("key")?.as_str()?.to_owned();
    let is_of_kind = unsigned.get("type").and_then(Value::as_str) == Some(kind); // (2)
    let text = canonical(&Value::Object(unsigned));
    (is_of_kind && is_signed(&key, &text, signature.as_str()?)).then_some(key) // (1)
}

/// Counts and digests the lines of an export as they go by.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) entries: u64,
    sum: Sha256,
}

impl Tally {
    /// Takes a line, without its line feed.
    pub fn add(&mut self, line: &str) {
        self.entries += 1;
        self.sum.update(line.as_bytes());
        self.sum.update(b"\n");
    }

    pub(super) fn digest(&self) -> String {
        hex(&self.sum.clone().finalize())
    }
}

/// What an export is of.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Slug of the organization.
    pub organization: Box<str>,
    /// Whether the log is of the real world.
    pub mode: Mode,
    /// Where the log stood when the export began.
    pub head: Head,
    /// The number after which it begins.
    pub after_seq: u64,
    /// Whether entries are left out on purpose.
    pub filtered: bool,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Scope {
    /// The last line of an export (3).
    pub fn head_line(&self, key: &SigningKey, tally: &Tally) -> String {
        let statement = json!({
            "after_seq": self.after_seq,
            "at": rfc3339(self.at_ms),
            "digest": tally.digest(),
            "entries": tally.entries,
            "filtered": self.filtered,
            "hash": hex(&self.head.hash),
            "mode": self.mode.name(),
            "org": self.organization,
            "seq": self.head.audit_seq,
        });
        let members = match statement {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        canonical(&sign(key, HEAD, members))
    }
}
