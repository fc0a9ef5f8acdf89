//! What an organization's actor is sent.
use std::{sync::Arc, time::Instant};

use ractor::RpcReplyPort;
use tokio::sync::OwnedSemaphorePermit;

use super::{Answered, Command, OrganizationError};
use crate::{
    domain::caller::{Caller, Stamp},
    organization::state::Snapshot,
    ports::{Loaded, StoreError},
    request::Request,
};

/// Where an answer goes.
pub type Reply<T> = RpcReplyPort<Result<T, OrganizationError>>;

/// A command in the mailbox.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub command: Command,
    /// Who.
    pub caller: Caller,
    /// When, with the ids it may use.
    pub stamp: Stamp,
    /// Its place in the organization's queue, given back when it is answered.
    pub permit: OwnedSemaphorePermit,
    /// When it was put into the mailbox.
    pub sent: Instant,
    /// For which request, for the log.
    pub request: Option<Request>,
    /// To whom.
    pub reply: Reply<Answered>,
}

/// What arrives in the mailbox.
#[derive(Debug)]
pub enum Message {
    /// A command.
    Execute(Box<Asked>),
    /// State no older than unit `seq`.
    Read {
        /// At least this unit.
        seq: u64,
        /// To whom.
        reply: Reply<Arc<Snapshot>>,
    },
    /// What became of a unit.
    Written {
        /// Run of staged units it belongs to.
        run: u64,
        /// Its number.
        seq: u64,
        /// What became of it.
        outcome: Result<(), StoreError>,
    },
    /// Tools may have something to do.
    Tend,
    /// What the store has that this memory has not.
    CaughtUp {
        /// Run that asked.
        run: u64,
        /// What changed.
        loaded: Result<Loaded, StoreError>,
    },
}
