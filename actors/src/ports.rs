//! What the actors need from outside, as traits: the store. `src/` implements them.
use std::{future::Future, pin::Pin, time::Duration};

use uuid::Uuid;

use crate::{
    connector::{
        ConfigError, Tool,
        wire::{Answer, Request},
    },
    domain::{
        audit::{Entry, Head, Mode},
        change::Change,
        connector::Connector,
        id::{ConnectorId, OrganizationId},
        token::Digest,
    },
};

/// A future that can be kept behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of a write, or why a read failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Someone else wrote first: another node, or the command line. Nothing was written.
    #[error("the organization has moved on")]
    Conflict,
    /// Surely not written, or not read.
    #[error("the store did not do it")]
    Aborted,
    /// The commit was sent and no answer came: it may or may not have been written.
    #[error("the store's answer is not known")]
    Unknown,
}

/// What an organization is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: OrganizationId,
    /// Short name for addresses and the command line: `[a-z0-9-]`, unique.
    pub slug: Box<str>,
    /// Name for people.
    pub name: Box<str>,
    /// Mail domains of its people.
    pub domains: Vec<String>,
    /// Whether its people are real.
    pub mode: Mode,
}

/// State of an organization, or what changed in it, read in one repeatable-read transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What it is called.
    pub profile: Profile,
    /// Where its log stands after `changes`.
    pub head: Head,
    /// Rows in any order; applying each of them leads to the state at `head`.
    pub changes: Vec<Change>,
}

/// One command's whole effect: written all or not at all.
#[derive(Debug)]
pub struct Unit {
    /// Whose.
    pub organization: OrganizationId,
    /// Which run of staged units it belongs to: when one of a run is not written, the later ones must not
    /// be either, even if the store would take them, because their callers were told so.
    pub run: u64,
    /// The head that it was decided on. It is written only if the store's head is this one, hash
    /// included: a unit staged on top of one that failed can never pass, even when another unit has
    /// taken the failed one's number since.
    pub expected: Head,
    /// The head after it: `seq` is one more.
    pub after: Head,
    /// Rows to write, in order.
    pub changes: Vec<Change>,
    /// Entries to write.
    pub entries: Vec<Entry>,
}

/// Called once with what became of a unit. Units of one organization are told in the order they were
/// appended.
pub type OnOutcome = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What the store says about organizations and token digests at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// `seq` of each organization asked for that exists.
    pub seqs: Vec<(OrganizationId, u64)>,
    /// Organization of each digest asked for that exists.
    pub digests: Vec<(Digest, OrganizationId)>,
}

/// A value that no two states of a store share.
pub type Fingerprint = [u8; 48];

/// Requests to tools and issuers, with time-outs, limits and a guard against addresses that must not be reached.
pub trait Outbound: Send + Sync + 'static {
    /// Sends one request, once. `service` is the kind of tool it goes to, or `issuer`: it is counted under that name.
    fn send<'a>(&'a self, service: &'a str, request: &'a Request) -> BoxFuture<'a, Answer>;
}

/// Tools of records.
pub trait Tools: Send + Sync + 'static {
    /// The tool that a record describes, with its secrets opened.
    ///
    /// # Errors
    /// [`ConfigError`] when a secret cannot be opened, a setting is of no use, or an address is not the vendor's.
    fn tool(&self, organization: OrganizationId, connector: &Connector)
    -> Result<Box<dyn Tool>, ConfigError>;
}

/// Which node works at which tool.
pub trait Leases: Send + Sync + 'static {
    /// Takes or renews a lease: `seq` of the organization as it is now that the lease is this node's; nothing while
    /// another node holds it.
    fn claim(
        &self,
        organization: OrganizationId,
        connector: ConnectorId,
        node: Uuid,
        lasting: Duration,
    ) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Gives a lease back, if this node holds it.
    fn release(&self, connector: ConnectorId, node: Uuid) -> BoxFuture<'_, ()>;
}

/// The durable side of every organization.
pub trait Store: Send + Sync + 'static {
    /// Everything of one organization; `None` when there is none.
    fn load(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>>;

    /// What changed after unit `seq`, tombstones included.
    fn changes_since(
        &self,
        organization: OrganizationId,
        seq: u64,
    ) -> BoxFuture<'_, Result<Loaded, StoreError>>;

    /// A value that any commit by anyone changes before it is acknowledged, read without waiting; nothing
    /// when the store has no such value. While it stays the same, an answer of [`Store::heads`] stays true.
    fn fingerprint(&self) -> Option<Fingerprint> {
        None
    }

    /// Queues a unit and returns at once.
    fn append(&self, unit: Unit, on_outcome: OnOutcome);

    /// Asks for heads and digests: the judge of freshness.
    fn heads<'a>(
        &'a self,
        organizations: &'a [OrganizationId],
        digests: &'a [Digest],
    ) -> BoxFuture<'a, Result<Heads, StoreError>>;
}
