//! The log of SCIM requests: what came in, how it was answered, and why it was refused.
//!
//! 1. It never delays a request: when too much waits, what comes is dropped, and it says how much.
//! 2. What changes or tries to change something is a row of its own; so is a refusal with a token that is known.
//!    Reads, and refusals without a known token, are counted by minute: a flood costs a row, not a table.
//! 3. It is written in batches, so it wakes the database at most once an interval, and not at all without requests.
//! 4. A use of a token is noted in the same batch, the last one only.
//! 5. What is older than the retention is forgotten, a little at a time.
//! 6. What a client makes up is cut to a length, and holds nothing that the database refuses: one row that PostgreSQL
//!    does not take, for a NUL, would take the others of its batch along.
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ceven_actors::{
    clock::Clock,
    domain::id::{OrganizationId, TokenId},
};
use http::HeaderValue;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::store::SqlStore;

mod batch;

use batch::{Batch, Key, Noted};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const PURGE_EVERY: Duration = Duration::from_secs(600);
const PURGED_AT_ONCE: u64 = 2_000;

/// How the log is kept.
#[derive(Debug, Clone, Copy)]
pub struct LogLimits {
    /// Rows that may wait to be written.
    pub queue: usize,
    /// Between two batches.
    pub flush: Duration,
    /// How long requests are kept.
    pub retention_days: u32,
}

/// A request that has been answered.
#[derive(Debug)]
pub struct Answered<'a> {
    /// Whose it is and, over SCIM, which token it came with; nothing for strangers.
    pub right: Option<(OrganizationId, Option<TokenId>)>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Address of the client.
    pub ip: IpAddr,
    /// HTTP method.
    pub method: &'a http::Method,
    /// Path after the base of SCIM, or all of it for what Okta sends elsewhere.
    pub path: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Why it was refused, or what was ignored.
    pub detail: Option<String>,
    /// As in the audit log.
    pub request_id: &'a str,
    /// How long it took.
    pub duration: Duration,
    /// What the client calls itself.
    pub user_agent: Option<&'a HeaderValue>,
}

/// Takes note of requests.
pub struct RequestLog {
    waiting: Arc<Waiting>,
    all_dropped: AtomicU64,
    writer: JoinHandle<()>,
}

/// What has been noted and is not written.
struct Waiting {
    batch: Mutex<Batch>,
    dropped: AtomicU64,
    limits: LogLimits,
    begun: Notify,
    ending: CancellationToken,
}

impl RequestLog {
    /// Starts writing to a store.
    pub fn spawn(store: Arc<SqlStore>, clock: Arc<dyn Clock>, limits: LogLimits) -> Self {
        let waiting = Arc::new(Waiting {
            batch: Mutex::default(),
            dropped: AtomicU64::new(0),
            limits,
            begun: Notify::new(),
            ending: CancellationToken::new(),
        });
        let writer = tokio::spawn(write(store, clock, waiting.clone()));
        Self { waiting, all_dropped: AtomicU64::new(0), writer }
    }

    /// Notes a request, unless too many wait (1).
    pub fn note(&self, mut answered: Answered<'_>) {
        let key = Key::new(&mut answered);
        let noted = self.waiting.batch().add(key, answered, self.waiting.limits.queue);
        match noted {
            Noted::First => self.waiting.begun.notify_one(),
            Noted::Another => {}
            Noted::Dropped => {
                self.waiting.dropped.fetch_add(1, Ordering::Relaxed);
                self.all_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Requests that were not logged since the process began (1).
    pub fn dropped(&self) -> u64 {
        self.all_dropped.load(Ordering::Relaxed)
    }

    /// Writes what waits, and ends.
    pub async fn drain(self) {
        self.waiting.ending.cancel();
        let _ = self.writer.await;
    }
}

impl Waiting {
    fn batch(&self) -> std::sync::MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, store: &SqlStore) {
        let batch = std::mem::take(&mut *self.batch());
        batch.write(store).await;
        let lost = self.dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "SCIM requests were not logged: too many waited");
        }
    }
}

async fn write(store: Arc<SqlStore>, clock: Arc<dyn Clock>, waiting: Arc<Waiting>) {
    let limits = waiting.limits;
    let mut purge = tokio::time::interval(PURGE_EVERY);
    loop {
        tokio::select! {
            () = waiting.ending.cancelled() => break,
            () = waiting.begun.notified() => {
                // (3) Others come in meanwhile.
                let _ = tokio::time::timeout(limits.flush, waiting.ending.cancelled()).await;
                waiting.write(&store).await;
            }
            _ = purge.tick() => {
                let before_ms = clock.now_ms() - i64::from(limits.retention_days) * DAY_MS;
                while store.purge_scim_requests(before_ms, PURGED_AT_ONCE).await.is_ok_and(|count| count > 0) {
                    tokio::time::sleep(limits.flush).await; // (5)
                }
            }
        }
    }
    waiting.write(&store).await;
}
