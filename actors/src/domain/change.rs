//! What a command does to an organization, as values: the same ones are staged in memory, written to the
//! store, read back at load and at catch-up.
use std::sync::Arc;

use super::{
    group::Group,
    id::{GroupId, UserId},
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
}
