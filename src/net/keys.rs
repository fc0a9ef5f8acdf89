//! Issuers' public keys, kept for as long as they may be.
//!
//! 1. `Cache-Control: max-age` counts, between a minute and a day; without it an hour.
//! 2. A token with an unknown key id, or with none and signed by none of the keys, leads to one fetch, and to no other
//!    until the cool-down is over: nobody makes Ceven hammer an issuer by inventing ids.
//! 3. Callers for the same issuer share one fetch; those of other issuers never wait for it.
//! 4. While the issuer cannot be reached, keys that were fetched within the last day go on counting.
//! 5. A fetch takes five seconds and 256 KiB at most (the client's limits).
use std::sync::Arc;

use ceven_actors::{
    clock::Clock,
    connector::wire::{Method, Request},
    ports::Outbound,
    protocol::jose::{Jws, KeySet},
};
use dashmap::DashMap;
use tokio::sync::Mutex;

const SHORTEST_MS: i64 = 60_000;
const USUAL_MS: i64 = 3_600_000;
/// (1) (4)
const LONGEST_MS: i64 = 24 * 3_600_000;

/// Keys of every issuer that was asked for.
pub struct Keys {
    outbound: Arc<dyn Outbound>,
    clock: Arc<dyn Clock>,
    cool_down_ms: i64,
    sets: DashMap<String, Arc<Mutex<Kept>>>,
}

#[derive(Default)]
struct Kept {
    keys: Option<KeySet>,
    fetched_ms: i64,
    fresh_until_ms: i64,
    tried_ms: Option<i64>,
}

/// The issuer's keys cannot be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's keys cannot be fetched")]
pub struct NoKeys;

impl Keys {
    /// Knows none yet.
    pub fn new(outbound: Arc<dyn Outbound>, clock: Arc<dyn Clock>, cool_down_ms: i64) -> Self {
        Self { outbound, clock, cool_down_ms, sets: DashMap::new() }
    }

    /// The keys at an address that a token may be verified with. Call it only for addresses that an admin has saved.
    ///
    /// # Errors
    /// [`NoKeys`] when there are none, and none can be fetched.
    pub async fn fitting(&self, jwks_uri: &str, jws: &Jws) -> Result<KeySet, NoKeys> {
        let entry = self.sets.entry(jwks_uri.to_owned()).or_default().value().clone();
        let mut kept = entry.lock().await; // (3)
        let now_ms = self.clock.now_ms();
        let is_fresh = kept.keys.is_some() && now_ms < kept.fresh_until_ms;
        let is_known = kept.keys.as_ref().is_some_and(|keys| match jws.kid() {
            Some(_) => keys.knows(jws),
            None => keys.verify(jws).is_ok(),
        });
        let may_try = kept.tried_ms.is_none_or(|tried_ms| now_ms >= tried_ms + self.cool_down_ms); // (2)
        if (!is_fresh || !is_known) && may_try {
            kept.tried_ms = Some(now_ms);
            if let Some((keys, lifetime_ms)) = self.fetch(jwks_uri).await {
                *kept = Kept {
                    keys: Some(keys),
                    fetched_ms: now_ms,
                    fresh_until_ms: now_ms + lifetime_ms,
                    tried_ms: Some(now_ms),
                };
            }
        }
        let is_usable = now_ms < kept.fetched_ms + LONGEST_MS; // (4)
        kept.keys.clone().filter(|_| is_usable).ok_or(NoKeys)
    }

    async fn fetch(&self, jwks_uri: &str) -> Option<(KeySet, i64)> {
        let answer = self.outbound.send(&Request::read(Method::Get, jwks_uri)).await;
        let response = match answer {
            Ok(response) if response.status == 200 => response,
            Ok(response) => {
                tracing::warn!(jwks_uri, status = response.status, "an issuer's keys could not be fetched");
                return None;
            }
            Err(error) => {
                tracing::warn!(jwks_uri, %error, "an issuer's keys could not be fetched");
                return None;
            }
        };
        let keys = KeySet::read(&response.json()).ok().filter(|keys| !keys.is_empty())?;
        let max_age = response.header("cache-control").and_then(max_age_ms);
        Some((keys, max_age.unwrap_or(USUAL_MS).clamp(SHORTEST_MS, LONGEST_MS))) // (1)
    }
}

fn max_age_ms(cache_control: &str) -> Option<i64> {
    let directive = |part: &str| part.trim().strip_prefix("max-age=")?.trim_matches('"').parse::<i64>().ok();
    cache_control.split(',').find_map(directive).map(|secs| secs.saturating_mul(1_000))
}
