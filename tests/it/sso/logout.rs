//! Universal Logout as Okta sends it.
use ceven::okta::OktaForm;
use ceven_actors::{clock::Clock as _, domain::okta::LogoutEffect};
use serde_json::{Value, json};

use super::tenant::{CLIENT, Key, Keys, Node, Tenant, email, header, node_in};

pub fn form() -> OktaForm {
    OktaForm { client_id: CLIENT.into(), client_secret: Some("secret".into()), ..OktaForm::default() }
}

pub async fn connected() -> (Node, Tenant, ceven_actors::domain::id::OrganizationId) {
    let (node, tenant) = (Node::start().await, Tenant::start().await);
    let acme = node.organization("acme").await;
    node.connect(acme, &tenant, form()).await;
    (node, tenant, acme)
}

pub fn token(node: &Node, tenant: &Tenant, jti: &str) -> String {
    tenant.key.sign(&header().to_string(), &node.claims(tenant, jti).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_naming_the_user_works() {
    let (node, tenant, acme) = connected().await;
    let subjects: [fn(&str, &str) -> Value; 6] = [
        |name, _| email(&name.to_uppercase()),
        |name, _| json!({ "subject": { "format": "email", "email": format!("other-{name}") } }),
        |_, id| json!({ "sub_id": { "format": "opaque", "id": id } }),
        |name, _| json!({ "sub_id": { "format": "opaque", "id": format!("00u{name}") } }),
        |_, id| json!({ "sub_id": { "format": "iss_sub", "iss": "ISSUER", "sub": id } }),
        |name, _| json!({ "sub_id": { "format": "iss_sub", "iss": "ISSUER", "sub": format!("00u{name}") } }),
    ];
    for (number, subject) in subjects.into_iter().enumerate() {
        let name = format!("u{number}@acme.example");
        let attributes = json!({ "userName": name, "externalId": format!("00u{name}"),
            "emails": [{ "value": format!("other-{name}") }] });
        let id = node.user(acme, attributes).await;
        let body: Value =
            serde_json::from_str(&subject(&name, &id).to_string().replace("ISSUER", &tenant.issuer)).unwrap();
        assert_eq!(node.send(&token(&node, &tenant, &format!("j{number}")), &body).await, 204, "{body}");
        assert!(!node.is_active(acme, &id).await, "{body}");
        assert_eq!(node.send(&token(&node, &tenant, &format!("again{number}")), &body).await, 204);
    }
    assert_eq!(tenant.fetches(), 2, "once when the connection was saved, once for all requests");
    let mut long = header();
    long["typ"] = format!("application/{}", long["typ"].as_str().unwrap()).into();
    let long = tenant.key.sign(&long.to_string(), &node.claims(&tenant, "long").to_string());
    assert_eq!(node.send(&long, &email("u0@acme.example")).await, 204, "a media type may be written out");
    let refused = node.http.post(node.audience()).bearer_auth(token(&node, &tenant, "none")).json(&json!({}));
    let problem: Value = refused.send().await.unwrap().json().await.unwrap();
    assert_eq!((&problem["status"], &problem["detail"]), (&json!(400), &json!("sub_id is missing.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_is_judged_after_the_token_and_uses_it_up() {
    let (node, tenant, acme) = connected().await;
    let ada = node
        .user(acme, json!({ "userName": "ada@acme.example", "emails": [{ "value": "both@acme.example" }] }))
        .await;
    node.user(acme, json!({ "userName": "eva@acme.example", "emails": [{ "value": "both@acme.example" }] }))
        .await;
    let text = |text: &str| text.to_owned();
    let cases = [
        (404, email("nobody@acme.example").to_string()),
        (422, email("both@acme.example").to_string()),
        (400, text("{}")),
        (400, text("[]")),
        (400, text("{")),
        (400, text(r#"{"sub_id":"ada@acme.example"}"#)),
        (400, text(r#"{"sub_id":{"format":"*"}}"#)),
        (400, text(r#"{"sub_id":{"format":"phone_number","phone_number":"+1"}}"#)),
        (400, text(r#"{"sub_id":{"format":"email","id":"ada@acme.example"}}"#)),
        (400, text(r#"{"sub_id":{"format":"email","email":"ada@acme.example","sub":"x"}}"#)),
        (400, text(r#"{"sub_id":{"format":"email","email":["ada@acme.example"]}}"#)),
        (400, text(r#"{"sub_id":{"format":"iss_sub","iss":"https://other.okta.com","sub":"00u1"}}"#)),
        (400, format!("{}1{}", "[".repeat(200), "]".repeat(200))),
        (400, text(r#"{"sub_id":{"format":"email","email":"ada@acme.example","email":"eva@acme.example"}}"#)),
    ];
    for (number, (status, body)) in cases.into_iter().enumerate() {
        let token = token(&node, &tenant, &format!("j{number}"));
        assert_eq!(node.post(&token, body.clone(), "application/json").await, status, "{body}");
        let again = node.send(&token, &email("ada@acme.example")).await;
        assert_eq!(again, 401, "the token of {body} was used up");
    }
    for (status, body, media_type) in [
        (415, email("ada@acme.example").to_string(), "text/plain"),
        (413, format!("{{\"x\":\"{}\"}}", "x".repeat(17_000)), "application/json"),
    ] {
        assert_eq!(node.post("bad", body.clone(), media_type).await, 401, "the token comes first");
        assert_eq!(node.post(&token(&node, &tenant, media_type), body, media_type).await, status);
    }
    assert!(node.is_active(acme, &ada).await);
    for method in ["GET", "PUT", "DELETE"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = node.http.request(method, node.audience()).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, "POST"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_copies_one_is_obeyed_also_after_a_restart_and_until_its_time_is_over() {
    let (node, tenant, acme) = connected().await;
    let ada = node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let token = token(&node, &tenant, "one");
    let body = email("ada@acme.example");
    let copies = futures_util::future::join_all((0..100).map(|_| node.send(&token, &body))).await;
    assert_eq!(copies.iter().filter(|status| **status == 204).count(), 1, "{copies:?}");
    assert_eq!(copies.iter().filter(|status| **status == 401).count(), 99, "{copies:?}");
    assert!(!node.is_active(acme, &ada).await);
    // Another process on the same data, and then this one after a restart.
    let node = node.restart().await;
    assert_eq!(node.send(&token, &email("eva@acme.example")).await, 401, "a new body is no new token");
    node.clock.advance_secs(299);
    assert_eq!(node.send(&token, &body).await, 401);
    node.clock.advance_secs(300);
    assert_eq!(node.send(&token, &body).await, 401, "a second before exp + skew");
    node.clock.advance_secs(1);
    assert_eq!(node.send(&token, &body).await, 401, "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_database_obey_a_token_once() {
    let (node, tenant, acme) = connected().await;
    node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let folder = tempfile::tempdir().unwrap();
    // The second node has another folder for its own files and the first one's database.
    std::fs::remove_dir(folder.path()).unwrap();
    std::os::unix::fs::symlink(node.folder.path(), folder.path()).unwrap();
    let other = node_in(folder, node.clock.clone()).await;
    for number in 0..20 {
        let mut claims = node.claims(&tenant, &format!("j{number}"));
        claims["aud"] = node.audience().into();
        let one = tenant.key.sign(&header().to_string(), &claims.to_string());
        // Each node has an address of its own, so the copy for the other names that one: the same jti counts.
        claims["aud"] = other.audience().into();
        let two = tenant.key.sign(&header().to_string(), &claims.to_string());
        let body = email("ada@acme.example");
        let (first, second) = tokio::join!(node.send(&one, &body), other.send(&two, &body));
        let mut both = [first, second];
        both.sort_unstable();
        assert_eq!(both, [204, 401], "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guard_holds_goes_on_at_oktas_word() {
    use ceven_actors::{
        domain::policy::{Guard, Policy},
        organization::message::{Command, ToolChange},
    };
    let (node, tenant, acme) = connected().await;
    let run = async |command| node.app.execute(acme, command, node.app.operator()).await.unwrap().snapshot;
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" });
    let hook = hook.as_object().unwrap().clone();
    let connector = ceven::connectors::record(&node.app, acme, None, ("webhook", "hook"), hook).unwrap();
    run(Command::SetConnector { change: ToolChange::added(connector) }).await;
    run(Command::SetPolicy { policy: Policy { guard: Guard::new(1, 3_600) } }).await;
    let mut eva = String::new();
    for name in ["ada@acme.example", "eva@acme.example"] {
        eva = node.user(acme, json!({ "userName": name })).await;
        let attributes = json!({ "userName": name, "active": false }).as_object().unwrap().clone();
        let id = eva.parse().unwrap();
        run(Command::ReplaceUser { id, attributes, mentions_roles: false }).await;
    }
    let held = node.app.fresh(acme).await.unwrap().held().map(|one| one.user.to_string()).collect::<Vec<_>>();
    assert_eq!(held, [eva.clone()]);
    for jti in ["one", "two"] {
        assert_eq!(node.send(&token(&node, &tenant, jti), &email("eva@acme.example")).await, 204);
        let snapshot = node.app.fresh(acme).await.unwrap();
        assert_eq!(snapshot.held().count(), 0);
        let told = snapshot.tasks().filter(|task| task.user.to_string() == eva).collect::<Vec<_>>();
        assert_eq!((told.len(), told[0].urgent), (1, true), "once, ahead of the queue");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_only_switched_off_and_sharing_a_tenant() {
    let (node, tenant, acme) = connected().await;
    let globex = node.organization("globex").await;
    let other = OktaForm { client_id: "0oaother".into(), effect: LogoutEffect::Sessions, ..form() };
    node.connect(globex, &tenant, other.clone()).await;
    let ada = node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let gus = node.user(globex, json!({ "userName": "gus@globex.example" })).await;
    let of_globex = |jti: &str| {
        let mut claims = node.claims(&tenant, jti);
        claims["sub"] = "0oaother".into();
        tenant.key.sign(&header().to_string(), &claims.to_string())
    };
    assert_eq!(node.send(&of_globex("a"), &email("ada@acme.example")).await, 404, "of another organization");
    assert_eq!(node.send(&of_globex("b"), &email("gus@globex.example")).await, 204);
    assert!(node.is_active(globex, &gus).await, "sessions only");
    assert!(node.is_active(acme, &ada).await);
    let taken = ceven::okta::connect(
        &node.app,
        globex,
        OktaForm { issuer: tenant.issuer.clone(), ..form() },
        node.app.operator(),
    );
    assert!(matches!(taken.await, Err(ceven::okta::OktaError::Taken)));
    let form = OktaForm { issuer: tenant.issuer.clone(), universal_logout: false, ..other };
    ceven::okta::connect(&node.app, globex, form, node.app.operator()).await.unwrap();
    assert_eq!(node.send(&of_globex("c"), &email("gus@globex.example")).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_a_tenant_in_trouble_blocks_nobody() {
    let (node, tenant, acme) = connected().await;
    node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let body = email("ada@acme.example");
    let sign = |key: &Key, kid: &str, jti: &str| {
        let mut header = header();
        header["kid"] = kid.into();
        key.sign(&header.to_string(), &node.claims(&tenant, jti).to_string())
    };
    assert_eq!(node.send(&sign(&tenant.key, "k1", "a"), &body).await, 204);
    let new = Key::new(aws_lc_rs::rsa::KeySize::Rsa2048);
    *tenant.jwks.lock().unwrap() = json!({ "keys": [new.jwk("k2")] });
    let before = tenant.fetches();
    node.clock.advance_secs(31);
    assert_eq!(node.send(&sign(&new, "k2", "b"), &body).await, 204, "a new key counts at once");
    assert_eq!(node.send(&sign(&tenant.key, "k1", "c"), &body).await, 401, "the old one is withdrawn");
    let unknown: Vec<_> =
        (0..20).map(|number| sign(&new, &format!("x{number}"), &format!("u{number}"))).collect();
    let answers = futures_util::future::join_all(unknown.iter().map(|token| node.send(token, &body))).await;
    assert!(answers.iter().all(|status| *status == 401), "{answers:?}");
    assert_eq!(tenant.fetches(), before + 1, "no other fetch within the cool-down");
    // Stale keys count while the tenant cannot be reached, for a day.
    for (number, trouble) in [
        Keys::Status(500),
        Keys::Body(b"<html>".to_vec()),
        Keys::Body(vec![b'x'; 10 << 20]),
        Keys::Redirect("http://127.0.0.1:1/".into()),
        Keys::Hang,
    ]
    .into_iter()
    .enumerate()
    {
        node.clock.advance_secs(3_700);
        tenant.answer(trouble.clone());
        let begun = std::time::Instant::now();
        assert_eq!(node.send(&sign(&new, "k2", &format!("t{number}")), &body).await, 204, "{number}");
        assert!(begun.elapsed().as_secs() < 5);
    }
    // A key that is not known may be a new one: nobody can say no now. Who hangs up makes nobody ask oftener.
    node.clock.advance_secs(31);
    let before = tenant.fetches();
    let unknown = sign(&new, "k3", "new");
    for _ in 0..3 {
        let hanging = node.send(&unknown, &body);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), hanging).await;
    }
    assert_eq!(node.send(&unknown, &body).await, 503);
    assert_eq!(tenant.fetches(), before + 1);
    node.clock.advance_secs(24 * 3_600);
    assert_eq!(node.send(&sign(&new, "k2", "late"), &body).await, 503, "too old to count");
    tenant.answer(Keys::Normal);
    node.clock.advance_secs(31);
    assert_eq!(node.send(&sign(&new, "k2", "later"), &body).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_what_happened_and_the_audit_chain_holds() {
    let (node, tenant, acme) = connected().await;
    node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    assert_eq!(node.send(&token(&node, &tenant, "a"), &email("ada@acme.example")).await, 204);
    assert_eq!(node.send(&token(&node, &tenant, "a"), &email("ada@acme.example")).await, 401);
    let mut late = node.claims(&tenant, "late");
    for (name, secs) in [("iat", -1_000), ("nbf", -1_000), ("exp", -612)] {
        late[name] = (node.now_secs() + secs).into();
    }
    let late = tenant.key.sign(&header().to_string(), &late.to_string());
    assert_eq!(node.send(&late, &email("ada@acme.example")).await, 401);
    let mut reasons = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let requests = node.app.store.latest_scim_requests(acme, 10).await.unwrap();
        reasons = requests.into_iter().map(|request| request.detail.unwrap_or_default()).collect();
        if reasons.len() == 3 {
            break;
        }
    }
    reasons.sort();
    assert_eq!(reasons, ["accepted", "expired 612 s ago", "replay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_came_back_takes_no_token_from_before() {
    let (node, tenant, acme) = connected().await;
    let ada = node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let copy = node.folder.path().join("copy.db");
    node.app.store.copy_to(&copy).await.unwrap();
    let old = token(&node, &tenant, "after-the-backup");
    assert_eq!(node.send(&old, &email("ada@acme.example")).await, 204);

    // The copy does not know that the token has been used; it comes back ten seconds later.
    node.clock.advance_secs(10);
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(&copy, folder.path().join("ceven.db")).unwrap();
    let restored = node_in(folder, node.clock.clone()).await;
    restored.app.store.note_restored(restored.clock.now_ms()).await.unwrap();
    let restored = restored.restart().await;
    assert!(restored.is_active(acme, &ada).await);
    let old = tenant.key.sign(&header().to_string(), &{
        let mut claims = restored.claims(&tenant, "after-the-backup");
        claims["iat"] = (restored.now_secs() - 10).into();
        claims.to_string()
    });
    assert_eq!(restored.send(&old, &email("ada@acme.example")).await, 401);
    assert!(restored.is_active(acme, &ada).await);
    assert_eq!(restored.send(&token(&restored, &tenant, "new"), &email("ada@acme.example")).await, 204);
    assert!(!restored.is_active(acme, &ada).await);
}
