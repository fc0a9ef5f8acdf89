//! The single writer of one organization on this node.
//!
//! 1. Decisions are made on `head` (durable state plus what is staged); readers see durable state only.
//! 2. Nobody waits for the store inside the mailbox: units are handed over, their fate comes as a message.
//! 3. An answer without a unit of its own (a no-change, a 404, a 409) may rest on staged units: it waits
//!    for the last of them, and is decided again when that fails.
//! 4. `Aborted`: what is in flight was decided on something that is not so; all of it gets "unavailable".
//! 5. `Conflict`: someone else wrote. Read what changed, then decide everything again, in order.
//! 6. `Unknown`: this memory may be wrong. Answer what is known, and die.
//! 7. A caller who is gone before the decision has asked for nothing.
//! 8. Connected tools are worked at by actors of their own, started again when they fail; what they did is in rows.
use std::{
    collections::{HashMap, HashSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::{
    Organization,
    decide::decide,
    message::{Answer, Answered, Asked, Message, OrganizationError, Reply},
    state::Snapshot,
};
use crate::{
    connection::{self, ConnectionActor, Ports},
    domain::{
        audit::{Head, seal},
        id::ConnectorId,
    },
    meter::Meter,
    ports::{Loaded, Store, StoreError, Unit},
    request::{carried, serving},
};

/// A command that meets this many conflicts is answered "unavailable": others are writing faster. Each takes some 20 ms
/// where several nodes write all the time, and about a quarter of the tries comes through.
const MAX_CONFLICTS: u8 = 100;

/// Before a connection that failed is started again.
const CONNECTION_PAUSE: Duration = Duration::from_secs(1);

/// Counted over all actors of the process.
fn next_run() -> u64 {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    RUNS.fetch_add(1, Ordering::Relaxed)
}

/// What an organization's actor starts with.
pub struct Start {
    /// Durable state.
    pub snapshot: Arc<Snapshot>,
    /// Where readers find it.
    pub published: Arc<ArcSwap<Snapshot>>,
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// How tools are reached; nothing where no tool is worked at.
    pub ports: Option<Arc<Ports>>,
    /// Commands that may wait; of these, besides, those that end access.
    pub permits: (Arc<Semaphore>, usize),
    /// See [`Start::permits`].
    pub reserved: (Arc<Semaphore>, usize),
    /// Set when it takes no more commands.
    pub closing: Arc<AtomicBool>,
    /// What it counts.
    pub meter: Arc<Meter>,
}

/// The actor; its memory is [`Memory`].
pub struct OrganizationActor;

/// A command with everything needed to decide it, once or again.
struct Ask {
    asked: Box<Asked>,
    conflicts: u8,
}

struct Staged {
    ask: Ask,
    answer: Answer,
    after: Arc<Snapshot>,
    /// (3) Answers that rest on this unit and on those before it.
    resting: Vec<(Ask, Result<Answer, OrganizationError>)>,
}

/// What the actor holds.
pub struct Memory {
    committed: Arc<Snapshot>,
    head: Snapshot,
    in_flight: VecDeque<Staged>,
    /// The run of what is staged now; fates of units of an older one concern nobody any more.
    run: u64,
    catching_up: bool,
    pending: VecDeque<Ask>,
    reads: Vec<(u64, Reply<Arc<Snapshot>>)>,
    published: Arc<ArcSwap<Snapshot>>,
    store: Arc<dyn Store>,
    ports: Option<Arc<Ports>>,
    own: Organization,
    connections: HashMap<ConnectorId, ActorRef<connection::Message>>,
    meter: Arc<Meter>,
    /// Whether the connections are going to be woken: commits come in crowds.
    is_tending: bool,
}

impl Actor for OrganizationActor {
    type Msg = Message;
    type State = Memory;
    type Arguments = Start;

    async fn pre_start(&self, me: ActorRef<Message>, start: Start) -> Result<Memory, ActorProcessingErr> {
        let own = Organization {
            id: start.snapshot.profile().id,
            actor: me.clone(),
            published: start.published.clone(),
            permits: start.permits.0,
            permit_count: start.permits.1,
            reserved: start.reserved.0,
            reserved_count: start.reserved.1,
            closing: start.closing,
            used_ms: Arc::default(),
            origins: Arc::default(),
        };
        let _ = me.cast(Message::Tend);
        Ok(Memory {
            own,
            ports: start.ports,
            connections: HashMap::new(),
            is_tending: false,
            head: (*start.snapshot).clone(),
            committed: start.snapshot,
            in_flight: VecDeque::new(),
            run: next_run(),
            catching_up: false,
            pending: VecDeque::new(),
            reads: Vec::new(),
            published: start.published,
            store: start.store,
            meter: start.meter,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Message>,
        message: Message,
        memory: &mut Memory,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Execute(asked) => {
                let waited = asked.sent.elapsed();
                memory.meter.mailbox_wait.observe_time(waited);
                let _deciding = tracing::info_span!("decide", ?waited).entered();
                serving(asked.request, || {
                    let ask = Ask { asked, conflicts: 0 };
                    if memory.catching_up { memory.pending.push_back(ask) } else { memory.stage(&me, ask) }
                });
            }
            Message::Read { seq, reply } => {
                memory.reads.push((seq, reply));
                memory.serve_reads(&me);
            }
            Message::Written { run, seq, outcome } if run == memory.run => {
                memory.written(&me, seq, outcome)?;
            }
            Message::CaughtUp { run, loaded } if run == memory.run => memory.caught_up(&me, loaded),
            Message::Written { .. } | Message::CaughtUp { .. } => {}
            Message::Tend => memory.tend(&me).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<Message>,
        event: SupervisionEvent,
        memory: &mut Memory,
    ) -> Result<(), ActorProcessingErr> {
        let (ended, failed) = match event {
            SupervisionEvent::ActorFailed(actor, _) => (actor.get_id(), true),
            SupervisionEvent::ActorTerminated(actor, ..) => (actor.get_id(), false),
            _ => return Ok(()),
        };
        memory.connections.retain(|_, connection| connection.get_id() != ended);
        if failed {
            // The text of a panic may hold what must not be logged.
            tracing::error!(actor = %ended, "a connection failed and will be started afresh");
            me.send_after(CONNECTION_PAUSE, || Message::Tend); // (8)
        }
        Ok(())
    }
}

/// Sending to a caller who has left is no error.
fn answer<T>(reply: Reply<T>, result: Result<T, OrganizationError>) {
    let _ = reply.send(result);
}

impl Ask {
    fn answer(self, snapshot: &Arc<Snapshot>, result: Result<Answer, OrganizationError>) {
        answer(self.asked.reply, result.map(|answer| Answered { snapshot: snapshot.clone(), answer }));
    }
}

impl Memory {
    fn stage(&mut self, me: &ActorRef<Message>, ask: Ask) {
        let Asked { command, caller, stamp, reply, .. } = &*ask.asked;
        if reply.is_closed() {
            return; // (7)
        }
        match decide(&self.head, command, caller, *stamp) {
            Ok(decision) if !decision.is_nothing() => {
                let expected = self.head.head();
                let profile = self.head.profile();
                let place = (&*profile.slug, profile.mode);
                let (entries, sealed) = seal(expected, place, caller, *stamp, decision.drafts);
                let after = Head { seq: expected.seq + 1, ..sealed };
                decision.changes.iter().for_each(|change| self.head.apply(change)); // (1)
                self.own.origins.note(&decision.changes);
                self.head.move_to(after);
                let (answer, snapshot) = (decision.answer, Arc::new(self.head.clone()));
                self.in_flight.push_back(Staged { ask, answer, after: snapshot, resting: Vec::new() });
                let unit = Unit {
                    run: self.run,
                    organization: self.head.profile().id,
                    expected,
                    after,
                    changes: decision.changes,
                    entries,
                };
                let (me, run) = (me.clone(), self.run);
                let told = Box::new(move |outcome| {
                    let _ = me.cast(Message::Written { run, seq: after.seq, outcome });
                });
                self.store.append(unit, told); // (2)
            }
            result => {
                let result = result.map(|decision| decision.answer);
                match self.in_flight.back_mut() {
                    Some(last) => last.resting.push((ask, result)), // (3)
                    None => ask.answer(&self.committed, result),
                }
            }
        }
    }

    fn written(
        &mut self,
        me: &ActorRef<Message>,
        seq: u64,
        outcome: Result<(), StoreError>,
    ) -> Result<(), ActorProcessingErr> {
        match outcome {
            Ok(()) => {
                let Some(staged) = self.in_flight.pop_front().filter(|staged| staged.after.head().seq == seq)
                else {
                    return Err(format!("unit {seq} was written out of order").into());
                };
                self.publish(staged.after.clone());
                staged.ask.answer(&self.committed, Ok(staged.answer));
                staged.resting.into_iter().for_each(|(ask, result)| ask.answer(&self.committed, result)); // (3)
                self.serve_reads(me);
            }
            Err(StoreError::Aborted) => {
                let again = self.fail_in_flight(); // (4)
                again.into_iter().for_each(|ask| self.stage(me, ask)); // (3)
                self.serve_reads(me);
            }
            Err(StoreError::Conflict) => {
                for staged in std::mem::take(&mut self.in_flight) {
                    let resting = staged.resting.into_iter().map(|(ask, _)| ask);
                    self.pending.extend(std::iter::once(staged.ask).chain(resting)); // (5)
                }
                self.pending.iter_mut().for_each(|ask| ask.conflicts += 1);
                self.forget_staged();
                self.catch_up(me);
            }
            Err(StoreError::Unknown) => {
                let again = self.fail_in_flight();
                again
                    .into_iter()
                    .for_each(|ask| ask.answer(&self.committed, Err(OrganizationError::Unavailable)));
                return Err("the fate of a unit is not known".into()); // (6)
            }
        }
        Ok(())
    }

    /// Answers what is in flight; returns what only rested on it.
    fn fail_in_flight(&mut self) -> Vec<Ask> {
        let mut again = Vec::new();
        for staged in std::mem::take(&mut self.in_flight) {
            staged.ask.answer(&self.committed, Err(OrganizationError::Unavailable));
            again.extend(staged.resting.into_iter().map(|(ask, _)| ask));
        }
        self.forget_staged();
        again
    }

    fn forget_staged(&mut self) {
        self.run = next_run();
        self.head = (*self.committed).clone();
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        self.committed = snapshot;
        self.published.store(self.committed.clone());
        let is_left = self.committed.tasks().next().is_some() || !self.own.origins.is_empty();
        if self.ports.is_some() && !self.is_tending && is_left {
            self.is_tending = true;
            let _ = self.own.actor.cast(Message::Tend);
        }
    }

    /// Wakes the connections of tools that have something to do (8).
    async fn tend(&mut self, me: &ActorRef<Message>) {
        self.is_tending = false;
        self.own.origins.prune(&self.head);
        let Some(ports) = &self.ports else { return };
        let waiting: HashSet<ConnectorId> =
            self.committed.tasks().filter(|task| task.state.is_open()).map(|task| task.connector).collect();
        for connector in waiting {
            if let Some(connection) = self.connections.get(&connector) {
                let _ = connection.cast(connection::Message::Look);
                continue;
            }
            let (organization, counted) = (self.own.clone(), self.meter.connections.enter());
            let start = connection::Start { connector, organization, ports: ports.clone(), counted };
            match Actor::spawn_linked(None, ConnectionActor, start, me.get_cell()).await {
                Ok((connection, _)) => drop(self.connections.insert(connector, connection)),
                Err(error) => tracing::error!(%connector, %error, "a connection could not be started"),
            }
        }
    }

    fn serve_reads(&mut self, me: &ActorRef<Message>) {
        let seq = self.committed.head().seq;
        for (wanted, reply) in std::mem::take(&mut self.reads) {
            if wanted <= seq {
                answer(reply, Ok(self.committed.clone()));
            } else if !reply.is_closed() {
                self.reads.push((wanted, reply));
            }
        }
        // A newer number may be our own commit whose news is on its way: then the journal answers first.
        if !self.reads.is_empty() && self.in_flight.is_empty() && !self.catching_up {
            self.catch_up(me);
        }
    }

    /// Reads what others wrote, outside the mailbox.
    fn catch_up(&mut self, me: &ActorRef<Message>) {
        self.catching_up = true;
        let (store, me, run) = (self.store.clone(), me.clone(), self.run);
        let (organization, seq) = (self.committed.profile().id, self.committed.head().seq);
        let read = async move {
            let read = AssertUnwindSafe(store.changes_since(organization, seq)).catch_unwind();
            let loaded = read.await.unwrap_or(Err(StoreError::Unknown));
            let _ = me.cast(Message::CaughtUp { run, loaded });
        };
        tokio::spawn(carried(read.in_current_span()));
    }

    fn caught_up(&mut self, me: &ActorRef<Message>, loaded: Result<Loaded, StoreError>) {
        self.catching_up = false;
        let pending = std::mem::take(&mut self.pending);
        match loaded {
            Ok(loaded) => {
                let mut snapshot = (*self.committed).clone();
                snapshot.catch_up(&loaded.changes, loaded.head);
                self.publish(Arc::new(snapshot));
                self.head = (*self.committed).clone();
                for ask in pending {
                    match ask.conflicts > MAX_CONFLICTS {
                        true => ask.answer(&self.committed, Err(OrganizationError::Unavailable)),
                        false => self.stage(me, ask), // (5)
                    }
                }
                self.serve_reads(me);
            }
            Err(_) => {
                pending
                    .into_iter()
                    .for_each(|ask| ask.answer(&self.committed, Err(OrganizationError::Unavailable)));
                for (_, reply) in std::mem::take(&mut self.reads) {
                    answer(reply, Err(OrganizationError::Unavailable));
                }
            }
        }
    }
}
