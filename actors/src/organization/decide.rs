//! What a command does to an organization: pure, so that it can be decided again when the state it was
//! decided on turns out not to have been written.
use serde_json::{Value, json};

use super::{
    groups,
    message::{Answer, Command, OrganizationError},
    state::Snapshot,
    tokens, users,
};
use crate::domain::{
    audit::Draft,
    caller::{Authority, Caller, Stamp},
    change::Change,
    token::TokenKind,
};

/// A command's whole effect. Without changes nothing is written, and nothing is logged.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Rows.
    pub changes: Vec<Change>,
    /// Audit entries.
    pub drafts: Vec<Draft>,
    /// Answer.
    pub answer: Answer,
}

impl Decision {
    /// Nothing to do: the state is so already.
    pub(super) fn nothing(answer: Answer) -> Self {
        Self { changes: Vec::new(), drafts: Vec::new(), answer }
    }
}

/// Decides a command on a state.
///
/// # Errors
/// [`OrganizationError`]: what is refused changes nothing.
pub fn decide(
    state: &Snapshot,
    command: &Command,
    caller: &Caller,
    stamp: Stamp,
) -> Result<Decision, OrganizationError> {
    authorize(state, caller, stamp)?;
    match command {
        Command::CreateUser { attributes } => users::create(state, attributes, stamp),
        Command::ReplaceUser { id, attributes, mentions_roles } => {
            users::replace(state, *id, attributes, *mentions_roles, stamp)
        }
        Command::PatchUser { id, operations } => users::patch(state, *id, operations, stamp),
        Command::DeleteUser { id } => users::delete(state, *id, stamp),
        Command::CreateGroup { attributes, members } => groups::create(state, attributes, members, stamp),
        Command::ReplaceGroup { id, attributes, members } => {
            groups::replace(state, *id, attributes, members, stamp)
        }
        Command::PatchGroup { id, operations } => groups::patch(state, *id, operations, stamp),
        Command::DeleteGroup { id } => groups::delete(state, *id),
        Command::MintToken { token } => tokens::mint(token),
        Command::RotateToken { id, token, ends_ms } => tokens::rotate(state, *id, token, *ends_ms, stamp),
        Command::RevokeToken { id } => tokens::revoke(state, *id, stamp),
        Command::CreateAdmin { admin } => tokens::create_admin(state, admin),
    }
}

/// The right may have been withdrawn since the request came in.
fn authorize(state: &Snapshot, caller: &Caller, stamp: Stamp) -> Result<(), OrganizationError> {
    match caller.authority {
        Authority::Operator => Ok(()),
        Authority::Token(id) => match state.token(id) {
            Some(token) if token.kind == TokenKind::Scim && token.is_live(stamp.at_ms) => Ok(()),
            _ => Err(OrganizationError::Forbidden),
        },
    }
}

pub(super) fn not_found(resource: &'static str, id: impl ToString) -> OrganizationError {
    OrganizationError::NotFound { resource, id: id.to_string() }
}

/// Attributes as the audit log shows them: with the id, without `schemas`.
pub(super) fn shown(id: impl ToString, mut attributes: crate::protocol::scim::Object) -> Value {
    attributes.shift_remove("schemas");
    let mut value = json!({ "id": id.to_string() });
    if let Some(object) = value.as_object_mut() {
        object.extend(attributes);
    }
    value
}
