//! The audit log: one chain an organization, which anyone can verify with a SHA-256 and a JSON parser.
//!
//! Rules of the chain:
//! 1. `seq` counts from 1 without gaps.
//! 2. `hash` is the lower-case hex SHA-256 of the RFC 8785 (JCS) form of the line without `hash`.
//! 3. `prev_hash` is the `hash` of the line before; 64 zeros in the first.
//! 4. A line is exported in its RFC 8785 form, byte for byte, so a changed escape or space is found too.
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    caller::{Caller, Stamp},
    token::Digest,
};
use crate::clock::rfc3339;

mod canonical;
pub mod statement;
mod verify;
use canonical::canonical;
pub use verify::{Earlier, Report, Verifier};

/// Whether what a log tells happened to real people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It did.
    #[default]
    Live,
    /// `ceven dev` played it.
    Dev,
}

impl Mode {
    /// As every entry names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Dev => "dev",
        }
    }
}

/// Where an organization's log stands: the guard of the next write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Units written so far.
    pub seq: u64,
    /// Entries written so far.
    pub audit_seq: u64,
    /// Hash of the last entry; zeros before the first.
    pub hash: Digest,
}

/// An entry before it has its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// `noun.verb`.
    pub action: &'static str,
    /// Type of the resource: `User`, `Group`, `ScimToken`, …
    pub resource_type: &'static str,
    /// Its id.
    pub resource_id: String,
    /// State before; `null` for something new.
    pub before: Value,
    /// State after; `null` for something gone.
    pub after: Value,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `noun.verb`.
    pub action: &'static str,
    /// Who did it.
    pub actor_id: String,
    /// Type of the resource.
    pub resource_type: &'static str,
    /// Its id.
    pub resource_id: String,
    /// Its hash.
    pub hash: Digest,
    /// The exported line, without line feed.
    pub line: Box<str>,
}

/// Gives drafts their places after `head`, in order. Returns the entries and the head after them;
/// `head.seq` stays as it is, because a unit counts once however many entries it has.
pub fn seal(
    head: Head,
    (organization, mode): (&str, Mode),
    caller: &Caller,
    stamp: Stamp,
    drafts: Vec<Draft>,
) -> (Vec<Entry>, Head) {
    let mut head = head;
    let entries = drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| {
            let id = Uuid::from_u128(stamp.entry_id.as_u128().wrapping_add(index as u128));
            let entry = seal_one(head, (organization, mode), caller, (stamp.at_ms, id), draft);
            head.audit_seq = entry.seq;
            head.hash = entry.hash;
            entry
        })
        .collect();
    (entries, head)
}

fn seal_one(
    head: Head,
    (organization, mode): (&str, Mode),
    caller: &Caller,
    (at_ms, id): (i64, Uuid),
    draft: Draft,
) -> Entry {
    let seq = head.audit_seq + 1; // (1)
    // Everything is made canonical once, in the order of RFC 8785 §3.2.3; the hash has its place in the middle.
    let front = members(&[
        ("action", json!(draft.action)),
        ("actor", json!(caller.actor)),
        ("after", draft.after),
        ("at", rfc3339(at_ms).into()),
        ("before", draft.before),
    ]);
    let back = members(&[
        ("id", json!(id)),
        ("ip", json!(caller.ip)),
        ("mode", mode.name().into()),
        ("org", organization.into()),
        ("prev_hash", hex(&head.hash).into()), // (3)
        ("request_id", caller.request_id.as_str().into()),
        ("resource", json!({ "type": draft.resource_type, "id": draft.resource_id })),
        ("seq", seq.into()),
    ]);
    let hash: Digest = Sha256::digest(format!("{{{front},{back}}}")).into(); // (2)
    let line = format!(r#"{{{front},"hash":"{}",{back}}}"#, hex(&hash)); // (4)
    Entry {
        seq,
        id,
        at_ms,
        action: draft.action,
        actor_id: caller.actor.id.clone(),
        resource_type: draft.resource_type,
        resource_id: draft.resource_id,
        hash,
        line: line.into(),
    }
}

/// Members of an object, whose names need no escapes, in the order given.
fn members(members: &[(&str, Value)]) -> String {
    let mut text = String::with_capacity(1_024);
    for (name, value) in members {
        let separator = if text.is_empty() { "" } else { "," };
        text.push_str(separator);
        text.push('"');
        text.push_str(name);
        text.push_str("\":");
        canonical::write(&mut text, value);
    }
    text
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
