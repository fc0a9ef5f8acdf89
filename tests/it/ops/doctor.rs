//! `ceven doctor` and the same in the console: what is well, what is not, and what to do.
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    console::support::{Browser, organization, session_of},
    offboarding::Receiver,
    on_each_database,
    sso::tenant::{CLIENT, Keys, Tenant},
    support::{Database, Server, free_port},
};

on_each_database!(a_server_that_is_well, what_is_wrong_is_named_with_a_remedy);

/// The exit code and the document.
fn doctor(server: &Server, more: &[&str]) -> (i32, Value) {
    let output = server.run(&[&["doctor", "--json"], more].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {error}")))
}

/// How something stands, and what was found.
fn of<'d>(document: &'d Value, name: &str) -> (&'d str, &'d str) {
    let found = document["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name);
    // The worst of that name.
    let worst = found
        .max_by_key(|check| check["state"] == "failed")
        .unwrap_or_else(|| panic!("{name}: {document:#}"));
    assert_eq!(
        worst["remedy"].is_string(),
        worst["state"] == "failed" || worst["state"] == "warning",
        "{worst}"
    );
    (worst["state"].as_str().unwrap(), worst["found"].as_str().unwrap())
}

async fn acme(server: &mut Server) -> (Tenant, Receiver) {
    let url = format!("http://127.0.0.1:{}", server.port);
    server.restart_with(&[("CEVEN_SERVER__PUBLIC_URL", &url)]).await;
    organization(server, "acme");
    let tenant = Tenant::start().await;
    let secret = server.folder.path().join("secret");
    std::fs::write(&secret, "client-secret").unwrap();
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
    assert!(server.run_with_input(&set, std::fs::File::open(secret).unwrap()).status.success());
    let receiver = Receiver::start().await;
    receiver.connect(server, "hook");
    (tenant, receiver)
}

async fn a_server_that_is_well(mut server: Server) {
    let (_tenant, _receiver) = acme(&mut server).await;
    let (code, document) = doctor(&server, &[]);
    assert_eq!((code, &document["ok"]), (0, &true.into()), "{document:#}");
    for name in [
        "configuration",
        "master key",
        "database",
        "migrations",
        "writing",
        "stamp",
        "durability",
        "TLS",
        "public address",
        "edge",
        "clock",
        "acme: Okta issuer",
        "acme: Okta client",
        "acme: hook",
    ] {
        assert_eq!(of(&document, name).0, "ok", "{document:#}");
    }
    let text = String::from_utf8(server.run(&["doctor", "--org", "acme"]).stdout).unwrap();
    assert!(text.lines().any(|line| line == "ok        migrations: The tables are up to date."), "{text}");
    assert_eq!(server.run(&["doctor", "--org", "nobody"]).status.code(), Some(1));

    // In the console: for admins, when told to, and nothing about how the server is made.
    let browser = Browser::signed_in(&server, "acme").await;
    let page = browser.get("/app/settings/doctor").await;
    assert!(page.status == 200 && page.text.contains("Nothing has been looked at yet"), "{}", page.text);
    let page = browser.form("/app/settings/doctor", &[]).await;
    assert!(page.status == 200, "{}", page.text);
    for words in ["Okta issuer", "hook", "The database answers.", "public address"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    for words in ["PostgreSQL", "SQLite", "migrations", "MiB", "trusted_proxies"] {
        assert!(!page.text.contains(words), "{words}: {}", page.text);
    }
    let user = server
        .client(server.json(&["token", "mint", "--org", "acme", "--label", "x"])["token"].as_str().unwrap());
    let employee = session_of(&server, "acme", &user.user("ada@acme.example").await).await;
    assert_eq!(employee.get("/app/settings/doctor").await.status, 403);
    assert_eq!(employee.form("/app/settings/doctor", &[]).await.status, 403);
}

async fn what_is_wrong_is_named_with_a_remedy(mut server: Server) {
    let (tenant, receiver) = acme(&mut server).await;
    tenant.answer(Keys::Status(500));
    let mut nobody = receiver;
    nobody.url = format!("http://127.0.0.1:{}/hook", free_port());
    nobody.connect(&server, "nobody");
    let (code, document) = doctor(&server, &[]);
    assert_eq!((code, &document["ok"]), (5, &false.into()), "{document:#}");
    assert_eq!(of(&document, "acme: Okta issuer").0, "failed");
    let (state, found) = of(&document, "acme: nobody");
    assert!(state == "failed" && found.contains("endpoint"), "{found}");
    assert_eq!(of(&document, "acme: hook").0, "ok");
    assert_eq!(of(&document, "database").0, "ok", "one does not hide the other");

    // Anybody is believed to be a proxy.
    let url = format!("http://127.0.0.1:{}", server.port);
    let wide =
        [("CEVEN_SERVER__PUBLIC_URL", url.as_str()), ("CEVEN_SECURITY__TRUSTED_PROXIES", "127.0.0.0/8")];
    server.restart_with(&wide).await;
    let (state, found) = of(&doctor(&server, &[]).1, "edge").into_owned();
    assert!(state == "failed" && found.contains("forged"), "{found}");

    // Another server is behind the name; nobody is.
    let other = Server::start(Database::Sqlite).await;
    let url = format!("http://127.0.0.1:{}", other.port);
    server.restart_with(&[("CEVEN_SERVER__PUBLIC_URL", &url)]).await;
    let (state, found) = of(&doctor(&server, &[]).1, "public address").into_owned();
    assert!(state == "failed" && found.contains("another database"), "{found}");
    drop(other);
    assert_eq!(of(&doctor(&server, &[]).1, "public address").0, "failed");
    server.restart_with(&[("CEVEN_SERVER__PUBLIC_URL", "http://ceven.invalid")]).await;
    assert_eq!(of(&doctor(&server, &[]).1, "TLS").0, "failed");
    // Another master key.
    let other_key = [("CEVEN_SECURITY__MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    server.kill();
    server.set(&other_key);
    let (code, document) = doctor(&server, &[]);
    assert_eq!(code, 5, "{document:#}");
    assert!(document.to_string().contains("another master key"), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_a_finding() {
    let mut server = Server::start(Database::Sqlite).await;
    server.kill();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (url, state, words) in [
        ("postgres://x@127.0.0.1:1/x".to_owned(), "failed", "cannot be reached"),
        (format!("postgres://x@{}/x", silent.local_addr().unwrap()), "failed", "cannot be reached"),
        (
            format!("sqlite://{}?mode=rwc", server.folder.path().join("new.db").display()),
            "warning",
            "does not exist yet",
        ),
    ] {
        server.database_url = url;
        let (code, document) = doctor(&server, &[]);
        let (found, text) = of(&document, "database");
        assert_eq!((found, code), (state, if state == "failed" { 5 } else { 0 }), "{document:#}");
        assert!(text.contains(words), "{text}");
    }
    assert!(!server.folder.path().join("new.db").exists(), "a doctor makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_who_it_is_and_whom_it_sees() {
    let server = Server::start(Database::Sqlite).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{}/api/v1/instance", server.port);
    let ask = async |forged: &str| -> Value {
        let request = http.request(Method::GET, &url).header("x-forwarded-for", forged);
        request.send().await.unwrap().json().await.unwrap()
    };
    let said = ask("203.0.113.9").await;
    assert_eq!((&said["client_ip"], &said["proxy"]), (&json!("127.0.0.1"), &json!("ignored")), "{said}");
    assert_eq!(said["instance"].as_str().map(str::len), Some(16), "{said}");
}

trait Owned {
    fn into_owned(self) -> (String, String);
}

impl Owned for (&str, &str) {
    fn into_owned(self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}
