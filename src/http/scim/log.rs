//! The log of SCIM requests: what came in, how it was answered, and why it was refused.
//!
//! 1. It never delays a request: a full queue drops what comes, and says how much.
//! 2. What changes or tries to change something is a row of its own; so is a refusal with a token that is known.
//!    Reads, and refusals without a known token, are counted by minute: a flood costs a row, not a table.
//! 3. It is written in batches, so it wakes the database at most once an interval.
//! 4. A use of a token is noted in the same batch, the last one only.
//! 5. What is older than the retention is forgotten, a little at a time.
use std::{
    collections::{HashMap, hash_map::Entry},
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
use http::HeaderValue;
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
const USER_AGENT_CHARS: usize = 200;
/// Names in the paths of SCIM.
const KNOWN: [&str; 8] =
    ["Users", "Groups", "Roles", ".search", "ServiceProviderConfig", "ResourceTypes", "Schemas", ""];

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
    pub user_agent: Option<HeaderValue>,
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
    rows: HashMap<Key, ScimRequest>,
    uses: HashMap<TokenId, LastUse>,
}

/// The last use of a token (4).
#[derive(Debug)]
struct LastUse {
    organization: OrganizationId,
    at_ms: i64,
    ip: IpAddr,
    user_agent: Option<HeaderValue>,
}

/// What shares a row (2).
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Alone(Uuid),
    Many(Alike),
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Alike {
    minute_ms: i64,
    right: Option<(OrganizationId, Option<TokenId>)>,
    ip: IpAddr,
    method: http::Method,
    path: Place,
    status: u16,
    detail: Option<String>,
}

/// Where a request went, as far as those who are counted are told apart by it.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Names that are known, in the place of others `{id}`. Whoever has no right writes no path of their own.
    Route([&'static str; 3], usize),
    Own(String),
}

impl Place {
    fn route(path: &str) -> Self {
        let (mut names, mut length) = ([""; 3], 0);
        for (name, segment) in names.iter_mut().zip(path.split('/')) {
            *name = KNOWN.into_iter().find(|known| *known == segment).unwrap_or("{id}");
            length += 1;
        }
        Self::Route(names, length)
    }

    fn text(&self) -> String {
        match self {
            Self::Route(names, length) => names[..*length].join("/"),
            Self::Own(path) => path.clone(),
        }
    }
}

impl Key {
    /// (2)
    fn new(answered: &mut Answered) -> Self {
        let Answered { right, ip, status, .. } = *answered;
        let path = &answered.path;
        let is_read =
            matches!(answered.method, http::Method::GET | http::Method::HEAD) || path.ends_with(".search");
        // A bad token may come from anyone who knows where Okta sends its own.
        let is_bad_token = status == 401 && matches!(right, Some((_, None)));
        let is_counted = right.is_none() || is_bad_token || (is_read && status < 400);
        if !is_counted {
            return Self::Alone(answered.request_id.parse().unwrap_or_default());
        }
        Self::Many(Alike {
            minute_ms: answered.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS,
            right,
            ip,
            method: answered.method.clone(),
            path: if is_bad_token { Place::Own(path.clone()) } else { Place::route(path) },
            status,
            detail: answered.detail.take(),
        })
    }

    /// The first of its kind.
    fn row(&self, answered: Answered) -> ScimRequest {
        let (id, path, detail) = match self {
            Self::Alone(id) => (*id, answered.path, answered.detail),
            Self::Many(alike) => (alike.id(), alike.path.text(), alike.detail.clone()),
        };
        ScimRequest {
            id,
            org_id: answered.right.map(|(organization, _)| organization.0),
            token_id: answered.right.and_then(|(_, token)| token).map(|token| token.0),
            at_ms: answered.at_ms,
            ip: answered.ip.to_string(),
            method: answered.method.to_string(),
            path,
            status: i16::try_from(answered.status).unwrap_or_default(),
            detail,
            request_id: matches!(self, Self::Alone(_)).then_some(answered.request_id),
            duration_us: 0,
            requests: 0,
        }
    }
}

impl Alike {
    /// The minute in the place where UUIDv7 has its time, then a digest of what is alike: another batch, and another
    /// node, adds to the same row.
    fn id(&self) -> Uuid {
        let digest = Sha256::digest(format!("{self:?}"));
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(self.minute_ms).unwrap_or_default(), &random)
            .into_uuid()
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn add(&mut self, mut answered: Answered) {
        if let Some((organization, Some(token))) = answered.right {
            let (at_ms, ip, user_agent) = (answered.at_ms, answered.ip, answered.user_agent.take());
            self.uses.insert(token, LastUse { organization, at_ms, ip, user_agent }); // (4)
        }
        let (at_ms, duration) = (answered.at_ms, answered.duration);
        let key = Key::new(&mut answered);
        let row = match self.rows.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let row = place.key().row(answered);
                place.insert(row)
            }
        };
        row.requests += 1;
        row.duration_us =
            row.duration_us.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
        row.at_ms = at_ms;
    }

    async fn write(self, store: &SqlStore) {
        let rows: Vec<_> = self.rows.into_values().collect();
        let uses: Vec<_> = self.uses.into_iter().map(|(token, last)| last.row(token)).collect();
        if let Err(error) = store.log_scim(&rows, &uses).await {
            tracing::warn!(%error, lost = rows.len(), "SCIM requests could not be logged");
        }
    }
}

impl LastUse {
    fn row(self, token: TokenId) -> TokenUse {
        let user_agent = self.user_agent.map_or(String::new(), |text| {
            String::from_utf8_lossy(text.as_bytes()).chars().take(USER_AGENT_CHARS).collect()
        });
        TokenUse {
            token_id: token.0,
            org_id: self.organization.0,
            at_ms: self.at_ms,
            ip: self.ip.to_string(),
            user_agent,
        }
    }
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
            user_agent: Some(HeaderValue::from_static("Okta")),
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
