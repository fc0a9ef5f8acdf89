//! Every sentence an organization understands, and every answer it gives.
use std::sync::Arc;

use super::state::Snapshot;
use crate::{
    domain::{
        id::{AdminId, ConnectorId, GroupId, OffboardingId, SessionId, TaskId, TokenId, UserId},
        okta::{OktaConnection, Sealed, StreamChange, UsedToken},
        policy::Policy,
        role::Role,
        session::{Ending, Person, Refusals, Session},
        step::Match,
        token::{Admin, Digest, Token},
    },
    protocol::{
        oidc,
        revocation::Subject,
        scim::{Object, ScimError, patch::Operation},
        security_event::SecurityEvent,
    },
};

mod mailbox;
mod parts;

pub use mailbox::{Asked, Message, Reply};
pub use parts::{OffboardOptions, Report, SignInRefused, ToolChange, Verdict};

/// What can be asked of an organization. Resources come normalised (`protocol::scim::resource`).
#[derive(Debug, Clone)]
pub enum Command {
    /// SCIM POST: creates a user, or restores the inactive one with the same external id or user name.
    CreateUser {
        /// Normalised attributes.
        attributes: Object,
    },
    /// SCIM PUT. `active` and `roles` stay as they are when the body does not mention them: a console's
    /// promotion survives the next push, and no push brings a leaver back by silence.
    ReplaceUser {
        /// Whose.
        id: UserId,
        /// Normalised attributes.
        attributes: Object,
        /// Whether the body mentioned `roles` (an empty array clears them).
        mentions_roles: bool,
    },
    /// SCIM PATCH, atomic.
    PatchUser {
        /// Whose.
        id: UserId,
        /// Parsed operations, in order.
        operations: Vec<Operation>,
    },
    /// SCIM DELETE: deactivates, hides, and drops memberships and roles.
    DeleteUser {
        /// Whose.
        id: UserId,
    },
    /// SCIM POST.
    CreateGroup {
        /// Normalised attributes without `members`.
        attributes: Object,
        /// Ids as the client wrote them.
        members: Vec<String>,
    },
    /// SCIM PUT; absent members are no members (RFC 7644 §3.5.1).
    ReplaceGroup {
        /// Which.
        id: GroupId,
        /// Normalised attributes without `members`.
        attributes: Object,
        /// Ids as the client wrote them.
        members: Vec<String>,
    },
    /// SCIM PATCH, atomic.
    PatchGroup {
        /// Which.
        id: GroupId,
        /// Parsed operations, in order.
        operations: Vec<Operation>,
    },
    /// SCIM DELETE.
    DeleteGroup {
        /// Which.
        id: GroupId,
    },
    /// A new token; its record is made outside, where argon2id may take its time.
    MintToken {
        /// The record.
        token: Arc<Token>,
    },
    /// A successor for a token, which itself ends after an overlap.
    RotateToken {
        /// The token to end.
        id: TokenId,
        /// The successor.
        token: Arc<Token>,
        /// When the old one ends, in milliseconds since 1970.
        ends_ms: i64,
    },
    /// Ends a token at once.
    RevokeToken {
        /// Which.
        id: TokenId,
    },
    /// A local break-glass admin.
    CreateAdmin {
        /// The record.
        admin: Arc<Admin>,
    },
    /// Gives a user one role instead of those they have.
    SetRole {
        /// Whose.
        id: UserId,
        /// The role.
        role: Role,
        /// The strongest role they had when that was chosen; nothing when nobody looked.
        seen: Option<Role>,
    },
    /// Someone has signed in at Okta.
    SignInWithOkta {
        /// Who, as the verified ID token says.
        identity: Arc<oidc::Identity>,
        /// The record; whose it is, is decided.
        session: Arc<Session>,
        /// Sessions a person may have; the oldest make room.
        limit: usize,
    },
    /// Someone has signed in.
    StartSession {
        /// The record.
        session: Arc<Session>,
        /// Sessions a person may have; the oldest make room.
        limit: usize,
    },
    /// Ends a session at once.
    EndSession {
        /// Which.
        id: SessionId,
        /// Why.
        ending: Ending,
    },
    /// Ends every session of a person at once.
    EndSessions {
        /// Whose.
        person: Person,
        /// Why.
        ending: Ending,
    },
    /// The database has come back from a backup: ends every session, and notes where the log goes on from.
    NoteRestore,
    /// The connection to Okta: set, changed, or taken away.
    SetOkta {
        /// The record; nothing takes it away.
        connection: Option<Arc<OktaConnection>>,
        /// The tenant as a connected tool, when that is set with it.
        tool: Option<ToolChange>,
    },
    /// The event stream of the connection to Okta: registered, about to be verified, or taken away.
    ChangeStream {
        /// Fingerprint of the connection that it belongs to.
        connection: Digest,
        /// What.
        change: Arc<StreamChange>,
    },
    /// Okta's Universal Logout, with a verified token.
    LogOut {
        /// Whom; nothing when the request does not say so in a way that is understood.
        subject: Option<Subject>,
        /// The token, used up whatever comes of it.
        used: UsedToken,
    },
    /// A verified security event.
    TakeEvent {
        /// What.
        event: Arc<SecurityEvent>,
        /// The token.
        used: UsedToken,
    },
    /// Connects a tool, or changes one that is connected; a pause ends.
    SetConnector {
        /// How it is to be.
        change: ToolChange,
    },
    /// Disconnects a tool; what was still to be done there is cancelled.
    RemoveConnector {
        /// Which.
        id: ConnectorId,
    },
    /// Ends a person's access, everywhere.
    Offboard {
        /// Whose.
        id: UserId,
        /// How.
        options: Arc<OffboardOptions>,
    },
    /// Begins an offboarding whose time has come.
    BeginScheduled {
        /// Which.
        id: OffboardingId,
    },
    /// Takes an offboarding back as far as it is not done.
    CancelOffboarding {
        /// Which.
        id: OffboardingId,
    },
    /// Lets the tools be told of what the guard against mass deactivation holds.
    Release {
        /// Only this one.
        only: Option<OffboardingId>,
    },
    /// The organization's own settings.
    SetPolicy {
        /// All of them.
        policy: Policy,
    },
    /// Secrets that were sealed anew under another master key: the same secrets.
    Reseal {
        /// Id of the key.
        key: Box<str>,
        /// As they were, and as they are now.
        pairs: Arc<[(Sealed, Sealed)]>,
    },
    /// Tries again what is waiting or needs attention: at once, or when the time comes that its tool has named.
    Retry {
        /// Of which offboarding.
        id: OffboardingId,
        /// Only this tool's part.
        task: Option<TaskId>,
        /// The account to take, as an admin has chosen.
        account: Option<Match>,
    },
    /// An admin has done a tool's part by hand.
    MarkDone {
        /// Which.
        task: TaskId,
        /// How.
        note: Box<str>,
    },
    /// What has become of a tool's part.
    Report {
        /// What.
        report: Arc<Report>,
    },
    /// Notes sign-ins that were refused.
    NoteRefusals {
        /// Which.
        refusals: Refusals,
    },
}

impl Command {
    /// Whether it ends someone's access, or goes on with that.
    pub fn ends_access(&self) -> bool {
        matches!(
            self,
            Self::LogOut { .. }
                | Self::TakeEvent { .. }
                | Self::Offboard { .. }
                | Self::BeginScheduled { .. }
                | Self::Release { .. }
                | Self::Report { .. }
                | Self::RevokeToken { .. }
                | Self::EndSession { .. }
                | Self::EndSessions { .. }
                | Self::NoteRestore
        )
    }
}

/// What a command led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The user is so now; `created` also when it was restored.
    User {
        /// Whose.
        id: UserId,
        /// Whether SCIM answers 201.
        created: bool,
    },
    /// The group is so now.
    Group {
        /// Which.
        id: GroupId,
        /// Whether SCIM answers 201.
        created: bool,
    },
    /// The resource is gone.
    Deleted,
    /// The token is so now.
    Token(TokenId),
    /// The admin is so now.
    Admin(AdminId),
    /// The session is so now.
    Session(SessionId),
    /// It is in the audit log.
    Noted,
    /// The try is over: its task is not open any more, or another try has begun.
    Over,
    /// Nobody was signed in.
    SignInRefused(SignInRefused),
    /// What came of Okta's request.
    Judged(Verdict),
    /// The tool is connected, or no longer.
    Connector(ConnectorId),
    /// The offboarding is so now.
    Offboarding(OffboardingId),
    /// So many were let go.
    Released(usize),
    /// So many secrets were sealed anew.
    Resealed(usize),
}

/// An answer and the durable state it can be read from.
#[derive(Debug, Clone)]
pub struct Answered {
    /// State with the command in it.
    pub snapshot: Arc<Snapshot>,
    /// What it led to.
    pub answer: Answer,
}

/// Why an organization refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationError {
    /// No such resource in this organization.
    #[error("{resource} {id} was not found")]
    NotFound {
        /// Its type.
        resource: &'static str,
        /// Its id, as asked for.
        id: String,
    },
    /// A unique value is taken; the sentence says which.
    #[error("{0}")]
    Conflict(String),
    /// The command makes no sense; the protocol's error says why.
    #[error(transparent)]
    Invalid(#[from] ScimError),
    /// The caller's right is gone.
    #[error("the caller's right has been withdrawn")]
    Forbidden,
    /// The token has been used before.
    #[error("the token has been used before")]
    Replayed,
    /// Too many commands are waiting.
    #[error("too many requests are waiting")]
    Busy,
    /// Not now: the store is away, or the organization is being restarted.
    #[error("not available at the moment")]
    Unavailable,
}
