//! A store in memory that two nodes share and that fails in every way it can, by seed.
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use ceven::store::journal::{Journal, Ledger};
use ceven_actors::{
    clock::Clock,
    domain::{
        audit::{Head, Mode},
        change::Change,
        id::OrganizationId,
    },
    organization::state::Snapshot,
    ports::{BoxFuture, Fingerprint, Heads, Loaded, OnOutcome, Profile, Store, StoreError, Unit},
    protocol::secret::Digest,
};
use serde_json::Value;
use uuid::Uuid;

pub(super) const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(7));

/// SplitMix64: the same seed, the same run.
pub(super) struct Dice(pub(super) AtomicU64);

impl Dice {
    pub(super) fn roll(&self, sides: u64) -> u64 {
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    pub(super) async fn dawdle(&self) {
        for _ in 0..self.roll(4) {
            tokio::task::yield_now().await;
        }
    }
}

impl Clock for Dice {
    fn now_ms(&self) -> i64 {
        static NOW: AtomicI64 = AtomicI64::new(1);
        // Time runs, so that nothing waits for a back-off.
        NOW.fetch_add(1_000, Ordering::Relaxed)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.roll(256) as u8);
    }
}

/// What is durable: every unit, in order.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) units: Vec<(Head, Vec<Change>)>,
    pub(super) lines: Vec<String>,
    /// Requests whose commit had no answer.
    pub(super) lost: HashSet<String>,
}

impl Truth {
    pub(super) fn head(&self) -> Head {
        self.units.last().map_or(Head::default(), |(head, _)| *head)
    }

    pub(super) fn since(&self, seq: u64) -> Loaded {
        let changes = self.units.iter().skip(seq as usize).flat_map(|(_, changes)| changes.clone()).collect();
        Loaded { profile: profile(), head: self.head(), changes }
    }

    /// The state after each unit, from before the first.
    pub(super) fn states(&self) -> Vec<Snapshot> {
        let mut states = vec![Snapshot::new(profile())];
        for (head, changes) in &self.units {
            let mut next = states[states.len() - 1].clone();
            next.catch_up(changes, *head);
            states.push(next);
        }
        states
    }
}

pub(super) fn profile() -> Profile {
    Profile { id: ORGANIZATION, slug: "acme".into(), name: "Acme".into(), domains: vec![], mode: Mode::Live }
}

pub(super) fn request_ids(unit: &Unit) -> impl Iterator<Item = String> {
    unit.entries.iter().map(|entry| {
        serde_json::from_str::<Value>(&entry.line).unwrap()["request_id"].as_str().unwrap().to_owned()
    })
}

pub(super) struct FaultyLedger {
    pub(super) truth: Arc<Mutex<Truth>>,
    pub(super) dice: Arc<Dice>,
}

impl Ledger for FaultyLedger {
    async fn commit(&mut self, batch: &[Unit]) -> Vec<Result<(), StoreError>> {
        self.dice.dawdle().await;
        let outcomes = self.write(batch);
        self.dice.dawdle().await;
        outcomes
    }
}

impl FaultyLedger {
    fn write(&self, batch: &[Unit]) -> Vec<Result<(), StoreError>> {
        let fate = self.dice.roll(12);
        let mut truth = self.truth.lock().unwrap();
        if fate <= 1 {
            truth.lost.extend(batch.iter().flat_map(request_ids));
        }
        match fate {
            0 => return vec![Err(StoreError::Unknown); batch.len()],
            2 => return vec![Err(StoreError::Aborted); batch.len()],
            _ => {}
        }
        let mut write = |unit: &Unit| {
            if truth.head() != unit.expected {
                return Err(StoreError::Conflict);
            }
            truth.units.push((unit.after, unit.changes.clone()));
            truth.lines.extend(unit.entries.iter().map(|entry| entry.line.to_string()));
            Ok(())
        };
        let outcomes: Vec<_> = batch.iter().map(&mut write).collect();
        if fate == 1 { vec![Err(StoreError::Unknown); batch.len()] } else { outcomes }
    }
}

/// One node's way to the truth.
pub(super) struct MemoryStore {
    pub(super) truth: Arc<Mutex<Truth>>,
    pub(super) dice: Arc<Dice>,
    pub(super) journal: Journal,
}

impl Store for MemoryStore {
    fn load(&self, _: OrganizationId) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        Box::pin(async { self.changes_since(ORGANIZATION, 0).await.map(Some) })
    }

    fn changes_since(&self, _: OrganizationId, seq: u64) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async move {
            self.dice.dawdle().await;
            let loaded = self.truth.lock().unwrap().since(seq);
            self.dice.dawdle().await;
            if self.dice.roll(10) == 0 { Err(StoreError::Aborted) } else { Ok(loaded) }
        })
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        if self.dice.roll(4) == 0 {
            return None;
        }
        let mut fingerprint = [0; 48];
        fingerprint[..8].copy_from_slice(&self.truth.lock().unwrap().head().seq.to_le_bytes());
        Some(fingerprint)
    }

    fn append(&self, unit: Unit, on_outcome: OnOutcome) {
        self.journal.append(unit, on_outcome);
    }

    fn heads<'a>(
        &'a self,
        organizations: &'a [OrganizationId],
        _: &'a [Digest],
    ) -> BoxFuture<'a, Result<Heads, StoreError>> {
        Box::pin(async move {
            self.dice.dawdle().await;
            let seq = self.truth.lock().unwrap().head().seq;
            Ok(Heads { seqs: organizations.iter().map(|id| (*id, seq)).collect(), digests: vec![] })
        })
    }
}
