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
    collections::HashMap,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use ceven::store::{freshness::Freshness, journal::Journal};
use ceven_actors::{
    clock::Clock,
    directory::{Directory, DirectoryLimits},
    domain::{
        audit::{Head, Verifier},
        caller::{Actor, Authority, Caller, Stamp},
        id::UserId,
    },
    organization::{
        decide::decide,
        message::{Answered, Command, OrganizationError},
        state::Snapshot,
    },
    protocol::scim::{Object, patch::Operation},
};
use serde_json::{Value, json};
use uuid::Uuid;

mod world;
use world::{Dice, FaultyLedger, MemoryStore, ORGANIZATION, Truth};

struct Node {
    directory: Directory,
    freshness: Freshness,
}

async fn node(truth: &Arc<Mutex<Truth>>, dice: &Arc<Dice>) -> Node {
    let journal =
        Journal::spawn(FaultyLedger { truth: truth.clone(), dice: dice.clone() }, 3, Arc::default());
    let store = Arc::new(MemoryStore { truth: truth.clone(), dice: dice.clone(), journal });
    let limits = DirectoryLimits { permits: 100, reserved_permits: 10, memory_bytes: 1, sweep_ms: 1 };
    Node {
        directory: Directory::start(store.clone(), dice.clone(), limits, None).await.unwrap(),
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
        values: ValueLimits { text_bytes: 100, values: 3, depth: 4, resource_bytes: 10_000 },
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
    let seq = in_time("freshness", node.freshness.seq(ORGANIZATION)).await.unwrap().unwrap();
    let organization = in_time("directory", node.directory.organization(ORGANIZATION)).await?;
    check_is_fresh(&*in_time("snapshot", organization.snapshot(seq)).await?, seq);
    in_time("execute", organization.execute(command, caller, stamp)).await
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(Duration::from_secs(20), future).await;
    answer.unwrap_or_else(|_| panic!("{what} was never answered"))
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
            let seq = in_time("freshness", other.freshness.seq(ORGANIZATION)).await.unwrap().unwrap();
            assert!(seq >= answered.snapshot.head().seq);
            if let Ok(organization) = in_time("directory", other.directory.organization(ORGANIZATION)).await
                && let Ok(snapshot) = in_time("snapshot", organization.snapshot(seq)).await
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
    for node in nodes.iter() {
        in_time("the end", node.directory.drain()).await; // or every seed would sweep on beside the later ones
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
    let mut verifier = Verifier::of_log(truth.head());
    truth.lines.iter().for_each(|line| verifier.line(line));
    let report = verifier.finish();
    assert!(report.ok && report.contiguous, "seed {seed}: {report:?}"); // (4)
    // A command may have several lines in its unit, but none of an action twice.
    let mut written: HashMap<String, HashMap<String, usize>> = HashMap::new();
    let mut last_entry: HashMap<String, u64> = HashMap::new();
    for line in &truth.lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        last_entry.insert(text("request_id"), line["seq"].as_u64().unwrap());
        *written.entry(text("request_id")).or_default().entry(text("action")).or_default() += 1;
    }
    for one in seen {
        let id = &one.caller.request_id;
        let times = written.get(id).and_then(|actions| actions.values().max().copied()).unwrap_or(0);
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
            let state = &states[head.seq as usize];
            assert_eq!(state.head(), head, "seed {seed}: {id} saw what is not durable"); // (3)
            let (seen, true_users): (Vec<_>, Vec<_>) =
                (answered.snapshot.users(0).collect(), state.users(0).collect());
            assert_eq!(seen, true_users, "seed {seed}: {id} saw a state that never was"); // (3)
            let own = last_entry.get(id).copied().unwrap_or_default();
            assert!(own <= head.audit_seq, "seed {seed}: {id} was answered from before it"); // (3)
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
