//! Before a snapshot or a token is used, the store is asked how far its organization has come.
//!
//! 1. A question is answered by a query that was sent after the question was asked: so what another node
//!    acknowledged before is seen (the read index of Raft, with the database as the judge).
//! 2. One query is in flight at a time; everyone who came in meanwhile shares the next one.
//! 3. When the store does not answer, nobody is let through.
//! 4. A store that can show cheaply that nobody has written is not asked again: an answer counts as long as
//!    the fingerprint read *before* its query is the fingerprint there is.
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ceven_actors::{
    domain::id::OrganizationId,
    meter::{Histogram, SIZES, WORK_US},
    ports::{Fingerprint, Heads, Store},
    protocol::secret::Digest,
};
use tokio::sync::{mpsc, oneshot};

/// The store could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be asked")]
pub struct Stale;

enum Question {
    Seq(OrganizationId, oneshot::Sender<Result<Option<u64>, Stale>>),
    Token(Digest, oneshot::Sender<Result<Option<OrganizationId>, Stale>>),
}

/// Asks the store, for many at once.
#[derive(Clone)]
pub struct Freshness {
    store: Arc<dyn Store>,
    questions: mpsc::UnboundedSender<Question>,
    known: Arc<RwLock<Known>>,
    meter: Arc<FreshnessMeter>,
}

/// What is counted of asking the store.
#[derive(Debug)]
pub struct FreshnessMeter {
    /// How long a query took, in microseconds.
    pub query: Histogram,
    /// How many questions shared a query.
    pub shared: Histogram,
    /// Questions that needed no query (4).
    pub unchanged: AtomicU64,
}

impl Default for FreshnessMeter {
    fn default() -> Self {
        let (query, shared) = (Histogram::new(WORK_US), Histogram::new(SIZES));
        Self { query, shared, unchanged: AtomicU64::new(0) }
    }
}

/// (4) What was answered since the store last changed.
#[derive(Default)]
struct Known {
    fingerprint: Option<Fingerprint>,
    seqs: HashMap<OrganizationId, u64>,
}

impl Known {
    fn learn(&mut self, before: Option<Fingerprint>, seqs: &HashMap<OrganizationId, u64>) {
        if before.is_none() {
            return;
        }
        if self.fingerprint != before {
            *self = Self { fingerprint: before, seqs: HashMap::new() };
        }
        self.seqs.extend(seqs);
    }
}

impl Freshness {
    /// Starts asking a store; a query that takes longer than `timeout` has failed.
    pub fn spawn(store: Arc<dyn Store>, timeout: Duration) -> Self {
        let (questions, mut waiting) = mpsc::unbounded_channel();
        let known = Arc::new(RwLock::new(Known::default()));
        let meter = Arc::<FreshnessMeter>::default();
        let freshness = Self { store: store.clone(), questions, known: known.clone(), meter: meter.clone() };
        tokio::spawn(async move {
            let mut asked = Vec::new();
            while waiting.recv_many(&mut asked, usize::MAX).await > 0 {
                meter.shared.observe(asked.len() as u64);
                let begun = Instant::now();
                ask(&*store, &known, timeout, std::mem::take(&mut asked)).await; // (2)
                meter.query.observe_time(begun.elapsed());
            }
        });
        freshness
    }

    /// How far an organization has come; nothing when there is none.
    ///
    /// # Errors
    /// [`Stale`]: refuse the request (3).
    pub async fn seq(&self, organization: OrganizationId) -> Result<Option<u64>, Stale> {
        if let Some(seq) = self.unchanged(organization) {
            return Ok(Some(seq));
        }
        let (tell, told) = oneshot::channel();
        self.questions.send(Question::Seq(organization, tell)).map_err(|_| Stale)?;
        told.await.unwrap_or(Err(Stale))
    }

    /// What was counted so far.
    pub fn meter(&self) -> &FreshnessMeter {
        &self.meter
    }

    /// The same, when that is known without a question (4).
    pub fn unchanged(&self, organization: OrganizationId) -> Option<u64> {
        let now = self.store.fingerprint()?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let seq = *known.seqs.get(&organization).filter(|_| known.fingerprint == Some(now))?;
        self.meter.unchanged.fetch_add(1, Ordering::Relaxed);
        Some(seq)
    }

    /// Whose token this is; nothing when it is nobody's.
    ///
    /// # Errors
    /// As [`Freshness::seq`].
    pub async fn organization_of(&self, digest: Digest) -> Result<Option<OrganizationId>, Stale> {
        let (tell, told) = oneshot::channel();
        self.questions.send(Question::Token(digest, tell)).map_err(|_| Stale)?;
        told.await.unwrap_or(Err(Stale))
    }
}

async fn ask(store: &dyn Store, known: &RwLock<Known>, timeout: Duration, asked: Vec<Question>) {
    let mut organizations = Vec::new();
    let mut digests = Vec::new();
    for question in &asked {
        match question {
            Question::Seq(organization, _) => organizations.push(*organization),
            Question::Token(digest, _) => digests.push(*digest),
        }
    }
    organizations.sort_unstable();
    organizations.dedup();
    digests.sort_unstable();
    digests.dedup();
    let before = store.fingerprint(); // (4)
    let answer = tokio::time::timeout(timeout, store.heads(&organizations, &digests)).await; // (1)
    let heads: Result<Heads, Stale> = answer.map_err(|_| Stale).and_then(|answer| answer.map_err(|_| Stale));
    let seqs: HashMap<_, _> = heads.iter().flat_map(|heads| heads.seqs.iter().copied()).collect();
    let owners: HashMap<_, _> = heads.iter().flat_map(|heads| heads.digests.iter().copied()).collect();
    known.write().unwrap_or_else(PoisonError::into_inner).learn(before, &seqs);
    let answered = heads.map(|_| ());
    for question in asked {
        match question {
            Question::Seq(organization, tell) => {
                let _ = tell.send(answered.map(|()| seqs.get(&organization).copied()));
            }
            Question::Token(digest, tell) => {
                let _ = tell.send(answered.map(|()| owners.get(&digest).copied()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use ceven_actors::ports::{BoxFuture, Loaded, OnOutcome, StoreError, Unit};
    use tokio::sync::Semaphore;
    use uuid::Uuid;

    use super::*;

    const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(1));

    /// Counts its queries and answers each when it is let.
    struct Counting {
        seq: AtomicU64,
        queries: AtomicUsize,
        lets: Semaphore,
        shows_changes: bool,
    }

    impl Store for Counting {
        fn load(&self, _: OrganizationId) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
            Box::pin(async { Ok(None) })
        }

        fn changes_since(&self, _: OrganizationId, _: u64) -> BoxFuture<'_, Result<Loaded, StoreError>> {
            Box::pin(async { Err(StoreError::Aborted) })
        }

        fn fingerprint(&self) -> Option<Fingerprint> {
            let mut shown = [0; 48];
            shown[..8].copy_from_slice(&self.seq.load(Ordering::SeqCst).to_le_bytes());
            self.shows_changes.then_some(shown)
        }

        fn append(&self, _: Unit, on_outcome: OnOutcome) {
            on_outcome(Err(StoreError::Aborted));
        }

        fn heads<'a>(
            &'a self,
            organizations: &'a [OrganizationId],
            _: &'a [Digest],
        ) -> BoxFuture<'a, Result<Heads, StoreError>> {
            Box::pin(async move {
                let seq = self.seq.load(Ordering::SeqCst);
                self.queries.fetch_add(1, Ordering::SeqCst);
                self.lets.acquire().await.map_err(|_| StoreError::Aborted)?.forget();
                Ok(Heads { seqs: organizations.iter().map(|id| (*id, seq)).collect(), digests: vec![] })
            })
        }
    }

    fn counting(lets: usize, shows_changes: bool) -> (Arc<Counting>, Freshness) {
        let lets = Semaphore::new(lets);
        let store =
            Arc::new(Counting { seq: AtomicU64::new(1), queries: AtomicUsize::new(0), lets, shows_changes });
        (store.clone(), Freshness::spawn(store, Duration::from_millis(200)))
    }

    #[tokio::test]
    async fn those_who_came_before_a_query_share_it_and_later_ones_get_the_next() {
        let (store, freshness) = counting(0, false);
        let ask = || {
            let freshness = freshness.clone();
            tokio::spawn(async move { freshness.seq(ORGANIZATION).await })
        };
        let first = ask();
        while store.queries.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        store.seq.store(2, Ordering::SeqCst);
        let later: Vec<_> = (0..64).map(|_| ask()).collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        store.lets.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(Some(1)));
        for one in later {
            assert_eq!(one.await.unwrap(), Ok(Some(2)), "a query sent before the question answered it");
        }
        assert_eq!(store.queries.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn without_a_change_nothing_is_asked_and_with_one_it_is() {
        let (store, freshness) = counting(100, true);
        for _ in 0..10 {
            assert_eq!(freshness.seq(ORGANIZATION).await, Ok(Some(1)));
        }
        assert_eq!(store.queries.load(Ordering::SeqCst), 1);
        store.seq.store(2, Ordering::SeqCst);
        assert_eq!(freshness.seq(ORGANIZATION).await, Ok(Some(2)));
        assert_eq!(store.queries.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_lets_nobody_through() {
        let (_, freshness) = counting(0, false);
        assert_eq!(freshness.seq(ORGANIZATION).await, Err(Stale));
    }
}
