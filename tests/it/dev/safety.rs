//! `ceven dev` can be taken for nothing real, and touches nothing real.
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::running::{Browser, Running};
use crate::support::{Database, Server};

fn ceven(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ceven"));
    command.args(arguments).envs(environment.iter().copied()).output().unwrap()
}

#[test]
fn real_settings_are_refused() {
    for (name, value) in [
        ("CEVEN_SERVER__PUBLIC_URL", "https://api.ceven.io"),
        ("CEVEN_DATABASE__URL", "postgres://ceven@127.0.0.1/ceven"),
        ("CEVEN_SECURITY__MASTER_KEY", "c2VjcmV0"),
        ("CEVEN_ENV", "production"),
        ("OKTA_CLIENT_ORGURL", "https://acme.okta.com"),
    ] {
        let output = ceven(&["dev", "--listen", "127.0.0.1:0"], &[(name, value)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains("ceven serve") && !said.contains("c2VjcmV0"), "{said}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[server]\npublic_url = \"https://api.ceven.io\"\n").unwrap();
    let output = ceven(&["dev", "--listen", "127.0.0.1:0", "--config", file.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("public_url"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_database_is_refused() {
    let mut server = Server::start(Database::Sqlite).await;
    server.organization("acme");
    server.kill();
    let data = server.folder.path().join("ceven.db");
    let output = ceven(&["dev", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("live"), "{output:?}");
    assert!(!server.folder.path().join("ceven.db.key").exists(), "nothing is put beside it");
    server.boot().await;
    assert_eq!(server.audit("acme").last().unwrap()["mode"], "live");
    let answer = server.client("none").get("/Users").await;
    assert!(answer.status == 401 && !answer.headers.contains_key("x-ceven-mode"));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_kept_and_serve_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("dev.db");
    let arguments = ["--data", data.to_str().unwrap()];
    let dev = Running::start(&arguments);
    assert_eq!(dev.view["data"], data.to_str().unwrap());
    let mut browser = Browser::new();
    browser.go(dev.text("sign_in_url")).await;
    let people: Value =
        serde_json::from_str(&browser.page(&format!("{}/api/v1/users?q=maya", dev.url())).await).unwrap();
    let (id, okta) = (people["items"][0]["id"].clone(), dev.simulator("okta"));
    browser.form(&format!("{okta}/_sim/do/deactivate"), &[("email", "maya@acme.test")]).await;
    let maya = |dev: &Running| format!("{}/api/v1/users/{}", dev.url(), id.as_str().unwrap());
    let begun = std::time::Instant::now();
    while !browser.page(&maya(&dev)).await.contains("\"active\":false") {
        assert!(begun.elapsed().as_secs() < 60);
    }
    assert!(dev.stop());

    let url = format!("sqlite://{}", data.display());
    let environment = [
        ("CEVEN_DATABASE__URL", url.as_str()),
        ("CEVEN_SERVER__LISTEN", "127.0.0.1:0"),
        ("CEVEN_ADMIN__LISTEN", "127.0.0.1:0"),
    ];
    let output = ceven(&["serve"], &environment);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("dev"), "{output:?}");

    // Who has left stays out, and everyone else is who they were.
    let dev = Running::start(&arguments);
    let mut browser = Browser::new();
    let (at, _) = browser.go(dev.text("sign_in_url")).await;
    assert_eq!(at, dev.text("console_url"));
    let gone: Value = serde_json::from_str(&browser.page(&maya(&dev)).await).unwrap();
    assert_eq!((&gone["active"], &gone["id"]), (&json!(false), &id));
    let total = |text: String| serde_json::from_str::<Value>(&text).unwrap()["total"].clone();
    assert_eq!(total(browser.page(&format!("{}/api/v1/users?active=true", dev.url())).await), 23);
    let connectors = browser.page(&format!("{}/api/v1/connectors", dev.url())).await;
    assert_eq!(connectors.matches("\"kind\"").count(), 9, "{connectors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_says_that_it_is_simulated() {
    let dev = Running::start(&[]);
    let mut browser = Browser::new();
    let base = dev.url();
    let login = browser.page(&format!("{base}/login")).await;
    let (_, missing) = browser.go(&format!("{base}/app/nowhere")).await;
    browser.go(dev.text("sign_in_url")).await;
    let (_, stranger) = browser.go(&format!("{base}/api/v1/scim/v2/Users")).await;
    assert_eq!((stranger.status, stranger.header("x-ceven-mode")), (401, "dev"));
    let mut pages = vec![login, missing.text];
    for path in [
        "",
        "/team",
        "/offboardings",
        "/connectors",
        "/sso",
        "/sso/tokens",
        "/audit",
        "/settings",
        "/nowhere",
    ] {
        pages.push(browser.go(&format!("{base}/app{path}")).await.1.text);
    }
    for name in ["okta", "github", "webhook"] {
        pages.push(browser.page(&format!("{}/_sim", dev.simulator(name))).await);
    }
    for page in pages {
        assert!(
            page.contains("these people and tools are not real") && page.contains("<title>[DEV] "),
            "{page}"
        );
    }
    let export = browser.page(&format!("{base}/api/v1/sso/audit-export")).await;
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        lines.len() > 30 && lines.iter().all(|line| line["mode"] == "dev" || line["action"].is_null()),
        "{export}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_real_can_be_connected() {
    let dev = Running::start(&[]);
    let mut browser = Browser::new();
    browser.go(dev.text("sign_in_url")).await;
    let me: Value = serde_json::from_str(&browser.page(&format!("{}/api/v1/me", dev.url())).await).unwrap();
    let csrf = me["csrf_token"].as_str().unwrap();
    let okta = json!({ "issuer": "https://acme.okta.com", "client_id": "0oa1", "client_secret": "x" });
    let refused = browser.json("PUT", &format!("{}/api/v1/sso/okta", dev.url()), csrf, &okta).await;
    assert!(refused.status == 400 && refused.text.contains("simulat"), "{refused:?}");
    for (kind, settings) in [
        ("slack", json!({ "token": "xoxp-1" })),
        ("scim", json!({ "base_url": "https://scim.example.com/v2", "token": "x" })),
        (
            "webhook",
            json!({ "url": "https://hooks.example.com/x", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }),
        ),
    ] {
        let body = json!({ "kind": kind, "name": "Real", "settings": settings });
        let refused = browser.json("POST", &format!("{}/api/v1/connectors", dev.url()), csrf, &body).await;
        assert!(refused.status == 400 && refused.text.contains("simulat"), "{kind}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_changes_nothing_at_a_simulator() {
    let dev = Running::start(&[]);
    let okta = dev.simulator("okta");
    let send = |site: &'static str| {
        let request = reqwest::Client::new().post(format!("{okta}/_sim/do/push_groups"));
        async move {
            request.header("sec-fetch-site", site).json(&json!({})).send().await.unwrap().status().as_u16()
        }
    };
    assert_eq!(
        (send("cross-site").await, send("same-site").await, send("same-origin").await),
        (403, 403, 200)
    );
}
