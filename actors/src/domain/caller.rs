//! Who asks, and by which right.
use serde::Serialize;
use uuid::Uuid;

use super::{
    id::{AdminId, SessionId, TokenId},
    token::Digest,
};

/// Who is named in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// `scim_token`, `operator` (the command line), `user`, `admin` or `system`.
    pub kind: &'static str,
    /// Id of the token or the person; the login name of an operator.
    pub id: String,
    /// What a reader of the log recognizes.
    pub label: String,
}

/// The right that a command rests on. It is checked again when the command is decided, so that a right
/// withdrawn between a request's arrival and its decision does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// A SCIM token that must still be live.
    Token(TokenId),
    /// A session that must still be live, of someone whose role allows the command.
    Session(SessionId),
    /// A local admin who has just shown the password: may start a session of their own, nothing else.
    Password(AdminId),
    /// A token that the organization's Okta tenant has signed for Ceven; the digest is the connection's fingerprint.
    Okta(Digest),
    /// Someone whom the organization's Okta tenant has just signed in; the digest is the connection's fingerprint.
    Identity(Digest),
    /// Ceven itself: goes on with what was begun, nothing else.
    System,
    /// Nobody: may have a refused sign-in noted, nothing else.
    Nobody,
    /// Someone with the database's password in hand: the command line.
    Operator,
}

/// Who asks, from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// For the decision.
    pub authority: Authority,
    /// Address of the client; absent on the command line.
    pub ip: Option<std::net::IpAddr>,
    /// Id of the request, for the logs.
    pub request_id: String,
}

/// When a command was given, and the ids it may use up: `decide` makes none itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Id for what the command creates.
    pub new_id: Uuid,
    /// Id of its first audit entry; further ones count up from it.
    pub entry_id: Uuid,
}
