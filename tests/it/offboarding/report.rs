//! The report over a range of time: JSON, a table and a page say the same, and the JSON verifies offline.
use serde_json::{Value, json};

use super::{Receiver, Say, acme, is_done, until};
use crate::{
    console::support::{Browser, problem, session_of},
    on_each_database,
    support::Server,
};

const REPORT: &str = "/api/v1/offboardings/report";

async fn every_leaver_is_in_it_with_the_time_of_each_tool(server: Server) {
    let (browser, scim) = acme(&server).await;
    let empty = browser.get(REPORT).await.expect(200);
    assert_eq!((&empty["leavers"], &empty["next_cursor"]), (&json!([]), &Value::Null));
    let toolless = scim.user("=cmd()@acme.example").await;
    scim.delete(&format!("/Users/{toolless}")).await;
    let (quick, slow) = (Receiver::start().await, Receiver::start().await);
    quick.connect(&server, "quick");
    slow.connect(&server, "slow, \"too\"");
    let (ada, eva) = (scim.user("ada@acme.example").await, scim.user("eva@acme.example").await);
    slow.will_say(&[Say::RetryAfter(429, 1)]);
    browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({})).await.expect(202);
    until(&browser, &ada, is_done).await;
    quick.will_say(&[Say::RetryAfter(429, 600)]);
    browser.json("POST", &format!("/api/v1/users/{eva}/offboard"), &json!({})).await.expect(202);
    let tried = |one: &Value| {
        let tasks = one["steps"].as_array().unwrap().clone();
        tasks.into_iter().find(|task| task["connector"]["name"] == "quick" && task["attempt"] == 1)
    };
    let stuck = until(&browser, &eva, |one| tried(one).is_some()).await;
    let task = tried(&stuck).unwrap();
    let done = json!({ "task": task["id"], "note": "=by hand" });
    let path = format!("/api/v1/offboardings/{}/done", stuck["id"].as_str().unwrap());
    browser.json("POST", &path, &done).await.expect(200);
    until(&browser, &eva, is_done).await;

    let report = browser.get(REPORT).await;
    let signed = report.expect(200);
    let leavers = signed["leavers"].as_array().unwrap();
    let names: Vec<_> = leavers.iter().map(|one| one["user"]["user_name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["=cmd()@acme.example", "ada@acme.example", "eva@acme.example"],
        "in the order of asking"
    );
    assert_eq!(leavers[0]["tools"], json!([]));
    assert_eq!(leavers[0]["cause"], "scim_delete");
    let slowest = &leavers[1]["slowest_tool"];
    assert_eq!(slowest["name"], "slow, \"too\"");
    assert!(slowest["after_ms"].as_i64().unwrap() >= 900, "the tool named the time: {slowest}");
    assert!(leavers[1]["took_ms"].as_i64() >= slowest["after_ms"].as_i64());
    assert!(
        leavers[1]["tools"].as_array().unwrap().iter().all(|tool| tool["attention"].is_null()),
        "{signed}"
    );
    let by_hand =
        leavers[2]["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "quick").unwrap();
    assert_eq!(by_hand["attention"], "done by hand: =by hand", "it stays in the report");
    let summary = &signed["summary"];
    assert_eq!(
        (&summary["leavers"], &summary["done"], &summary["needed_attention"]),
        (&json!(3), &json!(3), &json!(1))
    );
    it_verifies(&server, &report.text);

    let table = browser.get(&format!("{REPORT}?format=csv")).await;
    assert_eq!((table.status, table.header("content-type")), (200, "text/csv; charset=utf-8"));
    let lines: Vec<_> = table.text.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1 + 1 + 2 + 2, "{}", table.text);
    assert!(lines[0].starts_with("offboarding_id,user_id,user_name,way"));
    assert!(lines[1].contains("\"'=cmd()@acme.example\""), "no formula: {}", lines[1]);
    assert!(
        table.text.contains("\"slow, \"\"too\"\"\"") && table.text.contains("done by hand: =by hand"),
        "{}",
        table.text
    );
    let page = browser.get("/app/offboardings/report").await;
    assert!(page.text.contains("ada@acme.example") && page.text.contains("done by hand"), "{}", page.text);
    assert!(page.text.contains("slow, &quot;too&quot;"), "{}", page.text);

    // Page by page it is the same.
    let (mut cursor, mut paged) = (String::new(), Vec::new());
    loop {
        let part = browser.get(&format!("{REPORT}?limit=1{cursor}")).await.expect(200);
        paged.extend(part["leavers"].as_array().unwrap().clone());
        match part["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&paged, leavers);
    let today = &leavers[0]["asked_at"].as_str().unwrap()[..10];
    let that_day = browser.get(&format!("{REPORT}?from={today}&to={today}")).await.expect(200);
    assert!(!that_day["leavers"].as_array().unwrap().is_empty(), "the day of `to` counts");
    let before = browser.get(&format!("{REPORT}?from=2020-01-01&to=2020-12-31")).await.expect(200);
    assert_eq!(before["leavers"], json!([]));
    let gus = scim.user("gus@acme.example").await;
    who_may_read_it(&server, &browser, &gus).await;
}

fn it_verifies(server: &Server, text: &str) {
    let file = server.folder.path().join("report.json");
    let file = file.to_str().unwrap();
    std::fs::write(file, text).unwrap();
    let verified = server.json(&["audit", "verify", file]);
    assert_eq!((&verified["ok"], &verified["leavers"]), (&json!(true), &json!(3)), "{verified}");
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap();
    for text in [text, &pretty] {
        let piped = server.run_piped(&["audit", "verify", "/dev/stdin", "--json"], text.as_bytes());
        assert_eq!(serde_json::from_slice::<Value>(&piped.stdout).unwrap(), verified, "{piped:?}");
    }
    for (from, to) in [("ada@", "bob@"), ("\"took_ms\":", "\"took_ms\":1"), ("scim_delete", "console")] {
        std::fs::write(file, text.replacen(from, to, 1)).unwrap();
        assert_ne!(server.run(&["audit", "verify", file]).status.code(), Some(0), "{from}");
    }
}

async fn who_may_read_it(server: &Server, browser: &Browser, user: &str) {
    for query in [
        "?from=yesterday",
        "?to=x",
        "?from=2026-02-02&to=2026-02-01",
        "?from=2020-01-01&to=2026-01-01",
        "?format=pdf",
        "?limit=0",
        "?limit=x",
        "?cursor=x",
        "?cursor=1_x",
    ] {
        problem(&browser.get(&format!("{REPORT}{query}")).await, 400);
    }
    let audit = server.json(&["token", "mint", "--org", "acme", "--label", "auditor", "--kind", "audit"]);
    let nobody = Browser::new(server);
    let read = nobody.request("GET", REPORT).bearer_auth(audit["token"].as_str().unwrap());
    assert_eq!(nobody.send(read).await.expect(200)["leavers"].as_array().unwrap().len(), 3);
    problem(&nobody.get(REPORT).await, 401);
    problem(&session_of(server, "acme", user).await.get(REPORT).await, 403);
    server.json(&["org", "create", "--name", "Other", "--slug", "other"]);
    let audit = server.json(&["token", "mint", "--org", "other", "--label", "auditor", "--kind", "audit"]);
    let other = nobody.request("GET", REPORT).bearer_auth(audit["token"].as_str().unwrap());
    assert_eq!(nobody.send(other).await.expect(200)["leavers"], json!([]), "of one organization only");
}

/// Whoever a tool has not let go is not out of it, in no table, page or pack; and the numbers add up.
async fn nobody_is_out_who_is_not(server: Server) {
    let (browser, scim) = acme(&server).await;
    Receiver::start().await.connect(&server, "Good");
    let downstream = server.organization("globex");
    downstream.user("stays@acme.example").await;
    let (base_url, token) = (&downstream.base, &downstream.token);
    let settings = json!({ "base_url": base_url, "token": token, "protected": "stays@acme.example" });
    server.connector("scim", "Bad", &settings);
    let mut people = Vec::new();
    for name in ["stays", "later", "never"] {
        people.push(scim.user(&format!("{name}@acme.example")).await);
    }
    let offboard = |user: String, body: Value| {
        let browser = &browser;
        async move {
            let begun = browser.json("POST", &format!("/api/v1/users/{user}/offboard"), &body).await;
            begun.expect(202)["offboarding_id"].as_str().unwrap().to_owned()
        }
    };
    let stuck = offboard(people[0].clone(), json!({ "reason": "left" })).await;
    let one = until(&browser, &people[0], |one| one["status"] == "needs_attention").await;
    let proofs: Vec<_> = one["steps"].as_array().unwrap().iter().map(|task| &task["proof"]).collect();
    assert!(proofs.contains(&&json!("told")) && proofs.contains(&&Value::Null), "{one}");
    let planned = json!({ "run_at": "2099-01-01T00:00:00Z" });
    offboard(people[1].clone(), planned.clone()).await;
    let never = offboard(people[2].clone(), planned).await;
    let cancelled = browser.form(&format!("/app/offboardings/{never}/cancel"), &[]).await;
    assert_eq!(cancelled.status, 303, "{}", cancelled.text);

    let report = browser.get(REPORT).await.expect(200);
    let summary = report["summary"].as_object().unwrap();
    let count = |name: &str| summary[name].as_u64().unwrap();
    let parts = ["done", "needs_attention", "running", "held", "scheduled", "cancelled"];
    assert_eq!(parts.map(count), [0, 1, 0, 0, 1, 1]);
    assert_eq!(count("leavers"), parts.map(count).iter().sum::<u64>());
    assert_eq!((&summary["median_ms"], &summary["longest_ms"]), (&Value::Null, &Value::Null));
    let stays = &report["leavers"][0];
    assert_eq!((&stays["took_ms"], &stays["slowest_tool"]["name"]), (&Value::Null, &json!("Good")));
    let bad = stays["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "Bad").unwrap();
    assert_eq!((&bad["after_ms"], &bad["proof"]), (&Value::Null, &Value::Null), "{stays}");
    let table = browser.get(&format!("{REPORT}?format=csv")).await.text;
    let row = table.lines().find(|line| line.contains(",Bad,")).unwrap();
    assert!(row.contains(",needs_attention,stays@acme.example,,,false,"), "{row}");
    let page = browser.get("/app/offboardings/report").await.text;
    assert!(page.contains("Bad needs attention") && !page.contains("Bad 0 ms"), "{page}");
    assert!(page.contains("not: 1 need attention, 1 scheduled, 1 cancelled"), "{page}");
    let page = browser.get(&format!("/app/offboardings/{stuck}")).await.text;
    assert!(page.contains("Done, not read back") && !page.contains("<dt>Took"), "{page}");

    let file = server.folder.path().join("pack.zip");
    server.json(&["audit", "evidence", "--org", "acme", &stuck, "--out", file.to_str().unwrap()]);
    let pack = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
    for words in [
        "Not done: out of 1 of 2 connected tools. A person is needed for the rest.",
        "(Console)",
        "<td>not out</td>",
        "told: the tool accepted it and cannot be asked again",
        " UTC</td>",
    ] {
        assert!(pack.contains(words), "{words}: {pack}");
    }
    assert!(!pack.contains("failed: {"), "a failure is said in words: {pack}");
}

on_each_database!(every_leaver_is_in_it_with_the_time_of_each_tool, nobody_is_out_who_is_not);
