//! An organization's connection to its Okta tenant, and who its people are there.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{id::UserId, token::Digest};
use crate::{clock::rfc3339, protocol::oidc::Metadata};

/// A secret as it is stored: encrypted, with the id of its key. Only `src/` can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub Box<str>);

/// What happens when Okta has not verified the address of someone who signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailPolicy {
    /// The sign-in goes on; the audit log has a warning.
    #[default]
    Notice,
    /// The sign-in is refused.
    Require,
}

/// What Universal Logout does to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutEffect {
    /// The user is deactivated and removed from every connected tool.
    #[default]
    Deactivate,
    /// The sessions end; the user may sign in again.
    Sessions,
}

/// A stream of security events that an Okta tenant sends to Ceven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The transmitter's id of it.
    pub id: String,
    /// What the transmitter calls Ceven.
    pub audiences: Vec<String>,
    /// Types of the events that it sends.
    #[serde(default)]
    pub events: Vec<String>,
    /// Who speaks to the transmitter about it.
    #[serde(default)]
    pub credentials: Option<Sealed>,
    /// State of the verification that was asked for and has not come back.
    pub asked: Option<String>,
    /// When a verification last came back, in milliseconds since 1970.
    pub verified_ms: Option<i64>,
}

impl Stream {
    /// As the audit log and the command line show it: of secrets nothing.
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "audiences": self.audiences,
            "events": self.events,
            "verification_asked": self.asked.is_some(),
            "verified_at": self.verified_ms.map(rfc3339),
        })
    }
}

/// What happens to the stream of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamChange {
    /// It was made at the transmitter, or found again.
    Registered(Stream),
    /// A verification with this state is about to be asked for.
    Asked(String),
    /// It is no more.
    Removed,
}

/// The tenant and Ceven's client there. At most one for an organization; no two organizations share issuer and client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OktaConnection {
    /// Where the endpoints are, as they were when an admin saved the connection.
    pub metadata: Metadata,
    /// Ceven's client id.
    pub client_id: String,
    /// Secret of the client.
    pub client_secret: Option<Sealed>,
    /// See [`EmailPolicy`].
    #[serde(default)]
    pub email_verified: EmailPolicy,
    /// See [`LogoutEffect`].
    #[serde(default)]
    pub effect: LogoutEffect,
    /// Whether Universal Logout is answered.
    pub universal_logout: bool,
    /// The stream of security events, when there is one.
    #[serde(default)]
    pub stream: Option<Stream>,
    /// Milliseconds since 1970.
    pub changed_ms: i64,
}

impl OktaConnection {
    /// Okta's issuer, character by character.
    pub fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    /// What a verified token of Okta stands for: this tenant and this client.
    pub fn fingerprint(&self) -> Digest {
        Sha256::digest(format!("{}\0{}", self.issuer(), self.client_id)).into()
    }

    /// As the audit log and the console show it: of secrets only whether there are any.
    pub fn view(&self) -> Value {
        json!({
            "issuer": self.issuer(),
            "client_id": self.client_id,
            "has_client_secret": self.client_secret.is_some(),
            "email_verified": self.email_verified,
            "universal_logout": self.universal_logout,
            "universal_logout_effect": self.effect,
            "stream": self.stream.as_ref().map(Stream::view),
        })
    }
}

/// Who a user is at the issuer: the only thing that identifies someone who signs in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Who says so.
    pub issuer: Box<str>,
    /// The id there.
    pub subject: Box<str>,
}

/// A user and an identity, linked at `linked_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The identity.
    pub identity: Identity,
    /// The user.
    pub user: UserId,
    /// Milliseconds since 1970.
    pub linked_ms: i64,
}

/// The id of a token that was obeyed once and never will be again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedToken {
    /// SHA-256 of what it was for, its issuer and its `jti`.
    pub key: Digest,
    /// Milliseconds since 1970 until which it must be remembered.
    pub until_ms: i64,
    /// Milliseconds since 1970 when it was used.
    pub used_ms: i64,
}

impl UsedToken {
    /// A token `jti` of `issuer`, used for `purpose`.
    pub fn new(purpose: &str, issuer: &str, jti: &str, until_ms: i64, used_ms: i64) -> Self {
        Self { key: Sha256::digest(format!("{purpose}\0{issuer}\0{jti}")).into(), until_ms, used_ms }
    }
}
