//! What people and programs put into the fields of signing in and out that does not belong there.
use serde_json::{Value, json};

use super::support::{Browser, EMAIL, PASSWORD, credentials, organization, problem};
use crate::{on_each_database, support::Server};

on_each_database!(
    fields_of_the_form_are_judged_and_shown_as_text,
    bodies_of_the_api_are_judged,
    what_an_address_says_is_shown_as_text_or_not_at_all,
    nobody_signs_out_someone_else,
);

const MARKUP: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";

fn strange() -> [String; 6] {
    ["".into(), " ".into(), MARKUP.into(), "x".repeat(10_000), "\0\r\n".into(), "ä\u{202e}ö😀".into()]
}

/// As people need it to sign in again while tests guess.
async fn without_limits(server: &mut Server) {
    organization(server, "acme");
    server
        .restart_with(&[
            ("CEVEN_SIGN_IN__ATTEMPTS_PER_ACCOUNT", "1000"),
            ("CEVEN_SIGN_IN__ATTEMPTS_PER_ADDRESS", "1000"),
        ])
        .await;
}

async fn fields_of_the_form_are_judged_and_shown_as_text(mut server: Server) {
    without_limits(&mut server).await;
    let browser = Browser::new(&server);
    let good = [("org", "acme"), ("email", EMAIL), ("password", PASSWORD)];
    for (at, (name, _)) in good.iter().enumerate() {
        for value in strange() {
            let mut fields = good;
            fields[at].1 = &value;
            let reply = browser.form("/login", &fields).await;
            assert_eq!((reply.status, reply.header("set-cookie")), (401, ""), "{name} = {value:?}");
            assert!(!reply.text.contains("<script>") && !reply.text.contains("<img src=x"), "{name}");
            assert!(reply.text.contains("Organization, address or password is wrong"), "{name} = {value:?}");
            assert!(!reply.text.contains(PASSWORD), "{name}");
        }
        let fields: Vec<_> = good.iter().filter(|(other, _)| other != name).copied().collect();
        assert_eq!(browser.form("/login", &fields).await.status, 401, "without {name}");
        // Of a field that comes twice the first counts.
        let twice = [&[(*name, "other")], good.as_slice()].concat();
        assert_eq!(browser.form("/login", &twice).await.status, 401, "{name} twice");
    }
    for (media_type, body, status) in [
        ("application/x-www-form-urlencoded", vec![b'x'; 70_000], 413),
        ("application/x-www-form-urlencoded", b"org=%FF%FE&email=%FF".to_vec(), 401),
        ("application/x-www-form-urlencoded", vec![0xff, 0xfe], 401),
        ("application/json", b"{}".to_vec(), 415),
        ("multipart/form-data; boundary=x", b"--x--".to_vec(), 415),
        ("text/plain", b"org=acme".to_vec(), 415),
    ] {
        let request = browser.request("POST", "/login").header("content-type", media_type).body(body);
        let reply = browser.send(request).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (status, ""), "{media_type}: {}", reply.text);
        assert!(reply.header("content-type").starts_with("text/html"));
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        assert_eq!(browser.send(browser.request(method, "/login")).await.status, 405);
    }
    assert_eq!(browser.form("/login", &good).await.status, 303);
}

async fn bodies_of_the_api_are_judged(mut server: Server) {
    without_limits(&mut server).await;
    let browser = Browser::new(&server);
    for name in ["org", "email", "password"] {
        for value in strange() {
            let mut body = credentials("acme");
            body[name] = value.as_str().into();
            let reply = browser.json("POST", "/api/v1/auth/login", &body).await;
            problem(&reply, if value.contains('\0') { 400 } else { 401 });
            assert!(!reply.text.contains("alert(1)"), "{}", reply.text);
        }
        for value in [json!(7), json!(true), json!(["acme"]), json!({ "$ne": "" })] {
            let mut body = credentials("acme");
            body[name] = value;
            problem(&browser.json("POST", "/api/v1/auth/login", &body).await, 400);
        }
        let mut body = credentials("acme");
        body[name] = Value::Null;
        problem(&browser.json("POST", "/api/v1/auth/login", &body).await, 400);
        body.as_object_mut().unwrap().remove(name);
        problem(&browser.json("POST", "/api/v1/auth/login", &body).await, 400);
    }
    for (body, status) in [
        ("".to_owned(), 400),
        ("{".into(), 400),
        ("null".into(), 400),
        ("[]".into(), 400),
        ("\"acme\"".into(), 400),
        ("{\"org\":\"acme\",\"org\":\"acme\"}".into(), 400),
        ("[".repeat(10_000), 400),
        (format!("{{\"org\":\"{}\"}}", "x".repeat(70_000)), 413),
    ] {
        let request =
            browser.request("POST", "/api/v1/auth/login").header("content-type", "application/json");
        problem(&browser.send(request.body(body)).await, status);
    }
    let form = browser.request("POST", "/api/v1/auth/login").header("content-type", "text/plain");
    problem(&browser.send(form.body(credentials("acme").to_string())).await, 415);
    browser.json("POST", "/api/v1/auth/login", &credentials("acme")).await.expect(200);
}

async fn what_an_address_says_is_shown_as_text_or_not_at_all(server: Server) {
    organization(&server, "acme");
    let browser = Browser::new(&server);
    for name in ["org", "next", "reason", "okta_sso_error", "state", "okta", "unknown"] {
        for value in strange() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            let reply = browser.get(&format!("/login?{}", query.append_pair(name, &value).finish())).await;
            assert_eq!(reply.status, 200, "{name} = {value:?}");
            assert!(!reply.text.contains("<script>") && !reply.text.contains("<img src=x"), "{name}");
            assert!(!reply.text.contains("signed out"), "{name}");
        }
    }
    for query in
        ["org=%00", "iss=%00", "login_hint=%00%40acme.example", "login_hint=x%40%00", "org=acme%00&iss=%00"]
    {
        let reply = browser.get(&format!("/api/v1/sso/okta/oidc/start?{query}")).await;
        assert!(
            reply.header("location").ends_with("okta_sso_error=unknown_organization"),
            "{query}: {reply:?}"
        );
    }
    // Where the way to Okta begins, and where it goes afterwards, is ours.
    let page =
        browser.get("/login?okta=a%40acme.example%26iss%3Dx%3Burl%3Dhttps://evil&next=//evil.example").await;
    let own = format!(
        "content=\"0;url={}/api/v1/sso/okta/oidc/start?login_hint=a%40acme.example%26iss",
        browser.base
    );
    assert!(page.text.contains(&own) && !page.text.contains("evil.example"), "{}", page.text);
}

async fn nobody_signs_out_someone_else(mut server: Server) {
    organization(&server, "acme");
    let (browser, other) =
        (Browser::signed_in(&server, "acme").await, Browser::signed_in(&server, "acme").await);
    for csrf in ["", &other.csrf, MARKUP, &"0".repeat(10_000)] {
        let forged = Browser { csrf: csrf.to_owned(), ..browser.clone() };
        assert_eq!(forged.form("/logout", &[]).await.status, 403);
        let header = forged.csrf.replace(|one: char| !one.is_ascii_graphic(), "");
        let forged = Browser { csrf: header, ..forged };
        problem(&forged.json("POST", "/api/v1/auth/logout", &json!({})).await, 403);
    }
    for method in ["GET", "PUT", "DELETE"] {
        let status = browser.send(browser.request(method, "/logout")).await.status;
        assert!(status == 404 || status == 405, "{method}: {status}");
        problem(&browser.send(browser.request(method, "/api/v1/auth/logout")).await, 405);
    }
    browser.get("/api/v1/me").await.expect(200);
    // Without a session, and with one that was idle for too long.
    let nobody = Browser::new(&server);
    assert_eq!(nobody.form("/logout", &[]).await.header("location"), "/login");
    problem(&nobody.json("POST", "/api/v1/auth/logout", &json!({})).await, 401);
    server.restart_with(&[("CEVEN_SESSION__IDLE_MS", "1")]).await;
    assert_eq!(browser.form("/logout", &[]).await.header("location"), "/login?reason=session_ended");
    problem(&browser.json("POST", "/api/v1/auth/logout", &json!({})).await, 401);
}
