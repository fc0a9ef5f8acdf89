//! From an `Authorization` header to an organization.
//!
//! 1. Shape and checksum first: a typo or a guess costs no look-up.
//! 2. SHA-256 finds the organization; a digest this process does not know is asked for in the store, because
//!    another process may have minted it a moment ago.
//! 3. The organization's state is fresh, so a token revoked anywhere is refused here at its next request.
//! 4. argon2id runs once a token and process, never for an unknown token, and callers share the run.
use std::{sync::Arc, time::Instant};

use ceven_actors::{
    domain::{
        id::OrganizationId,
        token::{Token, TokenKind},
    },
    meter::{Gauge, Histogram, WORK_US},
    organization::{message::OrganizationError, state::Snapshot},
    protocol::secret::{self, Digest},
};
use dashmap::DashMap;
use http::{HeaderMap, header::AUTHORIZATION};
use tokio::sync::{OnceCell, Semaphore};

use crate::app::App;

/// Tokens that this process has met.
pub struct Access {
    tokens: DashMap<Digest, Met>,
    hashing: Semaphore,
    /// argon2id computations that wait for their turn.
    pub waiting: Gauge,
    /// How long they waited, in microseconds.
    pub wait: Histogram,
    /// How long they took, in microseconds.
    pub computation: Histogram,
}

/// A token that is somebody's.
struct Met {
    organization: OrganizationId,
    /// Set once argon2id has run.
    verified: Arc<OnceCell<bool>>,
}

/// A request's right.
pub struct Authenticated {
    /// Whose data it may see.
    pub organization: OrganizationId,
    /// The token it came with.
    pub token: Arc<Token>,
    /// State no older than the request.
    pub snapshot: Arc<Snapshot>,
}

/// Why a request has no right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 401, with a sentence.
    Unauthorized(&'static str),
    /// 403: a token for something else.
    WrongKind,
    /// 503: nobody can tell.
    Unavailable,
}

impl Access {
    /// Knows no token yet. `hashing` computations of argon2id run at the same time.
    pub fn new(hashing: usize) -> Self {
        Self {
            tokens: DashMap::new(),
            hashing: Semaphore::new(hashing.max(1)),
            waiting: Gauge::default(),
            wait: Histogram::new(WORK_US),
            computation: Histogram::new(WORK_US),
        }
    }

    /// Whether a password fits its PHC string; nothing when nobody can tell.
    pub async fn verify_password(&self, password: String, verifier: Arc<str>) -> Option<bool> {
        self.hash(move || crate::secret::verify(&password, &verifier)).await
    }

    /// Runs an argon2id computation when its turn comes, where it holds nobody up.
    pub async fn hash<T: Send + 'static>(&self, compute: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (asked, counted) = (Instant::now(), self.waiting.enter());
        let _turn = self.hashing.acquire().await.ok()?;
        drop(counted);
        self.wait.observe_time(asked.elapsed());
        let begun = Instant::now();
        let computed = tokio::task::spawn_blocking(compute).await.ok();
        self.computation.observe_time(begun.elapsed());
        computed
    }
}

const UNKNOWN: Refusal = Refusal::Unauthorized("The bearer token is not known.");

/// Authenticates a request by its bearer token.
///
/// # Errors
/// [`Refusal`].
pub async fn authenticate(app: &App, headers: &HeaderMap, kind: TokenKind) -> Result<Authenticated, Refusal> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().ok_or(Refusal::Unauthorized("A bearer token is required."))?;
    // Whoever stands in between may take another one for it.
    if given.next().is_some() {
        return Err(Refusal::Unauthorized("The request has two Authorization headers: send one."));
    }
    let raw = header.to_str().map(secret::from_header).unwrap_or_default();
    if !secret::is_well_formed(raw) {
        return Err(Refusal::Unauthorized(
            "The bearer token is malformed: it has 64 characters and begins with cvn_.",
        )); // (1)
    }
    let digest = secret::digest(raw);
    let (organization, verified) = meet(app, digest).await?;
    let snapshot = app.fresh(organization).await.map_err(|error| match error {
        OrganizationError::NotFound { .. } => UNKNOWN,
        _ => Refusal::Unavailable,
    })?; // (3)
    let token = snapshot.token_by_digest(&digest).ok_or(UNKNOWN)?.clone();
    if token.revoked_ms.is_some() {
        return Err(Refusal::Unauthorized("The bearer token has been revoked."));
    }
    if !token.is_live(app.clock.now_ms()) {
        return Err(Refusal::Unauthorized("The bearer token has expired."));
    }
    if token.kind != kind {
        return Err(Refusal::WrongKind);
    }
    let is_verified = match verified {
        Some(known) => known,
        None => Box::pin(verify(app, digest, raw, &token)).await?,
    };
    if !is_verified {
        return Err(UNKNOWN);
    }
    Ok(Authenticated { organization, token, snapshot })
}

/// (2) Whose token it is, and whether it has been verified.
async fn meet(app: &App, digest: Digest) -> Result<(OrganizationId, Option<bool>), Refusal> {
    if let Some(known) = app.access.tokens.get(&digest) {
        return Ok((known.organization, known.verified.get().copied()));
    }
    let asked = Box::pin(app.freshness.organization_of(digest)).await;
    let organization = asked.map_err(|_| Refusal::Unavailable)?.ok_or(UNKNOWN)?;
    app.access.tokens.entry(digest).or_insert_with(|| Met { organization, verified: Arc::default() });
    Ok((organization, None))
}

/// (4)
async fn verify(app: &App, digest: Digest, raw: &str, token: &Arc<Token>) -> Result<bool, Refusal> {
    let verified = app.access.tokens.get(&digest).map(|met| met.verified.clone()).unwrap_or_default();
    let verify = || async {
        let (raw, token) = (raw.to_owned(), token.clone());
        let checked = app.access.hash(move || crate::secret::verify(&raw, &token.verifier)).await;
        checked.ok_or(Refusal::Unavailable)
    };
    verified.get_or_try_init(verify).await.copied()
}
