//! Which tokens of Okta are being obeyed, or were a moment ago: the fast no for copies.
//!
//! 1. Of several copies that come at the same time one goes on; the others are refused without touching anything.
//! 2. The judge is the organization's log, which knows used tokens also after a restart and of other nodes. Whatever
//!    this actor has forgotten is found there.
//! 3. A claim whose command came to nothing is released, so that Okta's next try can work.
//! 4. Nobody waits while many are forgotten at once: each claim forgets a few.
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, rpc::CallResult};

use crate::{domain::okta::UsedToken, meter::Gauge};

/// The way to the actor.
pub struct Revocations {
    actor: ActorRef<Message>,
    held: Gauge,
}

/// What it is told.
enum Message {
    Claim { token: UsedToken, reply: RpcReplyPort<bool> },
    Release { token: UsedToken },
}

struct RevocationActor {
    /// Claims at the same time, at most; beyond it the log alone judges.
    limit: usize,
    held: Gauge,
}

/// Half of a digest: 128 bits tell more tokens apart than there will ever be, in half of the memory.
type Key = [u8; 16];

/// Forgotten at most, each time another is remembered (4).
const FORGOTTEN: usize = 8;

#[derive(Default)]
struct Claims {
    keys: HashSet<Key>,
    /// When to forget them; what was released is still here.
    by_time: BinaryHeap<Reverse<(i64, Key)>>,
}

fn key(token: &UsedToken) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&token.key[..16]);
    key
}

impl Revocations {
    /// Starts without a claim. `limit` claims are kept at the same time.
    ///
    /// # Errors
    /// When the actor cannot be spawned.
    pub async fn start(limit: usize) -> Result<Self, ractor::SpawnErr> {
        let held = Gauge::default();
        let (actor, _) = Actor::spawn(None, RevocationActor { limit, held: held.clone() }, ()).await?;
        Ok(Self { actor, held })
    }

    /// Claims a token; false when a copy has claimed it. An actor that does not answer leaves it to the log (2).
    pub async fn claim(&self, token: UsedToken) -> bool {
        match self.actor.call(|reply| Message::Claim { token, reply }, None).await {
            Ok(CallResult::Success(is_first)) => is_first,
            _ => true,
        }
    }

    /// Gives a claim back (3).
    pub fn release(&self, token: UsedToken) {
        let _ = self.actor.cast(Message::Release { token });
    }

    /// Claims that are kept at the moment.
    pub fn held(&self) -> i64 {
        self.held.read()
    }

    /// Ends the actor.
    pub fn stop(&self) {
        self.actor.stop(None);
    }
}

impl Claims {
    /// (1)
    fn claim(&mut self, token: UsedToken, limit: usize) -> bool {
        for _ in 0..FORGOTTEN {
            let Some(&Reverse((until_ms, oldest))) = self.by_time.peek() else { break };
            if until_ms > token.used_ms && self.keys.len() < limit {
                break;
            }
            self.by_time.pop();
            self.keys.remove(&oldest);
        }
        let key = key(&token);
        let is_first = self.keys.insert(key);
        if is_first {
            self.by_time.push(Reverse((token.until_ms, key)));
        }
        is_first
    }

    fn release(&mut self, token: UsedToken) {
        self.keys.remove(&key(&token));
    }
}

impl Actor for RevocationActor {
    type Msg = Message;
    type State = Claims;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<Claims, ActorProcessingErr> {
        Ok(Claims::default())
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        claims: &mut Claims,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Claim { reply, .. } if reply.is_closed() => {}
            Message::Claim { token, reply } => {
                let _ = reply.send(claims.claim(token, self.limit));
            }
            Message::Release { token } => claims.release(token),
        }
        self.held.set(claims.keys.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(jti: &str, until_ms: i64, used_ms: i64) -> UsedToken {
        UsedToken::new("test", "https://issuer", jti, until_ms, used_ms)
    }

    #[tokio::test]
    async fn one_of_many_copies_goes_on() {
        let revocations = std::sync::Arc::new(Revocations::start(100).await.unwrap());
        let claims = (0..100).map(|_| {
            let revocations = revocations.clone();
            tokio::spawn(async move { revocations.claim(token("a", 10, 0)).await })
        });
        let mut first = 0;
        for claim in claims.collect::<Vec<_>>() {
            first += usize::from(claim.await.unwrap());
        }
        assert_eq!(first, 1);
        revocations.release(token("a", 10, 0));
        assert!(revocations.claim(token("a", 10, 0)).await, "what came to nothing may come again");
    }

    #[test]
    fn claims_end_with_time_and_have_a_limit() {
        let mut claims = Claims::default();
        assert!(claims.claim(token("a", 10, 0), 2) && !claims.claim(token("a", 10, 9), 2));
        assert!(claims.claim(token("a", 10, 10), 2), "its time was over");
        for number in 0..100 {
            claims.claim(token(&number.to_string(), 1_000, 20), 2);
        }
        assert_eq!((claims.keys.len(), claims.by_time.len()), (2, 2));
    }
}
