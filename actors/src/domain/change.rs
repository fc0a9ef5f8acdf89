//! What a command does to an organization, as values: the same ones are staged in memory, written to the
//! store, read back at load and at catch-up.
use std::sync::Arc;

use super::{
    connector::Connector,
    group::Group,
    id::{GroupId, UserId},
    offboarding::{Offboarding, Task},
    okta::{Link, OktaConnection, UsedToken},
    policy::Policy,
    session::Session,
    token::{Admin, Token},
    user::User,
};

/// One row's new state. Applying a change twice is the same as once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The user is now so (also deactivated or deleted).
    User(Arc<User>),
    /// The group is now so.
    Group(Arc<Group>),
    /// The group and all its memberships are gone, for good.
    GroupDeleted(GroupId),
    /// The user is, or is no longer, a member of the group.
    Membership {
        /// The group.
        group: GroupId,
        /// The member.
        user: UserId,
        /// Whether the user is in it.
        present: bool,
    },
    /// The token is now so (also revoked).
    Token(Arc<Token>),
    /// The local admin is now so.
    Admin(Arc<Admin>),
    /// The session is now so (also ended).
    Session(Arc<Session>),
    /// The connection to Okta is now so.
    Okta(Arc<OktaConnection>),
    /// There is no connection to Okta any more.
    OktaRemoved,
    /// The identity is this user's.
    Link(Arc<Link>),
    /// The token has been used.
    Used(UsedToken),
    /// The connected tool is now so (also removed).
    Connector(Arc<Connector>),
    /// The offboarding is now so (also finished).
    Offboarding(Arc<Offboarding>),
    /// The organization's own settings are now so.
    Policy(Policy),
    /// The tool's part of an offboarding is now so (also finished).
    Task(Arc<Task>),
}
