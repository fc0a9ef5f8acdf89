//! Organization id → actor: spawned when first needed, restarted with back-off, passivated by memory, drained.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use dashmap::{DashMap, mapref::one::Ref};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Mutex, Semaphore};
use tracing::Instrument as _;

use crate::{
    clock::Clock,
    connection::Ports,
    domain::id::OrganizationId,
    meter::Meter,
    organization::{
        Organization,
        actor::{OrganizationActor, Start},
        message::OrganizationError,
        state::Snapshot,
    },
    ports::Store,
    request::carried,
};

/// How many organizations are kept, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryLimits {
    /// Commands that may wait for one organization.
    pub permits: usize,
    /// Commands that end access and may wait besides.
    pub reserved_permits: usize,
    /// Memory for organizations in bytes, by estimate; the least recently used go when it is exceeded.
    pub memory_bytes: usize,
    /// Milliseconds between two looks at the memory.
    pub sweep_ms: u64,
}

const FIRST_BACK_OFF_MS: i64 = 50;
const LAST_BACK_OFF_MS: i64 = 5_000;
/// An actor that has lived this long is thought to be well.
const WELL_MS: i64 = 10_000;
/// Organizations that may be loading at the same time, at most.
const TURNS: usize = 64;

struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limits: DirectoryLimits,
    ports: Option<Arc<Ports>>,
    organizations: DashMap<OrganizationId, Arc<Organization>>,
    /// One load at a time for each organization: it takes the turn of its id.
    turns: [Mutex<()>; TURNS],
    /// Failures: how long to wait, since when.
    failures: DashMap<OrganizationId, Failure>,
    meter: Arc<Meter>,
}

#[derive(Clone, Copy)]
struct Failure {
    at_ms: i64,
    wait_ms: i64,
}

/// The root of all organizations.
pub struct Directory {
    shared: Arc<Shared>,
    root: ActorRef<Sweep>,
}

/// A look at the memory is due.
struct Sweep;

struct Root;

impl Directory {
    /// Starts with no organization in memory. Without `ports` tools' parts of offboardings are left to other nodes.
    ///
    /// # Errors
    /// When the supervisor cannot be spawned.
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        limits: DirectoryLimits,
        ports: Option<Arc<Ports>>,
    ) -> Result<Self, ractor::SpawnErr> {
        let shared = Arc::new(Shared {
            store,
            clock,
            limits,
            ports,
            organizations: DashMap::new(),
            turns: std::array::from_fn(|_| Mutex::new(())),
            failures: DashMap::new(),
            meter: Arc::default(),
        });
        let (root, _) = Actor::spawn(None, Root, shared.clone()).await?;
        root.send_interval(Duration::from_millis(limits.sweep_ms), || Sweep);
        Ok(Self { shared, root })
    }

    /// The organization, loaded when it is not in memory.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Unavailable` when it cannot be loaded now.
    pub async fn organization(&self, id: OrganizationId) -> Result<Arc<Organization>, OrganizationError> {
        if let Some(found) = self.found(id) {
            return Ok(found.clone());
        }
        // In a task of its own: a caller who leaves must not leave half an actor behind.
        let (shared, root) = (self.shared.clone(), self.root.clone());
        tokio::spawn(carried(async move { shared.load(id, &root).await }.in_current_span()))
            .await
            .unwrap_or(Err(OrganizationError::Unavailable))
    }

    /// An organization's state no older than unit `seq`, when it is in memory.
    pub fn at_hand(&self, id: OrganizationId, seq: u64) -> Option<Arc<Snapshot>> {
        self.found(id)?.at_hand(seq)
    }

    fn found(&self, id: OrganizationId) -> Option<Ref<'_, OrganizationId, Arc<Organization>>> {
        let found = self.shared.organizations.get(&id)?;
        found.touch(self.shared.clock.now_ms());
        Some(found)
    }

    /// How many organizations are in memory.
    pub fn len(&self) -> usize {
        self.shared.organizations.len()
    }

    /// Whether none is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What its actors have counted.
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// Places in use by commands of all organizations in memory, and those in use of the ones that are kept for
    /// commands that end access.
    pub fn permits_in_use(&self) -> (usize, usize) {
        let used = self.shared.organizations.iter().map(|entry| entry.permits_in_use());
        used.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Takes an organization out of memory unless commands are waiting. Returns whether it is out.
    pub fn passivate(&self, id: OrganizationId) -> bool {
        self.shared.passivate(id)
    }

    /// Ends every actor, after what is in its mailbox. Call it when no request is left.
    pub async fn drain(&self) {
        let all: Vec<_> = self.shared.organizations.iter().map(|entry| entry.value().clone()).collect();
        self.shared.organizations.clear();
        for organization in all {
            organization.close();
            let _ = organization.actor.drain_and_wait(Some(Duration::from_secs(5))).await;
        }
        let _ = self.root.drain_and_wait(Some(Duration::from_secs(5))).await;
    }
}

impl Shared {
    async fn load(
        &self,
        id: OrganizationId,
        root: &ActorRef<Sweep>,
    ) -> Result<Arc<Organization>, OrganizationError> {
        let _turn = self.turns[(id.0.as_u128() % TURNS as u128) as usize].lock().await;
        if let Some(found) = self.organizations.get(&id) {
            return Ok(found.value().clone());
        }
        let now_ms = self.clock.now_ms();
        if self.failures.get(&id).is_some_and(|failure| now_ms < failure.at_ms + failure.wait_ms) {
            return Err(OrganizationError::Unavailable);
        }
        let loaded = self.store.load(id).await.map_err(|_| OrganizationError::Unavailable)?;
        let loaded = loaded
            .ok_or_else(|| OrganizationError::NotFound { resource: "Organization", id: id.to_string() })?;
        let snapshot = Arc::new(Snapshot::from_loaded(loaded));
        let published = Arc::new(ArcSwap::new(snapshot.clone()));
        let count = |count: usize| (Arc::new(Semaphore::new(count)), count);
        let (permits, reserved) = (count(self.limits.permits), count(self.limits.reserved_permits));
        let closing = Arc::new(AtomicBool::new(false));
        let start = Start {
            closing: closing.clone(),
            snapshot,
            published: published.clone(),
            store: self.store.clone(),
            ports: self.ports.clone(),
            meter: self.meter.clone(),
            permits: permits.clone(),
            reserved: reserved.clone(),
        };
        let spawned = Actor::spawn_linked(None, OrganizationActor, start, root.get_cell()).await;
        let (actor, _) = spawned.map_err(|_| OrganizationError::Unavailable)?;
        let organization = Arc::new(Organization {
            id,
            actor,
            published,
            permits: permits.0,
            permit_count: permits.1,
            reserved: reserved.0,
            reserved_count: reserved.1,
            closing,
            used_ms: Arc::new(AtomicI64::new(now_ms)),
            origins: Arc::default(),
        });
        self.organizations.insert(id, organization.clone());
        Ok(organization)
    }

    fn passivate(&self, id: OrganizationId) -> bool {
        let gone = self.organizations.remove_if(&id, |_, organization| organization.close_if_idle());
        if let Some((_, organization)) = &gone {
            let _ = organization.actor.drain();
        }
        gone.is_some() || !self.organizations.contains_key(&id)
    }

    fn sweep(&self) {
        let mut kept: Vec<_> = self.organizations.iter().map(|entry| entry.value().clone()).collect();
        let mut bytes: usize =
            kept.iter().map(|organization| organization.published.load().weight_bytes()).sum();
        if bytes <= self.limits.memory_bytes {
            return;
        }
        kept.sort_by_key(|organization| organization.used_ms.load(std::sync::atomic::Ordering::Relaxed));
        for organization in kept {
            if bytes <= self.limits.memory_bytes {
                break;
            }
            let weight = organization.published.load().weight_bytes();
            if self.passivate(organization.id) {
                bytes = bytes.saturating_sub(weight);
            }
        }
    }

    /// An actor has ended. Whoever asks next gets a fresh one, a failed one's after a while.
    fn ended(&self, actor: ractor::ActorId, failed: bool) {
        let id =
            self.organizations.iter().find(|entry| entry.actor.get_id() == actor).map(|entry| *entry.key());
        let Some(id) = id else { return };
        self.organizations.remove_if(&id, |_, organization| organization.actor.get_id() == actor);
        if failed {
            let now_ms = self.clock.now_ms();
            let wait_ms = match self.failures.get(&id) {
                Some(last) if now_ms - last.at_ms < WELL_MS => (last.wait_ms * 2).min(LAST_BACK_OFF_MS),
                _ => FIRST_BACK_OFF_MS,
            };
            self.failures.insert(id, Failure { at_ms: now_ms, wait_ms });
        }
    }
}

impl Actor for Root {
    type Msg = Sweep;
    type State = Arc<Shared>;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        _: ActorRef<Sweep>,
        shared: Arc<Shared>,
    ) -> Result<Arc<Shared>, ActorProcessingErr> {
        Ok(shared)
    }

    async fn handle(
        &self,
        _: ActorRef<Sweep>,
        _: Sweep,
        shared: &mut Arc<Shared>,
    ) -> Result<(), ActorProcessingErr> {
        shared.sweep();
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Sweep>,
        event: SupervisionEvent,
        shared: &mut Arc<Shared>,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(actor, _) => {
                // The text of a panic may hold what must not be logged.
                tracing::error!(actor = %actor.get_id(), "an organization's actor failed and will be started afresh");
                shared.ended(actor.get_id(), true);
            }
            SupervisionEvent::ActorTerminated(actor, ..) => shared.ended(actor.get_id(), false),
            _ => {}
        }
        Ok(())
    }
}
