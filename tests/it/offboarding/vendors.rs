//! What vendors' pages say besides: other ways in, and other ways to be refused, over HTTP at the simulators.
use ceven::{
    app::App,
    connectors,
    dev::{
        Person, Sim, Simulators,
        keys::SigningKey,
        okta::{Okta, ServiceApp},
        scim_server::ScimServer,
    },
};
use ceven_actors::domain::{
    offboarding::{Offboarding, Status, Task, TaskState},
    step::{Failure, Outcome},
};
use serde_json::{Map, Value, json};

use super::{
    acme, until,
    world::{self, DANA, HURRY, PRIYA, Tasks, World, dana},
};
use crate::{on_each_database, sso::visitor::Visitor, support::Server};

const NEW_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

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

/// Tools that are odd, each in a way of its own.
async fn odd_simulators(service: &SigningKey) -> Simulators {
    let simulators = world::simulators().await;
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
    simulators
}

async fn vendors_have_their_own_ways(mut server: Server) {
    server.restart_with(&HURRY).await;
    let node = world::node(&server).await;
    let service = SigningKey::generate("ceven").unwrap();
    let simulators = odd_simulators(&service).await;
    let clock = world::clock();
    let bridge = Sim::start(ScimServer::new(&*clock), clock, ([127, 0, 0, 1], 0).into()).await.unwrap();
    bridge.seed(&dana());
    let (bridge_url, bridge_token) =
        (format!("{}/scim/v2", bridge.url()), bridge.with(|bridge| bridge.token.clone()));
    let bridge_settings =
        [("mode", "scim_bridge"), ("bridge_url", &*bridge_url), ("bridge_token", &*bridge_token)];
    let old_secret = simulators.webhook.with(|webhook| webhook.secret.clone());
    let world = World::make_with(&node, &server, "odd", simulators, |kind, settings| match kind {
        "okta" => {
            settings.remove("api_token");
            set(settings, &[("client_id", "0oaCeven"), ("private_key", service.pem())]);
        }
        "google_workspace" => set(settings, &[("strip_admin", "true")]),
        "onepassword" => set(settings, &bridge_settings),
        "webhook" => {
            // The receiver has not changed over yet.
            set(settings, &[("secret", NEW_SECRET), ("previous_secret", &old_secret)]);
        }
        _ => {}
    })
    .await;
    check_all(&node, &world).await;
    the_preview_shows_that_the_role_goes(&server, &world);
    world.leave().await;
    let is_over = |one: &Offboarding, _: &Tasks| one.status != Status::Running;
    let (one, tasks) = world.until(&node, "over", is_over).await;
    assert_eq!(one.status, Status::NeedsAttention);
    for (kind, task) in &tasks {
        let is_done = !["slack", "salesforce"].contains(&kind.as_str());
        assert_eq!(task.state == TaskState::Done, is_done, "{kind}: {task:#?}");
    }
    assert!(matches!(step(&tasks["slack"], "guard"), Outcome::Failed(Failure::Protected { .. })));
    who_may_not_be_deactivated_stays_frozen(&world, &tasks["salesforce"]);
    assert_eq!(step(&tasks["google_workspace"], "admin_role"), &Outcome::Done);
    let google = world.tool("google_workspace").state();
    assert_eq!(count(&google["users"], |one| one["user"]["isAdmin"] == true), 1, "its own admin stays one");
    assert_eq!(step(&tasks["okta"], "universal_logout"), &Outcome::Done);
    assert_eq!(bridge.with(|bridge| bridge.users[0]["active"].clone()), false);
    assert!(world.tool("onepassword").journal().is_empty(), "the bridge does it");
    let wiki = world.tool("scim").state();
    assert_eq!(count(&wiki["users"], |user| user["active"] == false), 1);
    world.check_steps().await;
}

fn count(rows: &Value, is_it: impl Fn(&Value) -> bool) -> usize {
    rows.as_array().unwrap().iter().filter(|row| is_it(row)).count()
}

fn the_preview_shows_that_the_role_goes(server: &Server, world: &World) {
    let preview = server.json(&["user", "offboard", DANA, "--org", &world.slug, "--dry-run"]);
    let mut tools = preview["tools"].as_array().unwrap().iter();
    let google = tools.find(|tool| tool["connector"]["kind"] == "google_workspace").unwrap();
    let mut steps = google["steps"].as_array().unwrap().iter();
    let role = steps.find(|step| step["name"] == "admin_role").unwrap();
    assert!(role["outcome"]["status"] == "planned" && role["undo"].is_string(), "{role}");
    for tool in world.simulators.all() {
        assert!(!tool.journal().iter().any(|received| received.changes), "{}", tool.name());
    }
}

fn who_may_not_be_deactivated_stays_frozen(world: &World, task: &Task) {
    assert!(matches!(step(task, "deactivate"), Outcome::Failed(Failure::Conflict { .. })));
    assert_eq!(step(task, "verify"), &Outcome::Done, "it stays frozen");
    let state = world.tool("salesforce").state();
    let dana = world.simulators.salesforce.with(|salesforce| salesforce.user_id(DANA)).unwrap();
    for (table, column) in [("AuthSession", "UsersId"), ("OauthToken", "UserId")] {
        assert_eq!(count(&state[table], |row| row[column] == dana.as_str()), 0, "{state}");
    }
    assert_eq!(count(&state["UserLogin"], |row| row["IsFrozen"] == true), 1, "{state}");
    let pages = world.tool("salesforce").journal().into_iter();
    let next = pages.filter(|received| received.path.contains("/query/")).count();
    assert!(next > 0, "the second session was on a page of its own");
}

/// SCIM says something else of the person than Okta does; who has signed in is known all the same.
async fn who_has_signed_in_is_found_by_oktas_id(mut server: Server) {
    let base = format!("http://127.0.0.1:{}", server.port);
    server.restart_with(&[("CEVEN_SERVER__PUBLIC_URL", &base)]).await;
    let okta = Okta::new(world::clock()).unwrap();
    let sim = Sim::start(okta, world::clock(), ([127, 0, 0, 1], 0).into()).await.unwrap();
    sim.seed(&Person::new("Priya", "Shah", PRIYA).as_admin());
    sim.seed(&dana());
    let app = sim.with(|okta| okta.add_app(&format!("{base}/api/v1/sso/okta/oidc/callback")));
    let (id, api_token) = sim.with(|okta| (okta.user(DANA).unwrap().id.clone(), okta.api_token.clone()));
    server.json(&["org", "create", "--name", "Acme", "--slug", "acme", "--domain", "acme.example"]);
    let secret = server.folder.path().join("secret");
    std::fs::write(&secret, &app.client_secret).unwrap();
    let set = ["okta", "set", "--org", "acme", "--issuer", sim.url(), "--client-id", &app.client_id];
    let set = [&set[..], &["--client-secret-stdin"]].concat();
    assert!(server.run_with_input(&set, std::fs::File::open(secret).unwrap()).status.success());
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "hr"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let address = json!([{ "value": DANA, "primary": true }]);
    let user = json!({ "userName": "d.ito", "externalId": "hr-17", "emails": address });
    scim.post("/Users", &user).await.expect(201);
    let settings = json!({ "base_url": sim.url(), "effect": "suspend", "api_token": api_token });
    server.connector("okta", "okta", &settings);
    let found = || {
        let preview = server.json(&["user", "offboard", "d.ito", "--org", "acme", "--dry-run"]);
        let matched = preview["tools"][0]["matched"].clone();
        (matched["external_id"].clone(), matched["matched_by"].clone())
    };
    assert_eq!(found(), (json!(id), json!("email")));
    let mut dana = Visitor::new();
    let picked = dana.step(&format!("{base}/api/v1/sso/okta/oidc/start?org=acme")).await;
    let back = dana.step(&format!("{picked}&sim_user={id}")).await;
    assert!(dana.step(&back).await.ends_with("/app"));
    assert_eq!(found(), (json!(id), json!("identity")));
    // Someone else has the address by now.
    sim.with(|okta| okta.user_mut(DANA).unwrap().person.email = "dana.lee@acme.example".into());
    sim.seed(&Person::new("Dana", "Older", DANA));
    assert_eq!(found(), (json!(id), json!("identity")));
    server.json(&["user", "offboard", "d.ito", "--org", "acme", "--wait"]);
    let states = sim.with(|okta| {
        let state = |email: &str| okta.user(email).unwrap().status.name();
        (state("dana.lee@acme.example"), state(DANA))
    });
    assert_eq!(states, ("SUSPENDED", "ACTIVE"));
}

async fn careless_scim_servers_are_asked_twice(server: Server) {
    let (browser, scim) = acme(&server).await;
    let clock = world::clock();
    let sim = Sim::start(ScimServer::new(&*clock), clock, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let token = sim.with(|tool| tool.token.clone());
    server.connector(
        "scim",
        "scim",
        &json!({ "base_url": format!("{}/scim/v2", sim.url()), "token": token }),
    );
    let email = |name: &str| format!("{name}@acme.example");
    let seed = |name: &str| sim.seed(&Person::new(name, "Lind", &email(name)));
    seed("ada");
    seed("eva");
    let is_active = |name: &str| {
        sim.with(|tool| {
            tool.users.iter().find(|user| user["userName"] == email(name)).unwrap()["active"].clone()
        })
    };
    let last_change = || {
        let journal = sim.journal();
        journal.into_iter().rev().find(|received| received.changes).map(|received| received.method)
    };
    let leave = async |name: &str| {
        let id = scim.user(&email(name)).await;
        let path = format!("/api/v1/users/{id}/offboard");
        browser.json("POST", &path, &json!({})).await.expect(202);
        let is_over = |one: &Value| one["status"] != "running";
        let over = until(&browser, &id, is_over).await;
        (over["status"].clone(), over["steps"][0]["steps"].clone())
    };
    // The whole list of two, whatever is asked: only the right one goes, and the other stays.
    sim.with(|tool| tool.ignores_filters = true);
    assert_eq!(leave("ada").await.0, "done");
    assert_eq!((is_active("ada"), is_active("eva")), (json!(false), json!(true)));
    // A part of a longer list: the person may be in the rest of it, so nobody is touched and nobody is said to be gone.
    seed("gus");
    let (status, steps) = leave("gus").await;
    assert_eq!(
        (&status, &steps[0]["outcome"]["class"]),
        (&json!("needs_attention"), &json!("malformed")),
        "{steps}"
    );
    assert_eq!((is_active("eva"), is_active("gus")), (json!(true), json!(true)));
    sim.with(|tool| tool.ignores_filters = false);
    // PATCH without a path where one with a path is refused, PUT where there is none.
    sim.with(|tool| tool.refuses_path = true);
    assert_eq!(
        (leave("eva").await.0, is_active("eva"), last_change().as_deref()),
        (json!("done"), json!(false), Some("PATCH"))
    );
    sim.with(|tool| tool.has_patch = false);
    seed("kim");
    assert_eq!(
        (leave("kim").await.0, is_active("kim"), last_change().as_deref()),
        (json!("done"), json!(false), Some("PUT"))
    );
}

on_each_database!(
    managed_users_are_suspended_and_enterprises_are_left,
    vendors_have_their_own_ways,
    who_has_signed_in_is_found_by_oktas_id,
    careless_scim_servers_are_asked_twice,
);
