//! Group commit: what waits, from all organizations, is written in one transaction.
//!
//! A commit costs a disk flush however much is in it, so under load each one carries what came in while the
//! last one was being flushed. The queue itself needs no bound: every unit in it holds a permit of its
//! organization.
//!
//! 1. Units are told their fate in the order they were appended.
//! 2. When a unit is not written, the later ones of its run are dropped, told `Aborted`.
//! 3. Every unit is told, also when the ledger panics or the journal ends: then its fate is `Unknown`.
use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use ceven_actors::{
    connector::KINDS,
    domain::{
        change::Change,
        id::OrganizationId,
        offboarding::{Status, TaskState},
    },
    meter::{Histogram, SIZES, Table, WORK_US},
    ports::{OnOutcome, StoreError, Unit},
};
use futures_util::FutureExt as _;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
};
use tracing::{Instrument as _, Span};

/// Where a batch of units is written.
pub trait Ledger: Send + 'static {
    /// Writes what can be written; one outcome for each unit, in order.
    fn commit(&mut self, batch: &[Unit]) -> impl Future<Output = Vec<Result<(), StoreError>>> + Send;
}

/// What journals count.
#[derive(Debug)]
pub struct JournalMeter {
    /// Units written together.
    pub batch: Histogram,
    /// How long a transaction took, in microseconds.
    pub commit: Histogram,
    /// Tools' parts of offboardings that have ended, by kind of tool and by how.
    pub tasks: Table,
    /// From the moment somebody asked until the last tool was done, in microseconds.
    pub revoke: Histogram,
}

/// Ends of tools' parts, by name.
const ENDS: [TaskState; 4] =
    [TaskState::Done, TaskState::NeedsAttention, TaskState::DoneByHand, TaskState::Cancelled];

/// Bounds for times to revoke, in microseconds: from a tenth of a second to a day.
const REVOKE_US: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    86_400_000_000,
];

impl Default for JournalMeter {
    fn default() -> Self {
        Self {
            batch: Histogram::new(SIZES),
            commit: Histogram::new(WORK_US),
            tasks: Table::new(KINDS.iter().map(|kind| kind.id), &ENDS.map(TaskState::name)),
            revoke: Histogram::new(REVOKE_US),
        }
    }
}

impl JournalMeter {
    /// Counts what is durable now.
    fn note(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Task(task) if !task.state.is_open() => self.tasks.add(&task.kind, task.state.name()),
                Change::Offboarding(one) if one.status == Status::Done && one.tasks > 0 => {
                    let asked_ms = one.run_at_ms.map_or(one.asked_ms, |run_at| run_at.max(one.asked_ms));
                    let took_ms = one.finished_ms.map_or(0, |finished_ms| finished_ms - asked_ms);
                    self.revoke.observe_time(Duration::from_millis(took_ms.try_into().unwrap_or_default()));
                }
                _ => {}
            }
        }
    }
}

/// A queue of units and the task that writes them.
pub struct Journal {
    queue: mpsc::UnboundedSender<Queued>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Queued {
    unit: Unit,
    told: Told,
    /// Where it was asked for.
    span: Span,
}

/// Tells a unit's fate once; when it is dropped untold, the fate is not known (3).
struct Told(Option<OnOutcome>);

impl Told {
    fn tell(mut self, outcome: Result<(), StoreError>) {
        if let Some(on_outcome) = self.0.take() {
            on_outcome(outcome);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(on_outcome) = self.0.take() {
            on_outcome(Err(StoreError::Unknown));
        }
    }
}

/// (2) A unit, unless one before it in its run was not written.
fn still_stands(queued: Queued, failed: &mut HashMap<OrganizationId, u64>) -> Option<Queued> {
    match failed.get(&queued.unit.organization) {
        Some(run) if *run == queued.unit.run => {
            queued.told.tell(Err(StoreError::Aborted));
            None
        }
        Some(_) => {
            failed.remove(&queued.unit.organization);
            Some(queued)
        }
        None => Some(queued),
    }
}

impl Journal {
    /// Starts writing to a ledger, at most `batch_units` units at a time.
    pub fn spawn(mut ledger: impl Ledger, batch_units: usize, meter: Arc<JournalMeter>) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<Queued>();
        let writer = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(batch_units);
            let mut failed = HashMap::new();
            while waiting.recv_many(&mut batch, batch_units).await > 0 {
                let span = tracing::info_span!(parent: None, "commit");
                let queued = batch.drain(..).filter_map(|queued| still_stands(queued, &mut failed));
                let queued = queued.inspect(|queued| {
                    span.follows_from(&queued.span);
                });
                let (units, tolds): (Vec<_>, Vec<_>) =
                    queued.map(|queued| (queued.unit, queued.told)).unzip();
                let begun = Instant::now();
                let written = AssertUnwindSafe(ledger.commit(&units)).catch_unwind().instrument(span);
                let outcomes = written.await.unwrap_or_default();
                meter.commit.observe_time(begun.elapsed());
                meter.batch.observe(units.len() as u64);
                let mut outcomes = outcomes.into_iter();
                for (unit, told) in units.iter().zip(tolds) {
                    let outcome = outcomes.next().unwrap_or(Err(StoreError::Unknown));
                    match outcome {
                        Ok(()) => meter.note(&unit.changes),
                        Err(_) => drop(failed.insert(unit.organization, unit.run)),
                    }
                    told.tell(outcome); // (1) (3)
                }
            }
        });
        Self { queue, writer: Mutex::new(Some(writer)) }
    }

    /// Queues a unit.
    pub fn append(&self, unit: Unit, on_outcome: OnOutcome) {
        // A journal that has ended drops the message, and with it tells `Unknown` (3).
        let _ = self.queue.send(Queued { unit, told: Told(Some(on_outcome)), span: Span::current() });
    }

    /// Writes what is queued and ends. Nothing may be appended after it.
    pub async fn drain(self) {
        let Self { queue, writer } = self;
        drop(queue);
        if let Some(writer) = writer.lock().await.take() {
            let _ = writer.await;
        }
    }
}
