//! The guard against mass deactivation: what SCIM asks for beyond it waits for an admin's word, nothing else does.
use serde_json::{Value, json};

use super::{Receiver, acme, is_done, until};
use crate::{
    console::support::{Browser, problem, session_of},
    on_each_database,
    support::{Scim, Server},
};

const SETTINGS: &str = "/api/v1/settings";
const RELEASE: &str = "/api/v1/offboardings/release";

fn guard(deactivations: u32) -> Value {
    json!({ "mass_deactivation_guard": { "deactivations": deactivations, "window_secs": 3600 } })
}

async fn deactivate(scim: &Scim, id: &str) {
    let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
    scim.patch(&format!("/Users/{id}"), &inactive).await.expect(200);
}

async fn people(scim: &Scim, count: usize) -> Vec<String> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(scim.user(&format!("u{number}@acme.example")).await);
    }
    people
}

fn is_held(one: &Value) -> bool {
    one["status"] == "held"
}

fn told(receiver: &Receiver) -> Vec<String> {
    let mut told: Vec<_> = receiver
        .got()
        .iter()
        .map(|(_, body, _)| body["data"]["user_id"].as_str().unwrap().to_owned())
        .collect();
    told.sort();
    told
}

async fn scim_beyond_the_guard_waits_for_a_word_and_nothing_else_does(mut server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    receiver.connect(&server, "tool");
    let people = people(&scim, 9).await;
    let off = browser.get(SETTINGS).await.expect(200);
    assert_eq!(off, json!({ "mass_deactivation_guard": null }), "off by default");
    assert_eq!(browser.json("PUT", SETTINGS, &guard(2)).await.expect(200), guard(2));
    let visitor = session_of(&server, "acme", &people[0]).await;

    deactivate(&scim, &people[0]).await;
    assert_eq!(scim.delete(&format!("/Users/{}", people[1])).await.status, 204);
    until(&browser, &people[0], is_done).await;
    until(&browser, &people[1], is_done).await;
    deactivate(&scim, &people[2]).await;
    assert_eq!(scim.delete(&format!("/Users/{}", people[3])).await.status, 204);
    let held = until(&browser, &people[2], is_held).await;
    assert_eq!((&held["steps"], &held["cause"]), (&json!([]), &json!("scim_deactivate")), "{held}");
    until(&browser, &people[3], is_held).await;
    assert_eq!(scim.get(&format!("/Users/{}", people[2])).await.expect(200)["active"], false);
    assert_eq!(visitor.get("/api/v1/me").await.status, 401, "access to Ceven ends as ever");

    // What is finished counts after a restart too, and what is held is held still.
    server.kill();
    server.boot().await;
    deactivate(&scim, &people[4]).await;
    let fourth = until(&browser, &people[4], is_held).await;
    // The console's word on someone else, and on someone who is held, goes on at once.
    for id in [&people[5], &people[2]] {
        browser.json("POST", &format!("/api/v1/users/{id}/offboard"), &json!({})).await.expect(202);
        assert_eq!(until(&browser, id, is_done).await["cause"], "console");
    }
    let overtaken = browser.get(&format!("/api/v1/offboardings/{}", held["id"].as_str().unwrap())).await;
    assert_eq!(overtaken.expect(200)["status"], "cancelled");
    // Okta changes its mind: nothing is to be released, and nothing is told.
    deactivate(&scim, &people[6]).await;
    until(&browser, &people[6], is_held).await;
    let active = json!([{ "op": "replace", "path": "active", "value": true }]);
    scim.patch(&format!("/Users/{}", people[6]), &active).await.expect(200);
    until(&browser, &people[6], |one| one["status"] == "cancelled").await;

    let only = json!({ "offboarding": fourth["id"] });
    let released = browser.json("POST", RELEASE, &only).await.expect(202);
    assert_eq!(released, json!({ "released": 1, "held": 1 }));
    until(&browser, &people[4], is_done).await;
    problem(&browser.json("POST", RELEASE, &only).await, 404);
    let released = server.json(&["org", "release", "--org", "acme"]);
    assert_eq!(released, json!({ "released": 1, "held": 0 }));
    until(&browser, &people[3], is_done).await;
    let nothing = browser.json("POST", RELEASE, &json!({})).await.expect(202);
    assert_eq!(nothing, json!({ "released": 0, "held": 0 }));
    let mut wanted = people[..6].to_vec();
    wanted.sort();
    assert_eq!(told(&receiver), wanted);

    server.json(&["org", "policy", "--org", "acme", "--guard", "off"]);
    deactivate(&scim, &people[7]).await;
    until(&browser, &people[7], is_done).await;
    the_log_says_who(&server);
}

fn the_log_says_who(server: &Server) {
    let log = server.audit("acme");
    let of = |action: &str| log.iter().filter(|entry| entry["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("offboarding.hold").len(), 4);
    assert!(of("offboarding.hold").iter().all(|entry| entry["actor"]["kind"] == "scim_token"));
    let kinds: Vec<_> =
        of("offboarding.release").iter().map(|entry| entry["actor"]["kind"].clone()).collect();
    assert_eq!(kinds, [json!("admin"), json!("operator")]);
    let policies = of("organization.policy");
    assert_eq!(policies.len(), 2, "{policies:?}");
    assert_eq!(policies[0]["before"]["guard"], Value::Null);
    assert_eq!(policies[0]["after"]["guard"]["deactivations"], 2);
    assert_eq!(policies[1]["after"]["guard"], Value::Null);
}

async fn every_node_guards(server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    receiver.connect(&server, "tool");
    let people = people(&scim, 4).await;
    let other = server.beside().await;
    let (there, elsewhere) = (
        other.client(&scim.token),
        Browser { base: format!("http://127.0.0.1:{}", other.port), ..browser.clone() },
    );
    browser.json("PUT", SETTINGS, &guard(1)).await.expect(200);
    deactivate(&scim, &people[0]).await;
    until(&browser, &people[0], is_done).await;
    // The other node has not seen it happen; it knows the setting and what was done.
    deactivate(&there, &people[1]).await;
    until(&elsewhere, &people[1], is_held).await;
    deactivate(&scim, &people[2]).await;
    until(&browser, &people[2], is_held).await;
    let released = elsewhere.json("POST", RELEASE, &json!({})).await.expect(202);
    assert_eq!(released["released"], 2);
    until(&browser, &people[1], is_done).await;
    until(&browser, &people[2], is_done).await;
    elsewhere.json("PUT", SETTINGS, &json!({ "mass_deactivation_guard": null })).await.expect(200);
    deactivate(&scim, &people[3]).await;
    until(&browser, &people[3], is_done).await;
    let mut wanted = people;
    wanted.sort();
    assert_eq!(told(&receiver), wanted, "each one by one node");
}

async fn more_than_one_unit_takes_is_released_by_repeating(server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    receiver.connect(&server, "tool");
    server.json(&["org", "policy", "--org", "acme", "--guard", "1", "--window", "24h"]);
    let people = people(&scim, 206).await;
    for id in &people {
        deactivate(&scim, id).await;
    }
    let released = browser.json("POST", RELEASE, &json!({})).await.expect(202);
    assert_eq!(released, json!({ "released": 205, "held": 0 }));
    // The tool takes them at its own pace; each person is to be told of once.
    assert_eq!(server.rows("offboardings", "status = 'held'").await, 0);
    assert_eq!(server.rows("deprovision_tasks", "true").await, 206);
    let one = until(&browser, &people[205], |one| one["status"] == "running").await;
    assert_eq!(one["steps"].as_array().unwrap().len(), 1, "{one}");
    let released =
        server.audit("acme").iter().filter(|entry| entry["action"] == "offboarding.release").count();
    assert_eq!(released, 205);
}

async fn bad_input_changes_nothing(server: Server) {
    let (browser, scim) = acme(&server).await;
    let guards = [
        json!({}),
        json!({ "mass_deactivation_guard": true }),
        json!({ "mass_deactivation_guard": {} }),
        json!({ "mass_deactivation_guard": { "deactivations": 0, "window_secs": 3600 } }),
        json!({ "mass_deactivation_guard": { "deactivations": 10001, "window_secs": 3600 } }),
        json!({ "mass_deactivation_guard": { "deactivations": 5, "window_secs": 59 } }),
        json!({ "mass_deactivation_guard": { "deactivations": 5, "window_secs": 86401 } }),
        json!({ "mass_deactivation_guard": { "deactivations": 5.5, "window_secs": 3600 } }),
        json!({ "mass_deactivation_guard": { "deactivations": "5", "window_secs": 3600 } }),
        json!({ "mass_deactivation_guard": { "deactivations": 4294967297_u64, "window_secs": 3600 } }),
        json!({ "mass_deactivation_guard": null, "guard": null }),
    ];
    for body in guards {
        problem(&browser.json("PUT", SETTINGS, &body).await, 400);
    }
    problem(&browser.json("POST", RELEASE, &json!({ "offboarding": 7 })).await, 400);
    problem(&browser.json("POST", RELEASE, &json!({ "offboarding": "x" })).await, 404);
    problem(&browser.json("DELETE", SETTINGS, &json!({})).await, 405);
    for arguments in [["--guard", "0"], ["--guard", "many"], ["--window", "1h"]] {
        let output = server.run(&[&["org", "policy", "--org", "acme"], &arguments[..]].concat());
        assert!(matches!(output.status.code(), Some(1 | 2)), "{arguments:?}");
    }
    let output = server.run(&["org", "policy", "--org", "acme", "--guard", "5", "--window", "2d"]);
    assert_eq!(output.status.code(), Some(1));
    let ada = scim.user("ada@acme.example").await;
    let employee = session_of(&server, "acme", &ada).await;
    for (method, path) in [("GET", SETTINGS), ("PUT", SETTINGS), ("POST", RELEASE)] {
        problem(&employee.json(method, path, &guard(1)).await, 403);
    }
    problem(&Browser::new(&server).json("PUT", SETTINGS, &guard(1)).await, 401);
    assert_eq!(browser.get(SETTINGS).await.expect(200), json!({ "mass_deactivation_guard": null }));
    assert_eq!(server.rows("policies", "true").await, 0);
}

async fn the_console_sets_it_shows_what_is_held_and_lets_it_go(server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    receiver.connect(&server, "tool");
    let people = people(&scim, 4).await;
    let page = browser.get("/app/settings").await;
    assert!(
        page.text.contains("Guard against mass deactivation") && page.text.contains("Switch on"),
        "{}",
        page.text
    );
    let bad = [("deactivations", "<i>"), ("window_secs", "3600"), ("guard", "on")];
    let refused = browser.form("/app/settings/guard", &bad).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("role=\"alert\"") && !refused.text.contains("<i>"), "{}", refused.text);
    let on = [("deactivations", "1"), ("window_secs", "3600"), ("guard", "on")];
    assert_eq!(browser.form("/app/settings/guard", &on).await.status, 303);
    assert!(browser.get("/app/settings").await.text.contains("Switch off"));
    assert!(!browser.get("/app").await.text.contains("wait for your word"));
    for id in &people[..3] {
        deactivate(&scim, id).await;
    }
    assert!(browser.get("/app").await.text.contains("2 people's tools wait for your word"));
    let page = browser.get("/app/offboardings").await;
    assert!(page.text.contains("Let all 2 go on") && page.text.contains("u2@acme.example"), "{}", page.text);
    let one = until(&browser, &people[1], is_held).await;
    let id = one["id"].as_str().unwrap();
    let page = browser.get(&format!("/app/offboardings/{id}")).await;
    assert!(page.text.contains("Tell the tools now"), "{}", page.text);
    let member = session_of(&server, "acme", &people[3]).await;
    server.json(&["user", "role", "u3@acme.example", "member", "--org", "acme"]);
    let seen = member.get("/app/offboardings").await;
    assert!(
        seen.status == 200 && !seen.text.contains("go on"),
        "a member sees no word to give: {}",
        seen.text
    );
    let path = "/app/offboardings/release";
    assert_eq!(browser.send(browser.form_request(path, &[])).await.status, 403, "no CSRF token");
    let released = browser.form(path, &[("offboarding", id)]).await;
    assert!(released.header("location").contains(id), "{released:?}");
    until(&browser, &people[1], is_done).await;
    assert!(browser.get("/app").await.text.contains("1 person's tools wait for your word"));
    assert_eq!(browser.form(path, &[]).await.status, 303);
    until(&browser, &people[2], is_done).await;
    assert!(!browser.get("/app").await.text.contains("wait for your word"));
    assert_eq!(browser.form("/app/settings/guard", &[("guard", "off")]).await.status, 303);
    assert_eq!(browser.get(SETTINGS).await.expect(200), json!({ "mass_deactivation_guard": null }));
}

on_each_database!(
    scim_beyond_the_guard_waits_for_a_word_and_nothing_else_does,
    every_node_guards,
    more_than_one_unit_takes_is_released_by_repeating,
    bad_input_changes_nothing,
    the_console_sets_it_shows_what_is_held_and_lets_it_go,
);
