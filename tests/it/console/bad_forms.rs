//! What an admin may mistype in the console's forms besides those of tools: the answer says which field is meant, nothing
//! is changed, and no secret comes back.
use serde_json::{Value, json};

use super::{
    bad_settings::EVIL,
    support::{Browser, organization},
};
use crate::{
    on_each_database,
    support::{Reply, Server},
};

on_each_database!(
    forms_say_which_field_is_wrong_and_change_nothing,
    forms_about_leavers_say_it_too,
    filters_say_which_value_is_wrong,
);

const SECRET: &str = "secret-of-the-client";

/// A form, what is right in it, a field, wrong values of it, and a word by which the answer names it.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str], &'a str);

/// What a page says: above its form, or on a page of its own.
fn said(reply: &Reply) -> &str {
    match reply.text.split_once("role=\"alert\">") {
        Some((_, rest)) => rest.split("</p>").next().unwrap(),
        None => reply.text.split_once("<h1>").unwrap().1.split("For support").next().unwrap(),
    }
}

async fn refused(browser: &Browser, cases: &[Case<'_>]) {
    for (path, right, field, values, named) in cases {
        for value in values.iter().copied().chain(["a\0b"]) {
            let fields: Vec<_> = right.iter().copied().filter(|(name, _)| name != field).collect();
            let reply = browser.form(path, &[&fields[..], &[(field, value)]].concat()).await;
            assert_eq!(reply.status, 400, "{path}: {field} = {value:?}: {}", reply.text);
            let said = said(&reply);
            let is_named = said.contains(named) || (value.contains('\0') && said.contains(field));
            assert!(is_named, "{path}: {field} = {value:?}: {said}");
            assert!(!reply.text.contains("<script>") && !reply.text.contains(SECRET), "{}", reply.text);
        }
    }
}

async fn forms_say_which_field_is_wrong_and_change_nothing(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let user = scim.user("ann@acme.example").await;
    let browser = Browser::signed_in(&server, "acme").await;
    let entries = server.audit("acme").len();
    let (long, longer) = ("x".repeat(256), "x".repeat(4_000));
    let url = format!("https://{long}.example");
    let role = format!("/app/team/{user}/role");
    let rotate = format!("/app/sso/tokens/{}/rotate", token["id"].as_str().unwrap());
    let guard = [("guard", "on"), ("deactivations", "50"), ("window_secs", "3600")];
    let okta = [
        ("issuer", "https://acme.okta.com"),
        ("client_id", "0oa1"),
        ("client_secret", SECRET),
        ("email_verified", "notice"),
        ("universal_logout", "deactivate"),
    ];
    let minted = [("label", "new"), ("kind", "scim"), ("days", "30")];
    let issuers = ["", "acme", "ftp://acme", "https://", "https://a@b", "https://a.example?x", EVIL, &url];
    let cases: [Case<'_>; 13] = [
        (&role, &[], "role", &["", "emperor", EVIL, &longer], "role"),
        (
            "/app/settings/guard",
            &guard,
            "deactivations",
            &["", "0", "-1", "10001", "many", EVIL],
            "number of people",
        ),
        ("/app/settings/guard", &guard, "window_secs", &["", "1", "999999", EVIL], "windows"),
        ("/app/sso/okta", &okta, "issuer", &issuers, "Issuer"),
        ("/app/sso/okta", &okta, "client_id", &["", " ", "a\u{1}b", &long], "Client ID"),
        ("/app/sso/okta", &okta, "client_secret", &["two words", "a\u{1}b", &long], "Client secret"),
        ("/app/sso/okta", &okta, "email_verified", &["perhaps", EVIL], "email_verified"),
        ("/app/sso/okta", &okta, "universal_logout", &["perhaps", EVIL], "universal_logout"),
        (
            "/app/sso/okta/stream",
            &[("stream_client_id", "0oa1"), ("stream_private_key", SECRET)],
            "stream_key_id",
            &[""],
            "not connected",
        ),
        ("/app/sso/tokens", &minted, "label", &["", " ", "a\nb", &long], "label"),
        ("/app/sso/tokens", &minted, "kind", &["", "root", EVIL], "scim or audit"),
        ("/app/sso/tokens", &minted, "days", &["0", "-1", "soon", "99999", EVIL], "days"),
        (&rotate, &[], "overlap_days", &["-1", "soon", "99999", EVIL], "days"),
    ];
    refused(&browser, &cases).await;
    // A label is any text, and shown as one.
    for bad in
        ["/app/settings/sessions/x", &format!("/app/team/{user}/sessions/x"), "/app/sso/tokens/x/rotate"]
    {
        assert_eq!(browser.form(bad, &[("overlap_days", "1")]).await.status, 404, "{bad}");
    }
    assert_eq!(server.audit("acme").len(), entries, "what was refused is not in the chain");
    assert!(browser.get("/api/v1/sso/okta").await.expect(200)["connection"].is_null());
    assert!(browser.get("/api/v1/settings").await.expect(200)["mass_deactivation_guard"].is_null());
    assert_eq!(
        browser.get("/api/v1/sso/scim-tokens").await.expect(200)["items"].as_array().unwrap().len(),
        1
    );
    let minted = browser.form("/app/sso/tokens", &[("label", EVIL), ("kind", "scim"), ("days", "")]).await;
    assert!(
        minted.status == 200 && minted.text.contains("&lt;script&gt;") && !minted.text.contains("<script>")
    );
    for (path, fields) in [("/app/settings/guard", &guard[..]), (&role, &[("role", "member")])] {
        assert_eq!(browser.form(path, fields).await.status, 303, "{path}");
    }
}

async fn forms_about_leavers_say_it_too(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let user = scim.user("ann@acme.example").await;
    let browser = Browser::signed_in(&server, "acme").await;
    // Nobody listens there: the tool's part stays open.
    let settings = json!({ "url": "http://127.0.0.1:9/x", "secret": format!("whsec_{}", "a".repeat(40)) });
    let body = json!({ "kind": "webhook", "name": "HR", "settings": settings });
    browser.json("POST", "/api/v1/connectors", &body).await.expect(201);
    let path = format!("/app/team/{user}/offboard");
    let preview = browser.get(&path).await.text;
    let receipt = preview.split_once("name=\"preview\" value=\"").unwrap().1.split('"').next().unwrap();
    let right = [("confirm", "ann@acme.example"), ("reason", EVIL), ("ticket", "HR-1"), ("preview", receipt)];
    let long = "x".repeat(1_001);
    let cases: [Case<'_>; 3] = [
        (&path, &right, "confirm", &["", "ann", EVIL, &long], "user name"),
        (&path, &right, "reason", &[&long], "Reason"),
        (&path, &right, "ticket", &[&long], "Ticket"),
    ];
    refused(&browser, &cases).await;
    for stale in ["", "x", EVIL] {
        let fields: Vec<_> = right[..3].iter().copied().chain([("preview", stale)]).collect();
        let reply = browser.form(&path, &fields).await;
        assert!(reply.status == 409 && said(&reply).contains("Nothing was changed"), "{}", reply.text);
    }
    assert_eq!(scim.get(&format!("/Users/{user}")).await.expect(200)["active"], true);
    assert_eq!(server.rows("offboardings", "1 = 1").await, 0);
    let begun = browser.form(&path, &right).await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    let place = begun.header("location").to_owned();
    let page = browser.get(&place).await.text;
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    let api = place.replace("/app", "/api/v1");
    let one: Value = browser.get(&api).await.expect(200);
    let task = one["steps"][0]["id"].as_str().unwrap();
    let (done, retry) = (format!("{place}/done"), format!("{place}/retry"));
    let right = [("task", task), ("note", "by hand")];
    let cases: [Case<'_>; 2] = [
        (&done, &right, "note", &["", " ", &long], "note"),
        (&retry, &[("task", task)], "account", &[&"x".repeat(256)], "account"),
    ];
    refused(&browser, &cases).await;
    assert_eq!(browser.form(&retry, &[("account", "7")]).await.status, 400, "an account of which tool");
    for nowhere in ["x", EVIL, "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(browser.form(&done, &[("task", nowhere), ("note", "by hand")]).await.status, 404);
    }
    let one: Value = browser.get(&api).await.expect(200);
    assert!(one["steps"][0]["note"].is_null(), "{one}");
    assert_eq!(browser.form(&done, &[("task", task), ("note", EVIL)]).await.status, 303);
    let page = browser.get(&place).await.text;
    assert!(page.contains("by hand: &lt;script&gt;") && !page.contains("<script>"), "{page}");
}

async fn filters_say_which_value_is_wrong(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let encoded = |value: &str| -> String { form_urlencoded::byte_serialize(value.as_bytes()).collect() };
    let values = ["yesterday", "2026-13-01", "1e9", EVIL, "a\0b"];
    for (page, name) in [
        ("/app/offboardings/report", "from"),
        ("/app/offboardings/report", "to"),
        ("/app/offboardings/report", "cursor"),
        ("/app/audit", "from"),
        ("/app/audit", "to"),
        ("/app/team", "active"),
        ("/app/team", "role"),
    ] {
        for value in values {
            let reply = browser.get(&format!("{page}?{name}={}", encoded(value))).await;
            assert_eq!(reply.status, 400, "{page}: {name} = {value:?}: {}", reply.text);
            let said = said(&reply);
            assert!(said.contains(name) || value.contains('\0'), "{page}: {name} = {value:?}: {said}");
            assert!(!reply.text.contains("<script>"), "{}", reply.text);
        }
    }
    for range in ["from=2026-02-01&to=2026-01-01", "from=1000-01-01&to=3000-01-01"] {
        let reply = browser.get(&format!("/app/offboardings/report?{range}")).await;
        assert_eq!(reply.status, 400, "{range}");
    }
    // Texts to search for are only ever searched for.
    for (page, name) in
        [("/app/team", "q"), ("/app/audit", "action"), ("/app/audit", "actor"), ("/app/audit", "resource")]
    {
        for value in [EVIL, &"x".repeat(2_000), "%", "' OR 1=1 --"] {
            let reply = browser.get(&format!("{page}?{name}={}", encoded(value))).await;
            assert_eq!(reply.status, 200, "{page}: {name} = {value:?}: {}", reply.text);
            assert!(!reply.text.contains("<script>"), "{}", reply.text);
        }
        let reply = browser.get(&format!("{page}?{name}=a%00b")).await;
        assert!(matches!(reply.status, 200 | 400), "{page}: {name}: {}", reply.status);
    }
}
