//! Group commit: what waits, from all organizations, is written in one transaction.
//!
//! A commit costs a disk flush however much is in it, so under load each one carries what came in while the
//! last one was being flushed. The queue itself needs no bound: every unit in it holds a permit of its
//! organization.
//!
//! 1. Units are told their fate in the order they were appended.
//! 2. Every unit is told, also when the ledger panics or the journal ends: then its fate is `Unknown`.
use std::{future::Future, panic::AssertUnwindSafe};

use ceven_actors::ports::{OnOutcome, StoreError, Unit};
use futures_util::FutureExt as _;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

/// Where a batch of units is written.
pub trait Ledger: Send + 'static {
    /// Writes what can be written; one outcome for each unit, in order.
    fn commit(&mut self, batch: &[Unit]) -> impl Future<Output = Vec<Result<(), StoreError>>> + Send;
}

/// A queue of units and the task that writes them.
pub struct Journal {
    queue: mpsc::UnboundedSender<Queued>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Queued {
    unit: Unit,
    told: Told,
}

/// Tells a unit's fate once; when it is dropped untold, the fate is not known (2).
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

impl Journal {
    /// Starts writing to a ledger, at most `batch_units` units at a time.
    pub fn spawn(mut ledger: impl Ledger, batch_units: usize) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<Queued>();
        let writer = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(batch_units);
            while waiting.recv_many(&mut batch, batch_units).await > 0 {
                let (units, tolds): (Vec<_>, Vec<_>) =
                    batch.drain(..).map(|queued| (queued.unit, queued.told)).unzip();
                let outcomes =
                    AssertUnwindSafe(ledger.commit(&units)).catch_unwind().await.unwrap_or_default();
                let mut outcomes = outcomes.into_iter();
                for told in tolds {
                    told.tell(outcomes.next().unwrap_or(Err(StoreError::Unknown))); // (1) (2)
                }
            }
        });
        Self { queue, writer: Mutex::new(Some(writer)) }
    }

    /// Queues a unit.
    pub fn append(&self, unit: Unit, on_outcome: OnOutcome) {
        // A journal that has ended drops the message, and with it tells `Unknown` (2).
        let _ = self.queue.send(Queued { unit, told: Told(Some(on_outcome)) });
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
