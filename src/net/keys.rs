//! Issuers' public keys, kept for as long as they may be.
//!
//! 1. `Cache-Control: max-age` counts, between a minute and a day; without it an hour.
//! 2. A token with an unknown key id, or with none and signed by none of the keys, leads to one fetch, and to no other
//!    until the cool-down is over: nobody makes Ceven hammer an issuer by inventing ids.
//! 3. Callers for the same issuer share one fetch; those of other issuers never wait for it.
//! 4. While the issuer cannot be reached, keys that were fetched within the last day go on counting.
//! 5. A fetch takes five seconds and 256 KiB at most (the client's limits).
//! 6. A token whose key is known never waits, whatever others have led to.
//! 7. Of a key that is not known nobody can say no while the issuer's keys cannot be fetched: it may be a new one.
use std::sync::{Arc, PoisonError, RwLock};

use ceven_actors::{
    clock::Clock,
    connector::wire::{Method, Request},
    ports::Outbound,
    protocol::jose::{JoseError, Jws, KeySet},
};
use dashmap::DashMap;
use tokio::sync::Mutex;

use super::client::ISSUER;

const SHORTEST_MS: i64 = 60_000;
const USUAL_MS: i64 = 3_600_000;
/// (1) (4)
const LONGEST_MS: i64 = 24 * 3_600_000;

/// Keys of every issuer that was asked for.
pub struct Keys {
    outbound: Arc<dyn Outbound>,
    clock: Arc<dyn Clock>,
    cool_down_ms: i64,
    sets: DashMap<String, Arc<Issuer>>,
}

#[derive(Default)]
struct Issuer {
    kept: RwLock<Kept>,
    /// Whoever may fetch (3).
    turn: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
struct Kept {
    keys: Option<Arc<KeySet>>,
    fetched_ms: i64,
    fresh_until_ms: i64,
    tried_ms: Option<i64>,
    /// Whether the latest try brought none.
    has_failed: bool,
}

impl Issuer {
    fn kept(&self) -> Kept {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, kept: Kept) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

/// Why a token is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// There are no keys, and none can be fetched now.
    #[error("the issuer's keys cannot be fetched")]
    NoKeys,
    /// The keys say no.
    #[error(transparent)]
    Token(#[from] JoseError),
}

impl Keys {
    /// Knows none yet.
    pub fn new(outbound: Arc<dyn Outbound>, clock: Arc<dyn Clock>, cool_down_ms: i64) -> Self {
        Self { outbound, clock, cool_down_ms, sets: DashMap::new() }
    }

    /// Verifies a token with the keys at an address. Call it only for addresses that an admin has saved.
    ///
    /// # Errors
    /// [`Unverified`].
    pub async fn verify(&self, jwks_uri: &str, jws: &Jws) -> Result<(), Unverified> {
        let issuer = self.sets.entry(jwks_uri.to_owned()).or_default().value().clone();
        let seen = issuer.kept();
        let fresh = seen.keys.as_ref().filter(|_| self.clock.now_ms() < seen.fresh_until_ms);
        let verdict = fresh.map(|keys| keys.verify(jws));
        match verdict {
            Some(Ok(())) => return Ok(()), // (6)
            Some(Err(error @ JoseError::Signature)) if jws.kid().is_some() => return Err(error.into()), // (6)
            _ => {}
        }
        let turn = issuer.turn.clone().lock_owned().await; // (3)
        let now_ms = self.clock.now_ms();
        let tried_ms = issuer.kept().tried_ms;
        let may_try = tried_ms.is_none_or(|tried_ms| now_ms >= tried_ms + self.cool_down_ms); // (2)
        if issuer.kept().fetched_ms == seen.fetched_ms && may_try {
            let (outbound, issuer, jwks_uri) = (self.outbound.clone(), issuer.clone(), jwks_uri.to_owned());
            // Whoever hangs up ends neither the fetch nor the cool-down (2).
            let fetched = tokio::spawn(async move {
                issuer.fetch(&*outbound, &jwks_uri, now_ms).await;
                drop(turn);
            });
            let _ = fetched.await;
        }
        let kept = issuer.kept();
        let verdict = match verdict {
            Some(refused) if kept.fetched_ms == seen.fetched_ms => refused, // The keys are those that have said no.
            _ => {
                let is_usable = now_ms < kept.fetched_ms + LONGEST_MS; // (4)
                let keys = kept.keys.filter(|_| is_usable).ok_or(Unverified::NoKeys)?;
                keys.verify(jws)
            }
        };
        verdict.map_err(|error| match error {
            JoseError::UnknownKey if kept.has_failed => Unverified::NoKeys, // (7)
            error => error.into(),
        })
    }
}

impl Issuer {
    async fn fetch(&self, outbound: &dyn Outbound, jwks_uri: &str, now_ms: i64) {
        let mut kept = Kept { tried_ms: Some(now_ms), ..self.kept() };
        let found = fetch(outbound, jwks_uri).await;
        kept.has_failed = found.is_none();
        if let Some((keys, lifetime_ms)) = found {
            kept.keys = Some(Arc::new(keys));
            (kept.fetched_ms, kept.fresh_until_ms) = (now_ms, now_ms + lifetime_ms);
        }
        self.keep(kept);
    }
}

async fn fetch(outbound: &dyn Outbound, jwks_uri: &str) -> Option<(KeySet, i64)> {
    let response = match outbound.send(ISSUER, &Request::read(Method::Get, jwks_uri)).await {
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

fn max_age_ms(cache_control: &str) -> Option<i64> {
    let directive = |part: &str| part.trim().strip_prefix("max-age=")?.trim_matches('"').parse::<i64>().ok();
    cache_control.split(',').find_map(directive).map(|secs| secs.saturating_mul(1_000))
}
