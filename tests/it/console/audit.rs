use serde_json::{Value, json};

use super::support::{Browser, organization, problem};
use crate::{on_each_database, support::Server};

on_each_database!(exports_stream_filter_and_verify, the_log_calls_things_by_their_names);

async fn exports_stream_filter_and_verify(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta-production"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let ann = scim.user("ann").await;
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..600 {
        let scim = scim.clone();
        tasks.spawn(async move { scim.user(&format!("u{index}")).await });
        if tasks.len() >= 32 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    tasks.join_all().await;
    assert_eq!(scim.delete(&format!("/Users/{ann}")).await.status, 204);

    let verify = |text: &str| -> Value {
        let file = server.folder.path().join("audit.ndjson");
        std::fs::write(&file, text).unwrap();
        server.json(&["audit", "verify", file.to_str().unwrap()])
    };
    let export = |query: &'static str| {
        let browser = browser.clone();
        async move {
            let reply = browser.get(&format!("/api/v1/sso/audit-export{query}")).await;
            assert_eq!(
                (reply.status, reply.header("content-type")),
                (200, "application/x-ndjson"),
                "{query}"
            );
            reply.text
        }
    };
    let whole = export("").await;
    let report = verify(&whole);
    assert_eq!((&report["ok"], &report["contiguous"]), (&true.into(), &true.into()), "{report}");
    assert!(report["entries"].as_u64().unwrap() > 600);
    assert_eq!(whole.lines().count() - 1, server.audit("acme").len());
    let rest = export("?after_seq=500").await;
    assert_eq!(verify(&rest)["first_seq"], 501);
    for (query, count) in [
        ("?action=user.delete", 1),
        ("?action=user", 602),
        ("?action=session.start", 1),
        ("?actor=okta-production&action=user.delete", 1),
        ("?actor=nobody", 0),
        ("?resource=Session", 1),
        ("?from=2000-01-01&to=2000-01-02", 0),
        ("?from=2000-01-01T00:00:00Z&action=user.delete", 1),
        ("?action=us_r", 0),
    ] {
        let text = export(query).await;
        assert_eq!(text.lines().count(), count + 1, "{query}");
        assert_eq!(verify(&text)["ok"], true);
    }
    let one = browser.get(&format!("/api/v1/sso/audit-export?resource=User/{ann}")).await.text;
    assert_eq!(one.lines().count(), 3, "two entries and the head");
    for wrong in ["?after_seq=x", "?from=yesterday", "?to=2026-13-01"] {
        problem(&browser.get(&format!("/api/v1/sso/audit-export{wrong}")).await, 400);
    }
    // By bearer token: of its kind, and of its organization.
    let audit = server.json(&["token", "mint", "--org", "acme", "--label", "auditor", "--kind", "audit"]);
    let nobody = Browser::new(&server);
    let by = |token: &str| nobody.request("GET", "/api/v1/sso/audit-export").bearer_auth(token);
    let reply = nobody.send(by(audit["token"].as_str().unwrap())).await;
    assert_eq!((reply.status, verify(&reply.text)["ok"].clone()), (200, true.into()));
    problem(&nobody.send(by(&scim.token)).await, 403);
    problem(&nobody.send(by("cvn_x")).await, 401);
    problem(&nobody.get("/api/v1/sso/audit-export").await, 401);
    // The pages show the same.
    let page = browser.get("/app/audit?action=user.delete").await;
    assert_eq!((page.status, page.text.matches("href=\"/app/audit/").count()), (200, 1), "{}", page.text);
    assert!(page.text.contains("/api/v1/sso/audit-export?action=user.delete"));
    assert!(browser.get("/app/audit?actor=nobody").await.text.contains("No entry matches"));
    let older = browser.get("/app/audit?before=40").await.text;
    assert!(older.contains("href=\"/app/audit/39\"") && !older.contains("href=\"/app/audit/40\""));
    assert_eq!(browser.get("/app/audit/0").await.status, 404);
    assert_eq!(browser.get("/app/audit/99999").await.status, 404);
    assert!(browser.get("/app/audit/1").await.text.contains("organization.create"));
}

/// Entries that hold no name, such as deltas of groups, show the one of today.
async fn the_log_calls_things_by_their_names(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let ann = scim.user("ann@acme.example").await;
    let group = scim.post("/Groups", &json!({ "displayName": "Sales" })).await.expect(201);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ann }] }]);
    scim.patch(&path, &add).await.expect(200);
    let browser = Browser::signed_in(&server, "acme").await;
    for (action, name) in [("group.patch", "Sales"), ("session.start", "ops@acme.example")] {
        let page = browser.get(&format!("/app/audit?action={action}")).await.text;
        assert!(page.contains(&format!("<span class=\"muted\">{name}</span>")), "{action}: {page}");
    }
}
