//! Whoever is to stay after all is not taken out any further, and what was done until then is written down.
use std::{collections::BTreeMap, time::Duration};

use ceven::dev::{Simulator, hold::Moment};
use ceven_actors::domain::{
    offboarding::{Task, TaskState},
    step::{Outcome, Step},
};
use serde_json::json;

use super::world::{self, HURRY, World};
use crate::{on_each_database, support::Server};

/// Requests that have changed something, at each tool.
fn changes(world: &World) -> BTreeMap<&'static str, usize> {
    let count = |tool: &dyn Simulator| tool.journal().iter().filter(|received| received.changes).count();
    world.simulators.all().into_iter().map(|tool| (tool.name(), count(tool))).collect()
}

/// Until the tools have been asked nothing for a while.
async fn until_quiet(world: &World) {
    let asked = || world.simulators.all().iter().map(|tool| tool.journal().len()).sum::<usize>();
    let mut before = None;
    while before != Some(asked()) {
        before = Some(asked());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

async fn a_pass_ends_with_the_step_that_is_under_way(mut server: Server) {
    let patient = HURRY.map(|(name, value)| match name {
        "CEVEN_OUTBOUND__TOOL_MS" => (name, "60000"),
        "CEVEN_OFFBOARDING__LEASE_MS" => (name, "30000"),
        _ => (name, value),
    });
    server.restart_with(&patient).await;
    let node = world::node(&server).await;
    let mut stopped_after_a_change = 0;
    for nth in 1..=6 {
        let slug = format!("stays-{nth}");
        let world = World::make(&node, &server, &slug, world::simulators().await).await;
        let holds: Vec<_> = world
            .simulators
            .all()
            .into_iter()
            .map(|tool| (tool.name(), tool.hold(nth, Moment::After)))
            .collect();
        world.leave().await;
        let mut held = Vec::new();
        for (name, hold) in &holds {
            if tokio::time::timeout(Duration::from_secs(3), hold.reached()).await.is_ok() {
                held.push(*name);
            }
        }
        assert!(!held.is_empty(), "{slug}");
        let before = changes(&world);
        let active = json!([{ "op": "replace", "path": "active", "value": true }]);
        world.scim.patch(&format!("/Users/{}", world.user), &active).await.expect(200);
        drop(holds);
        until_quiet(&world).await;

        for name in held {
            // Finding the account is a step too.
            let is_change = |step: &&Step| matches!(step.outcome, Outcome::Done | Outcome::Pending { .. });
            let is_told = |task: &Task| before[name] == 0 || task.steps.iter().filter(is_change).count() >= 2;
            let (_, tasks) = world.until(&node, "written down", |_, tasks| is_told(&tasks[name])).await;
            assert_eq!(tasks[name].state, TaskState::Cancelled, "{slug}: {name}");
            let (changed, after) = (before[name], changes(&world)[name]);
            let allowed = if changed == 0 { 0 } else { changed + 1 };
            assert!(after <= allowed, "{slug}: {name}: {changed} changes when it was closed, then {after}");
            stopped_after_a_change += usize::from(changed > 0);
        }
        world.check_steps().await;
    }
    assert!(stopped_after_a_change >= 9, "{stopped_after_a_change}");
}

on_each_database!(a_pass_ends_with_the_step_that_is_under_way);
