//! What a snapshot says about Okta, connected tools and unfinished offboardings.
use std::{cmp::Reverse, sync::Arc};

use super::Snapshot;
use crate::domain::{
    connector::Connector,
    id::{ConnectorId, OffboardingId, TaskId, UserId},
    offboarding::{Cause, Offboarding, Status, Task, TaskState},
    okta::{Identity, OktaConnection, UsedToken},
    policy::{LONGEST_WINDOW_MS, Policy},
    user::User,
};

/// Closed parts that are remembered: those closed last, and of many at once the oldest, which are worked at first.
const CLOSED: usize = 1_024;

impl Snapshot {
    /// The connection to Okta.
    pub fn okta(&self) -> Option<&Arc<OktaConnection>> {
        self.okta.as_ref()
    }

    /// The user that an identity is linked to, unless deleted.
    pub fn user_by_identity(&self, identity: &Identity) -> Option<&Arc<User>> {
        self.identities.get(identity).and_then(|id| self.user(*id))
    }

    /// The user that an identity is linked to, also a deleted one.
    pub fn linked_user(&self, identity: &Identity) -> Option<&Arc<User>> {
        self.identities.get(identity).and_then(|id| self.users.get(*id))
    }

    /// Who a user is at the issuer.
    pub fn identity_of(&self, user: UserId) -> Option<&Identity> {
        self.linked.get(&user)
    }

    /// Whether a token has been used.
    pub fn is_used(&self, token: &UsedToken) -> bool {
        self.used.contains(token)
    }

    /// A user, also a deleted one.
    pub fn user_even_deleted(&self, id: UserId) -> Option<&Arc<User>> {
        self.users.get(id)
    }

    /// A connected tool.
    pub fn connector(&self, id: ConnectorId) -> Option<&Arc<Connector>> {
        self.connectors.get(&id)
    }

    /// Connected tools in the order they were connected.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.values()
    }

    /// An unfinished offboarding.
    pub fn offboarding(&self, id: OffboardingId) -> Option<&Arc<Offboarding>> {
        self.offboardings.get(&id)
    }

    /// Unfinished offboardings, oldest first.
    pub fn offboardings(&self) -> impl Iterator<Item = &Arc<Offboarding>> {
        self.offboardings.values()
    }

    /// Offboardings whose tools wait for an admin's word, oldest first.
    pub fn held(&self) -> impl Iterator<Item = &Arc<Offboarding>> {
        self.offboardings.values().filter(|one| one.status == Status::Held)
    }

    /// An unfinished part of an offboarding.
    pub fn task(&self, id: TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(&id)
    }

    /// Unfinished parts of offboardings, oldest first.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.values()
    }

    /// A part that was closed, of late, while somebody may have been at work on it.
    pub fn closed_task(&self, id: TaskId) -> Option<&Arc<Task>> {
        self.closed.get(&id)
    }

    /// The organization's own settings.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// How often SCIM has taken access away after `since_ms`.
    pub fn exits_since(&self, since_ms: i64) -> usize {
        self.exits.iter().rev().take_while(|(at_ms, _)| *at_ms > since_ms).count()
    }

    pub(super) fn put_task(&mut self, task: &Arc<Task>) {
        let old = match task.state {
            TaskState::Waiting | TaskState::NeedsAttention => self.tasks.insert(task.id, task.clone()),
            TaskState::Done | TaskState::DoneByHand | TaskState::Cancelled => self.tasks.remove(&task.id),
        };
        let is_closed = matches!(task.state, TaskState::DoneByHand | TaskState::Cancelled);
        if is_closed && (old.is_some_and(|old| old.state.is_open()) || self.closed.contains_key(&task.id)) {
            self.closed.insert(task.id, task.clone());
            self.closings.insert((task.finished_ms.unwrap_or_default(), Reverse(task.id)));
            let first = self.closings.get_min().copied().filter(|_| self.closings.len() > CLOSED);
            if let Some(first) = first {
                self.closings.remove(&first);
                self.closed.remove(&first.1.0);
            }
        }
    }

    /// One that is finished leaves only the time at which SCIM asked for it, for a while.
    pub(super) fn put_offboarding(&mut self, one: &Arc<Offboarding>) {
        if matches!(one.cause, Cause::ScimDeactivate | Cause::ScimDelete) {
            self.exits.insert((one.asked_ms, one.id));
            while let Some(oldest) = self.exits.get_min().copied() {
                if oldest.0 > one.asked_ms - LONGEST_WINDOW_MS {
                    break;
                }
                self.exits.remove(&oldest);
            }
        }
        match one.status {
            Status::Done | Status::Cancelled => drop(self.offboardings.remove(&one.id)),
            _ => drop(self.offboardings.insert(one.id, one.clone())),
        }
    }
}
