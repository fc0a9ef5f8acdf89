//! What a command does to an organization: pure, so that it can be decided again when the state it was
//! decided on turns out not to have been written.
use serde_json::Value;

use super::{
    connectors, groups, keys, logout,
    message::{Answer, Command, OrganizationError},
    offboarding, okta, policy, restore, sessions,
    state::Snapshot,
    tokens, users,
};
use crate::domain::{
    audit::Draft,
    caller::{Authority, Caller, Stamp},
    change::Change,
    role::Role,
    session::Person,
    token::TokenKind,
};

/// A command's whole effect. Without changes and entries nothing is written.
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
    /// Whether there is nothing to write.
    pub fn is_nothing(&self) -> bool {
        self.changes.is_empty() && self.drafts.is_empty()
    }

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
    authorize(state, command, caller, stamp)?;
    let mut decision = decide_alone(state, command, caller, stamp)?;
    offboarding::follow(state, &mut decision, command, caller, stamp);
    Ok(decision)
}

/// What the command itself does, without what follows from who has access afterwards.
fn decide_alone(
    state: &Snapshot,
    command: &Command,
    caller: &Caller,
    stamp: Stamp,
) -> Result<Decision, OrganizationError> {
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
        Command::SetRole { id, role, seen } => sessions::set_role(state, *id, *role, *seen, stamp),
        Command::SignInWithOkta { identity, session, limit } => {
            okta::sign_in(state, identity, session, *limit, stamp)
        }
        Command::StartSession { session, limit } => sessions::start(state, session, *limit, stamp),
        Command::EndSession { id, ending } => sessions::end(state, *id, *ending, caller, stamp),
        Command::EndSessions { person, ending } => sessions::end_all(state, *person, *ending, caller, stamp),
        Command::NoteRestore => restore::note(state, stamp),
        Command::SetOkta { connection, tool } => okta::set(state, connection.as_ref(), tool.as_ref(), stamp),
        Command::ChangeStream { connection, change } => okta::change_stream(state, *connection, change),
        Command::LogOut { subject, used } => logout::log_out(state, subject.as_ref(), *used, stamp),
        Command::TakeEvent { event, used } => logout::take_event(state, event, *used, stamp),
        Command::SetConnector { change } => connectors::set(state, change, stamp),
        Command::RemoveConnector { id } => connectors::remove(state, *id, stamp),
        Command::Offboard { id, options } => offboarding::offboard(state, *id, options, caller, stamp),
        Command::BeginScheduled { id } => offboarding::begin_scheduled(state, *id, stamp),
        Command::CancelOffboarding { id } => offboarding::cancel(state, *id, stamp),
        Command::Release { only } => offboarding::release(state, *only, stamp),
        Command::SetPolicy { policy } => policy::set(state, *policy),
        Command::Reseal { key, pairs } => keys::reseal(state, key, pairs),
        Command::Retry { id, task, account } => {
            offboarding::retry(state, *id, *task, account.as_ref(), stamp)
        }
        Command::MarkDone { task, note } => offboarding::mark_done(state, *task, note, stamp),
        Command::Report { report } => offboarding::report(state, report, stamp),
        Command::NoteRefusals { refusals } => sessions::note_refusals(refusals),
    }
}

/// The right may have been withdrawn since the request came in.
fn authorize(
    state: &Snapshot,
    command: &Command,
    caller: &Caller,
    stamp: Stamp,
) -> Result<(), OrganizationError> {
    let allowed = match caller.authority {
        Authority::Operator => true,
        _ if matches!(command, Command::Reseal { .. }) => false,
        Authority::Token(id) => state.token(id).is_some_and(|token| {
            token.kind == TokenKind::Scim && token.is_live(stamp.at_ms) && is_scim(command)
        }),
        Authority::Session(id) => state
            .session(id)
            .filter(|session| session.is_live(stamp.at_ms))
            .and_then(|session| state.role_of(session.person))
            .is_some_and(|role| role == Role::Admin || is_anyones(command)),
        Authority::Password(admin) => {
            matches!(command, Command::StartSession { session, .. } if session.person == Person::Admin(admin))
        }
        Authority::Okta(fingerprint) => {
            state.okta().is_some_and(|okta| okta.fingerprint() == fingerprint)
                && matches!(command, Command::LogOut { .. } | Command::TakeEvent { .. })
        }
        Authority::Identity(fingerprint) => {
            state.okta().is_some_and(|okta| okta.fingerprint() == fingerprint)
                && matches!(command, Command::SignInWithOkta { .. })
        }
        Authority::System => matches!(command, Command::Report { .. } | Command::BeginScheduled { .. }),
        Authority::Nobody => matches!(command, Command::NoteRefusals { .. }),
    };
    if allowed { Ok(()) } else { Err(OrganizationError::Forbidden) }
}

/// What a SCIM token opens: the directory, and nothing of how it is administered.
fn is_scim(command: &Command) -> bool {
    matches!(
        command,
        Command::CreateUser { .. }
            | Command::ReplaceUser { .. }
            | Command::PatchUser { .. }
            | Command::DeleteUser { .. }
            | Command::CreateGroup { .. }
            | Command::ReplaceGroup { .. }
            | Command::PatchGroup { .. }
            | Command::DeleteGroup { .. }
    )
}

/// What everyone may do who is signed in; the command itself sees to it that only their own is touched.
fn is_anyones(command: &Command) -> bool {
    matches!(command, Command::EndSession { .. } | Command::EndSessions { .. })
}

pub(super) fn not_found(resource: &'static str, id: impl ToString) -> OrganizationError {
    OrganizationError::NotFound { resource, id: id.to_string() }
}

/// Attributes as the audit log shows them: with the id, without `schemas`.
pub(super) fn shown(id: impl ToString, mut attributes: crate::protocol::scim::Object) -> Value {
    attributes.shift_remove("schemas");
    attributes.insert("id".into(), id.to_string().into());
    Value::Object(attributes)
}
