//! The log of SCIM requests: what came in, how it was answered, and why it was refused.
//!
//! 1. It never delays a request: a full queue drops what comes, and says how much.
//! 2. What changes or tries to change something is a row of its own; so is a refusal with a token that is known.
//!    Reads, and refusals without a known token, are counted by minute: a flood costs a row, not a table.
//! 3. It is written in batches, so it wakes the database at most once an interval.
//! 4. A use of a token is noted in the same batch, the last one only.
//! 5. What is older than the retention is forgotten, a little at a time.
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ceven_actors::{
    clock::Clock,
    domain::id::{OrganizationId, TokenId},
};
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, task::JoinHandle, time::MissedTickBehavior};
use uuid::Uuid;

use crate::store::{
    SqlStore,
    scim_log::{ScimRequest, TokenUse},
};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const PURGE_EVERY: Duration = Duration::from_secs(600);
const PURGED_AT_ONCE: u64 = 2_000;

/// How the log is kept.
#[derive(Debug, Clone, Copy)]
pub struct LogLimits {
    /// Requests that may wait to be written.
    pub queue: usize,
    /// Between two batches.
    pub flush: Duration,
    /// How long requests are kept.
    pub retention_days: u32,
}

/// A request that has been answered.
#[derive(Debug)]
pub struct Answered {
    /// Whose it is and, over SCIM, which token it came with; nothing for strangers.
    pub right: Option<(OrganizationId, Option<TokenId>)>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Address of the client.
    pub ip: IpAddr,
    /// HTTP method.
    pub method: http::Method,
    /// Path after the base of SCIM, or all of it for what Okta sends elsewhere.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// Why it was refused, or what was ignored.
    pub detail: Option<String>,
    /// As in the audit log.
    pub request_id: String,
    /// How long it took.
    pub duration: Duration,
    /// What the client calls itself.
    pub user_agent: String,
}

/// Takes note of requests.
pub struct RequestLog {
    queue: mpsc::Sender<Answered>,
    dropped: Arc<AtomicU64>,
    all_dropped: AtomicU64,
    writer: JoinHandle<()>,
}

impl RequestLog {
    /// Starts writing to a store.
    pub fn spawn(store: Arc<SqlStore>, clock: Arc<dyn Clock>, limits: LogLimits) -> Self {
        let (queue, waiting) = mpsc::channel(limits.queue.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = tokio::spawn(write(store, clock, limits, waiting, dropped.clone()));
        Self { queue, dropped, all_dropped: AtomicU64::new(0), writer }
    }

    /// Notes a request, unless too many wait (1).
    pub fn note(&self, answered: Answered) {
        if self.queue.try_send(answered).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.all_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests that were not logged since the process began (1).
    pub fn dropped(&self) -> u64 {
        self.all_dropped.load(Ordering::Relaxed)
    }

    /// Writes what waits, and ends.
    pub async fn drain(self) {
        drop(self.queue);
        let _ = self.writer.await;
    }
}

async fn write(
    store: Arc<SqlStore>,
    clock: Arc<dyn Clock>,
    limits: LogLimits,
    mut waiting: mpsc::Receiver<Answered>,
    dropped: Arc<AtomicU64>,
) {
    let mut flush = tokio::time::interval(limits.flush);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut purge = tokio::time::interval(PURGE_EVERY);
    let mut batch = Batch::default();
    loop {
        tokio::select! {
            answered = waiting.recv() => match answered {
                Some(answered) => batch.add(answered),
                None => break,
            },
            _ = flush.tick(), if !batch.is_empty() => {
                std::mem::take(&mut batch).write(&store).await; // (3)
                let lost = dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    tracing::warn!(lost, "SCIM requests were not logged: too many waited");
                }
            }
            _ = purge.tick() => {
                let before_ms = clock.now_ms() - i64::from(limits.retention_days) * DAY_MS;
                while store.purge_scim_requests(before_ms, PURGED_AT_ONCE).await.is_ok_and(|count| count > 0) {
                    tokio::time::sleep(limits.flush).await; // (5)
                }
            }
        }
    }
    batch.write(&store).await;
}

/// What is written at once.
#[derive(Debug, Default)]
struct Batch {
    rows: HashMap<Uuid, ScimRequest>,
    uses: HashMap<TokenId, TokenUse>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn add(&mut self, answered: Answered) {
        if let Some((organization, Some(token))) = answered.right {
            let used = TokenUse {
                token_id: token.0,
                org_id: organization.0,
                at_ms: answered.at_ms,
                ip: answered.ip.to_string(),
                user_agent: answered.user_agent.clone(),
            };
            self.uses.insert(token, used); // (4)
        }
        let row = row(answered);
        match self.rows.get_mut(&row.id) {
            Some(known) => {
                known.requests += row.requests;
                known.duration_us += row.duration_us;
                known.at_ms = row.at_ms;
            }
            None => {
                self.rows.insert(row.id, row);
            }
        }
    }

    async fn write(self, store: &SqlStore) {
        let rows: Vec<_> = self.rows.into_values().collect();
        let uses: Vec<_> = self.uses.into_values().collect();
        if let Err(error) = store.log_scim(&rows, &uses).await {
            tracing::warn!(%error, lost = rows.len(), "SCIM requests could not be logged");
        }
    }
}

/// (2)
fn row(answered: Answered) -> ScimRequest {
    let is_read = matches!(answered.method, http::Method::GET | http::Method::HEAD)
        || answered.path.ends_with(".search");
    // A bad token may come from anyone who knows where Okta sends its own.
    let is_bad_token = answered.status == 401 && matches!(answered.right, Some((_, None)));
    let is_counted = answered.right.is_none() || is_bad_token || (is_read && answered.status < 400);
    let mut row = ScimRequest {
        id: Uuid::nil(),
        org_id: answered.right.map(|(organization, _)| organization.0),
        token_id: answered.right.and_then(|(_, token)| token).map(|token| token.0),
        at_ms: answered.at_ms,
        ip: answered.ip.to_string(),
        method: answered.method.to_string(),
        path: if is_counted && !is_bad_token { route(&answered.path) } else { answered.path },
        status: i16::try_from(answered.status).unwrap_or_default(),
        detail: answered.detail,
        request_id: (!is_counted).then_some(answered.request_id.clone()),
        duration_us: i64::try_from(answered.duration.as_micros()).unwrap_or(i64::MAX),
        requests: 1,
    };
    row.id = if is_counted { id_of_many(&row) } else { answered.request_id.parse().unwrap_or_default() };
    row
}

/// A path without the ids in it. Whoever has no right writes no path of their own into the log.
fn route(path: &str) -> String {
    let known =
        ["Users", "Groups", "Roles", ".search", "ServiceProviderConfig", "ResourceTypes", "Schemas", ""];
    let name = |segment: &str| if known.contains(&segment) { segment.to_owned() } else { "{id}".into() };
    path.split('/').take(3).map(name).collect::<Vec<_>>().join("/")
}

/// The minute in the place where UUIDv7 has its time, then a digest of what is alike.
fn id_of_many(row: &ScimRequest) -> Uuid {
    let minute_ms = row.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
    let alike = (row.org_id, row.token_id, &row.ip, &row.method, &row.path, row.status, &row.detail);
    let digest = Sha256::digest(format!("{alike:?}"));
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(minute_ms).unwrap_or_default(), &random)
        .into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(method: http::Method, path: &str, status: u16, at_ms: i64, known: bool) -> Answered {
        Answered {
            right: known.then(|| (OrganizationId(Uuid::from_u128(1)), Some(TokenId(Uuid::from_u128(2))))),
            at_ms,
            ip: IpAddr::from([198, 51, 100, 7]),
            method,
            path: path.into(),
            status,
            detail: None,
            request_id: Uuid::from_u128(at_ms as u128).to_string(),
            duration: Duration::from_micros(10),
            user_agent: "Okta".into(),
        }
    }

    #[test]
    fn reads_and_strangers_are_counted_by_minute_and_the_rest_is_told_apart() {
        let mut batch = Batch::default();
        for at_ms in 0..100 {
            batch.add(answered(http::Method::GET, &format!("Users/{at_ms}"), 200, at_ms, true));
            batch.add(answered(http::Method::POST, &format!("<b>{at_ms}</b>"), 401, at_ms, false));
        }
        assert_eq!(batch.rows.len(), 2);
        assert!(batch.rows.values().all(|row| row.requests == 100 && row.duration_us == 1_000));
        assert!(batch.rows.values().all(|row| ["Users/{id}", "{id}/{id}"].contains(&row.path.as_str())));
        batch.add(answered(http::Method::GET, "Users/1", 200, MINUTE_MS, true));
        assert_eq!(batch.rows.len(), 3, "another minute");
        for at_ms in 200..203 {
            batch.add(answered(http::Method::PATCH, "Users/1", 200, at_ms, true));
            batch.add(answered(http::Method::GET, "Users/1", 404, at_ms + 10, true));
        }
        assert_eq!(batch.rows.len(), 9);
        assert_eq!(batch.uses.len(), 1);
    }
}
