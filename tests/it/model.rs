//! Two nodes on one store that fails in every way it can: the real journal, actors, directory and freshness over
//! a ledger in memory that aborts, loses answers (written or not) and is slow, by seed.
//!
//! 1. What was acknowledged is durable, once; what was refused for a reason is not there; what was answered
//!    "unavailable" is there only when its answer was lost.
//! 2. No answer rests on something that was not written: every refusal and every "nothing to do" is what
//!    some durable state between request and answer leads to.
//! 3. Every state that was shown is a durable one, and a read after an acknowledgement, on either node,
//!    sees it.
//! 4. The chain is whole.
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use ceven::store::{
    freshness::Freshness,
    journal::{Journal, Ledger},
};
use ceven_actors::{
    clock::Clock,
    directory::{Directory, DirectoryLimits},
    domain::{
        audit::{Head, Verifier},
        caller::{Actor, Authority, Caller, Stamp},
        change::Change,
        id::{OrganizationId, UserId},
    },
    organization::{
        decide::decide,
        message::{Answered, Command, OrganizationError},
        state::Snapshot,
    },
    ports::{BoxFuture, Heads, Loaded, OnOutcome, Profile, Store, StoreError, Unit},
    protocol::{
        scim::{Object, patch::Operation},
        secret::Digest,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(7));

/// SplitMix64: the same seed, the same run.
struct Dice(AtomicU64);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    async fn dawdle(&self) {
        for _ in 0..self.roll(4) {
            tokio::task::yield_now().await;
        }
    }
}

impl Clock for Dice {
    fn now_ms(&self) -> i64 {
        static NOW: AtomicI64 = AtomicI64::new(1);
        // Time runs, so that nothing waits for a back-off.
        NOW.fetch_add(1_000, Ordering::Relaxed)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.roll(256) as u8);
    }
}

/// What is durable: every unit, in order.
#[derive(Default)]
struct Truth {
    units: Vec<(Head, Vec<Change>)>,
    lines: Vec<String>,
    /// Requests whose commit had no answer.
    lost: HashSet<String>,
}

impl Truth {
    fn head(&self) -> Head {
        self.units.last().map_or(Head::default(), |(head, _)| *head)
    }

    fn since(&self, seq: u64) -> Loaded {
        let changes = self.units.iter().skip(seq as usize).flat_map(|(_, changes)| changes.clone()).collect();
        Loaded { profile: profile(), head: self.head(), changes }
    }

    /// The state after each unit, from before the first.
    fn states(&self) -> Vec<Snapshot> {
        let mut states = vec![Snapshot::new(profile())];
        for (head, changes) in &self.units {
            let mut next = states[states.len() - 1].clone();
            next.catch_up(changes, *head);
            states.push(next);
        }
        states
    }
}

fn profile() -> Profile {
    Profile { id: ORGANIZATION, slug: "acme".into(), name: "Acme".into(), domains: vec![] }
}

fn request_ids(unit: &Unit) -> impl Iterator<Item = String> {
    unit.entries.iter().map(|entry| {
        serde_json::from_str::<Value>(&entry.line).unwrap()["request_id"].as_str().unwrap().to_owned()
    })
}

struct FaultyLedger {
    truth: Arc<Mutex<Truth>>,
    dice: Arc<Dice>,
}

impl Ledger for FaultyLedger {
    async fn commit(&mut self, batch: &[Unit]) -> Vec<Result<(), StoreError>> {
        self.dice.dawdle().await;
        let outcomes = self.write(batch);
        self.dice.dawdle().await;
        outcomes
    }
}

impl FaultyLedger {
    fn write(&self, batch: &[Unit]) -> Vec<Result<(), StoreError>> {
        let fate = self.dice.roll(12);
        let mut truth = self.truth.lock().unwrap();
        if fate <= 1 {
            truth.lost.extend(batch.iter().flat_map(request_ids));
        }
        match fate {
            0 => return vec![Err(StoreError::Unknown); batch.len()],
            2 => return vec![Err(StoreError::Aborted); batch.len()],
            _ => {}
        }
        let mut write = |unit: &Unit| {
            if truth.head() != unit.expected {
                return Err(StoreError::Conflict);
            }
            truth.units.push((unit.after, unit.changes.clone()));
            truth.lines.extend(unit.entries.iter().map(|entry| entry.line.to_string()));
            Ok(())
        };
        let outcomes: Vec<_> = batch.iter().map(&mut write).collect();
        if fate == 1 { vec![Err(StoreError::Unknown); batch.len()] } else { outcomes }
    }
}

/// One node's way to the truth.
struct MemoryStore {
    truth: Arc<Mutex<Truth>>,
    dice: Arc<Dice>,
    journal: Journal,
}

impl Store for MemoryStore {
    fn load(&self, _: OrganizationId) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        Box::pin(async { self.changes_since(ORGANIZATION, 0).await.map(Some) })
    }

    fn changes_since(&self, _: OrganizationId, seq: u64) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async move {
            self.dice.dawdle().await;
            let loaded = self.truth.lock().unwrap().since(seq);
            self.dice.dawdle().await;
            if self.dice.roll(10) == 0 { Err(StoreError::Aborted) } else { Ok(loaded) }
        })
    }

    fn append(&self, unit: Unit, on_outcome: OnOutcome) {
        self.journal.append(unit, on_outcome);
    }

    fn heads<'a>(
        &'a self,
        organizations: &'a [OrganizationId],
        _: &'a [Digest],
    ) -> BoxFuture<'a, Result<Heads, StoreError>> {
        Box::pin(async move {
            self.dice.dawdle().await;
            let seq = self.truth.lock().unwrap().head().seq;
            Ok(Heads { seqs: organizations.iter().map(|id| (*id, seq)).collect(), digests: vec![] })
        })
    }
}

struct Node {
    directory: Directory,
    freshness: Freshness,
}

async fn node(truth: &Arc<Mutex<Truth>>, dice: &Arc<Dice>) -> Node {
    let journal = Journal::spawn(FaultyLedger { truth: truth.clone(), dice: dice.clone() }, 3);
    let store = Arc::new(MemoryStore { truth: truth.clone(), dice: dice.clone(), journal });
    let limits = DirectoryLimits { permits: 100, memory_bytes: 1, sweep_ms: 1 };
    Node {
        directory: Directory::start(store.clone(), dice.clone(), limits).await.unwrap(),
        freshness: Freshness::spawn(store, Duration::from_secs(5)),
    }
}

/// What a client saw.
struct Seen {
    command: Command,
    caller: Caller,
    stamp: Stamp,
    /// Durable units when it asked and when it was answered.
    from: usize,
    to: usize,
    result: Result<Answered, OrganizationError>,
}

fn random_command(dice: &Dice, known: &[UserId]) -> Command {
    let name = format!("u{}", dice.roll(5));
    let attributes = |extra: Value| -> Object {
        let mut object = json!({ "userName": name, "active": true }).as_object().unwrap().clone();
        object.extend(extra.as_object().unwrap().clone());
        object
    };
    let id = known
        .get(dice.roll(known.len().max(1) as u64) as usize)
        .copied()
        .unwrap_or(UserId(Uuid::from_u128(9)));
    match dice.roll(6) {
        0..=2 => Command::CreateUser { attributes: attributes(json!({})) },
        3 => Command::DeleteUser { id },
        4 => Command::ReplaceUser {
            id,
            attributes: attributes(json!({ "title": dice.roll(3).to_string() })),
            mentions_roles: false,
        },
        _ => Command::PatchUser { id, operations: deactivate() },
    }
}

fn deactivate() -> Vec<Operation> {
    use ceven_actors::protocol::scim::{
        filter::FilterLimits,
        patch::{PatchLimits, parse},
        resource::ValueLimits,
        schema::USER_TYPE,
    };
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }]
    });
    let limits = PatchLimits {
        operations: 1,
        filter: FilterLimits { length_bytes: 100, depth: 3 },
        values: ValueLimits { text_bytes: 100, values: 3 },
    };
    parse(&USER_TYPE, &body, &limits, &mut vec![]).unwrap()
}

/// As a request does it: the state is made fresh, then the command is given.
async fn execute(
    node: &Node,
    command: Command,
    caller: Caller,
    stamp: Stamp,
) -> Result<Answered, OrganizationError> {
    let seq = node.freshness.seq(ORGANIZATION).await.unwrap().unwrap();
    let organization = node.directory.organization(ORGANIZATION).await?;
    check_is_fresh(&*organization.snapshot(seq).await?, seq);
    organization.execute(command, caller, stamp).await
}

fn check_is_fresh(snapshot: &Snapshot, seq: u64) {
    assert!(snapshot.head().seq >= seq, "a state was shown that is older than the question");
}

async fn client(number: u64, nodes: Arc<[Node; 2]>, truth: Arc<Mutex<Truth>>, dice: Arc<Dice>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut known = Vec::new();
    for turn in 0..12 {
        let command = random_command(&dice, &known);
        let caller = Caller {
            actor: Actor { kind: "operator", id: "x".into(), label: "x".into() },
            authority: Authority::Operator,
            ip: None,
            request_id: format!("{number}-{turn}"),
        };
        let stamp = Stamp { at_ms: dice.now_ms(), new_id: dice.new_id(), entry_id: dice.new_id() };
        let durable = || truth.lock().unwrap().units.len();
        let from = durable();
        let node = &nodes[dice.roll(2) as usize];
        let result = execute(node, command.clone(), caller.clone(), stamp).await;
        let to = durable();
        if let Ok(answered) = &result {
            known.extend(answered.snapshot.users(0).map(|user| user.id));
            // (3) A read on either node sees it.
            let other = &nodes[dice.roll(2) as usize];
            let seq = other.freshness.seq(ORGANIZATION).await.unwrap().unwrap();
            assert!(seq >= answered.snapshot.head().seq);
            if let Ok(organization) = other.directory.organization(ORGANIZATION).await
                && let Ok(snapshot) = organization.snapshot(seq).await
            {
                check_is_fresh(&snapshot, seq);
                check_shown(&snapshot, &truth);
            }
        }
        seen.push(Seen { command, caller, stamp, from, to, result });
    }
    seen
}

/// (3)
fn check_shown(snapshot: &Snapshot, truth: &Mutex<Truth>) {
    let truth = truth.lock().unwrap();
    let head = snapshot.head();
    let durable = (head.seq as usize).checked_sub(1).map_or(Head::default(), |at| truth.units[at].0);
    assert_eq!(head, durable, "a state was shown that is not durable");
}

async fn run(seed: u64) -> (usize, usize) {
    let dice = Arc::new(Dice(AtomicU64::new(seed)));
    let truth = Arc::new(Mutex::new(Truth::default()));
    let nodes = Arc::new([node(&truth, &dice).await, node(&truth, &dice).await]);
    let clients =
        (0..5).map(|number| tokio::spawn(client(number, nodes.clone(), truth.clone(), dice.clone())));
    let mut seen = Vec::new();
    for client in futures_util::future::join_all(clients).await {
        seen.extend(client.unwrap());
    }
    let truth = truth.lock().unwrap();
    check(seed, &seen, &truth);
    (
        truth.units.len(),
        seen.iter().filter(|seen| matches!(seen.result, Err(OrganizationError::Unavailable))).count(),
    )
}

fn check(seed: u64, seen: &[Seen], truth: &Truth) {
    let states = truth.states();
    let mut verifier = Verifier::default();
    truth.lines.iter().for_each(|line| verifier.line(line));
    let report = verifier.finish();
    assert!(report.ok && report.contiguous, "seed {seed}: {report:?}"); // (4)
    let mut written: HashMap<String, usize> = HashMap::new();
    for line in &truth.lines {
        let line: Value = serde_json::from_str(line).unwrap();
        *written.entry(line["request_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for one in seen {
        let id = &one.caller.request_id;
        let times = written.get(id).copied().unwrap_or(0);
        assert!(times <= 1, "seed {seed}: {id} was written {times} times"); // (1)
        match &one.result {
            Err(OrganizationError::Unavailable) => {
                assert!(
                    times == 0 || truth.lost.contains(id),
                    "seed {seed}: {id} was written and answered unavailable"
                ); // (1)
            }
            Ok(_) if times == 1 => {} // (1)
            result => {
                assert_eq!(times, 0, "seed {seed}: {id} was written and answered {result:?}"); // (1)
                let expected = result.as_ref().map(|answered| answered.answer).map_err(Clone::clone);
                let explained = (one.from..=one.to).any(|at| {
                    let decided = decide(&states[at], &one.command, &one.caller, one.stamp);
                    decided.is_ok() == expected.is_ok()
                        && match decided {
                            Ok(decision) => decision.changes.is_empty() && Ok(decision.answer) == expected,
                            Err(error) => Err(error) == expected,
                        }
                });
                assert!(
                    explained,
                    "seed {seed}: {id} was answered {expected:?}, which no durable state leads to"
                ); // (2)
            }
        }
        if let Ok(answered) = &one.result {
            let head = answered.snapshot.head();
            assert_eq!(states[head.seq as usize].head(), head, "seed {seed}: {id} saw what is not durable"); // (3)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_the_store_makes_a_false_answer() {
    let (mut units, mut unavailable) = (0, 0);
    for seed in 0..150 {
        let (written, refused) = run(seed).await;
        units += written;
        unavailable += refused;
    }
    // Otherwise nothing was tested.
    assert!(units > 2_000 && unavailable > 500, "{units} units, {unavailable} unavailable");
}
