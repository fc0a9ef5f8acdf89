//! A signed-in browser or script, as an organization keeps it: never the secret itself.
use std::net::IpAddr;

use super::{
    id::{AdminId, SessionId, UserId},
    okta::Sealed,
};
pub use crate::protocol::secret::Digest;

/// Whom a session belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Person {
    /// A local break-glass admin.
    Admin(AdminId),
    /// A user of the directory, with whatever role they have at the moment.
    User(UserId),
}

impl Person {
    /// Name of the kind on the wire, in the audit log and in the database.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Admin(_) => "admin",
            Self::User(_) => "user",
        }
    }

    /// The id, whatever the kind.
    pub const fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Admin(id) => id.0,
            Self::User(id) => id.0,
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The person signed out.
    SignedOut {
        /// Whether the browser was sent on to end the session at Okta as well.
        at_okta: bool,
    },
    /// The person or an admin ended it from elsewhere.
    Revoked,
    /// The person signed in once more than the limit allows; the oldest session goes.
    Limit,
    /// Its time was over when the next session of the organization began.
    Expired,
    /// The person was deactivated or removed.
    Deactivated,
    /// The database came back from a backup.
    Restored,
}

impl Ending {
    /// Name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedOut { .. } => "signed_out",
            Self::Revoked => "revoked",
            Self::Limit => "limit",
            Self::Expired => "expired",
            Self::Deactivated => "deactivated",
            Self::Restored => "restored",
        }
    }
}

/// A session's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id in the console and in the audit log; says nothing about the secret.
    pub id: SessionId,
    /// SHA-256 of the secret in the cookie.
    pub digest: Digest,
    /// Whose.
    pub person: Person,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970; refused from that instant on, however busy it is.
    pub expires_ms: i64,
    /// Last use that the store knew of when the row was read. It is written apart from everything else and
    /// moves no `seq`, so a fresher value may be elsewhere: ask before a session is called idle.
    pub used_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Address it was started from.
    pub ip: Option<IpAddr>,
    /// What started it, as it called itself.
    pub user_agent: Box<str>,
    /// The ID token it began with, which ends the session at the issuer as well; gone when the session has ended.
    pub id_token: Option<Sealed>,
}

impl Session {
    /// Whether it opens anything at `now_ms`, idleness left aside.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.ended_ms.is_none() && now_ms < self.expires_ms
    }

    /// Bytes that its ID token takes.
    pub fn id_token_bytes(&self) -> usize {
        self.id_token.as_ref().map_or(0, |sealed| sealed.0.len())
    }
}

/// Sign-ins that were refused within one minute, for one account from one address: one audit entry, so that
/// guessing does not fill the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// The account; nothing when there is none of that name, because what was typed may be a password.
    pub account: Option<AdminId>,
    /// How often.
    pub count: u64,
    /// Of these, how often because the limit was reached.
    pub limited: u64,
    /// Milliseconds since 1970 of the first.
    pub from_ms: i64,
    /// Milliseconds since 1970 of the last.
    pub until_ms: i64,
}
