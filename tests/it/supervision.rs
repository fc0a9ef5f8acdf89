//! The directory over a real SQLite store: a panicking actor, and organizations that sleep.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ceven::store::{SqlStore, StoreLimits};
use ceven_actors::{
    clock::{Clock as _, SystemClock},
    directory::{Directory, DirectoryLimits},
    domain::{
        audit::Mode,
        caller::{Actor, Authority, Caller, Stamp},
        id::OrganizationId,
    },
    organization::message::{Command, OrganizationError},
    ports::{BoxFuture, Heads, Loaded, OnOutcome, Profile, Store, StoreError, Unit},
    protocol::secret::Digest,
};
use serde_json::json;

/// A store that panics on demand, inside the actor.
struct Brittle {
    store: SqlStore,
    panics: AtomicBool,
}

impl Store for Brittle {
    fn load(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        self.store.load(organization)
    }

    fn changes_since(
        &self,
        organization: OrganizationId,
        seq: u64,
    ) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        self.store.changes_since(organization, seq)
    }

    fn append(&self, unit: Unit, on_outcome: OnOutcome) {
        assert!(!self.panics.swap(false, Ordering::Relaxed), "asked to panic");
        self.store.append(unit, on_outcome);
    }

    fn heads<'a>(
        &'a self,
        organizations: &'a [OrganizationId],
        digests: &'a [Digest],
    ) -> BoxFuture<'a, Result<Heads, StoreError>> {
        self.store.heads(organizations, digests)
    }
}

struct Node {
    store: Arc<Brittle>,
    directory: Directory,
    _folder: tempfile::TempDir,
}

fn caller() -> Caller {
    Caller {
        actor: Actor { kind: "operator", id: "test".into(), label: "test".into() },
        authority: Authority::Operator,
        ip: None,
        request_id: "test".into(),
    }
}

fn stamp() -> Stamp {
    Stamp { at_ms: SystemClock.now_ms(), new_id: SystemClock.new_id(), entry_id: SystemClock.new_id() }
}

async fn node(memory_bytes: usize) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("ceven.db").display());
    let limits =
        StoreLimits { batch_units: 64, readers: 2, writers: 1, timeout: std::time::Duration::from_secs(5) };
    let store = SqlStore::connect(&url, &limits).await.unwrap();
    store.migrate().await.unwrap();
    let store = Arc::new(Brittle { store, panics: AtomicBool::new(false) });
    let limits = DirectoryLimits { permits: 10, reserved_permits: 5, memory_bytes, sweep_ms: 20 };
    let directory = Directory::start(store.clone(), Arc::new(SystemClock), limits, None).await.unwrap();
    Node { store, directory, _folder: folder }
}

impl Node {
    async fn organization(&self, slug: &str) -> OrganizationId {
        let id = OrganizationId(SystemClock.new_id());
        let profile = Profile { id, slug: slug.into(), name: slug.into(), domains: vec![], mode: Mode::Live };
        self.store.store.create_organization(&profile, &caller(), stamp()).await.unwrap();
        id
    }

    async fn create(&self, id: OrganizationId, name: &str) -> Result<usize, OrganizationError> {
        let attributes = json!({ "userName": name }).as_object().unwrap().clone();
        let organization = self.directory.organization(id).await?;
        let answered = organization.execute(Command::CreateUser { attributes }, caller(), stamp()).await?;
        Ok(answered.snapshot.user_count())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_actor_is_restarted_and_nobody_else_notices() {
    let node = node(usize::MAX).await;
    let (acme, globex) = (node.organization("acme").await, node.organization("globex").await);
    assert_eq!(node.create(acme, "ann").await, Ok(1));
    assert_eq!(node.create(globex, "gus").await, Ok(1));
    let before = node.directory.organization(globex).await.unwrap();
    node.store.panics.store(true, Ordering::Relaxed);
    assert_eq!(node.create(acme, "bob").await, Err(OrganizationError::Unavailable));
    assert_eq!(node.create(globex, "gil").await, Ok(2));
    assert!(
        Arc::ptr_eq(&before, &node.directory.organization(globex).await.unwrap()),
        "the other actor lives on"
    );
    // Back-off, then a fresh actor with the durable state.
    let mut result = Err(OrganizationError::Unavailable);
    for _ in 0..100 {
        result = node.create(acme, "carl").await;
        if result.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(result, Ok(2));
    assert_eq!(
        node.create(acme, "ANN").await,
        Err(OrganizationError::Conflict("Another user has the userName ANN.".into()))
    );
    node.directory.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sleeping_organizations_take_no_memory_and_wake_as_they_were() {
    // No budget at all: every sweep puts all that are idle to sleep.
    let node = node(1).await;
    let acme = node.organization("acme").await;
    for index in 0..5 {
        loop {
            // A command that meets a closing actor is told to come again, and nothing of it is written.
            match node.create(acme, &format!("u{index}")).await {
                Ok(count) => break assert_eq!(count, index + 1),
                Err(error) => assert_eq!(error, OrganizationError::Unavailable),
            }
        }
        for _ in 0..200 {
            if node.directory.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(node.directory.is_empty());
    }
    let snapshot = node.directory.organization(acme).await.unwrap().snapshot(0).await.unwrap();
    assert_eq!((snapshot.user_count(), snapshot.head().seq), (5, 6));
    node.directory.drain().await;
}
