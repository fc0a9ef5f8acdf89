//! Before a snapshot or a token is used, the store is asked how far its organization has come.
//!
//! 1. A question is answered by a query that was sent after the question was asked: so what another node
//!    acknowledged before is seen (the read index of Raft, with the database as the judge).
//! 2. One query is in flight at a time; everyone who came in meanwhile shares the next one.
//! 3. When the store does not answer, nobody is let through.
use std::{collections::HashMap, sync::Arc, time::Duration};

use ceven_actors::{
    domain::id::OrganizationId,
    ports::{Heads, Store},
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
    questions: mpsc::UnboundedSender<Question>,
}

impl Freshness {
    /// Starts asking a store; a query that takes longer than `timeout` has failed.
    pub fn spawn(store: Arc<dyn Store>, timeout: Duration) -> Self {
        let (questions, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut asked = Vec::new();
            while waiting.recv_many(&mut asked, usize::MAX).await > 0 {
                ask(&*store, timeout, std::mem::take(&mut asked)).await; // (2)
            }
        });
        Self { questions }
    }

    /// How far an organization has come; nothing when there is none.
    ///
    /// # Errors
    /// [`Stale`]: refuse the request (3).
    pub async fn seq(&self, organization: OrganizationId) -> Result<Option<u64>, Stale> {
        let (tell, told) = oneshot::channel();
        self.questions.send(Question::Seq(organization, tell)).map_err(|_| Stale)?;
        told.await.unwrap_or(Err(Stale))
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

async fn ask(store: &dyn Store, timeout: Duration, asked: Vec<Question>) {
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
    let answer = tokio::time::timeout(timeout, store.heads(&organizations, &digests)).await; // (1)
    let heads: Result<Heads, Stale> = answer.map_err(|_| Stale).and_then(|answer| answer.map_err(|_| Stale));
    let seqs: HashMap<_, _> = heads.iter().flat_map(|heads| heads.seqs.iter().copied()).collect();
    let owners: HashMap<_, _> = heads.iter().flat_map(|heads| heads.digests.iter().copied()).collect();
    let known = heads.map(|_| ());
    for question in asked {
        match question {
            Question::Seq(organization, tell) => {
                let _ = tell.send(known.map(|()| seqs.get(&organization).copied()));
            }
            Question::Token(digest, tell) => {
                let _ = tell.send(known.map(|()| owners.get(&digest).copied()));
            }
        }
    }
}
