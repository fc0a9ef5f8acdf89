use serde_json::json;

use super::support::{Browser, by_id, organization, problem};
use crate::{on_each_database, support::Server};

on_each_database!(tokens_minted_in_the_console_work, tokens_are_minted_by_the_api);

async fn tokens_minted_in_the_console_work(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    assert!(browser.get("/app/sso/tokens").await.text.contains("No tokens yet."));
    let minted = browser
        .form("/app/sso/tokens", &[("label", "okta-production"), ("kind", "scim"), ("days", "90")])
        .await;
    assert_eq!((minted.status, minted.header("cache-control")), (200, "no-store"));
    let token = by_id(&minted.text, "token").to_owned();
    assert_eq!(by_id(&minted.text, "bearer"), format!("Bearer {token}"));
    server.client(&token).get("/Users").await.expect(200);
    // Shown once.
    let list = browser.get("/app/sso/tokens").await.text;
    assert!(list.contains("okta-production") && !list.contains(&token));
    let id = list.split("/app/sso/tokens/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    assert!(browser.get(&format!("/app/sso/tokens/{id}/rotate")).await.text.contains("works on for"));
    let rotated = browser.form(&format!("/app/sso/tokens/{id}/rotate"), &[("overlap_days", "1")]).await;
    let successor = by_id(&rotated.text, "token").to_owned();
    server.client(&token).get("/Users").await.expect(200);
    server.client(&successor).get("/Users").await.expect(200);
    assert!(browser.get(&format!("/app/sso/tokens/{id}/revoke")).await.text.contains("cannot be undone"));
    let revoked = browser.form(&format!("/app/sso/tokens/{id}/revoke"), &[]).await;
    assert_eq!((revoked.status, revoked.header("location")), (303, "/app/sso/tokens?done=revoked"));
    server.client(&token).get("/Users").await.refused(401, None);
    server.client(&successor).get("/Users").await.expect(200);
    let refused = browser.form("/app/sso/tokens", &[("label", " "), ("kind", "scim"), ("days", "")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("needs a label"));
    let log = format!("{:?}", server.audit("acme"));
    assert!(!log.contains(&token) && !log.contains("argon2") && log.contains("ops@acme.example"));
}

async fn tokens_are_minted_by_the_api(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let body = json!({ "label": "okta", "expires_in": "90d" });
    let minted = browser.json("POST", "/api/v1/sso/scim-tokens", &body).await.expect(201);
    assert_eq!(minted["token"].as_str().unwrap().len(), 64);
    assert!(minted["expires_at"].is_string());
    let path = format!("/api/v1/sso/scim-tokens/{}", minted["id"].as_str().unwrap());
    let old = server.client(minted["token"].as_str().unwrap());
    old.get("/Users").await.expect(200);
    let rotated =
        browser.json("POST", &format!("{path}/rotate"), &json!({ "overlap": "0s" })).await.expect(201);
    old.get("/Users").await.refused(401, None);
    server.client(rotated["token"].as_str().unwrap()).get("/Users").await.expect(200);
    assert_eq!(browser.delete(&path).await.status, 204);
    let list = browser.get("/api/v1/sso/scim-tokens").await;
    assert!(!list.text.contains("cvn_") && !list.text.contains("argon2"));
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 2);
    for wrong in [
        json!({}),
        json!({ "label": 7 }),
        json!({ "label": "x", "kind": "root" }),
        json!({ "label": "x", "expires_in": "soon" }),
        json!({ "label": "x", "expires_in": "-1d" }),
    ] {
        problem(&browser.json("POST", "/api/v1/sso/scim-tokens", &wrong).await, 400);
    }
    problem(&browser.json("PATCH", "/api/v1/sso/scim-tokens", &json!({})).await, 405);
    // A bearer token opens no session's door.
    let stranger = Browser::new(&server);
    let bearer = stranger.request("GET", "/api/v1/users").bearer_auth(rotated["token"].as_str().unwrap());
    problem(&stranger.send(bearer).await, 401);
    let unasked = stranger.get("/api/v1/sso/audit-export").await;
    problem(&unasked, 401);
    assert!(unasked.header("www-authenticate").starts_with("Bearer") && unasked.text.contains("kind audit"));
}
