use serde_json::json;

use super::support::{Browser, EMAIL, PASSWORD, admin, credentials, organization, problem};
use crate::{on_each_database, support::Server};

on_each_database!(
    a_password_opens_and_refusals_say_nothing,
    guessing_is_limited_by_account_and_by_address,
    other_sites_cannot_sign_a_visitor_in,
    nobody_is_led_elsewhere_after_signing_in,
);

async fn a_password_opens_and_refusals_say_nothing(mut server: Server) {
    organization(&server, "acme");
    let browser = Browser::new(&server);
    problem(&browser.get("/api/v1/me").await, 401);
    let wrong = [
        json!({ "org": "acme", "email": EMAIL, "password": "wrong" }),
        json!({ "org": "acme", "email": "nobody@acme.example", "password": PASSWORD }),
        json!({ "org": "nowhere", "email": EMAIL, "password": PASSWORD }),
        json!({ "org": "acme", "email": EMAIL, "password": "x".repeat(5_000) }),
    ];
    let mut answers = Vec::new();
    for body in &wrong {
        let reply = browser.json("POST", "/api/v1/auth/login", body).await;
        problem(&reply, 401);
        assert!(reply.header("set-cookie").is_empty());
        answers.push(reply.text);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    problem(&browser.json("POST", "/api/v1/auth/login", &json!({ "org": "acme" })).await, 400);
    problem(&browser.get("/api/v1/auth/login").await, 405);

    let reply = browser.json("POST", "/api/v1/auth/login", &credentials("acme")).await;
    reply.expect(200);
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("ceven_session="), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"));
    let signed_in = Browser::signed_in(&server, "acme").await;
    let me = signed_in.get("/api/v1/me").await.expect(200);
    assert_eq!((&me["email"], &me["role"]), (&EMAIL.into(), &"admin".into()));
    assert_eq!(me["organization"]["slug"], "acme");
    assert_ne!(signed_in.cookie, cookie.split(';').next().unwrap(), "an id is drawn for each sign-in");

    // Refusals reach the log counted, and without what was typed where there is no account.
    server.terminate();
    assert!(server.ended().await);
    let log = server.audit("acme");
    let actions = |action: &str| log.iter().filter(|line| line["action"] == action).count();
    assert_eq!((actions("session.start"), actions("session.refuse")), (2, 2));
    let refused: Vec<_> = log.iter().filter(|line| line["action"] == "session.refuse").collect();
    assert!(refused.iter().all(|line| line["after"]["count"] == 1 && line["ip"] == "127.0.0.1"));
    assert!(!format!("{log:?}").contains("nobody@acme.example"));
}

async fn guessing_is_limited_by_account_and_by_address(mut server: Server) {
    organization(&server, "acme");
    admin(&server, "acme", "second@acme.example");
    server
        .restart_with(&[
            ("CEVEN_SIGN_IN__ATTEMPTS_PER_ACCOUNT", "3"),
            ("CEVEN_SIGN_IN__ATTEMPTS_PER_ADDRESS", "5"),
        ])
        .await;
    let browser = Browser::new(&server);
    let guess = |email: &'static str| {
        let body = json!({ "org": "acme", "email": email, "password": "wrong" });
        let browser = browser.clone();
        async move { browser.json("POST", "/api/v1/auth/login", &body).await }
    };
    // Who signs in is not counted.
    for _ in 0..7 {
        Browser::signed_in(&server, "acme").await;
    }
    for _ in 0..3 {
        problem(&guess(EMAIL).await, 401);
    }
    let limited = guess(EMAIL).await;
    problem(&limited, 429);
    assert!((1..=300).contains(&limited.header("retry-after").parse::<i64>().unwrap()));
    // The right password waits as well, and the other account does not yet.
    problem(&browser.json("POST", "/api/v1/auth/login", &credentials("acme")).await, 429);
    problem(&guess("second@acme.example").await, 429);
    let page = browser.form("/login", &[("org", "acme"), ("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(page.status, 429);
    assert!(page.text.contains("Too many attempts") && !page.text.contains(PASSWORD));
}

async fn other_sites_cannot_sign_a_visitor_in(server: Server) {
    organization(&server, "acme");
    let browser = Browser::new(&server);
    let fields = [("org", "acme"), ("email", EMAIL), ("password", PASSWORD)];
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let reply = browser.send(browser.form_request("/login", &fields).header(name, value)).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (403, ""), "{name}: {value}");
        let request = browser.request("POST", "/api/v1/auth/login").header(name, value);
        let reply = browser.send(request.body(credentials("acme").to_string())).await;
        problem(&reply, 403);
    }
    let own = browser.form_request("/login", &fields).header("origin", &browser.base);
    assert_eq!(browser.send(own.header("sec-fetch-site", "same-origin")).await.status, 303);
}

async fn nobody_is_led_elsewhere_after_signing_in(server: Server) {
    organization(&server, "acme");
    let browser = Browser::new(&server);
    let sign_in = |next: &'static str| {
        let browser = browser.clone();
        async move {
            let fields = [("org", "acme"), ("email", EMAIL), ("password", PASSWORD), ("next", next)];
            let reply = browser.form("/login", &fields).await;
            assert_eq!(reply.status, 303, "{}", reply.text);
            reply.header("location").to_owned()
        }
    };
    assert_eq!(sign_in("/app/team?q=a").await, "/app/team?q=a");
    for elsewhere in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/app\\..\\evil",
        "/app\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "/login",
        "",
    ] {
        assert_eq!(sign_in(elsewhere).await, "/app", "{elsewhere}");
    }
    let page = browser.get("/login?next=//evil.example&okta_sso_error=%3Cscript%3E&reason=%3Cb%3E").await;
    assert_eq!(page.status, 200);
    assert!(
        !page.text.contains("evil.example") && !page.text.contains("<script>") && !page.text.contains("<b>")
    );
    let known = browser.get("/login?okta_sso_error=user_deactivated").await;
    assert!(known.text.contains("role=\"alert\"") && known.text.contains("deactivated"));
}
