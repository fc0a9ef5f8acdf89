use serde_json::json;

use super::support::{Browser, EMAIL, PASSWORD, organization, session_of};
use crate::{on_each_database, support::Server};

on_each_database!(pages_are_guarded_whole_and_escaped, forms_work_without_a_script);

async fn pages_are_guarded_whole_and_escaped(server: Server) {
    organization(&server, "acme");
    let stranger = Browser::new(&server);
    assert_eq!(stranger.get("/").await.header("location"), "/app");
    let reply = stranger.get("/app/team?q=a").await;
    assert_eq!((reply.status, reply.header("location")), (303, "/login?next=%2Fapp%2Fteam%3Fq%3Da"));
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "<i>okta</i>"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let evil = "<script>alert(1)</script>\"'&";
    let body =
        json!({ "userName": evil, "displayName": evil, "externalId": evil, "emails": [{ "value": evil }] });
    let user = scim.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let group = json!({ "displayName": evil, "members": [{ "value": user }] });
    scim.post("/Groups", &group).await.expect(201);
    let browser = Browser::signed_in(&server, "acme").await;
    let evil_query = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22";
    for path in [
        "/app".to_owned(),
        "/app/sso".to_owned(),
        "/app/sso/tokens".to_owned(),
        "/app/team".to_owned(),
        format!("/app/team?q={evil_query}"),
        format!("/app/team?q=a&cursor={evil_query}"),
        format!("/app/team/{user}"),
        "/app/audit".to_owned(),
        format!("/app/audit?actor={evil_query}&action={evil_query}"),
        "/app/audit/4".to_owned(),
        "/app/settings".to_owned(),
        "/app/connectors".to_owned(),
        "/app/connectors/new/github".to_owned(),
        "/app/offboardings".to_owned(),
        "/app/sso/okta".to_owned(),
        format!("/app/team/{user}/offboard"),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("<script>") && !page.text.contains("<i>"), "{path}: {}", page.text);
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-frame-options"), "DENY");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        // Nothing inline that the policy would block, one heading, every form with a method.
        for inline in [" style=", " onclick=", "javascript:"] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
        assert_eq!(page.text.matches("<h1").count(), 1, "{path}");
        assert_eq!(page.text.matches("method=\"post\"").count(), page.text.matches("name=\"csrf\"").count());
    }
    let employee = session_of(&server, "acme", &user).await.get("/app").await;
    assert!(employee.status == 200 && !employee.text.contains("<script>"));
    for (path, kind) in
        [("style.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let reply = stranger.get(&format!("/assets/{path}")).await;
        assert!(reply.status == 200 && reply.header("content-type").starts_with(kind));
    }
    let missing = browser.get("/app/nowhere").await;
    assert_eq!(missing.status, 404);
    assert!(
        missing.text.contains(missing.header("x-request-id")) && !missing.header("x-request-id").is_empty()
    );
    assert_eq!(stranger.get("/assets/../Cargo.toml").await.status, 404);
}

async fn forms_work_without_a_script(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let user = server.client(token["token"].as_str().unwrap()).user("ann").await;
    let mut browser = Browser::new(&server);
    let wrong = browser.form("/login", &[("org", "acme"), ("email", EMAIL), ("password", "wrong")]).await;
    assert!(wrong.status == 401 && wrong.text.contains("role=\"alert\"") && wrong.text.contains(EMAIL));
    let reply = browser.form("/login", &[("org", "ACME"), ("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/app"));
    browser.cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(browser.get("/login").await.header("location"), "/app");
    let page = browser.get(&format!("/app/team/{user}")).await.text;
    browser.csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let reply = browser.form(&format!("/app/team/{user}/role"), &[("role", "member")]).await;
    assert_eq!(reply.header("location"), format!("/app/team/{user}?done=role"));
    assert!(browser.get(reply.header("location")).await.text.contains("The role was changed."));
    let employee = session_of(&server, "acme", &user).await;
    let reply = browser.form(&format!("/app/team/{user}/sessions"), &[]).await;
    assert_eq!(reply.status, 303);
    assert_eq!(employee.get("/app").await.header("location"), "/login?reason=session_ended");
    let reply = browser.form("/logout", &[]).await;
    assert_eq!(reply.header("location"), "/login?reason=signed_out");
    assert!(browser.get("/login?reason=signed_out").await.text.contains("You are signed out"));
    assert_eq!(browser.get("/app").await.status, 303);
}
