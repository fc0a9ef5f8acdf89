//! Errors of the protocol and their envelope (RFC 7644 §3.12).
use serde::Serialize;

/// URN of the error message.
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The detail keyword of an error (RFC 7644 §3.12, table 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ScimType {
    /// The filter is malformed, or compares what cannot be compared.
    InvalidFilter,
    /// The filter or the request would return or change too much.
    TooMany,
    /// A unique value is already taken.
    Uniqueness,
    /// A read-only or immutable attribute would change.
    Mutability,
    /// The body is not what the endpoint reads.
    InvalidSyntax,
    /// The path of a PATCH operation is malformed or names nothing known.
    InvalidPath,
    /// The path of a PATCH operation selects nothing.
    NoTarget,
    /// A value is missing or of the wrong type.
    InvalidValue,
    /// The version of the protocol is not supported.
    InvalidVers,
    /// What was asked would put a secret into the URL.
    Sensitive,
}

/// A refused SCIM request: what the client is told, never more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {detail}")]
pub struct ScimError {
    /// HTTP status.
    pub status: u16,
    /// Keyword, where the RFC has one for the case.
    pub scim_type: Option<ScimType>,
    /// One sentence for a person: Okta shows it to the admin.
    pub detail: String,
}

impl ScimError {
    /// A 400 with its keyword.
    pub fn bad(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { status: 400, scim_type: Some(scim_type), detail: detail.into() }
    }

    /// Any other status, without a keyword.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// A 409 for a value that another resource holds (RFC 7644 §3.3).
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self { status: 409, scim_type: Some(ScimType::Uniqueness), detail: detail.into() }
    }

    /// A 404 for a resource that is not there, or is another organization's.
    pub fn not_found(resource: &str, id: &str) -> Self {
        Self::new(404, format!("{resource} {id} was not found."))
    }

    /// The JSON envelope; `status` is a string (RFC 7644 §3.12).
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({ "schemas": [ERROR_URN], "status": self.status.to_string(), "detail": self.detail });
        if let (Some(scim_type), Some(object)) = (self.scim_type, body.as_object_mut()) {
            object.insert("scimType".into(), serde_json::json!(scim_type));
        }
        body
    }
}
