//! A user as an organization holds it.
use serde_json::Value;

use super::{
    id::UserId,
    role::{Roles, resolve_roles},
};
use crate::protocol::scim::{Object, ScimError, ScimType, fold};

/// One person. The columns repeat what look-ups and decisions need; [`User::attributes`] is the truth
/// for everything a client may read or write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never changes, never used again.
    pub id: UserId,
    /// Name at sign-in; unique without case among users that are not deleted.
    pub user_name: Box<str>,
    /// The client's own id (Okta's `00u…`); unique with case among users that are not deleted.
    pub external_id: Option<Box<str>>,
    /// Values of `emails` as they are looked up, in the order given.
    pub emails: Box<[Box<str>]>,
    /// False: no session, no token, no access.
    pub active: bool,
    /// True after a SCIM DELETE: hidden, and restored when the same person comes back.
    pub deleted: bool,
    /// What `roles` resolves to.
    pub roles: Roles,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub modified_ms: i64,
    /// JSON text of a SCIM object without `id`, `meta` and `groups`. Text, because it takes a quarter
    /// of the memory of a tree and most answers copy it as it is.
    pub attributes: Box<str>,
}

impl User {
    /// Builds a user from normalised attributes, see [`User::resolved`].
    ///
    /// # Errors
    /// As there.
    pub fn from_attributes(
        id: UserId,
        created_ms: i64,
        modified_ms: i64,
        attributes: Object,
    ) -> Result<Self, ScimError> {
        Self::resolved(id, created_ms, modified_ms, attributes).map(|(user, _)| user)
    }

    /// Builds a user from normalised attributes and resolves `roles`; also returns the attributes as the user has
    /// them. Without `active` a user has no access: whoever takes the attribute away must not bring a leaver back by
    /// it. A blank `externalId` is none: else all who have one would be the same person.
    ///
    /// # Errors
    /// 400 `invalidValue` for a missing `userName` or an unknown role.
    pub fn resolved(
        id: UserId,
        created_ms: i64,
        modified_ms: i64,
        mut attributes: Object,
    ) -> Result<(Self, Object), ScimError> {
        let roles = resolve_roles(&mut attributes)?;
        let active = attributes.get("active").and_then(Value::as_bool).unwrap_or(false);
        if attributes.get("externalId").and_then(Value::as_str).is_some_and(|id| id.trim().is_empty()) {
            attributes.shift_remove("externalId");
        }
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(Box::<str>::from);
        let user_name = text("userName")
            .ok_or_else(|| ScimError::bad(ScimType::InvalidValue, "userName is required."))?;
        let external_id = text("externalId");
        let addresses = attributes.get("emails").and_then(Value::as_array).into_iter().flatten();
        let emails = addresses.filter_map(|email| email["value"].as_str()).map(name_key).collect();
        let user = Self {
            id,
            user_name,
            external_id,
            emails,
            active,
            deleted: false,
            roles,
            created_ms,
            modified_ms,
            attributes: to_text(&attributes),
        };
        Ok((user, attributes))
    }

    /// The attributes as an object.
    pub fn object(&self) -> Object {
        from_text(&self.attributes)
    }

    /// A copy with other attributes, changed at `now_ms`, and these attributes.
    ///
    /// # Errors
    /// As [`User::resolved`].
    pub fn with(&self, attributes: Object, now_ms: i64) -> Result<(Self, Object), ScimError> {
        Self::resolved(self.id, self.created_ms, now_ms, attributes)
    }

    /// Addresses besides the user name, each once.
    pub fn other_emails(&self) -> impl Iterator<Item = &str> {
        let name = self.name_key();
        let unseen = |at: usize| !self.emails[..at].contains(&self.emails[at]);
        self.emails
            .iter()
            .enumerate()
            .filter(move |(at, email)| **email != name && unseen(*at))
            .map(|(_, email)| &**email)
    }

    /// The key of the user-name index: SCIM compares `userName` without case (RFC 7643 §4.1.1).
    pub fn name_key(&self) -> Box<str> {
        name_key(&self.user_name)
    }
}

/// The form under which names are looked up.
fn name_key(name: &str) -> Box<str> {
    fold(name).into()
}

pub(crate) fn to_text(attributes: &Object) -> Box<str> {
    serde_json::to_string(attributes).unwrap_or_default().into() // texts as names, and no number that JSON lacks
}

/// Text that this crate wrote itself; anything else reads as an empty object.
pub(crate) fn from_text(text: &str) -> Object {
    serde_json::from_str(text).unwrap_or_default()
}
