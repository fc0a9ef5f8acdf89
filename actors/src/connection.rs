//! One connected tool: takes the tasks that are due, one node at a time, runs the tool's plan and reports.
//!
//! 1. Only the node that holds the tool's lease works at it, so the tool's limits hold for all nodes together. A node
//!    that dies loses the lease by time; what it had begun is begun again, which every plan allows.
//! 2. A step that has ended is durable, with its audit entry, before the next request is sent.
//! 3. Urgent tasks go first, at places that no other takes.
//! 4. At most so many passes at the same time, and so many requests a minute, as the tool allows.
//! 5. A token is used again until four fifths of its life are over. A tool that refuses a kept token is asked once
//!    more with a fresh one.
//! 6. A request goes to an address of the tool, or nowhere.
//! 7. A tool that is paused or disconnected is left alone.
//! 8. A node that takes the lease first learns what was done under it before: a task is not begun from memory that is
//!    older than the lease.
//! 9. A try ends where the tool says that it has had enough, and no other begins before the tool listens again, on
//!    whichever node it was told so.
//! 10. A try whose task was closed, or taken up by another, ends after the step that has changed something already, which
//!     is written down: who is to stay is not taken out any further.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    clock::Clock,
    connector::Tool,
    domain::{
        connector::Connector,
        id::{ConnectorId, TaskId},
        offboarding::Task,
    },
    meter::Counted,
    organization::Organization,
    ports::{Leases, Outbound, Tools},
};

mod pace;
mod run;

pub use pace::{Pace, ToolLimits};
use run::Run;
pub use run::{Tokens, leaver};

/// What connections need from outside.
pub struct Ports {
    /// Sends requests.
    pub outbound: Arc<dyn Outbound>,
    /// Makes tools of records.
    pub tools: Arc<dyn Tools>,
    /// Who works where.
    pub leases: Arc<dyn Leases>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// This node, among those on the same database.
    pub node: Uuid,
    /// How long a lease lasts.
    pub lease: Duration,
    /// How much each kind of tool bears.
    pub limits: BTreeMap<String, ToolLimits>,
}

/// Commits come faster than there is something new for one tool: its tasks are looked at no oftener than this.
const LOOK_PAUSE_MS: i64 = 20;

/// What a connection is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Something may be due.
    Look,
    /// A pass has ended.
    Ended(TaskId),
}

/// What a connection starts with.
pub(crate) struct Start {
    pub(crate) connector: ConnectorId,
    pub(crate) organization: Organization,
    pub(crate) ports: Arc<Ports>,
    pub(crate) counted: Counted,
}

pub(crate) struct ConnectionActor;

/// The lease, while this node holds it.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// `seq` of the organization when it was taken (8).
    seq: u64,
    /// When it was taken, or renewed.
    renewed_ms: i64,
}

pub(crate) struct Connection {
    connector: ConnectorId,
    organization: Arc<Organization>,
    ports: Arc<Ports>,
    running: HashMap<TaskId, Running>,
    tokens: Arc<Tokens>,
    pace: Arc<Mutex<Pace>>,
    /// The record that `tokens` and `pace` belong to: another record has other credentials.
    record: Option<Arc<Connector>>,
    held: Option<Held>,
    /// Until when passes may send: a node that was frozen finds out before its next request (1).
    lease_ends_ms: Arc<AtomicI64>,
    looked_ms: i64,
    timer: Option<JoinHandle<Result<(), ractor::MessagingErr<Message>>>>,
    _counted: Counted,
}

/// A pass under way.
struct Running {
    pass: JoinHandle<()>,
    urgent: bool,
}

impl Actor for ConnectionActor {
    type Msg = Message;
    type State = Connection;
    type Arguments = Start;

    async fn pre_start(&self, me: ActorRef<Message>, start: Start) -> Result<Connection, ActorProcessingErr> {
        let _ = me.cast(Message::Look);
        Ok(Connection {
            connector: start.connector,
            organization: Arc::new(start.organization),
            ports: start.ports,
            running: HashMap::new(),
            tokens: Arc::default(),
            pace: Arc::default(),
            record: None,
            held: None,
            lease_ends_ms: Arc::default(),
            looked_ms: 0,
            timer: None,
            _counted: start.counted,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Message>,
        message: Message,
        connection: &mut Connection,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ended(task) => drop(connection.running.remove(&task)),
            Message::Look if connection.ports.clock.now_ms() < connection.looked_ms + LOOK_PAUSE_MS => {
                connection.look_again(&me, Some(LOOK_PAUSE_MS));
                return Ok(());
            }
            Message::Look => {}
        }
        connection.look(&me).await;
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Message>,
        connection: &mut Connection,
    ) -> Result<(), ActorProcessingErr> {
        connection.stop_running();
        connection.release().await;
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stop_running();
    }
}

impl Connection {
    fn stop_running(&mut self) {
        self.running.drain().for_each(|(_, running)| running.pass.abort());
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }

    async fn look(&mut self, me: &ActorRef<Message>) {
        let snapshot = self.organization.published.load_full();
        let record = snapshot.connector(self.connector).cloned();
        let Some(record) = record.filter(|record| record.paused.is_none()) else {
            self.stop_running(); // (7)
            return self.release().await;
        };
        if self.record.as_ref() != Some(&record) {
            (self.tokens, self.pace) = (Arc::default(), Arc::default());
            self.record = Some(record.clone());
        }
        let now_ms = self.ports.clock.now_ms();
        self.looked_ms = now_ms;
        let is_new = |task: &&Arc<Task>| {
            task.connector == self.connector && task.state.is_open() && !self.running.contains_key(&task.id)
        };
        let own_ms = self.pace.lock().unwrap_or_else(PoisonError::into_inner).closed_until_ms();
        let told = snapshot.tasks().filter(|task| task.connector == self.connector);
        let closed_until_ms = told.filter_map(|task| task.closed_until_ms()).fold(own_ms, i64::max);
        let due_ms = |task: &Task| task.not_before_ms.max(closed_until_ms); // (9)
        let mut tasks: Vec<Arc<Task>> = snapshot.tasks().filter(is_new).cloned().collect();
        tasks.sort_by_key(|task| (!task.urgent, task.not_before_ms, task.id)); // (3)
        let next_ms = tasks.iter().map(|task| due_ms(task)).filter(|at_ms| *at_ms > now_ms).min();
        tasks.retain(|task| due_ms(task) <= now_ms);
        if tasks.is_empty() && self.running.is_empty() {
            self.release().await;
            return self.look_again(me, next_ms.map(|at_ms| at_ms - now_ms));
        }
        let renewal_ms = self.ports.lease.as_millis() as i64 / 3;
        let tool = self.tool(&record);
        if tool.is_none() && self.running.is_empty() {
            self.release().await; // Another node may have the key of its secrets.
            return self.look_again(me, Some(renewal_ms));
        }
        let Some(seq) = self.hold(now_ms, renewal_ms).await else {
            self.stop_running(); // (1)
            return self.look_again(me, Some(renewal_ms));
        };
        if snapshot.head().seq < seq {
            self.learn(me, seq); // (8)
            return self.look_again(me, Some(renewal_ms));
        }
        let limits = self.ports.limits.get(&*record.kind).copied().unwrap_or_default();
        for task in tasks {
            if self.has_place(task.urgent, limits)
                && let Some(tool) = &tool
            {
                self.begin(me, limits, tool.clone(), task);
            }
        }
        self.look_again(me, Some(next_ms.map_or(renewal_ms, |at_ms| renewal_ms.min(at_ms - now_ms))));
    }

    /// (3) (4)
    fn has_place(&self, urgent: bool, limits: ToolLimits) -> bool {
        let taken = self.running.values().filter(|running| running.urgent == urgent).count();
        taken < limits.concurrency.max(1) as usize
    }

    fn tool(&self, record: &Connector) -> Option<Arc<dyn Tool>> {
        match self.ports.tools.tool(self.organization.id, record) {
            Ok(tool) => Some(tool.into()),
            Err(error) => {
                tracing::error!(connector = %record.id, %error, "a connected tool's settings cannot be used");
                None
            }
        }
    }

    fn begin(&mut self, me: &ActorRef<Message>, limits: ToolLimits, tool: Arc<dyn Tool>, task: Arc<Task>) {
        let (me, id, urgent) = (me.clone(), task.id, task.urgent);
        let span = self.organization.origins.take(&task);
        let run = Run {
            organization: self.organization.clone(),
            ports: self.ports.clone(),
            tokens: self.tokens.clone(),
            pace: self.pace.clone(),
            lease_ends_ms: self.lease_ends_ms.clone(),
            limits,
            origins: tool.origins(),
            tool,
            task,
        };
        let pass = async move {
            run.drive().await;
            let _ = me.cast(Message::Ended(id));
        };
        let pass = tokio::spawn(pass.instrument(span));
        self.running.insert(id, Running { pass, urgent });
    }

    fn look_again(&mut self, me: &ActorRef<Message>, in_ms: Option<i64>) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
        let in_ms = in_ms.map(|in_ms| u64::try_from(in_ms).unwrap_or_default().max(5));
        self.timer = in_ms.map(|in_ms| me.send_after(Duration::from_millis(in_ms), || Message::Look));
    }

    /// Looks again when memory has come as far as `seq`.
    fn learn(&self, me: &ActorRef<Message>, seq: u64) {
        let (me, organization) = (me.clone(), self.organization.clone());
        tokio::spawn(async move {
            if organization.snapshot(seq).await.is_ok() {
                let _ = me.cast(Message::Look);
            }
        });
    }

    /// (1)
    async fn hold(&mut self, now_ms: i64, renewal_ms: i64) -> Option<u64> {
        if let Some(held) = self.held.filter(|held| now_ms < held.renewed_ms + renewal_ms) {
            return Some(held.seq);
        }
        let Ports { leases, node, lease, clock, .. } = &*self.ports;
        let lease_ms = lease.as_millis() as i64;
        let ends_ms = |held: &Held| held.renewed_ms + lease_ms;
        if self.held.as_ref().is_some_and(|held| now_ms >= ends_ms(held)) {
            // It may have been another node's meanwhile: what was begun under it is begun again, if at all (8).
            self.running.drain().for_each(|(_, running)| running.pass.abort());
            self.held = None;
        }
        let claimed = leases.claim(self.organization.id, self.connector, *node, *lease).await;
        self.held = match claimed {
            Ok(seq) => {
                seq.map(|seq| Held { seq: self.held.map_or(seq, |held| held.seq), renewed_ms: now_ms })
            }
            // The store did not answer: what is held is held to its end.
            Err(_) => self.held.filter(|held| clock.now_ms() < ends_ms(held)),
        };
        self.lease_ends_ms.store(self.held.as_ref().map_or(0, ends_ms), Ordering::Relaxed);
        self.held.map(|held| held.seq)
    }

    async fn release(&mut self) {
        self.lease_ends_ms.store(0, Ordering::Relaxed);
        if self.held.take().is_some() {
            self.ports.leases.release(self.connector, self.ports.node).await;
        }
    }
}
