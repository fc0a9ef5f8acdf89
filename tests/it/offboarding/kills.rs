//! The process is killed at every boundary between two steps of every tool, and begins again.
//!
//! In one organization each, the `n`th request to each tool is stopped before the tool does anything, after it has
//! done it, or after the server has read the answer and before it can write what came of it down. When all of them
//! stand still, one kill meets them all.
use std::{collections::BTreeMap, time::Duration};

use ceven::dev::hold::Moment;
use ceven_actors::domain::offboarding::{Offboarding, TaskState};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};
use serde_json::{Map, Value, json};

use super::world::{self, HURRY, PRIYA, Tasks, World};
use crate::{on_each_database, support::Server};

/// What an admin may wish besides is done too, so there are boundaries between all steps that there are.
fn with_every_step(kind: &str, settings: &mut Map<String, Value>) {
    let wished: &[(&str, &str)] = match kind {
        "google_workspace" => &[
            ("strip_admin", "true"),
            ("leave_groups", "true"),
            ("wipe_devices", "true"),
            ("org_unit", "/Leavers"),
            ("clear_recovery", "true"),
            ("transfer_to", PRIYA),
        ],
        "scim" => &[("delete", "true")],
        _ => &[],
    };
    settings.extend(wished.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
}

fn is_done(_: &Offboarding, tasks: &Tasks) -> bool {
    tasks.values().all(|task| task.state == TaskState::Done)
}

/// How often each change was asked for at each tool.
type Changes = BTreeMap<(&'static str, String), usize>;

fn changes(world: &World) -> Changes {
    let mut all = BTreeMap::new();
    for tool in world.simulators.all() {
        for received in tool.journal().into_iter().filter(|received| received.changes) {
            let change = format!("{} {}?{}", received.method, received.path, received.query);
            *all.entry((tool.name(), change)).or_default() += 1;
        }
    }
    all
}

/// Each tool has been asked as often as the world's name says, unless it was done before.
fn stands_still_where_it_should(world: &World, lengths: &BTreeMap<&str, u32>) {
    let (moment, nth) = world.slug.split_once('-').unwrap();
    let nth: u32 = nth.parse().unwrap();
    for tool in world.simulators.all().into_iter().filter(|tool| lengths[tool.name()] >= nth) {
        let asked = tool.journal().len() as u32;
        assert_eq!(asked, nth - u32::from(moment == "before"), "{}: {}", world.slug, tool.name());
    }
}

/// Nobody can write until it is dropped.
async fn lock(server: &Server) -> sea_orm::DatabaseConnection {
    let mut options = ConnectOptions::new(&server.database_url);
    options.max_connections(1);
    let intruder = Database::connect(options).await.unwrap();
    let text = match intruder.get_database_backend() {
        sea_orm::DbBackend::Postgres => "BEGIN; LOCK TABLE audit_log",
        _ => "BEGIN IMMEDIATE",
    };
    intruder.execute_unprepared(text).await.unwrap();
    intruder
}

async fn killed_at_every_boundary_it_goes_on(mut server: Server) {
    // Hundreds of leases are kept here, and requests wait longer than any tool would let them. A lease that is lost
    // because the machine is busy would be one more pass.
    let patient = HURRY.map(|(name, value)| match name {
        "CEVEN_OUTBOUND__TOOL_MS" => (name, "600000"),
        "CEVEN_OFFBOARDING__LEASE_MS" => (name, "30000"),
        _ => (name, value),
    });
    server.restart_with(&[&patient[..], &[("CEVEN_DATABASE__TIMEOUT_MS", "30000")]].concat()).await;
    let node = world::node(&server).await;
    let first = world::simulators().await;
    first.google_workspace.with(|google| google.accounts[1].shown["isAdmin"] = true.into());
    let copy = async || first.copy(&world::clock()).await.unwrap();

    // How it goes when nothing happens, and what a second pass asks for that finds everything done.
    let rehearsal = World::make_with(&node, &server, "rehearsal", copy().await, with_every_step).await;
    rehearsal.leave().await;
    rehearsal.until(&node, "done", is_done).await;
    let lengths: BTreeMap<&str, u32> =
        rehearsal.simulators.all().iter().map(|tool| (tool.name(), tool.journal().len() as u32)).collect();
    assert!(lengths.len() == 9 && lengths.values().all(|length| *length > 0), "{lengths:?}");
    rehearsal.leave_again(&node).await;
    rehearsal.until(&node, "done again", is_done).await;
    let allowed = changes(&rehearsal);

    let mut worlds = Vec::new();
    for nth in 1..=*lengths.values().max().unwrap() {
        for (moment, name) in
            [(Moment::Before, "before"), (Moment::After, "after"), (Moment::After, "answered")]
        {
            let slug = format!("{name}-{nth}");
            let world = World::make_with(&node, &server, &slug, copy().await, with_every_step).await;
            let tools = world.simulators.all().into_iter().filter(|tool| lengths[tool.name()] >= nth);
            let holds: Vec<_> = tools.map(|tool| tool.hold(nth, moment)).collect();
            worlds.push((world, holds));
        }
    }
    for (world, holds) in &worlds {
        world.leave().await;
        for hold in holds {
            let reached = tokio::time::timeout(Duration::from_secs(60), hold.reached()).await;
            assert!(reached.is_ok(), "{}: a request never came", world.slug);
        }
    }
    for (world, _) in &worlds {
        stands_still_where_it_should(world, &lengths);
    }
    let intruder = lock(&server).await;
    for (world, holds) in &mut worlds {
        if world.slug.starts_with("answered") {
            holds.clear();
        }
    }
    // For the answers to arrive: what they came to cannot be written down.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.kill();
    intruder.execute_unprepared("ROLLBACK").await.unwrap();
    let worlds: Vec<World> = worlds.into_iter().map(|(world, _)| world).collect();
    server.boot().await;

    for world in &worlds {
        world.until(&node, "done", is_done).await;
        world.check_steps().await;
        is_as_if_nothing_had_happened(world, &rehearsal, &allowed);
    }
}

/// Nothing was asked for more often than two passes do, and each tool ended as it does undisturbed.
fn is_as_if_nothing_had_happened(world: &World, rehearsal: &World, allowed: &Changes) {
    for (change, count) in changes(world) {
        // A second pass after the end has no reason to invalidate codes; one that begins again does not know of it.
        let is_unseen = change.1.contains("verificationCodes/invalidate");
        let most = allowed.get(&change).copied().unwrap_or_default() + usize::from(is_unseen);
        assert!(count <= most, "{}: {change:?} {count} times, at most {most}", world.slug);
    }
    for (tool, undisturbed) in world.simulators.all().iter().zip(rehearsal.simulators.all()) {
        // Webhooks differ by what they tell: here it counts that one message was taken.
        let (state, wanted) = (comparable(tool.state()), comparable(undisturbed.state()));
        match tool.name() {
            "webhook" => assert_eq!(state["received"].as_array().unwrap().len(), 1, "{}", world.slug),
            name => assert_eq!(state, wanted, "{}: {name}", world.slug),
        }
    }
}

/// A tool's state without when things happened and where it listens.
fn comparable(state: Value) -> Value {
    let format = &time::format_description::well_known::Rfc3339;
    match state {
        Value::String(text) if time::OffsetDateTime::parse(&text, format).is_ok() => Value::Null,
        Value::Array(all) => all.into_iter().map(comparable).collect(),
        Value::Object(all) => {
            // A transfer's id is drawn.
            let is_transfer = all.contains_key("oldOwnerUserId");
            let kept = all.into_iter().filter(|(name, _)| name != "issuer" && !(is_transfer && name == "id"));
            Value::Object(kept.map(|(name, value)| (name, comparable(value))).collect())
        }
        other => other,
    }
}

on_each_database!(killed_at_every_boundary_it_goes_on);
