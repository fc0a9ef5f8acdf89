//! What is written of the log at once, and what of it shares a row. Rules (1), (2), (4) and (6) are those of
//! [`super`].
use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
};

use ceven_actors::domain::id::{OrganizationId, TokenId};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Answered;
use crate::store::{
    SqlStore,
    ledger::is_refusal,
    scim_log::{ScimRequest, TokenUse},
};

const MINUTE_MS: i64 = 60_000;
const USER_AGENT_CHARS: usize = 200;
const PATH_CHARS: usize = 500;
const DETAIL_CHARS: usize = 1_000;
/// Rows of one transaction: a few milliseconds of SQLite's one writer.
const ROWS_AT_ONCE: usize = 512;
/// Names in the paths of SCIM.
const KNOWN: [&str; 8] =
    ["Users", "Groups", "Roles", ".search", "ServiceProviderConfig", "ResourceTypes", "Schemas", ""];
/// Where a path has no further name.
const NOTHING: u8 = u8::MAX;

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is the first to wait.
    First,
    Another,
    Dropped,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
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
pub(super) enum Key {
    Alone(Uuid),
    Many(Alike),
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Alike {
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
    /// Places of names in [`KNOWN`]; a name that is not there is an id. Whoever has no right writes no path of their
    /// own.
    Route([u8; 3]),
    Own(String),
}

impl Place {
    fn route(path: &str) -> Self {
        let mut names = [NOTHING; 3];
        for (name, segment) in names.iter_mut().zip(path.split('/')) {
            let known = KNOWN.iter().position(|known| *known == segment);
            *name = known.unwrap_or(KNOWN.len()) as u8;
        }
        Self::Route(names)
    }

    fn text(&self) -> String {
        match self {
            Self::Route(names) => {
                let names = names.iter().filter(|name| **name != NOTHING);
                let names = names.map(|name| KNOWN.get(usize::from(*name)).copied().unwrap_or("{id}"));
                names.collect::<Vec<_>>().join("/")
            }
            Self::Own(path) => path.clone(),
        }
    }
}

/// (6)
fn kept(text: &str, chars: usize) -> String {
    text.chars().take(chars).map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The methods that HTTP knows, and one for those that somebody makes up (2).
fn known(method: &http::Method) -> http::Method {
    use http::Method;
    const STANDARD: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    let other = || Method::from_bytes(b"OTHER").unwrap_or_default();
    STANDARD.into_iter().find(|standard| standard == method).unwrap_or_else(other)
}

impl Key {
    /// (2)
    pub(super) fn new(answered: &mut Answered<'_>) -> Self {
        answered.detail = answered.detail.take().map(|detail| kept(&detail, DETAIL_CHARS)); // (6)
        let Answered { right, ip, status, path, .. } = *answered;
        let is_read =
            matches!(*answered.method, http::Method::GET | http::Method::HEAD) || path.ends_with(".search");
        // A bad token, and one too many, may come from anyone who knows where Okta sends its own.
        let is_bad_token = matches!(status, 401 | 429) && matches!(right, Some((_, None)));
        let is_counted = right.is_none() || is_bad_token || (is_read && status < 400);
        if !is_counted {
            return Self::Alone(answered.request_id.parse().unwrap_or_default());
        }
        Self::Many(Alike {
            minute_ms: answered.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS,
            right,
            ip,
            method: known(answered.method),
            path: if is_bad_token { Place::Own(kept(path, PATH_CHARS)) } else { Place::route(path) },
            status,
            detail: answered.detail.take(),
        })
    }

    /// The first of its kind.
    fn row(&self, answered: Answered<'_>) -> ScimRequest {
        let (id, path, detail) = match self {
            Self::Alone(id) => (*id, kept(answered.path, PATH_CHARS), answered.detail), // (6)
            Self::Many(alike) => (alike.id(), alike.path.text(), alike.detail.clone()),
        };
        ScimRequest {
            id,
            org_id: answered.right.map(|(organization, _)| organization.0),
            token_id: answered.right.and_then(|(_, token)| token).map(|token| token.0),
            at_ms: answered.at_ms,
            ip: answered.ip.to_string(),
            method: known(answered.method).to_string(),
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
    pub(super) fn add(&mut self, key: Key, answered: Answered<'_>, limit: usize) -> Noted {
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

    /// A piece at a time, so that whoever changes something waits for one of them at most, not for all that a busy
    /// second comes to (1). What a database refuses costs its piece; one that is away is not waited for again and again.
    pub(super) async fn write(self, store: &SqlStore) {
        let mut uses: Vec<_> = self.uses.into_iter().map(|(token, last)| last.row(token)).collect();
        let mut rows: Vec<_> = self.rows.into_values().collect();
        // Neighbours in the tables and their indexes; and two nodes never wait for each other's rows.
        rows.sort_unstable_by_key(|row| row.id);
        uses.sort_unstable_by_key(|used| used.token_id);
        let mut lost = 0;
        while !rows.is_empty() {
            let later = rows.split_off(rows.len().min(ROWS_AT_ONCE));
            let piece = std::mem::replace(&mut rows, later);
            let count = piece.len();
            let Err(error) = store.log_scim(piece).await else { continue };
            lost += count;
            tracing::warn!(%error, "SCIM requests could not be logged");
            if !is_refusal(&error) {
                lost += rows.len();
                rows.clear();
                uses.clear();
            }
        }
        if let Err(error) = store.note_token_uses(uses).await {
            tracing::warn!(%error, "uses of tokens could not be noted");
        }
        if lost > 0 {
            tracing::warn!(lost, "SCIM requests were not logged");
        }
    }
}

impl LastUse {
    fn row(self, token: TokenId) -> TokenUse {
        let user_agent = self
            .user_agent
            .map_or(String::new(), |text| kept(&String::from_utf8_lossy(text.as_bytes()), USER_AGENT_CHARS));
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
    use std::time::Duration;

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
