//! The log of SCIM requests: what came in, how it was answered, and why it was refused.
//!
//! 1. It never delays a request: when too much waits, what comes is dropped, and it says how much.
//! 2. What changes or tries to change something is a row of its own; so is a refusal with a token that is known.
//!    Reads, and refusals without a known token, are counted by minute: a flood costs a row, not a table.
//! 3. It is written in batches, so it wakes the database at most once an interval, and not at all without requests.
//! 4. A use of a token is noted in the same batch, the last one only.
//! 5. What is older than the retention is forgotten, a little at a time.
use std::{
    collections::{HashMap, hash_map::Entry},
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
use sha2::{Digest as _, Sha256};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
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

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// It is the first to wait.
    First,
    Another,
    Dropped,
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
    fn new(answered: &mut Answered<'_>) -> Self {
        let Answered { right, ip, status, path, .. } = *answered;
        let is_read =
            matches!(*answered.method, http::Method::GET | http::Method::HEAD) || path.ends_with(".search");
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
            path: if is_bad_token { Place::Own(path.to_owned()) } else { Place::route(path) },
            status,
            detail: answered.detail.take(),
        })
    }

    /// The first of its kind.
    fn row(&self, answered: Answered<'_>) -> ScimRequest {
        let (id, path, detail) = match self {
            Self::Alone(id) => (*id, answered.path.to_owned(), answered.detail),
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
            request_id: matches!(self, Self::Alone(_)).then(|| answered.request_id.to_owned()),
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
    /// Nothing new is taken beyond `limit` rows (1).
    fn add(&mut self, key: Key, answered: Answered<'_>, limit: usize) -> Noted {
        let (length, right, at_ms, ip) = (self.rows.len(), answered.right, answered.at_ms, answered.ip);
        let (duration, user_agent) = (answered.duration, answered.user_agent);
        let row = match self.rows.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if length >= limit => return Noted::Dropped,
            Entry::Vacant(place) => {
                let row = place.key().row(answered);
                place.insert(row)
            }
        };
        row.requests += 1;
        row.duration_us =
            row.duration_us.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
        row.at_ms = at_ms;
        if let Some((organization, Some(token))) = right {
            let last =
                self.uses.entry(token).or_insert(LastUse { organization, at_ms, ip, user_agent: None });
            (last.at_ms, last.ip) = (at_ms, ip); // (4)
            if last.user_agent.as_ref() != user_agent {
                last.user_agent = user_agent.cloned();
            }
        }
        if length == 0 { Noted::First } else { Noted::Another }
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

    const AGENT: HeaderValue = HeaderValue::from_static("Okta");

    /// Notes a request of each path.
    fn note(
        batch: &mut Batch,
        method: &http::Method,
        path: &str,
        status: u16,
        at_ms: i64,
        known: bool,
    ) -> Noted {
        let request_id = Uuid::from_u128(at_ms as u128).to_string();
        let mut answered = Answered {
            right: known.then(|| (OrganizationId(Uuid::from_u128(1)), Some(TokenId(Uuid::from_u128(2))))),
            at_ms,
            ip: IpAddr::from([198, 51, 100, 7]),
            method,
            path,
            status,
            detail: None,
            request_id: &request_id,
            duration: Duration::from_micros(10),
            user_agent: Some(&AGENT),
        };
        let key = Key::new(&mut answered);
        batch.add(key, answered, 9)
    }

    #[test]
    fn reads_and_strangers_are_counted_by_minute_and_the_rest_is_told_apart() {
        use http::Method;
        let mut batch = Batch::default();
        for at_ms in 0..100 {
            let noted = note(&mut batch, &Method::GET, &format!("Users/{at_ms}"), 200, at_ms, true);
            assert_eq!(noted, if at_ms == 0 { Noted::First } else { Noted::Another });
            note(&mut batch, &Method::POST, &format!("<b>{at_ms}</b>"), 401, at_ms, false);
        }
        assert_eq!(batch.rows.len(), 2);
        assert!(batch.rows.values().all(|row| row.requests == 100 && row.duration_us == 1_000));
        assert!(batch.rows.values().all(|row| ["Users/{id}", "{id}/{id}"].contains(&row.path.as_str())));
        note(&mut batch, &Method::GET, "Users/1", 200, MINUTE_MS, true);
        assert_eq!(batch.rows.len(), 3, "another minute");
        for at_ms in 200..203 {
            note(&mut batch, &Method::PATCH, "Users/1", 200, at_ms, true);
            note(&mut batch, &Method::GET, "Users/1", 404, at_ms + 10, true);
        }
        assert_eq!(batch.rows.len(), 9);
        assert_eq!(
            batch.uses.values().map(|last| (last.at_ms, last.user_agent.clone())).collect::<Vec<_>>(),
            [(212, Some(AGENT))]
        );
        assert_eq!(
            note(&mut batch, &Method::PATCH, "Users/1", 200, 300, true),
            Noted::Dropped,
            "a row too many"
        );
        assert_eq!(note(&mut batch, &Method::GET, "Users/1", 200, 1, true), Noted::Another, "no further row");
    }
}
