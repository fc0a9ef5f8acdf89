//! What needs a person: tools that refuse their credentials, and steps that failed.
use serde_json::{Value, json};

use super::{Receiver, Say, acme, is_done, until};
use crate::{console::support::problem, on_each_database, support::Server};

async fn one_alert_a_pause_and_no_silent_retry(server: Server) {
    let (browser, scim) = acme(&server).await;
    let (sick, well) = (Receiver::start().await, Receiver::start().await);
    let id = sick.connect(&server, "sick");
    sick.will_say(&[Say::Status(410); 8]);
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(scim.user(&format!("u{number}@acme.example")).await);
    }
    for person in &people[..3] {
        browser.json("POST", &format!("/api/v1/users/{person}/offboard"), &json!({})).await.expect(202);
    }
    let begun = std::time::Instant::now();
    while browser.get(&format!("/api/v1/connectors/{id}")).await.expect(200)["paused"].is_null() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let pauses = |server: &Server| {
        let log = server.audit("acme");
        log.iter().filter(|entry| entry["action"] == "connector.pause").count()
    };
    assert_eq!(pauses(&server), 1, "one alert, not one a person");
    for page in ["/app", "/app/offboardings"] {
        let text = browser.get(page).await.text;
        assert_eq!(text.matches("sick is paused").count(), 1, "{page}: {text}");
        assert!(text.contains("3 removals wait"), "{page}: {text}");
    }
    let one = until(&browser, &people[0], |one| one["steps"][0]["state"] == "waiting").await;
    let address = format!("/offboardings/{}", one["id"].as_str().unwrap());
    assert!(browser.get(&format!("/app{address}")).await.text.contains("sick is paused"));
    for body in [json!({}), json!({ "task": one["steps"][0]["id"] })] {
        let refused = browser.json("POST", &format!("/api/v1{address}/retry"), &body).await;
        problem(&refused, 409);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("sick is paused") && detail.contains("Save its settings"), "{detail}");
    }
    let page = browser.form(&format!("/app{address}/retry"), &[]).await;
    assert!(page.status == 409 && page.text.contains("sick is paused"), "{}", page.text);

    // Beside a tool that can be tried, the one that cannot is named.
    well.connect(&server, "well");
    well.will_say(&[Say::RetryAfter(429, 5); 2]);
    let path = format!("/api/v1/users/{}/offboard", people[3]);
    browser.json("POST", &path, &json!({})).await.expect(202);
    let tool = |one: &Value, name: &str| {
        one["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|task| task["connector"]["name"] == name)
            .unwrap()
            .clone()
    };
    let later = until(&browser, &people[3], |one| tool(one, "well")["attempt"] == 1).await;
    let path = format!("/api/v1/offboardings/{}/retry", later["id"].as_str().unwrap());
    let only = json!({ "task": tool(&later, "well")["id"] });
    let retried = browser.json("POST", &path, &only).await.expect(202);
    assert_eq!(retried["paused"], json!([]));
    until(&browser, &people[3], |one| tool(one, "well")["attempt"] == 2).await;
    let retried = browser.json("POST", &path, &json!({})).await.expect(202);
    assert_eq!(retried["paused"][0]["connector"]["name"], "sick", "{retried}");
    assert!(retried["paused"][0]["remedy"].as_str().unwrap().contains("settings"));
    until(&browser, &people[3], |one| tool(one, "well")["state"] == "done").await;

    // Mended, everything goes on by itself; broken again, it is one alert more.
    sick.will_say(&[]);
    let body = json!({ "settings": { "url": sick.url } });
    browser.json("PUT", &format!("/api/v1/connectors/{id}"), &body).await.expect(200);
    for person in &people {
        until(&browser, person, is_done).await;
    }
    assert!(!browser.get("/app").await.text.contains("is paused"));
    assert_eq!(pauses(&server), 1);
}

/// What can be undone is said, and is not done by itself when the person comes back.
async fn undo_is_told_and_never_done(server: Server) {
    let (browser, scim) = acme(&server).await;
    let downstream = server.organization("globex");
    server.connector("scim", "Globex", &json!({ "base_url": downstream.base, "token": downstream.token }));
    let ada = scim.user("ada@acme.example").await;
    let there = format!("/Users/{}", downstream.user("ada@acme.example").await);
    let inactive = |active: bool| json!([{ "op": "replace", "path": "active", "value": active }]);
    scim.patch(&format!("/Users/{ada}"), &inactive(false)).await.expect(200);
    let one = until(&browser, &ada, is_done).await;
    let steps = one["steps"][0]["steps"].as_array().unwrap();
    let undo = steps.iter().find_map(|step| step["undo"].as_str()).unwrap_or_else(|| panic!("{one}"));
    let id = one["id"].as_str().unwrap();
    let page = browser.get(&format!("/app/offboardings/{id}")).await;
    assert!(page.text.contains(undo), "{}", page.text);
    let evidence = browser.get(&format!("/api/v1/offboardings/{id}/evidence?format=json")).await.expect(200);
    assert!(evidence["tools"][0]["steps"].to_string().contains(undo), "{evidence}");
    scim.patch(&format!("/Users/{ada}"), &inactive(true)).await.expect(200);
    let again = server.json(&["user", "offboard", "ada@acme.example", "--org", "acme", "--wait"]);
    assert_eq!(again["status"], "done");
    scim.post("/Users", &json!({ "userName": "ada@acme.example" })).await.expect(201);
    // Whoever is offboarded next has been told of after all that: the tool would have been told by now.
    let eva = scim.user("eva@acme.example").await;
    scim.patch(&format!("/Users/{eva}"), &inactive(false)).await.expect(200);
    until(&browser, &eva, is_done).await;
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["active"], true);
    assert_eq!(downstream.get(&there).await.expect(200)["active"], false, "nothing is granted again");
}

on_each_database!(one_alert_a_pause_and_no_silent_retry, undo_is_told_and_never_done);
