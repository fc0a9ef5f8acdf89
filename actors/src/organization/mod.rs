//! One organization: one actor, one log, one snapshot.
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use arc_swap::ArcSwap;
use ractor::{ActorRef, rpc::CallResult};
use tokio::sync::{Semaphore, TryAcquireError};

pub mod actor;
mod connectors;
pub mod decide;
mod groups;
mod logout;
pub mod message;
mod offboarding;
mod okta;
mod sessions;
pub mod state;
mod tokens;
mod users;

use message::{Answered, Command, Message, OrganizationError, Reply};
use state::Snapshot;

use crate::domain::{
    caller::{Caller, Stamp},
    id::OrganizationId,
};

/// A way to reach one organization's actor. Look it up in the directory at every request: a restart makes
/// a new one.
#[derive(Clone)]
pub struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) actor: ActorRef<Message>,
    pub(crate) published: Arc<ArcSwap<Snapshot>>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) permit_count: usize,
    /// For commands that end access: a flood of others never makes them wait.
    pub(crate) reserved: Arc<Semaphore>,
    pub(crate) reserved_count: usize,
    pub(crate) used_ms: Arc<AtomicI64>,
}

impl Organization {
    /// Durable state no older than unit `seq`. The usual case is one atomic load: a mailbox message is
    /// needed only when this node's memory is behind.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    pub async fn snapshot(&self, seq: u64) -> Result<Arc<Snapshot>, OrganizationError> {
        let published = self.published.load();
        if published.head().seq >= seq {
            return Ok(published.clone());
        }
        drop(published);
        self.call(|reply| Message::Read { seq, reply }).await
    }

    /// Gives a command and waits until what it led to is durable. It is decided on a state at least as new as
    /// the last snapshot that was asked for: ask for a fresh one first, or a refusal may rest on the past.
    ///
    /// # Errors
    /// [`OrganizationError`]; `Busy` when too many commands wait.
    pub async fn execute(
        &self,
        command: Command,
        caller: Caller,
        stamp: Stamp,
    ) -> Result<Answered, OrganizationError> {
        let permits = self.permits.clone();
        let permit = permits.try_acquire_owned().or_else(|refused| match command.ends_access() {
            true => self.reserved.clone().try_acquire_owned(),
            false => Err(refused),
        });
        let permit = permit.map_err(|refused| match refused {
            TryAcquireError::NoPermits => OrganizationError::Busy,
            TryAcquireError::Closed => OrganizationError::Unavailable,
        })?;
        self.call(|reply| Message::Execute { command, caller, stamp, permit, reply }).await
    }

    async fn call<T: Send + Sync + 'static>(
        &self,
        message: impl FnOnce(Reply<T>) -> Message,
    ) -> Result<T, OrganizationError> {
        match self.actor.call(message, None).await {
            Ok(CallResult::Success(result)) => result,
            _ => Err(OrganizationError::Unavailable),
        }
    }

    /// Notes that it was needed at `now_ms`.
    pub(crate) fn touch(&self, now_ms: i64) {
        self.used_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Whether commands are waiting or in flight, or tools are still to be told.
    pub(crate) fn is_busy(&self) -> bool {
        self.permits.available_permits() < self.permit_count
            || self.reserved.available_permits() < self.reserved_count
            || self.published.load().tasks().any(|task| task.state.is_open())
    }

    /// Takes no more commands.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.reserved.close();
    }
}
