//! A tool that an organization has connected.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{id::ConnectorId, okta::Sealed};

/// A connected tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// Never changes.
    pub id: ConnectorId,
    /// Kind of tool: see `connector::KINDS`.
    pub kind: Box<str>,
    /// What the admin called it; unique without case.
    pub name: Box<str>,
    /// Settings that are no secrets.
    pub settings: Map<String, Value>,
    /// Names of the settings that are secrets.
    pub secrets: Vec<String>,
    /// The secrets, as one encrypted JSON object.
    pub sealed: Option<Sealed>,
    /// Why it is not used now: the tool no longer accepts its credentials.
    pub paused: Option<Paused>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// It was disconnected; kept, because evidence names it.
    pub removed: bool,
}

/// Why a connector is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// What the tool said.
    pub reason: Box<str>,
    /// Milliseconds since 1970.
    pub since_ms: i64,
}

impl Connector {
    /// As the audit log and the console show it: of secrets only their names.
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "settings": self.settings,
            "secrets": self.secrets,
            "paused": self.paused.as_ref().map(|paused| json!({ "reason": paused.reason })),
        })
    }
}
