//! One organization: one actor, one log, one snapshot.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use ractor::{ActorRef, rpc::CallResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub mod actor;
mod connectors;
pub mod decide;
mod groups;
mod keys;
mod logout;
pub mod message;
mod offboarding;
mod okta;
mod policy;
mod restore;
mod sessions;
pub mod state;
mod tokens;
mod trace;
mod users;

use message::{Answered, Asked, Command, Message, OrganizationError, Reply};
use state::Snapshot;
use trace::Origins;

use crate::{
    domain::{
        caller::{Caller, Stamp},
        id::OrganizationId,
    },
    request::Request,
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
    /// It is being put to sleep, or is asleep.
    pub(crate) closing: Arc<AtomicBool>,
    pub(crate) used_ms: Arc<AtomicI64>,
    /// Of tasks, where this is the actor's own handle.
    pub(crate) origins: Arc<Origins>,
}

impl Organization {
    /// Durable state no older than unit `seq`. The usual case is one atomic load: a mailbox message is
    /// needed only when this node's memory is behind.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read.
    pub async fn snapshot(&self, seq: u64) -> Result<Arc<Snapshot>, OrganizationError> {
        match self.at_hand(seq) {
            Some(snapshot) => Ok(snapshot),
            None => self.call(|reply| Message::Read { seq, reply }).await,
        }
    }

    /// The same, when memory is not behind.
    pub(crate) fn at_hand(&self, seq: u64) -> Option<Arc<Snapshot>> {
        let published = self.published.load();
        (published.head().seq >= seq).then(|| published.clone())
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
        let permit = self.enter(&command).map_err(|refused| match refused {
            Refused::Busy => OrganizationError::Busy,
            Refused::Closed => OrganizationError::Unavailable,
        })?;
        self.execute_within(permit, command, caller, stamp).await
    }

    /// A place for a command.
    ///
    /// # Errors
    /// `Closed` when it is being put to sleep: look it up again.
    pub fn enter(&self, command: &Command) -> Result<OwnedSemaphorePermit, Refused> {
        let permit =
            self.permits.clone().try_acquire_owned().or_else(|refused| match command.ends_access() {
                true => self.reserved.clone().try_acquire_owned(),
                false => Err(refused),
            });
        permit.map_err(|_| match self.closing.load(Ordering::SeqCst) {
            true => Refused::Closed,
            false => Refused::Busy,
        })
    }

    /// Gives a command in a place that was entered, and waits until what it led to is durable.
    ///
    /// # Errors
    /// [`OrganizationError`].
    pub async fn execute_within(
        &self,
        permit: OwnedSemaphorePermit,
        command: Command,
        caller: Caller,
        stamp: Stamp,
    ) -> Result<Answered, OrganizationError> {
        let (sent, request) = (Instant::now(), Request::current());
        let asked = |reply| Asked { command, caller, stamp, permit, sent, request, reply };
        self.call(|reply| Message::Execute(Box::new(asked(reply)))).await
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

    /// Places in use by commands, and those in use of the ones that are kept for commands that end access.
    pub(crate) fn permits_in_use(&self) -> (usize, usize) {
        let used = |permits: &Semaphore, count: usize| count.saturating_sub(permits.available_permits());
        (used(&self.permits, self.permit_count), used(&self.reserved, self.reserved_count))
    }

    /// Notes that it was needed at `now_ms`.
    pub(crate) fn touch(&self, now_ms: i64) {
        self.used_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Closes it unless a command is waiting or in flight, or a tool is still to be told: then nothing can be put in
    /// its mailbox any more but reads, which are asked again. Returns whether it is closed.
    pub(crate) fn close_if_idle(&self) -> bool {
        if self.published.load().tasks().any(|task| task.state.is_open()) {
            return false;
        }
        // Whoever finds no place meanwhile is told to look again, not that there are too many.
        self.closing.store(true, Ordering::SeqCst);
        let all = |permits: &Arc<Semaphore>, count: usize| {
            permits.clone().try_acquire_many_owned(u32::try_from(count).unwrap_or(u32::MAX))
        };
        let taken = all(&self.permits, self.permit_count)
            .and_then(|all_of_them| Ok((all_of_them, all(&self.reserved, self.reserved_count)?)));
        match taken {
            Ok(_held) => self.close(),
            Err(_) => self.closing.store(false, Ordering::SeqCst),
        }
        self.closing.load(Ordering::SeqCst)
    }

    /// Takes no more commands.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.permits.close();
        self.reserved.close();
    }
}

/// Why there is no place for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many are waiting.
    Busy,
    /// It takes no more.
    Closed,
}
