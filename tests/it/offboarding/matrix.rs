//! Every fault at every tool, over HTTP: each tool ends removed, or says what it waits for.
use std::collections::BTreeMap;

use ceven::dev::{Fault, Kind};
use ceven_actors::{
    domain::{
        offboarding::{Offboarding, Status, Task, TaskState},
        step::{Failure, Outcome},
    },
    organization::message::{Command, ToolChange},
};

use serde_json::json;

use super::world::{self, HURRY, Tasks, World, dana, door};
use crate::{on_each_database, support::Server};

/// So long the tools of the world that is limited take nothing.
const RESET_SECS: u32 = 3;

/// The fault of a kind of tool.
type Breaking = fn(&str) -> Fault;

/// What the tries of a task ended with; nothing for the one that went well.
fn classes(task: &Task) -> Vec<String> {
    let class =
        |failure: &Failure| serde_json::to_value(failure).unwrap()["class"].as_str().unwrap().to_owned();
    task.tries.iter().map(|one| one.failure.as_ref().map_or_else(String::new, class)).collect()
}

fn all(tasks: &Tasks, is_so: impl Fn(&Task) -> bool) -> bool {
    tasks.values().all(is_so)
}

fn is_done(_: &Offboarding, tasks: &Tasks) -> bool {
    all(tasks, |task| task.state == TaskState::Done)
}

/// The last step of a task that is done says that reading back said so too; a receiver of webhooks shows nothing.
fn check_verified(tasks: &Tasks) {
    for (kind, task) in tasks {
        let verified = &task.steps.iter().find(|step| step.name == "verify").unwrap().outcome;
        let is_fine = *verified == Outcome::Done || kind == "webhook";
        assert!(is_fine && task.state == TaskState::Done, "{kind}: {task:#?}");
    }
}

async fn all_nine_tools_meet_every_fault(mut server: Server) {
    server.restart_with(&HURRY).await;
    let node = world::node(&server).await;
    let first = world::simulators().await;
    let mut worlds = BTreeMap::new();
    for name in ["well", "slow", "limited", "broken", "hanging", "refused", "lying", "twins"] {
        let simulators = first.copy(&world::clock()).await.unwrap();
        worlds.insert(name, World::make(&node, &server, name, simulators).await);
    }
    let faults: [(&str, Breaking); 5] = [
        ("limited", |kind| door(kind, Kind::Status { status: 429, reset_secs: Some(RESET_SECS) })),
        ("broken", |kind| door(kind, Kind::Status { status: 502, reset_secs: None }).times(2)),
        ("hanging", |kind| door(kind, Kind::Hang { secs: 5 })),
        // A receiver of webhooks is told again: not so often that it would be told late.
        ("refused", |kind| {
            Fault::once(Kind::WrongCredentials).times(if kind == "webhook" { 2 } else { 1_000 })
        }),
        ("lying", |kind| door(kind, Kind::AcceptButKeep)),
    ];
    for (name, fault) in faults {
        for tool in worlds[name].simulators.all() {
            tool.set_faults(vec![fault(tool.name())]);
        }
    }
    worlds["twins"].simulators.seed(&dana());
    worlds["slow"].simulators.slack.set_faults(vec![Fault::once(Kind::Hang { secs: 60 }).times(1_000)]);
    for world in worlds.values() {
        world.leave().await;
    }
    for name in ["well", "broken", "hanging", "lying"] {
        check_verified(&worlds[name].until(&node, "done", is_done).await.1);
    }
    for (name, wanted) in [("broken", "transient"), ("hanging", "transient"), ("lying", "not_removed")] {
        check_classes(&worlds[name], &node, wanted).await;
    }
    a_slow_tool_holds_up_nobody(&node, &worlds["slow"]).await;
    times_that_a_tool_names_are_kept(&node, &worlds["limited"]).await;
    refused_credentials_wait_for_a_person(&node, &worlds["refused"]).await;
    twins_ask(&node, &worlds["twins"]).await;
    for world in worlds.values() {
        world.check_steps().await;
    }
}

/// Each tool met its fault, and what was tried again was tried again for that reason. A try that the node began and did
/// not end, because it was too busy to keep its lease, is no try.
async fn check_classes(world: &World, node: &ceven::app::App, wanted: &str) {
    for (kind, task) in world.latest(node).await.1 {
        let met = world.tool(&kind).journal().iter().any(|received| received.fault.is_some());
        // A receiver of webhooks keeps nobody, so it has nothing to lie about.
        assert!(met || (kind == "webhook" && wanted == "not_removed"), "{}: {kind}", world.slug);
        let classes = classes(&task);
        let (last, failed) = classes.split_last().unwrap();
        assert!(last.is_empty(), "{}: {kind}: {classes:?}", world.slug);
        // A busy machine may be late besides.
        assert!(failed.iter().all(|class| class == wanted || class == "transient"), "{kind}: {classes:?}");
        assert!(
            kind == "webhook" || wanted != "not_removed" || failed.contains(&wanted.to_owned()),
            "{kind}: {classes:?}"
        );
    }
}

/// The other organizations are done, and so are the other tools of this one.
async fn a_slow_tool_holds_up_nobody(node: &ceven::app::App, world: &World) {
    let others = |_: &Offboarding, tasks: &Tasks| {
        all(tasks, |task| (task.state == TaskState::Done) == (&*task.kind != "slack"))
    };
    let (_, tasks) = world.until(node, "done but for Slack", others).await;
    assert_eq!(tasks["slack"].state, TaskState::Waiting);
    world.simulators.slack.set_faults(Vec::new());
    check_verified(&world.until(node, "done", is_done).await.1);
}

async fn times_that_a_tool_names_are_kept(node: &ceven::app::App, world: &World) {
    // Google names no time: its window is 100 seconds long, as its documentation says.
    let others = |_: &Offboarding, tasks: &Tasks| {
        all(tasks, |task| task.state == TaskState::Done || &*task.kind == "google_workspace")
    };
    let (_, tasks) = world.until(node, "done but for Google", others).await;
    for (kind, task) in &tasks {
        let Some(Failure::RateLimited { until_ms }) = task.tries[0].failure else {
            panic!("{kind}: {task:#?}");
        };
        let Some(until_ms) = until_ms else {
            assert_eq!(kind, "salesforce", "all others name a time: {task:#?}");
            continue;
        };
        let journal = world.tool(kind).journal();
        let limited = journal.iter().position(|received| received.status == 429).unwrap();
        let after = journal.get(limited + 1).map(|next| next.at_ms);
        if kind == "google_workspace" {
            assert_eq!((task.state, after), (TaskState::Waiting, None), "nothing is sent before the time");
            assert!(until_ms >= journal[limited].at_ms + 95_000);
        } else {
            // Some tools name the second, so the rest of one is lost.
            let wanted_ms = i64::from(RESET_SECS - 1) * 1_000;
            assert!(after.unwrap() >= journal[limited].at_ms + wanted_ms, "{kind}: {journal:#?}");
            assert!(until_ms >= journal[limited].at_ms + wanted_ms, "{kind}");
        }
    }
}

/// Each tool is paused with the reason in its own words, nothing was changed, and all goes on once it is mended. A
/// receiver of webhooks has no credentials to refuse: it is told again.
async fn refused_credentials_wait_for_a_person(node: &ceven::app::App, world: &World) {
    let begun = std::time::Instant::now();
    let connectors = loop {
        let snapshot = node.fresh(world.organization).await.unwrap();
        let connectors: Vec<_> =
            snapshot.connectors().filter(|one| &*one.kind != "webhook").cloned().collect();
        if connectors.iter().all(|connector| connector.paused.is_some()) {
            break connectors;
        }
        assert!(begun.elapsed().as_secs() < 180, "{connectors:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    for connector in &connectors {
        let reason = &connector.paused.as_ref().unwrap().reason;
        assert!(reason.len() > 5, "{}: {reason}", connector.kind);
    }
    let (one, tasks) = world.latest(node).await;
    assert_eq!(one.status, Status::Running);
    for (kind, task) in tasks.iter().filter(|(kind, _)| *kind != "webhook") {
        assert_eq!((task.state, classes(task)), (TaskState::Waiting, vec!["auth".to_owned()]), "{kind}");
        let journal = world.tool(kind).journal();
        // Slack refuses with 200.
        let is_refused = journal.iter().all(|received| received.fault.is_some() || received.status >= 400);
        assert!(is_refused, "{kind}: {journal:#?}");
    }
    for connector in &connectors {
        world.tool(&connector.kind).set_faults(Vec::new());
        let named = (&*connector.kind, &*connector.name);
        let settings = connector.settings.clone();
        let mended =
            ceven::connectors::record(node, world.organization, Some(connector), named, settings).unwrap();
        let command = Command::SetConnector {
            change: ToolChange { connector: mended.into(), seen: Some(connector.clone()) },
        };
        node.fresh(world.organization).await.unwrap();
        node.execute(world.organization, command, node.operator()).await.unwrap();
    }
    check_verified(&world.until(node, "done", is_done).await.1);
}

/// Tools that give a name to one account only, so that there is no second one that fits.
const WITHOUT_TWINS: [&str; 4] = ["google_workspace", "okta", "salesforce", "webhook"];

/// Where two accounts fit, nobody guesses and nothing is changed.
async fn twins_ask(node: &ceven::app::App, world: &World) {
    let is_over = |one: &Offboarding, _: &Tasks| one.status != Status::Running;
    let (one, tasks) = world.until(node, "over", is_over).await;
    assert_eq!(one.status, Status::NeedsAttention);
    let (unique, others): (Vec<_>, Vec<_>) =
        tasks.iter().partition(|(kind, _)| WITHOUT_TWINS.contains(&kind.as_str()));
    assert!(unique.iter().all(|(_, task)| task.state == TaskState::Done), "{unique:#?}");
    assert_eq!(others.len(), 5);
    for (kind, task) in others {
        assert_eq!(
            (task.state, classes(task)),
            (TaskState::NeedsAttention, vec!["ambiguous".to_owned()]),
            "{kind}"
        );
        let resolve = task.steps.iter().find(|step| step.name == "resolve").unwrap();
        assert_eq!(resolve.outcome, Outcome::Failed(Failure::Ambiguous { count: 2 }), "{kind}");
        let journal = world.tool(kind).journal();
        assert!(!journal.iter().any(|received| received.changes), "{kind}: {journal:#?}");
    }
}

/// Whom Okta provisions somewhere stays there when Okta only suspends; what an admin may wish besides is done.
async fn what_an_admin_chooses_is_done(mut server: Server) {
    server.restart_with(&HURRY).await;
    let node = world::node(&server).await;
    let simulators = world::simulators().await;
    let copy = simulators.copy(&world::clock()).await.unwrap();
    let more = World::make_with(&node, &server, "more", copy, |kind, settings| match kind {
        "google_workspace" => {
            for (name, value) in [
                ("leave_groups", "true"),
                ("wipe_devices", "true"),
                ("clear_recovery", "true"),
                ("transfer_to", world::PRIYA),
            ] {
                settings.insert(name.into(), value.into());
            }
        }
        "github" => drop(settings.insert("mode".into(), "org_scim".into())),
        "scim" => drop(settings.insert("delete".into(), "true".into())),
        _ => {}
    })
    .await;
    let less = World::make_with(&node, &server, "less", simulators, |kind, settings| match kind {
        "okta" => drop(settings.insert("effect".into(), "suspend".into())),
        "onepassword" => drop(settings.insert("mode".into(), "report_only".into())),
        "slack" => drop(settings.insert("enterprise".into(), "false".into())),
        _ => {}
    })
    .await;
    for (world, effect, is_kept) in [(&more, "deactivate", false), (&less, "suspend", true)] {
        world.leave().await;
        let (_, tasks) = world.until(&node, "done", is_done).await;
        world.check_steps().await;
        let step = tasks["okta"].steps.iter().find(|step| step.name == effect).unwrap();
        assert!(step.detail.as_ref().unwrap().contains("the apps that"), "{step:?}");
        let downstream = world.simulators.okta.with(|okta| okta.downstream.len());
        // Priya stays.
        assert_eq!(downstream, 1 + usize::from(is_kept), "{effect}");
    }
    let google = more.tool("google_workspace").state();
    let dana =
        google["users"].as_array().unwrap().iter().find(|one| one["user"]["primaryEmail"] == world::DANA);
    let dana = dana.unwrap();
    assert_eq!((&dana["user"]["suspended"], &dana["groups"]), (&true.into(), &json!([])), "{dana}");
    assert_eq!(
        (&dana["user"]["recoveryEmail"], &dana["devices"][0]["status"]),
        (&"".into(), &"ACCOUNT_WIPED".into())
    );
    assert_eq!(google["transfers"].as_array().unwrap().len(), 1, "{google}");
    let github = more.tool("github").journal();
    assert!(
        github.iter().any(|one| one.method == "PATCH" && one.path.starts_with("/scim/v2/")),
        "{github:#?}"
    );
    assert!(!github.iter().any(|one| one.method == "DELETE" && one.path.contains("/memberships/")));
    assert!(less.tool("onepassword").journal().is_empty(), "Okta provisions it");
}

on_each_database!(all_nine_tools_meet_every_fault, what_an_admin_chooses_is_done);
