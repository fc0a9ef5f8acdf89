//! Who has no account at a tool, by reads alone, in the background.
use std::time::{Duration, Instant};

use ceven::dev::{Person, Sim, scim_server::ScimServer};
use serde_json::{Value, json};

use super::{
    Receiver, acme,
    world::{self, DANA, dana},
};
use crate::{
    console::support::{Browser, problem, session_of},
    on_each_database,
    support::{Scim, Server},
};

/// A SCIM server downstream that is connected as a tool: its client, and the tool's id.
fn connect(server: &Server) -> (Scim, String) {
    let downstream = server.organization("globex");
    let id = server.connector(
        "scim",
        "Globex",
        &json!({ "base_url": downstream.base, "token": downstream.token }),
    );
    (downstream, id)
}

async fn looked_up(browser: &Browser, path: &str) -> Value {
    browser.json("POST", path, &json!({})).await.expect(202);
    let begun = Instant::now();
    loop {
        let state = browser.get(path).await.expect(200);
        if state["running"].is_null() {
            return state["found"].clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{state}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn people_without_an_account_are_found_by_reads_alone(mut server: Server) {
    let (browser, scim) = acme(&server).await;
    let (downstream, id) = connect(&server);
    let path = format!("/api/v1/connectors/{id}/coverage");
    let nothing = browser.get(&path).await.expect(200);
    assert_eq!(nothing, json!({ "running": null, "found": null }));
    let (ada, eva) = (scim.user("ada@acme.example").await, scim.user("eva@acme.example").await);
    scim.user("<b>gus</b>@acme.example").await;
    scim.post("/Users", &json!({ "userName": "left@acme.example", "active": false })).await.expect(201);
    let there = downstream.user("ada@acme.example").await;
    let before = server.audit("globex").len();
    let found = looked_up(&browser, &path).await;
    let counts =
        ["people", "matched", "missing", "ambiguous", "unknown"].map(|name| found[name].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 2, 0, 0], "{found}");
    let mut gaps: Vec<_> =
        found["gaps"].as_array().unwrap().iter().map(|gap| gap["user_name"].clone()).collect();
    gaps.sort_by_key(ToString::to_string);
    assert_eq!(gaps, [json!("<b>gus</b>@acme.example"), json!("eva@acme.example")]);
    assert_eq!(found["stopped"], Value::Null);
    assert_eq!(server.audit("globex").len(), before, "nothing was written there");
    assert_eq!(downstream.get(&format!("/Users/{there}")).await.expect(200)["active"], true);

    let page = browser.get(&format!("/app/connectors/{id}")).await;
    assert!(page.text.contains("Not found at this tool") && page.text.contains(&eva), "{}", page.text);
    assert!(!page.text.contains("<b>gus") && !page.text.contains(&ada), "{}", page.text);
    assert!(browser.get("/app/connectors").await.text.contains("1 of 3"));
    // What was found outlives the process; the next run takes its place.
    server.kill();
    server.boot().await;
    assert_eq!(browser.get(&path).await.expect(200)["found"], found);
    downstream.user("eva@acme.example").await;
    let begun = browser.form(&format!("/app/connectors/{id}/coverage"), &[]).await;
    assert!(begun.header("location").ends_with("?done=looking"), "{begun:?}");
    let begun = Instant::now();
    while browser.get(&path).await.expect(200)["found"]["matched"] != 2 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A tool that refuses is not asked for everyone, and a run that could say nothing says why.
    let tokens = server.json(&["token", "list", "--org", "globex"]);
    server.json(&["token", "revoke", tokens[0]["id"].as_str().unwrap(), "--org", "globex"]);
    let stopped = looked_up(&browser, &path).await;
    assert_eq!(stopped["people"], 0);
    assert!(stopped["stopped"].as_str().unwrap().contains("credentials"), "{stopped}");
    assert!(browser.get(&format!("/app/connectors/{id}")).await.text.contains("It ended early"));
    let hook = Receiver::start().await.connect(&server, "hook");
    problem(&browser.json("POST", &format!("/api/v1/connectors/{hook}/coverage"), &json!({})).await, 409);
    problem(&browser.json("POST", "/api/v1/connectors/x/coverage", &json!({})).await, 404);
    let employee = session_of(&server, "acme", &ada).await;
    problem(&employee.get(&path).await, 403);
    problem(&employee.json("POST", &path, &json!({})).await, 403);
}

async fn several_accounts_that_fit_are_counted_and_none_is_chosen(server: Server) {
    let (browser, scim) = acme(&server).await;
    let clock = world::clock();
    let sim = Sim::start(ScimServer::new(&*clock), clock, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let eva = Person::new("Eva", "Lind", "eva@acme.example");
    for person in [dana(), eva, dana()] {
        sim.seed(&person);
    }
    let token = sim.with(|tool| tool.token.clone());
    let id = server.connector(
        "scim",
        "Wiki",
        &json!({ "base_url": format!("{}/scim/v2", sim.url()), "token": token }),
    );
    let twin = scim.user(DANA).await;
    scim.user("eva@acme.example").await;
    let path = format!("/api/v1/connectors/{id}/coverage");
    let found = looked_up(&browser, &path).await;
    let counts =
        ["people", "matched", "missing", "ambiguous", "unknown"].map(|name| found[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 0, 1, 0], "{found}");
    let gap = json!({ "user": twin, "user_name": DANA, "why": "2 accounts fit" });
    assert_eq!((&found["gaps"], &found["stopped"]), (&json!([gap]), &Value::Null));
    let page = browser.get(&format!("/app/connectors/{id}")).await.text;
    assert!(page.contains("2 accounts fit") && page.contains(&format!("/app/team/{twin}")), "{page}");
    assert!(browser.get("/app/connectors").await.text.contains("1 of 2"));
    // An offboarding would say the same.
    let preview = server.json(&["user", "offboard", DANA, "--org", "acme", "--dry-run"]);
    let resolve = &preview["tools"][0]["steps"][0]["outcome"];
    assert_eq!((&resolve["class"], &resolve["count"]), (&json!("ambiguous"), &json!(2)), "{preview}");
    assert!(!sim.journal().iter().any(|received| received.changes), "nothing is written there");
    sim.with(|tool| tool.users.remove(0));
    let found = looked_up(&browser, &path).await;
    assert_eq!((&found["matched"], &found["ambiguous"], &found["gaps"]), (&json!(2), &json!(0), &json!([])));
}

on_each_database!(
    people_without_an_account_are_found_by_reads_alone,
    several_accounts_that_fit_are_counted_and_none_is_chosen,
);
