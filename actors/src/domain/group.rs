//! A group as an organization holds it. Its members are kept apart (see `organization::state`), so that
//! one member more costs the same in a group of five and of fifty thousand.
use serde_json::Value;

use super::{
    id::GroupId,
    user::{from_text, to_text},
};
use crate::protocol::scim::{Object, ScimError, ScimType};

/// A named set of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Never changes, never used again.
    pub id: GroupId,
    /// Name shown to people; not unique.
    pub display_name: Box<str>,
    /// The client's own id.
    pub external_id: Option<Box<str>>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub modified_ms: i64,
    /// JSON text of a SCIM object without `id`, `meta` and `members`.
    pub attributes: Box<str>,
}

impl Group {
    /// Builds a group from normalised attributes.
    ///
    /// # Errors
    /// 400 `invalidValue` for a missing `displayName`.
    pub fn from_attributes(
        id: GroupId,
        created_ms: i64,
        modified_ms: i64,
        attributes: &Object,
    ) -> Result<Self, ScimError> {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(Box::<str>::from);
        let display_name = text("displayName")
            .ok_or_else(|| ScimError::bad(ScimType::InvalidValue, "displayName is required."))?;
        Ok(Self {
            id,
            display_name,
            external_id: text("externalId"),
            created_ms,
            modified_ms,
            attributes: to_text(attributes),
        })
    }

    /// The attributes as an object.
    pub fn object(&self) -> Object {
        from_text(&self.attributes)
    }

    /// A copy with other attributes, changed at `now_ms`.
    ///
    /// # Errors
    /// As [`Group::from_attributes`].
    pub fn with(&self, attributes: &Object, now_ms: i64) -> Result<Self, ScimError> {
        Self::from_attributes(self.id, self.created_ms, now_ms, attributes)
    }
}
