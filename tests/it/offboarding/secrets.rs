//! Secrets of tools go to their tools and nowhere else.
use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ceven::dev::{Fault, Kind};
use ceven_actors::{
    connector::kind,
    domain::offboarding::{Offboarding, Status},
};
use serde_json::{Value, json};

use super::world::{self, HURRY, PRIYA, Tasks, World, door};
use crate::{
    console::support::{Browser, admin},
    on_each_database,
    support::{Database, Server},
};

/// What must be found nowhere, by name: the secrets that were typed, however they are written, and the access tokens
/// that the tools gave for them.
fn needles(world: &World) -> BTreeMap<String, String> {
    let mut needles = BTreeMap::new();
    for (id, _, settings) in world.simulators.connections(PRIYA) {
        for field in kind(id).unwrap().fields.iter().filter(|field| field.secret) {
            let Some(secret) = settings[field.name].as_str() else { continue };
            // Of a key one line of its body will do.
            let line = secret.replace("\\n", "\n").lines().nth(3).unwrap_or(secret).to_owned();
            if let Some(client) = settings["client_id"].as_str() {
                let basic = STANDARD.encode(format!("{client}:{line}"));
                needles.insert(format!("{id} {} as Basic", field.name), basic);
            }
            needles.insert(format!("{id} {}", field.name), line);
        }
    }
    for tool in world.simulators.all() {
        for (number, token) in tool.tokens().into_iter().enumerate() {
            needles.insert(format!("{} token {number}", tool.name()), token);
        }
    }
    needles.insert("SCIM token".into(), world.scim.token.clone());
    // Assertions that are signed with the keys begin with the header of a JWT.
    needles.insert("assertion".into(), "eyJ0eXAiOiJKV1Qi".into());
    needles.insert("assertion, alg first".into(), "eyJhbGciOiJSUzI1NiIs".into());
    needles
}

fn search(place: &str, bytes: &[u8], needles: &BTreeMap<String, String>) {
    for (name, needle) in needles {
        let found = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
        let around = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..at]));
        assert!(found.is_none(), "{name} in {place}, after: {}", around.unwrap());
    }
}

async fn nothing_tells_a_secret(mut server: Server) {
    let mut settings = HURRY.to_vec();
    settings.push(("CEVEN_LOG__FILTER", "trace"));
    server.restart_with(&settings).await;
    let node = world::node(&server).await;
    let world = World::make(&node, &server, "acme", world::simulators().await).await;
    admin(&server, "acme", crate::console::support::EMAIL);
    let browser = Browser::signed_in(&server, "acme").await;
    let failures = [
        Kind::Status { status: 500, reset_secs: None },
        Kind::Status { status: 403, reset_secs: None },
        Kind::AcceptButKeep,
        Kind::WrongCredentials,
    ];
    for tool in world.simulators.all() {
        let faults = failures.map(|failure| door(tool.name(), failure));
        tool.set_faults(faults.to_vec());
    }
    let mut answers = Vec::new();
    let list = browser.get("/api/v1/connectors").await.expect(200);
    for connector in list["connectors"].as_array().unwrap() {
        let path = format!("/api/v1/connectors/{}", connector["id"].as_str().unwrap());
        answers.push(browser.json("POST", &format!("{path}/check"), &json!({})).await.text);
        answers.push(browser.get(&path).await.text);
        answers
            .push(browser.get(&format!("/app/connectors/{}", connector["id"].as_str().unwrap())).await.text);
    }
    let offboard = format!("/api/v1/users/{}/offboard", world.user);
    answers.push(browser.json("POST", &offboard, &json!({ "dry_run": true })).await.text);
    world.leave().await;
    let all_failed = |_: &Offboarding, tasks: &Tasks| tasks.values().all(|task| task.attempt > 0);
    let (one, _) = world.until(&node, "failed everywhere", all_failed).await;
    for tool in world.simulators.all() {
        tool.set_faults(vec![Fault::once(Kind::WrongCredentials).times(100)]);
    }
    let retry = format!("/api/v1/offboardings/{}/retry", one.id);
    answers.push(browser.json("POST", &retry, &json!({})).await.text);
    let is_stuck = |one: &Offboarding, tasks: &Tasks| {
        one.status != Status::Running || tasks.values().all(|task| task.attempt > 1)
    };
    world.until(&node, "refused everywhere", is_stuck).await;
    for path in [
        format!("/api/v1/offboardings/{}", one.id),
        format!("/api/v1/offboardings/{}/evidence?format=json", one.id),
        format!("/api/v1/offboardings/{}/evidence?format=ndjson", one.id),
        format!("/app/offboardings/{}", one.id),
        "/api/v1/sso/audit-export".into(),
        "/api/v1/connectors".into(),
        "/app/connectors".into(),
        "/app/audit".into(),
    ] {
        answers.push(browser.get(&path).await.text);
    }
    let needles = needles(&world);
    assert!(needles.len() > 20, "{:?}", needles.keys());
    for answer in &answers {
        search("an answer", answer.as_bytes(), &needles);
    }
    let pack = server.folder.path().join("pack.zip");
    let written = server.run(&[
        "audit",
        "evidence",
        "--org",
        "acme",
        &one.id.to_string(),
        "--out",
        pack.to_str().unwrap(),
    ]);
    search("the output of a command", &[written.stdout, written.stderr].concat(), &needles);
    search("the evidence", &std::fs::read(&pack).unwrap(), &needles);
    server.terminate();
    assert!(server.ended().await);
    let log = server.log_text();
    assert!(log.contains("DEBUG"), "everything is logged that is ever logged");
    search("the log", log.as_bytes(), &needles);
    for entry in std::fs::read_dir(server.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ceven.db")) {
            search("the database", &std::fs::read(path).unwrap(), &needles);
        }
    }
    if server.database_url.starts_with("postgres") {
        search("the database", dump(&server).await.as_bytes(), &needles);
    }
}

/// Every row of every table, as text.
async fn dump(server: &Server) -> String {
    use sea_orm::{ConnectionTrait as _, Statement};
    let database = sea_orm::Database::connect(&server.database_url).await.unwrap();
    let ask = async |text: &str| {
        let statement = Statement::from_string(database.get_database_backend(), text);
        let rows = database.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>()
    };
    let tables =
        ask("SELECT CAST(table_name AS text) FROM information_schema.tables WHERE table_schema = 'public'")
            .await;
    assert!(tables.len() > 10, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        all.push_str(&ask(&format!("SELECT CAST(t AS text) FROM \"{table}\" t")).await.concat());
    }
    all
}

on_each_database!(nothing_tells_a_secret);

/// A tool's secret goes to the vendor's hosts, with TLS, whatever an address looks like.
#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_reached_at_its_vendor_only() {
    let server = Server::start(Database::Sqlite).await;
    crate::console::support::organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let simulators = world::simulators().await;
    for (id, name, settings) in simulators.connections(PRIYA) {
        let vendor = kind(id).unwrap().hosts.first().copied();
        let host =
            vendor.map(|host| if host.starts_with('.') { format!("acme{host}") } else { host.to_owned() });
        let field = if id == "webhook" { "url" } else { "base_url" };
        let with = |address: String| {
            let mut settings = settings.clone();
            settings[field] = address.into();
            if let Some(host) = &host {
                // The others are at home, so that this one alone decides.
                for other in ["token_url", "web_api_url"] {
                    if settings[other].is_string() {
                        settings[other] = format!("https://{host}/x").into();
                    }
                }
            }
            json!({ "kind": id, "name": name, "settings": settings })
        };
        let mut refused = vec!["ftp://127.0.0.1/x".to_owned(), "http://tool.example/x".into()];
        if let Some(host) = &host {
            let good = browser.json("POST", "/api/v1/connectors", &with(format!("https://{host}"))).await;
            assert_eq!(good.status, 201, "{id}: {}", good.text);
            refused.extend([
                "https://10.0.0.1/x".into(),
                format!("http://{host}"),
                format!("https://{host}.evil.example"),
                format!("https://{host}@evil.example"),
                format!("https://evil.example/{host}"),
                format!("https://evil.example#{host}"),
                format!("https://evil.example\\.{host}"),
                format!("https://evil{}", host.trim_start_matches("acme").trim_start_matches('.')),
            ]);
        }
        for address in refused {
            let reply = browser.json("POST", "/api/v1/connectors", &with(address.clone())).await;
            assert_eq!(reply.status, 400, "{id} at {address}: {}", reply.text);
            for field in kind(id).unwrap().fields.iter().filter(|field| field.secret) {
                let secret = settings[field.name].as_str().filter(|secret| !secret.is_empty());
                assert!(secret.is_none_or(|secret| !reply.text.contains(secret)), "{id}: {}", reply.text);
            }
        }
    }
    // A secret that cannot be used is not repeated either.
    for (kind, field) in
        [("github", "app_private_key"), ("google_workspace", "service_account_key"), ("webhook", "secret")]
    {
        let mut settings = Value::Object(
            simulators
                .connections(PRIYA)
                .into_iter()
                .find(|(id, ..)| *id == kind)
                .unwrap()
                .2
                .as_object()
                .unwrap()
                .clone(),
        );
        settings[field] = "unmistakable-nonsense".into();
        let body = json!({ "kind": kind, "name": "x", "settings": settings });
        let reply = browser.json("POST", "/api/v1/connectors", &body).await;
        assert!(reply.status == 400 && !reply.text.contains("unmistakable"), "{kind}: {}", reply.text);
    }
}
