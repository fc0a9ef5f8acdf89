use std::time::Duration;

use serde_json::json;

use super::support::{Browser, credentials, organization, problem, session_of};
use crate::{on_each_database, support::Server};

on_each_database!(
    unsafe_requests_need_the_token_of_their_session,
    sessions_end_by_every_way_and_at_once,
    sessions_end_with_time_and_not_while_used,
    a_person_has_so_many_sessions_and_no_more,
    a_session_is_worth_nothing_elsewhere,
);

async fn unsafe_requests_need_the_token_of_their_session(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let other = Browser::signed_in(&server, "acme").await;
    let body = json!({ "label": "okta" });
    for csrf in ["", "x", &other.csrf, &"0".repeat(64)] {
        let forged = Browser { csrf: csrf.to_owned(), ..browser.clone() };
        problem(&forged.json("POST", "/api/v1/sso/scim-tokens", &body).await, 403);
        problem(&forged.json("POST", "/api/v1/auth/logout", &json!({})).await, 403);
        assert_eq!(forged.form("/app/sso/tokens", &[("label", "x"), ("kind", "scim")]).await.status, 403);
        assert_eq!(forged.form("/logout", &[]).await.status, 403);
    }
    let without = browser.request("POST", "/api/v1/sso/scim-tokens").body(body.to_string());
    problem(&browser.send(without).await, 403);
    assert!(browser.get("/api/v1/sso/scim-tokens").await.expect(200)["items"].as_array().unwrap().is_empty());
    browser.json("POST", "/api/v1/sso/scim-tokens", &body).await.expect(201);

    // A form of an earlier sign-in, or after the session has ended, leads back to its page, and to nobody else's.
    let forged = Browser { csrf: other.csrf.clone(), ..browser.clone() };
    let stranger = Browser { cookie: browser.cookie.replace('.', ".0"), ..browser.clone() };
    for (from, next) in [
        ("/app/connectors/new/scim?x=1", "/app/connectors/new/scim?x=1"),
        ("//evil.example/app", "/app"),
        ("/login", "/app"),
    ] {
        let send = async |one: &Browser| {
            let form = one.form_request("/app/connectors/new/scim", &[("csrf", one.csrf.as_str())]);
            one.send(form.header("referer", format!("{}{from}", browser.base))).await
        };
        let stale = send(&forged).await;
        assert!(stale.status == 403 && stale.text.contains("from an earlier sign-in"), "{}", stale.text);
        assert!(stale.text.contains(&format!("href=\"{next}\"")), "{}", stale.text);
        let ended = send(&stranger).await;
        assert_eq!(ended.status, 303);
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let wanted = if next == "%2Fapp" { String::new() } else { format!("next={next}&") };
        assert_eq!(ended.header("location"), format!("/login?{wanted}reason=session_ended"), "{from}");
    }
}

async fn sessions_end_by_every_way_and_at_once(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    // Signing out ends this one, and no other.
    let other = Browser::signed_in(&server, "acme").await;
    let reply = other.json("POST", "/api/v1/auth/logout", &json!({})).await;
    assert_eq!(reply.expect(200)["next"], format!("{}/login?reason=signed_out", other.base));
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    problem(&other.get("/api/v1/me").await, 401);
    assert_eq!(other.get("/app").await.header("location"), "/login?reason=session_ended");
    // Ended from elsewhere.
    let third = Browser::signed_in(&server, "acme").await;
    let all = browser.get("/api/v1/sessions").await.expect(200);
    let all = all["items"].as_array().unwrap();
    let id = all.iter().find(|one| one["current"] == false).unwrap()["id"].as_str().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(browser.delete(&format!("/api/v1/sessions/{id}")).await.status, 204);
    problem(&browser.delete(&format!("/api/v1/sessions/{id}")).await, 404);
    problem(&third.get("/api/v1/me").await, 401);
    // Deactivated, deleted: by SCIM, at the next request.
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    for name in ["ann", "bob"] {
        let user = scim.user(name).await;
        let session = session_of(&server, "acme", &user).await;
        assert_eq!(session.get("/app").await.status, 200);
        match name {
            "ann" => {
                let off = json!([{ "op": "replace", "value": { "active": false } }]);
                scim.patch(&format!("/Users/{user}"), &off).await.expect(200);
            }
            _ => assert_eq!(scim.delete(&format!("/Users/{user}")).await.status, 204),
        }
        problem(&session.get("/api/v1/me").await, 401);
    }
    let ends: Vec<_> =
        server.audit("acme").into_iter().filter(|line| line["action"] == "session.end").collect();
    let reasons: Vec<_> = ends.iter().map(|line| line["after"]["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["signed_out", "revoked", "deactivated", "deactivated"]);
}

async fn sessions_end_with_time_and_not_while_used(mut server: Server) {
    organization(&server, "acme");
    let idle = [("CEVEN_SESSION__IDLE_MS", "6000"), ("CEVEN_SESSION__FLUSH_MS", "100")];
    server.restart_with(&idle).await;
    let browser = Browser::signed_in(&server, "acme").await;
    let seq = server.audit("acme").len();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        browser.get("/api/v1/me").await.expect(200);
    }
    // What was used is known after a restart, and cost no entry.
    tokio::time::sleep(Duration::from_millis(250)).await;
    server.restart_with(&idle).await;
    let browser = Browser { base: Browser::new(&server).base, ..browser };
    browser.get("/api/v1/me").await.expect(200);
    assert_eq!(server.audit("acme").len(), seq);
    tokio::time::sleep(Duration::from_millis(6_200)).await;
    problem(&browser.get("/api/v1/me").await, 401);
    // However busy, a session has its end.
    server.restart_with(&[("CEVEN_SESSION__ABSOLUTE_MS", "5000")]).await;
    let browser = Browser::signed_in(&server, "acme").await;
    browser.get("/api/v1/me").await.expect(200);
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    problem(&browser.get("/api/v1/me").await, 401);
}

async fn a_person_has_so_many_sessions_and_no_more(mut server: Server) {
    organization(&server, "acme");
    server.restart_with(&[("CEVEN_SESSION__PER_PERSON", "2")]).await;
    let first = Browser::signed_in(&server, "acme").await;
    let second = Browser::signed_in(&server, "acme").await;
    let third = Browser::signed_in(&server, "acme").await;
    problem(&first.get("/api/v1/me").await, 401);
    second.get("/api/v1/me").await.expect(200);
    assert_eq!(third.get("/api/v1/sessions").await.expect(200)["items"].as_array().unwrap().len(), 2);
}

async fn a_session_is_worth_nothing_elsewhere(server: Server) {
    organization(&server, "acme");
    organization(&server, "globex");
    let acme = Browser::signed_in(&server, "acme").await;
    let globex = Browser::signed_in(&server, "globex").await;
    let (name, secret) = acme.cookie.split_once('.').unwrap();
    let (other_name, _) = globex.cookie.split_once('.').unwrap();
    for cookie in [
        format!("{other_name}.{secret}"),
        format!("{name}."),
        name.to_owned(),
        format!("{name}.{}", "0".repeat(64)),
        "ceven_session=x.y".to_owned(),
        format!("__Host-{}", acme.cookie),
    ] {
        problem(&Browser { cookie, ..acme.clone() }.get("/api/v1/me").await, 401);
    }
    // The ids of one organization are nothing in the other.
    let session = acme.get("/api/v1/me").await.expect(200)["session"]["id"].as_str().unwrap().to_owned();
    problem(&globex.delete(&format!("/api/v1/sessions/{session}")).await, 404);
    let token = acme.json("POST", "/api/v1/sso/scim-tokens", &json!({ "label": "okta" })).await.expect(201);
    let path = format!("/api/v1/sso/scim-tokens/{}", token["id"].as_str().unwrap());
    problem(&globex.delete(&path).await, 404);
    problem(&globex.json("POST", &format!("{path}/rotate"), &json!({})).await, 404);
    let user = server.client(token["token"].as_str().unwrap()).user("ann").await;
    for path in [format!("/api/v1/users/{user}"), "/api/v1/users/x".to_owned()] {
        problem(&globex.get(&path).await, 404);
        problem(&globex.json("PUT", &format!("{path}/role"), &json!({ "role": "admin" })).await, 404);
    }
    assert_eq!(globex.get(&format!("/app/team/{user}")).await.status, 404);
    acme.get(&format!("/api/v1/users/{user}")).await.expect(200);
    acme.get("/api/v1/me").await.expect(200);
    assert_eq!(acme.json("POST", "/api/v1/auth/login", &credentials("globex")).await.status, 200);
}
