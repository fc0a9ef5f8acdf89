//! What vendors' pages say besides: other ways in, and other ways to be refused, over HTTP at the simulators.
use ceven::{
    app::App,
    connectors,
    dev::{Sim, keys::SigningKey, okta::ServiceApp, scim_server::ScimServer},
};
use ceven_actors::domain::{
    offboarding::{Offboarding, Status, Task, TaskState},
    step::{Failure, Outcome},
};
use serde_json::{Map, Value, json};

use super::world::{self, DANA, HURRY, Tasks, World, dana};
use crate::{on_each_database, support::Server};

fn is_done(_: &Offboarding, tasks: &Tasks) -> bool {
    tasks.values().all(|task| task.state == TaskState::Done)
}

fn set(settings: &mut Map<String, Value>, pairs: &[(&str, &str)]) {
    settings.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
}

/// No rung of any tool's ladder has failed.
async fn check_all(node: &App, world: &World) {
    let snapshot = node.fresh(world.organization).await.unwrap();
    for connector in snapshot.connectors() {
        let steps = connectors::check(node, world.organization, connector).await.unwrap();
        let failed = steps.iter().find(|step| matches!(step.outcome, Outcome::Failed(_)));
        assert_eq!(failed, None, "{}: {}", world.slug, connector.kind);
    }
}

async fn managed_users_are_suspended_and_enterprises_are_left(mut server: Server) {
    server.restart_with(&HURRY).await;
    let node = world::node(&server).await;
    for mode in ["emu", "enterprise"] {
        let simulators = world::simulators().await;
        let (enterprise, token) = simulators.github.with(|github| {
            github.has_managed_users = mode == "emu";
            (github.enterprise.clone(), github.enterprise_token.clone())
        });
        let owner = [("mode", mode), ("enterprise", &*enterprise), ("enterprise_token", &*token)];
        let world = World::make_with(&node, &server, mode, simulators, |kind, settings| {
            if kind == "github" {
                set(settings, &owner);
            }
        })
        .await;
        check_all(&node, &world).await;
        world.leave().await;
        let (_, tasks) = world.until(&node, "done", is_done).await;
        assert_eq!(tasks["github"].matched.as_ref().unwrap().matched_by, "saml", "{mode}");
        assert_eq!(tasks["github"].steps.last().unwrap().outcome, Outcome::Done, "{mode}");
        let github = world.tool("github").state();
        let dana = &github["accounts"][0];
        assert_eq!((&dana["membership"], &dana["credentials"]), (&Value::Null, &json!(0)), "{dana}");
        assert_eq!(
            (&dana["suspended"], &dana["in_enterprise"]),
            (&json!(mode == "emu"), &json!(mode == "emu")),
            "{dana}"
        );
        // Under the obfuscated login the account is still the same, and it is known to be suspended; an enterprise that
        // was left does not know the person any more.
        world.leave_again(&node).await;
        let (_, tasks) = world.until(&node, "done again", is_done).await;
        let matched = tasks["github"].matched.as_ref().map(|found| found.external_id.clone());
        assert_eq!(matched, (mode == "emu").then(|| dana["id"].to_string()), "{mode}");
        let patches =
            world.tool("github").journal().iter().filter(|received| received.method == "PATCH").count();
        assert_eq!(patches, usize::from(mode == "emu"), "{mode}");
        world.check_steps().await;
    }
}

/// A step of a task.
fn step<'t>(task: &'t Task, name: &str) -> &'t Outcome {
    &task.steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("{name}: {task:#?}")).outcome
}

async fn vendors_have_their_own_ways(mut server: Server) {
    server.restart_with(&HURRY).await;
    let node = world::node(&server).await;
    let simulators = world::simulators().await;
    let clock = world::clock();
    let bridge = Sim::start(ScimServer::new(&*clock), clock, ([127, 0, 0, 1], 0).into()).await.unwrap();
    bridge.seed(&dana());
    let (bridge_url, bridge_token) =
        (format!("{}/scim/v2", bridge.url()), bridge.with(|bridge| bridge.token.clone()));
    let service = SigningKey::generate("ceven").unwrap();
    simulators.okta.with(|okta| {
        let granted = ["okta.users.read", "okta.users.manage", "okta.universalLogout.manage"];
        okta.services.push(ServiceApp {
            client_id: "0oaCeven".into(),
            key: service.public().clone(),
            granted: granted.map(str::to_owned).to_vec(),
            needs_dpop: true,
        });
    });
    simulators.google_workspace.with(|google| {
        for account in &mut google.accounts {
            account.shown["isAdmin"] = true.into();
        }
    });
    simulators.slack.with(|slack| slack.members[1].team = "T0OTHER".into());
    simulators.salesforce.with(|salesforce| {
        salesforce.page_rows = 1;
        salesforce.pinned.extend(salesforce.user_id(DANA));
    });
    simulators.scim.with(|scim| scim.refuses_path = true);
    let old_secret = simulators.webhook.with(|webhook| webhook.secret.clone());
    let world = World::make_with(&node, &server, "odd", simulators, |kind, settings| match kind {
        "okta" => {
            settings.remove("api_token");
            set(settings, &[("client_id", "0oaCeven"), ("private_key", service.pem())]);
        }
        "google_workspace" => set(settings, &[("strip_admin", "true")]),
        "onepassword" => set(
            settings,
            &[("mode", "scim_bridge"), ("bridge_url", &bridge_url), ("bridge_token", &bridge_token)],
        ),
        // The receiver has not changed over yet.
        "webhook" => set(
            settings,
            &[
                ("secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
                ("previous_secret", &old_secret),
            ],
        ),
        _ => {}
    })
    .await;
    check_all(&node, &world).await;

    let preview = server.json(&["user", "offboard", DANA, "--org", "odd", "--dry-run"]);
    let google = preview["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tool| tool["connector"]["kind"] == "google_workspace");
    let role = google.unwrap()["steps"].as_array().unwrap().iter().find(|step| step["name"] == "admin_role");
    assert_eq!(role.unwrap()["outcome"]["status"], "planned", "{preview}");
    assert!(role.unwrap()["undo"].is_string(), "{preview}");
    for tool in world.simulators.all() {
        assert!(!tool.journal().iter().any(|received| received.changes), "{}", tool.name());
    }

    world.leave().await;
    let is_over = |one: &Offboarding, _: &Tasks| one.status != Status::Running;
    let (one, tasks) = world.until(&node, "over", is_over).await;
    assert_eq!(one.status, Status::NeedsAttention);
    for (kind, task) in &tasks {
        let is_done = !["slack", "salesforce"].contains(&kind.as_str());
        assert_eq!(task.state == TaskState::Done, is_done, "{kind}: {task:#?}");
    }
    assert!(matches!(step(&tasks["slack"], "guard"), Outcome::Failed(Failure::Protected { .. })));
    assert!(matches!(step(&tasks["salesforce"], "deactivate"), Outcome::Failed(Failure::Conflict { .. })));
    assert_eq!(step(&tasks["salesforce"], "verify"), &Outcome::Done, "it stays frozen");
    let salesforce = world.tool("salesforce").state();
    let dana = world.simulators.salesforce.with(|salesforce| salesforce.user_id(DANA));
    for (table, column) in [("AuthSession", "UsersId"), ("OauthToken", "UserId")] {
        let rows = salesforce[table].as_array().unwrap();
        assert!(!rows.iter().any(|row| row[column].as_str() == dana.as_deref()), "{salesforce}");
    }
    let login = salesforce["UserLogin"].as_array().unwrap().iter();
    let frozen: Vec<_> = login.map(|row| row["IsFrozen"] == true).collect();
    assert_eq!(frozen.iter().filter(|frozen| **frozen).count(), 1, "{salesforce}");
    assert_eq!(step(&tasks["google_workspace"], "admin_role"), &Outcome::Done);
    let admins = world.tool("google_workspace").state()["users"].clone();
    let admins: Vec<_> =
        admins.as_array().unwrap().iter().filter(|one| one["user"]["isAdmin"] == true).collect();
    assert_eq!(admins.len(), 1, "the connector's own admin stays one");
    assert_eq!(step(&tasks["okta"], "universal_logout"), &Outcome::Done);
    assert_eq!(bridge.with(|bridge| bridge.users[0]["active"].clone()), false);
    assert!(world.tool("onepassword").journal().is_empty(), "the bridge does it");
    let wiki = world.tool("scim").state();
    assert_eq!(wiki["users"].as_array().unwrap().iter().filter(|user| user["active"] == false).count(), 1);
    world.check_steps().await;
}

on_each_database!(managed_users_are_suspended_and_enterprises_are_left, vendors_have_their_own_ways);
