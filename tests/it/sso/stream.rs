//! The event stream, registered at a simulated transmitter from the command line and the console of a real server.
use std::{path::PathBuf, process::Output, sync::Arc};

use ceven::dev::{
    Person, Sim,
    keys::SigningKey,
    okta::{Okta, ServiceApp, Stream},
};
use ceven_actors::clock::SystemClock;
use serde_json::{Value, json};

use crate::{
    console::support::{Browser, admin, session_of},
    on_each_database,
    support::Server,
};

on_each_database!(a_stream_is_registered_verified_used_and_deleted, the_console_does_the_same);

struct Transmitter {
    sim: Sim<Okta>,
    key: SigningKey,
}

impl Transmitter {
    async fn start(server: &Server) -> Self {
        let clock = Arc::new(SystemClock);
        let okta = Okta::new(clock.clone()).unwrap();
        let sim = Sim::start(okta, clock, ([127, 0, 0, 1], 0).into()).await.unwrap();
        sim.seed(&Person::new("Dana", "Lee", "dana@acme.example"));
        let app = sim.with(|okta| okta.add_app("http://127.0.0.1/callback"));
        server.json(&["okta", "set", "--org", "acme", "--issuer", sim.url(), "--client-id", &app.client_id]);
        let key = SigningKey::generate("service").unwrap();
        let service = ServiceApp {
            client_id: "0oaservice".into(),
            key: key.public().clone(),
            granted: vec!["ssf.manage".into(), "ssf.read".into()],
            needs_dpop: false,
        };
        sim.with(|okta| okta.services.push(service));
        Self { sim, key }
    }

    fn service(&self, change: impl FnOnce(&mut ServiceApp)) {
        self.sim.with(|okta| change(&mut okta.services[0]));
    }

    fn streams(&self) -> Vec<Stream> {
        self.sim.with(|okta| okta.streams.clone())
    }
}

fn key_file(server: &Server, pem: &str) -> PathBuf {
    let file = server.folder.path().join("service.pem");
    std::fs::write(&file, pem).unwrap();
    file
}

const STREAM: [&str; 2] = ["okta", "stream"];

fn create(server: &Server, pem: &str) -> Output {
    let file = key_file(server, pem);
    let (org, key) =
        (["create", "--org", "acme", "--json"], ["--api-client-id", "0oaservice", "--api-key-file"]);
    server.run(&[&STREAM[..], &org, &key, &[file.to_str().unwrap()]].concat())
}

fn verb(server: &Server, arguments: &[&str]) -> Output {
    server.run(&[&STREAM[..], arguments, &["--org", "acme", "--json"]].concat())
}

fn good(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The exit code and what is said about it.
fn bad(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn a_stream_is_registered_verified_used_and_deleted(server: Server) {
    let scim = server.organization("acme");
    assert!(bad(&create(&server, "x")).1.contains("not connected"));
    let transmitter = Transmitter::start(&server).await;
    let pem = transmitter.key.pem();
    assert!(bad(&create(&server, "no key")).1.contains("private_key"));
    assert_eq!(bad(&verb(&server, &["status"])).0, Some(1), "there is none yet");
    // Refused for good reasons, in the transmitter's words.
    transmitter.service(|app| app.granted = vec!["ssf.read".into()]);
    let (code, said) = bad(&create(&server, pem));
    assert!(code == Some(5) && said.contains("ssf.manage"), "{said}");
    transmitter.service(|app| app.granted.push("ssf.manage".into()));
    let stranger = SigningKey::generate("stranger").unwrap();
    assert_eq!(bad(&create(&server, stranger.pem())).0, Some(5));
    assert!(transmitter.streams().is_empty());
    // The admin of the tenant wants proofs of possession.
    transmitter.service(|app| app.needs_dpop = true);
    let made = good(&create(&server, pem));
    let stream = &transmitter.streams()[0];
    assert_eq!((&made["id"], &made["verified_at"]), (&json!(stream.id), &Value::Null));
    assert_eq!(
        stream.endpoint_url,
        format!("http://127.0.0.1:{}/api/v1/sso/okta/security-events", server.port)
    );
    assert_eq!(good(&create(&server, pem))["id"], made["id"], "found again");
    assert_eq!(good(&verb(&server, &["create"]))["id"], made["id"], "with the credentials there are");
    assert_eq!(transmitter.streams().len(), 1);
    let status = good(&verb(&server, &["status"]));
    assert_eq!(
        (&status["status"], status["events"].as_array().unwrap().len()),
        (&json!("enabled"), 2),
        "{status}"
    );
    transmitter.sim.with(|okta| okta.streams[0].is_enabled = false);
    assert_eq!(good(&verb(&server, &["status"]))["status"], "disabled");
    transmitter.sim.with(|okta| okta.streams[0].is_enabled = true);
    // The state that was asked for comes back through the receiver.
    let verified = good(&verb(&server, &["verify", "--wait", "60"]));
    assert!(verified["verified_at"].is_string() && verified["verification_asked"] == false, "{verified}");
    // An event of the stream, by the name that the transmitter has for Ceven.
    let dana = transmitter.sim.with(|okta| okta.user("dana@acme.example").unwrap().id.clone());
    let body = json!({ "userName": "dana@acme.example", "externalId": dana });
    let id = scim.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let session = session_of(&server, "acme", &id).await;
    let told = reqwest::Client::builder().no_proxy().build().unwrap();
    let control = format!("{}/_sim/do/session_revoked", transmitter.sim.url());
    let event = json!({ "email": "dana@acme.example" });
    let done = told.post(control).json(&event).send().await.unwrap();
    assert!(done.status().is_success(), "{}", done.text().await.unwrap());
    let begun = std::time::Instant::now();
    while session.get("/api/v1/me").await.status == 200 {
        assert!(begun.elapsed().as_secs() < 30, "the session goes on");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(scim.get(&format!("/Users/{id}")).await.expect(200)["active"], true, "signed out, no more");
    // What is not there any more is told so; deleting it again is fine.
    transmitter.sim.with(|okta| okta.streams.clear());
    assert!(bad(&verb(&server, &["status"])).1.contains("create it again"));
    assert_eq!(good(&verb(&server, &["delete"]))["deleted"], true);
    assert_eq!(bad(&verb(&server, &["delete"])).0, Some(1));
    secrets_are_sealed(&server, pem);
    another_one_of_the_client_is_left_alone(&server, &transmitter);
}

fn secrets_are_sealed(server: &Server, pem: &str) {
    let secret = pem.lines().nth(1).unwrap();
    let log = server.audit("acme");
    let changes: Vec<_> = log.iter().filter(|entry| entry["action"] == "okta.change").collect();
    assert_eq!(changes.len(), 5, "connected, registered twice, asked, deleted: {changes:#?}");
    assert!(!log.iter().any(|entry| entry.to_string().contains(secret)));
    let file = std::fs::read(server.folder.path().join("ceven.db")).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&file).contains(secret));
}

fn another_one_of_the_client_is_left_alone(server: &Server, transmitter: &Transmitter) {
    good(&create(server, transmitter.key.pem()));
    transmitter.sim.with(|okta| okta.streams[0].endpoint_url = "https://elsewhere.example/x".into());
    let (code, said) = bad(&create(server, transmitter.key.pem()));
    assert!(code == Some(5) && said.contains("elsewhere.example"), "{said}");
    assert_eq!(transmitter.streams()[0].endpoint_url, "https://elsewhere.example/x");
}

async fn the_console_does_the_same(server: Server) {
    server.organization("acme");
    admin(&server, "acme", crate::console::support::EMAIL);
    let transmitter = Transmitter::start(&server).await;
    let browser = Browser::signed_in(&server, "acme").await;
    let page = "/app/sso/okta";
    let shown = browser.get(page).await.text;
    assert!(
        shown.contains("Client ID of the service app") && shown.contains("/oidc/start?org=acme\""),
        "{shown}"
    );
    let typed = |pem| [("stream_client_id", "0oaservice"), ("stream_private_key", pem)];
    let path = "/app/sso/okta/stream";
    let long = "x".repeat(20_000);
    for (client_id, pem, field) in [
        ("0oaservice", "junk-of-a-key", "Its private key"),
        ("0oaservice", &long, "Its private key"),
        ("0oaservice", "", "Its private key"),
        ("", transmitter.key.pem(), "Client ID of the service app"),
        ("a\u{1}b", transmitter.key.pem(), "Client ID of the service app"),
        (&long, transmitter.key.pem(), "Client ID of the service app"),
    ] {
        let refused =
            browser.form(path, &[("stream_client_id", client_id), ("stream_private_key", pem)]).await;
        assert_eq!(refused.status, 400);
        let alert = format!("role=\"alert\"><strong>{field}</strong>");
        assert!(
            refused.text.contains(&alert) && refused.text.contains(client_id),
            "{field}: {}",
            refused.text
        );
        let told = pem.lines().nth(1).unwrap_or("junk-of-a-key");
        assert!(!refused.text.contains(told), "a secret is not shown again");
    }
    assert!(transmitter.streams().is_empty());
    transmitter.service(|app| app.granted.clear());
    let refused = browser.form(path, &typed(transmitter.key.pem())).await;
    assert_eq!(refused.status, 502);
    assert!(refused.text.contains("ssf.manage"));
    transmitter.service(|app| app.granted = vec!["ssf.manage".into(), "ssf.read".into()]);
    assert_eq!(browser.form(path, &typed(transmitter.key.pem())).await.status, 303);
    assert!(browser.get(page).await.text.contains("Not verified"));
    let status = browser.form("/app/sso/okta/stream/status", &[]).await;
    assert!(status.text.contains("Okta says: enabled"), "{}", status.text);
    assert_eq!(browser.form("/app/sso/okta/stream/verify", &[]).await.status, 303);
    let begun = std::time::Instant::now();
    while !browser.get(page).await.text.contains(">Verified<") {
        assert!(begun.elapsed().as_secs() < 30, "no verification event came");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(browser.form("/app/sso/okta/stream/delete", &[]).await.status, 303);
    assert!(transmitter.streams().is_empty());
    let shown = browser.get(page).await.text;
    assert!(
        shown.contains("Client ID of the service app") && shown.contains("/oidc/start?org=acme\""),
        "{shown}"
    );
    // Nobody but an admin.
    let employee = server
        .client(server.json(&["token", "mint", "--org", "acme", "--label", "x"])["token"].as_str().unwrap());
    let eva = session_of(&server, "acme", &employee.user("eva@acme.example").await).await;
    assert_eq!(eva.form("/app/sso/okta/stream/verify", &[]).await.status, 403);
}
