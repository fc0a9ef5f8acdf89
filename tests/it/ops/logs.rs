//! The log: every line of a request carries its id, no secret is ever in one, and how much there is can be changed.
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{admin, get};
use crate::{
    console::support::{Browser, EMAIL, PASSWORD, organization},
    offboarding::{Receiver, is_done, until},
    sso::tenant::{CLIENT, Tenant, TokenSays},
    support::{Database, Server},
};

const CLIENT_SECRET: &str = "client-secret-0f41";
const TYPED: &str = "typed-password-77aa";
const CODE: &str = "authorization-code-91be";
const HINT: &str = "hinted.person@acme.example";

/// Everything that opens something, by what it is.
type Secrets = BTreeMap<&'static str, String>;

/// A sign-in with Okta that comes out well: the session's cookie.
async fn sign_in_with_okta(server: &Server, tenant: &Tenant, secrets: &mut Secrets) {
    let browser = Browser::new(server);
    let hint = HINT.replace('@', "%40");
    let start = browser.get(&format!("/api/v1/sso/okta/oidc/start?org=acme&login_hint={hint}")).await;
    let location = start.header("location").to_owned();
    let query = location.split_once('?').unwrap().1;
    let sent: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let cookie = start.header("set-cookie").split(';').next().unwrap().to_owned();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({ "iss": tenant.issuer, "aud": CLIENT, "sub": "00u1", "email": "ada@acme.example",
        "email_verified": true, "nonce": sent["nonce"], "iat": now, "exp": now + 3600 });
    let token = tenant.key.sign(r#"{"alg":"RS256","kid":"k1"}"#, &claims.to_string());
    *tenant.says.lock().unwrap() = TokenSays::IdToken(token.clone());
    let callback = format!("/api/v1/sso/okta/oidc/callback?code={CODE}&state={}", sent["state"]);
    let back = browser.send(browser.request("GET", &callback).header("cookie", &cookie)).await;
    assert!(back.header("location").ends_with("/app"), "{back:?}");
    let session = back.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let session = session.filter_map(|cookie| cookie.strip_prefix("ceven_session=")).next().unwrap();
    secrets.insert("session", session.split([';', '.']).nth(1).unwrap().to_owned());
    secrets.insert("browser", cookie.split_once('=').unwrap().1.to_owned());
    secrets.insert("id token", token);
    for name in ["state", "nonce", "code_challenge"] {
        secrets.insert(name, sent[name].clone());
    }
    let form = tenant.asked.lock().unwrap().last().unwrap().clone();
    let fields: HashMap<String, String> = form_urlencoded::parse(form.1.as_bytes()).into_owned().collect();
    secrets.insert("code verifier", fields["code_verifier"].clone());
    secrets.insert("basic", form.0.strip_prefix("Basic ").unwrap().to_owned());
    // The same again, which is refused.
    browser.send(browser.request("GET", &callback).header("cookie", &cookie)).await;
}

async fn everything_with_a_secret(server: &Server, tenant: &Tenant) -> Secrets {
    let mut secrets = Secrets::new();
    organization(server, "acme");
    let minted = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(minted["token"].as_str().unwrap());
    let secret = server.folder.path().join("secret");
    std::fs::write(&secret, CLIENT_SECRET).unwrap();
    let set = [
        "okta",
        "set",
        "--org",
        "acme",
        "--issuer",
        &tenant.issuer,
        "--client-id",
        CLIENT,
        "--client-secret-stdin",
    ];
    let set = server.run_with_input(&set, std::fs::File::open(secret).unwrap());
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let receiver = Receiver::start().await;
    receiver.connect(server, "hook");

    let browser = Browser::signed_in(server, "acme").await;
    secrets.insert("own session", browser.cookie.split('.').nth(1).unwrap().to_owned());
    secrets.insert("csrf", browser.csrf.clone());
    let wrong = json!({ "org": "acme", "email": EMAIL, "password": TYPED });
    Browser::new(server).json("POST", "/api/v1/auth/login", &wrong).await.expect(401);
    let fields = [("org", "acme"), ("email", EMAIL), ("password", TYPED)];
    Browser::new(server).form("/login", &fields).await;
    let shown = browser.json("POST", "/api/v1/sso/scim-tokens", &json!({ "label": "two" })).await.expect(201);
    secrets.insert("second token", shown["token"].as_str().unwrap().to_owned());
    let person = json!({ "userName": "ada@acme.example", "externalId": "00u1", "password": TYPED });
    let ada = scim.post("/Users", &person).await.expect(201)["id"].as_str().unwrap().to_owned();
    server.client(&scim.token.replace("cvn_", "cvn-")).get("/Users").await.expect(401);
    sign_in_with_okta(server, tenant, &mut secrets).await;
    let logout = tenant.key.sign(
        r#"{"typ":"global-token-revocation+jwt","alg":"RS256"}"#,
        &json!({ "iss": tenant.issuer, "sub": CLIENT }).to_string(),
    );
    let url = format!("{}/api/v1/sso/okta/universal-logout", browser.base);
    let sent =
        browser.http.post(url).bearer_auth(&logout).header("content-type", "application/json").body("{}");
    assert_eq!(sent.send().await.unwrap().status(), 401);
    browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({})).await.expect(202);
    until(&browser, &ada, is_done).await;
    secrets.insert("logout token", logout);
    secrets.insert("token", scim.token.clone());
    for (what, secret) in [
        ("password", PASSWORD),
        ("typed", TYPED),
        ("client secret", CLIENT_SECRET),
        ("hook secret", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkw"),
        ("code", CODE),
        ("hint", HINT),
        ("hint, encoded", "hinted.person%40"),
        ("verifier", "$argon2id$v=19"),
        ("master key", crate::support::MASTER_KEY),
    ] {
        secrets.insert(what, secret.to_owned());
    }
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_loudest_no_secret_is_in_the_log() {
    for format in ["json", "pretty"] {
        let mut server = Server::start(Database::Sqlite).await;
        let tenant = Tenant::start().await;
        server.restart_with(&[("CEVEN_LOG__FORMAT", format), ("CEVEN_LOG__FILTER", "trace")]).await;
        let secrets = everything_with_a_secret(&server, &tenant).await;
        server.terminate();
        assert!(server.ended().await);
        let log = server.log_text();
        assert!(log.contains("hyper") && log.contains("a sign-in with Okta was refused"), "it was not loud");
        for (what, secret) in secrets {
            assert!(secret.len() >= 8, "{what}: {secret}");
            let line = log.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{what} in the log ({format})");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_request_carries_its_id() {
    let mut server = Server::start(Database::Sqlite).await;
    server
        .restart_with(&[
            ("CEVEN_LOG__FORMAT", "json"),
            ("CEVEN_LOG__FILTER", "info,ceven=trace,ractor=debug"),
        ])
        .await;
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let mut ids = Vec::new();
    for path in [
        "/api/v1/users/nobody",
        "/app/team/nobody",
        "/api/v1/sso/okta/oidc/callback?state=x",
        "/api/v1/scim/v2/Users",
    ] {
        let reply = browser.get(path).await;
        ids.push((path, reply.header("x-request-id").to_owned(), reply.status));
    }
    let begun = Instant::now();
    loop {
        let log = server.log_text();
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut of =
            ids.iter().map(|(_, id, _)| lines.iter().filter(move |line| line["request_id"] == id.as_str()));
        if of.all(|mut lines| lines.next().is_some()) {
            for line in lines
                .iter()
                .filter(|line| line["message"].as_str().is_some_and(|text| text.contains("refused")))
            {
                assert!(line["request_id"].is_string() && line["route"].is_string(), "{line}");
            }
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{ids:?}\n{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks for something that is logged at `debug` only, and waits a moment for the line.
async fn is_heard(server: &Server) -> bool {
    let before = server.log_text().len();
    let asked = Browser::new(server).get("/api/v1/me").await;
    let id = asked.header("x-request-id").to_owned();
    for _ in 0..50 {
        if server.log_text()[before..].contains(&id) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_turned_up_for_a_while() {
    let mut server = Server::start(Database::Sqlite).await;
    server.restart_with(&[("CEVEN_LOG__FILTER", "warn"), ("CEVEN_LOG__FORMAT", "json")]).await;
    assert!(!is_heard(&server).await);

    let (status, text) = admin(&server, Method::PUT, "/log", r#"{"filter":"debug","for_secs":2}"#).await;
    let view: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &view["filter"], &view["configured"]),
        (200, &json!("debug"), &json!("warn")),
        "{text}"
    );
    assert!(view["until"].is_string(), "{text}");
    assert!(is_heard(&server).await);
    let begun = Instant::now();
    while get(&server, "/log").await.1.contains(r#""filter":"debug""#) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it ends by itself");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!is_heard(&server).await);

    for (signal, filter) in [(Signal::USR1, "debug"), (Signal::USR2, "warn"), (Signal::USR1, "debug")] {
        server.signal(signal);
        let begun = Instant::now();
        while !get(&server, "/log").await.1.contains(&format!(r#""filter":"{filter}""#)) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{signal:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(is_heard(&server).await, filter == "debug");
    }
    let (status, text) = admin(&server, Method::DELETE, "/log", "").await;
    assert!(status == 200 && text.contains(r#""until":null"#), "{text}");

    for bad in [
        r#"{"filter":"ceven=loud"}"#,
        r#"{"filter":"debgu"}"#,
        r#"{"filter":1}"#,
        r#"{}"#,
        r#"{"filter":"info","for_secs":0}"#,
        "x",
    ] {
        let (status, text) = admin(&server, Method::PUT, "/log", bad).await;
        assert!(status == 400 && text.contains("detail"), "{bad}: {text}");
    }
    assert!(get(&server, "/log").await.1.contains(r#""filter":"warn""#), "nothing has changed");
    assert_eq!(admin(&server, Method::POST, "/log", "{}").await.0, 405);
}
