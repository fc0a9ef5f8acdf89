//! Offboarding through the real binary: every way out tells every connected tool, whatever goes wrong meanwhile.
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use ceven::http::server::{ServerLimits, serve};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

use crate::{
    console::support::{Browser, organization, problem},
    on_each_database,
    support::{Scim, Server},
};

mod attention;
mod closed;
mod coverage;
mod guard;
mod kills;
mod matrix;
mod preview;
mod report;
mod secrets;
mod vendors;
pub mod world;

/// How a receiver answers.
#[derive(Debug, Clone, Copy)]
enum Say {
    Status(u16),
    RetryAfter(u16, u32),
    Hang,
}

/// A receiver of webhooks that says what it is told to say, then 204.
pub struct Receiver {
    pub url: String,
    says: Arc<Mutex<Vec<Say>>>,
    /// Id of the message and its body, with the time it came.
    got: Arc<Mutex<Vec<(String, Value, Instant)>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let (says, got) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let state: (Arc<Mutex<Vec<Say>>>, Arc<Mutex<Vec<_>>>) = (says.clone(), got.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let routes = warp::post()
            .and(warp::header::<String>("webhook-id"))
            .and(warp::body::bytes())
            .then(move |id: String, body: Bytes| {
                let (says, got) = state.clone();
                async move {
                    got.lock().unwrap().push((id, serde_json::from_slice(&body).unwrap(), Instant::now()));
                    let say = says.lock().unwrap().pop().unwrap_or(Say::Status(204));
                    let answer = http::Response::builder();
                    match say {
                        Say::Status(status) => answer.status(status),
                        Say::RetryAfter(status, secs) => answer.status(status).header("retry-after", secs),
                        Say::Hang => std::future::pending().await,
                    }
                    .body(String::new())
                    .unwrap()
                }
            })
            .map(warp::Reply::into_response)
            .boxed();
        tokio::spawn(serve(listener, routes, ServerLimits::LOOPBACK, CancellationToken::new()));
        Self { url, says, got }
    }

    /// What it says next, first thing first.
    fn will_say(&self, says: &[Say]) {
        *self.says.lock().unwrap() = says.iter().rev().copied().collect();
    }

    /// It takes what comes and never answers, for a while.
    pub fn hang(&self) {
        self.will_say(&[Say::Hang; 100]);
    }

    /// It takes the first message and never answers, has had enough at the second, and then does as it is told.
    pub fn hang_then_limit(&self, secs: u32) {
        self.will_say(&[Say::Hang, Say::RetryAfter(429, secs)]);
    }

    /// It has had enough, once.
    pub fn limit(&self, secs: u32) {
        self.will_say(&[Say::RetryAfter(429, secs)]);
    }

    pub fn got(&self) -> Vec<(String, Value, Instant)> {
        self.got.lock().unwrap().clone()
    }

    pub async fn until_got(&self, count: usize) {
        let begun = Instant::now();
        while self.got().len() < count {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", self.got());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn connect(&self, server: &Server, name: &str) -> String {
        let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        server.connector("webhook", name, &json!({ "url": self.url, "secret": secret }))
    }
}

/// The latest offboarding, once it is as wished.
pub async fn until(browser: &Browser, user: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let list = browser.get(&format!("/api/v1/offboardings?user={user}")).await.expect(200);
        if let Some(id) = list["offboardings"][0]["id"].as_str() {
            let one = browser.get(&format!("/api/v1/offboardings/{id}")).await.expect(200);
            if is_there(&one) {
                return one;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{one}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn is_done(one: &Value) -> bool {
    one["status"] == "done"
}

async fn acme(server: &Server) -> (Browser, Scim) {
    organization(server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    (Browser::signed_in(server, "acme").await, scim)
}

async fn every_way_out_tells_every_tool(server: Server) {
    let (browser, scim) = acme(&server).await;
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    one.connect(&server, "one");
    two.connect(&server, "two");
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(scim.user(&format!("u{number}@acme.example")).await);
    }
    let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
    scim.patch(&format!("/Users/{}", people[0]), &inactive).await.expect(200);
    assert_eq!(scim.delete(&format!("/Users/{}", people[1])).await.status, 204);
    let path = format!("/api/v1/users/{}/offboard", people[2]);
    let begun = browser.json("POST", &path, &json!({ "reason": "left", "ticket": "HR-7" })).await.expect(202);
    let done = server.json(&["user", "offboard", "u3@acme.example", "--org", "acme", "--wait"]);
    assert_eq!((&done["status"], done["steps"].as_array().unwrap().len()), (&json!("done"), 2), "{done}");
    for (number, cause) in ["scim_deactivate", "scim_delete", "console", "command_line"].iter().enumerate() {
        let one = until(&browser, &people[number], is_done).await;
        assert_eq!(one["cause"], *cause);
        assert!(one["steps"].as_array().unwrap().iter().all(|task| task["state"] == "done"), "{one}");
    }
    let console = until(&browser, &people[2], is_done).await;
    assert_eq!(
        (&console["id"], &console["reason"], &console["ticket"]),
        (&begun["offboarding_id"], &json!("left"), &json!("HR-7"))
    );
    for receiver in [&one, &two] {
        let mut told: Vec<_> =
            receiver.got().into_iter().map(|(_, body, _)| body["data"]["user_id"].clone()).collect();
        told.sort_by_key(ToString::to_string);
        let mut wanted: Vec<Value> = people.iter().cloned().map(Value::from).collect();
        wanted.sort_by_key(ToString::to_string);
        assert_eq!(told, wanted);
    }
    // Nobody is offboarded twice, and coming back grants nothing and tells nobody.
    browser.json("POST", &format!("/api/v1/users/{}/offboard", people[1]), &json!({})).await.expect(404);
    scim.post("/Users", &json!({ "userName": "u0@acme.example" })).await.expect(201);
    assert_eq!(one.got().len(), 4);
    let log = server.audit("acme");
    let count = |action: &str| log.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((count("offboarding.start"), count("offboarding.finish")), (4, 4));
    let delivered = log
        .iter()
        .filter(|entry| entry["action"] == "deprovision.step" && entry["after"]["step"]["name"] == "deliver");
    assert_eq!(delivered.count(), 8, "each step is recorded once");
    assert!(!log.iter().any(|entry| entry.to_string().contains("whsec_")));
    let export = std::fs::read(server.folder.path().join("ceven.db")).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&export).contains("whsec_"), "secrets are encrypted at rest");
}

async fn a_tool_in_trouble_is_tried_again_and_holds_nobody_up(mut server: Server) {
    let (browser, scim) = acme(&server).await;
    server.restart_with(&[("CEVEN_OUTBOUND__TOOL_MS", "300")]).await;
    let (sick, well) = (Receiver::start().await, Receiver::start().await);
    sick.connect(&server, "sick");
    well.connect(&server, "well");
    let ada = scim.user("ada@acme.example").await;
    sick.will_say(&[Say::Status(502), Say::Hang, Say::RetryAfter(429, 2), Say::Status(500)]);
    let begun = Instant::now();
    let path = format!("/api/v1/users/{ada}/offboard");
    browser.json("POST", &path, &json!({})).await.expect(202);
    well.until_got(1).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "the other tool does not wait: {:?}", begun.elapsed());
    let one = until(&browser, &ada, is_done).await;
    let task =
        one["steps"].as_array().unwrap().iter().find(|task| task["connector"]["name"] == "sick").unwrap();
    let classes: Vec<_> =
        task["tries"].as_array().unwrap().iter().map(|one| one["failure"]["class"].clone()).collect();
    assert_eq!(
        classes,
        [json!("transient"), json!("transient"), json!("rate_limited"), json!("transient"), Value::Null]
    );
    let got = sick.got();
    assert_eq!(got.len(), 5);
    assert!(got.iter().all(|(id, ..)| *id == got[0].0), "the same message each time");
    assert!(
        got[3].2 - got[2].2 >= Duration::from_millis(1_900),
        "not before the time that the tool has named"
    );
}

async fn killed_in_the_middle_it_goes_on_where_it_was(mut server: Server) {
    let (browser, scim) = acme(&server).await;
    server.restart_with(&[("CEVEN_OFFBOARDING__LEASE_MS", "1000")]).await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.connect(&server, "slow");
    quick.connect(&server, "quick");
    let ada = scim.user("ada@acme.example").await;
    slow.will_say(&[Say::Hang]);
    browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({})).await.expect(202);
    slow.until_got(1).await;
    quick.until_got(1).await;
    until(&browser, &ada, |one| one["steps"].as_array().unwrap().iter().any(|task| task["state"] == "done"))
        .await;
    server.kill();
    server.boot().await;
    let one = until(&browser, &ada, is_done).await;
    assert!(
        one["steps"].as_array().unwrap().iter().all(|task| task["steps"][1]["status"].is_null()),
        "{one}"
    );
    assert_eq!(quick.got().len(), 1, "what was done is not done again");
    assert_eq!((slow.got().len(), slow.got()[0].0 == slow.got()[1].0), (2, true));
    let log = server.audit("acme");
    let delivered = log
        .iter()
        .filter(|entry| entry["action"] == "deprovision.step" && entry["after"]["step"]["name"] == "deliver");
    assert_eq!(delivered.count(), 2, "each step is recorded once");
}

async fn a_tool_that_refuses_is_paused_until_it_is_mended(server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    let id = receiver.connect(&server, "gone");
    let (ada, eva) = (scim.user("ada@acme.example").await, scim.user("eva@acme.example").await);
    receiver.will_say(&[Say::Status(410)]);
    browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({})).await.expect(202);
    until(&browser, &ada, |one| one["steps"][0]["attempt"] == 1).await;
    let paused = browser.get(&format!("/api/v1/connectors/{id}")).await.expect(200);
    assert!(paused["paused"]["reason"].as_str().unwrap().contains("410"), "{paused}");
    browser.json("POST", &format!("/api/v1/users/{eva}/offboard"), &json!({})).await.expect(202);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.got().len(), 1, "nobody tries on");
    // Saving the settings again, without the secret, mends it; both tasks go on.
    let path = format!("/api/v1/connectors/{id}");
    let body = json!({ "settings": { "url": receiver.url } });
    browser.json("PUT", &path, &body).await.expect(200);
    until(&browser, &ada, is_done).await;
    until(&browser, &eva, is_done).await;
    // A kept secret does not follow to another address.
    let elsewhere = json!({ "settings": { "url": receiver.url.replace("/hook", "/x").replace("127.0.0.1", "127.0.0.2") } });
    browser.json("PUT", &path, &elsewhere).await.expect(400);
}

async fn scheduled_cancelled_by_hand_and_previewed(server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    receiver.connect(&server, "tool");
    let (ada, eva, gus) = (
        scim.user("ada@acme.example").await,
        scim.user("eva@acme.example").await,
        scim.user("gus@acme.example").await,
    );
    let preview =
        browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({ "dry_run": true })).await;
    let preview = preview.expect(200);
    assert_eq!(preview["tools"][0]["steps"][1]["outcome"]["status"], "planned", "{preview}");
    assert!(receiver.got().is_empty(), "a preview writes nothing");
    let soon = ceven_actors::clock::rfc3339(
        ceven_actors::clock::Clock::now_ms(&ceven_actors::clock::SystemClock) + 1_500,
    );
    browser
        .json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({ "run_at": soon }))
        .await
        .expect(202);
    // The wrong year is no order to begin at once.
    let slip = json!({ "run_at": "2020-01-01T00:00:00Z" });
    let refused = browser.json("POST", &format!("/api/v1/users/{eva}/offboard"), &slip).await;
    problem(&refused, 409);
    assert!(refused.text.contains("2020-01-01T00:00:00.000Z is long past"), "{}", refused.text);
    let said = server.run(&[
        "user",
        "offboard",
        "eva@acme.example",
        "--org",
        "acme",
        "--run-at",
        "2098-01-01T00:00:00Z",
    ]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.contains("is scheduled for 2098-01-01T00:00:00.000Z.") && !said.contains("No tools"),
        "{said}"
    );
    let later = json!({ "run_at": "2099-01-01T00:00:00Z" });
    let planned = browser.json("POST", &format!("/api/v1/users/{eva}/offboard"), &later).await.expect(202);
    let path = format!("/api/v1/offboardings/{}/cancel", planned["offboarding_id"].as_str().unwrap());
    browser.json("POST", &path, &json!({})).await.expect(200);
    browser.json("POST", &path, &json!({})).await.expect(404);
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["active"], true, "not yet");
    until(&browser, &ada, is_done).await;
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["active"], false);
    assert_eq!(scim.get(&format!("/Users/{eva}")).await.expect(200)["active"], true, "cancelled");
    // Done by hand while the tool is down.
    receiver.will_say(&[Say::Status(500); 8]);
    browser.json("POST", &format!("/api/v1/users/{gus}/offboard"), &json!({})).await.expect(202);
    let stuck = until(&browser, &gus, |one| one["steps"][0]["attempt"].as_u64() >= Some(1)).await;
    let path = format!("/api/v1/offboardings/{}/done", stuck["id"].as_str().unwrap());
    let task = stuck["steps"][0]["id"].as_str().unwrap();
    browser.json("POST", &path, &json!({ "task": task })).await.expect(400);
    browser
        .json("POST", &path, &json!({ "task": task, "note": "removed in the tool's console" }))
        .await
        .expect(200);
    let done = until(&browser, &gus, is_done).await;
    assert_eq!(done["steps"][0]["state"], "done_by_hand");
}

async fn a_scim_server_is_told_and_read_back(server: Server) {
    let (browser, scim) = acme(&server).await;
    let downstream = server.organization("globex");
    let settings = json!({ "base_url": downstream.base, "token": downstream.token });
    let id = server.connector("scim", "Globex", &settings);
    let checked = server.json(&["connector", "check", &id, "--org", "acme"]);
    assert!(!checked["checks"].as_array().unwrap().is_empty(), "{checked}");
    let mut there = Vec::new();
    for name in ["ada", "eva"] {
        let body = json!({ "userName": format!("{name}@acme.example"), "externalId": format!("00u{name}") });
        scim.post("/Users", &body).await.expect(201);
        there.push(downstream.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    let preview = server.json(&["user", "offboard", "ada@acme.example", "--org", "acme", "--dry-run"]);
    assert_eq!(preview["tools"][0]["matched"]["external_id"], there[0].as_str(), "{preview}");
    let ada = format!("/Users/{}", there[0]);
    assert_eq!(downstream.get(&ada).await.expect(200)["active"], true, "a preview changes nothing");
    let done = server.json(&["user", "offboard", "ada@acme.example", "--org", "acme", "--wait"]);
    let steps = done["steps"][0]["steps"].as_array().unwrap();
    let verified = steps.iter().find(|step| step["name"] == "verify").unwrap();
    assert_eq!(verified["outcome"]["status"], "done", "{done}");
    assert_eq!(downstream.get(&ada).await.expect(200)["active"], false);
    assert_eq!(
        downstream.get(&format!("/Users/{}", there[1])).await.expect(200)["active"],
        true,
        "nobody else"
    );
    // A token that was revoked there pauses the tool here.
    let tokens = server.json(&["token", "list", "--org", "globex"]);
    server.json(&["token", "revoke", tokens[0]["id"].as_str().unwrap(), "--org", "globex"]);
    let stuck = server.run(&["user", "offboard", "eva@acme.example", "--org", "acme", "--wait", "--json"]);
    assert_eq!(stuck.status.code(), Some(5), "{}", String::from_utf8_lossy(&stuck.stdout));
    let said: Value = serde_json::from_slice(&stuck.stdout).unwrap();
    assert_eq!(said["status"], "running", "the document is on standard output: {said}");
    let failed = server.run(&["connector", "check", &id, "--json"]);
    assert_eq!(failed.status.code(), Some(5));
    let said: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert!(said["checks"].to_string().contains("failed"), "{said}");
    assert_eq!(server.run(&["connector", "check", &id, "--org", "globex"]).status.code(), Some(1));
    let paused = browser.get(&format!("/api/v1/connectors/{id}")).await.expect(200);
    assert!(paused["paused"]["reason"].is_string(), "{paused}");
}

on_each_database!(
    a_scim_server_is_told_and_read_back,
    every_way_out_tells_every_tool,
    a_tool_in_trouble_is_tried_again_and_holds_nobody_up,
    killed_in_the_middle_it_goes_on_where_it_was,
    a_tool_that_refuses_is_paused_until_it_is_mended,
    scheduled_cancelled_by_hand_and_previewed,
);
