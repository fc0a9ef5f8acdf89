//! The pages of offboardings, tools and the connection to Okta.
use serde_json::json;

use super::support::{Browser, organization, session_of};
use crate::{on_each_database, support::Server};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

async fn tools_are_connected_changed_and_disconnected_by_forms(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let empty = browser.get("/app/connectors").await;
    assert!(empty.text.contains("No tools are connected."), "{}", empty.text);
    assert_eq!(browser.get("/app/connectors/new/nothing").await.status, 404);
    let bad = [
        ("http://127.0.0.1:1/x", "secret", "whsec_"),
        ("ftp://x", SECRET, "web address"),
        ("http://10.0.0.1/x", SECRET, "must begin with https://"),
        ("", SECRET, "url"),
    ];
    for (url, secret, words) in bad {
        let fields = [("name", "<b>hook</b>"), ("url", url), ("secret", secret)];
        let page = browser.form("/app/connectors/new/webhook", &fields).await;
        assert_eq!(page.status, 400, "{url}");
        assert!(page.text.contains(words), "{url}: {}", page.text);
        assert!(page.text.contains("role=\"alert\"") && !page.text.contains("<b>hook"), "{}", page.text);
        assert!(!page.text.contains(SECRET), "a secret is not shown again");
    }
    let fields = [("name", "<b>hook</b>"), ("url", "http://127.0.0.1:1/x"), ("secret", SECRET)];
    let added = browser.form("/app/connectors/new/webhook", &fields).await;
    assert_eq!(added.status, 303, "{}", added.text);
    let address = added.header("location").split('?').next().unwrap().to_owned();
    let page = browser.get(&address).await;
    assert!(page.text.contains("&lt;b&gt;hook") && page.text.contains("Unchanged"), "{}", page.text);
    assert!(!page.text.contains("whsec_MDEy"));
    let again = browser.form("/app/connectors/new/webhook", &fields).await;
    assert_eq!((again.status, again.text.contains("Another tool is called")), (409, true));
    let checked = browser.form(&format!("{address}/check"), &[]).await;
    assert!(checked.text.contains("Result of the check"), "{}", checked.text);
    let saved = browser.form(&address, &[("name", "hook"), ("url", "http://127.0.0.1:1/y")]).await;
    assert_eq!(saved.status, 303, "the secret stays: {}", saved.text);
    assert_eq!(browser.form(&format!("{address}/remove"), &[]).await.status, 303);
    assert_eq!(browser.get(&address).await.status, 404);
}

async fn offboarding_wants_the_name_typed_and_shows_how_it_goes(server: Server) {
    organization(&server, "acme");
    let scim = server.client(
        server.json(&["token", "mint", "--org", "acme", "--label", "okta"])["token"].as_str().unwrap(),
    );
    let browser = Browser::signed_in(&server, "acme").await;
    let body = json!({ "userName": "ada@acme.example", "displayName": "<img src=x>" });
    let id = scim.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let page = browser.get(&format!("/app/team/{id}/offboard")).await;
    assert!(page.status == 200 && page.text.contains("This is what will happen."), "{}", page.text);
    let path = format!("/app/team/{id}/offboard");
    for typed in ["", "ada", "ADA@ACME.EXAMPLE"] {
        let page = browser.form(&path, &[("confirm", typed), ("reason", "<script>")]).await;
        assert_eq!(page.status, 400, "{typed}");
        assert!(page.text.contains("does not match") && !page.text.contains("<script>\""), "{}", page.text);
    }
    assert_eq!(scim.get(&format!("/Users/{id}")).await.expect(200)["active"], true);
    let foreign = browser.form_request(&path, &[("confirm", "ada@acme.example")]);
    assert_eq!(browser.send(foreign).await.status, 403, "no CSRF token");
    let (_, preview) = page.text.split_once("name=\"preview\" value=\"").unwrap();
    let preview = preview.split('"').next().unwrap();
    let begun = [("confirm", "ada@acme.example"), ("reason", "<i>left</i>"), ("preview", preview)];
    let begun = browser.form(&path, &begun).await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    let address = begun.header("location").to_owned();
    let page = browser.get(&address).await;
    assert!(page.text.contains("&lt;i&gt;left") && page.text.contains("Done"), "{}", page.text);
    let events = browser.get(&format!("/api/v1{}/events", address.trim_start_matches("/app"))).await;
    assert_eq!((events.status, events.header("content-type")), (200, "text/event-stream"));
    let data = events.text.strip_prefix("data: ").unwrap().trim();
    let seen: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&seen["status"], &seen["reason"]), (&json!("done"), &json!("<i>left</i>")));
    assert!(browser.get("/app/offboardings").await.text.contains("ada@acme.example"));
    assert!(browser.get(&format!("/app/team/{id}")).await.text.contains(&address));
    for nowhere in ["/app/offboardings/x", "/app/offboardings/00000000-0000-0000-0000-000000000000"] {
        assert_eq!(browser.get(nowhere).await.status, 404);
    }
    // The only admin of the pages is a local one: a user who is the last admin besides could be offboarded; an
    // employee sees none of it.
    let eva = scim.user("eva@acme.example").await;
    let employee = session_of(&server, "acme", &eva).await;
    for path in [
        "/app/connectors",
        "/app/offboardings",
        &address,
        &format!("/app/team/{id}/offboard"),
        "/app/sso/okta",
    ] {
        assert_eq!(employee.get(path).await.status, 403, "{path}");
    }
    let refused = employee.json("POST", &format!("/api/v1/users/{eva}/offboard"), &json!({})).await;
    assert_eq!(refused.status, 403);
    // Another organization sees nothing of it.
    organization(&server, "globex");
    let other = Browser::signed_in(&server, "globex").await;
    assert_eq!(other.get(&address).await.status, 404);
    assert_eq!(other.get(&format!("/api/v1{}/events", address.trim_start_matches("/app"))).await.status, 404);
}

/// Whoever leaves on Friday is offboarded on Friday: a day and time in UTC, which is named wherever it stands; a date that
/// is past, or filled in beside the other button, ends nobody's access.
async fn an_offboarding_is_scheduled_in_the_console(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let browser = Browser::signed_in(&server, "acme").await;
    let id = scim.user("ada@acme.example").await;
    let path = format!("/app/team/{id}/offboard");
    let page = browser.get(&path).await.text;
    assert!(page.contains("Day and time, in UTC") && page.contains(" UTC now."), "{page}");
    let (_, preview) = page.split_once("name=\"preview\" value=\"").unwrap();
    let preview = preview.split('"').next().unwrap().to_owned();
    let send = |run_at: &'static str, when: &'static str| {
        let (browser, path, preview) = (&browser, &path, &preview);
        async move {
            let fields =
                [("confirm", "ada@acme.example"), ("preview", preview), ("run_at", run_at), ("when", when)];
            browser.form(path, &fields).await
        }
    };
    for (run_at, when, words) in [
        ("", "later", "must be given"),
        ("2020-01-01T10:00", "later", "is past, in UTC"),
        ("soon", "later", "is no day and time"),
        ("2099-12-01T17:00", "", "is filled in"),
    ] {
        let refused = send(run_at, when).await;
        assert!(refused.status == 400 && refused.text.contains(words), "{run_at} {when}: {}", refused.text);
    }
    assert_eq!(scim.get(&format!("/Users/{id}")).await.expect(200)["active"], true);
    let begun = send("2099-12-01T17:00", "later").await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    let planned = "2099-12-01 17:00</time> UTC";
    let page = browser.get(begun.header("location")).await.text;
    assert!(page.contains(planned) && page.contains("Cancel the offboarding"), "{page}");
    assert!(browser.get("/app/offboardings").await.text.contains(planned));
    let again = browser.get(&path).await.text;
    assert!(again.contains("scheduled already") && again.contains(planned), "{again}");
    assert_eq!(scim.get(&format!("/Users/{id}")).await.expect(200)["active"], true, "until then");
    let cancel = format!("{}/cancel", begun.header("location"));
    assert_eq!(browser.form(&cancel, &[]).await.status, 303);
    assert!(!browser.get(&path).await.text.contains("scheduled already"));
}

/// What is not finished stays in sight, however many have left since.
async fn nobody_is_pushed_out_of_sight(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let browser = Browser::signed_in(&server, "acme").await;
    let later = json!({ "run_at": "2099-12-01T17:00:00Z" });
    let ada = scim.user("ada@acme.example").await;
    browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &later).await.expect(202);
    for number in 0..101 {
        let id = scim.user(&format!("u{number}@acme.example")).await;
        assert_eq!(scim.delete(&format!("/Users/{id}")).await.status, 204);
    }
    let page = browser.get("/app/offboardings").await.text;
    let (open, finished) = page.split_once("<h2>Finished</h2>").unwrap();
    assert!(open.contains("ada@acme.example") && !open.contains("u100@"), "{open}");
    assert!(
        finished.contains("u100@") && !finished.contains("u0@acme") && !finished.contains("ada@"),
        "{finished}"
    );
    assert!(finished.contains("The report"), "{finished}");
}

async fn the_connection_to_okta_is_refused_with_a_reason(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    assert!(browser.get("/app/sso/okta").await.text.contains("Not connected"));
    for (issuer, client) in [
        ("", "0oa"),
        ("acme.okta.com", "0oa"),
        ("https://x@evil.example", "0oa"),
        ("http://127.0.0.1:1", "0oa"),
        ("http://169.254.169.254", "0oa"),
        ("https://10.0.0.1", "0oa"),
        ("https://acme.okta.com", ""),
    ] {
        let page = browser
            .form(
                "/app/sso/okta",
                &[("issuer", issuer), ("client_id", client), ("client_secret", "s3cret-s3cret")],
            )
            .await;
        assert_eq!(page.status, 400, "{issuer} {client}: {}", page.text);
        assert!(page.text.contains("role=\"alert\"") && !page.text.contains("s3cret"), "{}", page.text);
        let body = json!({ "issuer": issuer, "client_id": client });
        assert_eq!(browser.json("PUT", "/api/v1/sso/okta", &body).await.status, 400);
    }
    let wrong =
        json!({ "issuer": "https://acme.okta.com", "client_id": "0oa", "email_verified": "sometimes" });
    assert_eq!(browser.json("PUT", "/api/v1/sso/okta", &wrong).await.status, 400);
    assert_eq!(browser.get("/api/v1/sso/okta").await.expect(200)["connection"], json!(null));
    let login = Browser::new(&server).get("/login?okta=%22%3E%3Cscript%3E").await;
    assert!(
        login.text.contains("http-equiv=\"refresh\"") && !login.text.contains("<script>"),
        "{}",
        login.text
    );
    for code in ["user_deactivated", "not_linked", "unknown_organization", "%3Cscript%3E"] {
        let page = Browser::new(&server).get(&format!("/login?okta_sso_error={code}")).await;
        assert!(page.text.contains("role=\"alert\"") && !page.text.contains("<script>"), "{}", page.text);
    }
}

on_each_database!(
    nobody_is_pushed_out_of_sight,
    an_offboarding_is_scheduled_in_the_console,
    tools_are_connected_changed_and_disconnected_by_forms,
    offboarding_wants_the_name_typed_and_shows_how_it_goes,
    the_connection_to_okta_is_refused_with_a_reason,
);
