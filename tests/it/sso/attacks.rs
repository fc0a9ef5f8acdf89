//! Attacks that need more than a forged token: other tenants, a tenant or a database in trouble, floods, slow bodies.
use ceven::okta::OktaForm;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    logout::{connected, form, token},
    processes::{self, hold_up},
    tenant::{Keys, Tenant, email, header},
};
use crate::{
    on_each_database,
    support::{Database, Server},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_never_speak_for_each_other() {
    let (node, one, acme) = connected().await;
    let (two, globex) = (Tenant::start().await, node.organization("globex").await);
    node.connect(globex, &two, form()).await;
    let ada = node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let gus = node.user(globex, json!({ "userName": "gus@globex.example" })).await;
    // The issuer of one, signed with the key of the other.
    let crossed = one.key.sign(&header().to_string(), &node.claims(&two, "x").to_string());
    for body in [email("ada@acme.example"), email("gus@globex.example")] {
        assert_eq!(node.send(&crossed, &body).await, 401);
    }
    // A good token of one that names a person of the other: the same answer as for nobody, to the letter.
    let mut answers = Vec::new();
    for (jti, name) in [("a", "ada@acme.example"), ("b", "nobody@globex.example")] {
        let request = node.http.post(node.audience()).bearer_auth(token(&node, &two, jti));
        let request = request.header("content-type", "application/json").body(email(name).to_string());
        let answer = request.send().await.unwrap();
        answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    assert_eq!((answers[0].0, &answers[0]), (404, &answers[1]));
    assert!(node.is_active(acme, &ada).await && node.is_active(globex, &gus).await);
    // The same jti of another issuer is another token.
    assert_eq!(node.send(&token(&node, &one, "same"), &email("ada@acme.example")).await, 204);
    assert_eq!(node.send(&token(&node, &two, "same"), &email("gus@globex.example")).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_keys_a_logout_may_come_again() {
    let (node, tenant, acme) = connected().await;
    node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let node = node.restart().await;
    for trouble in [
        Keys::Status(500),
        Keys::Body(b"<html>".to_vec()),
        Keys::Body(br#"{"keys":[]}"#.to_vec()),
        Keys::Body(vec![b'x'; 10 << 20]),
        Keys::Redirect(format!("{}/oauth2/v1/keys", tenant.issuer)),
        Keys::Hang,
    ] {
        node.clock.advance_secs(31);
        tenant.answer(trouble.clone());
        let begun = std::time::Instant::now();
        assert_eq!(
            node.send(&token(&node, &tenant, "again"), &email("ada@acme.example")).await,
            503,
            "{trouble:?}"
        );
        assert!(begun.elapsed().as_secs() < 10, "the issuer has a second");
    }
    node.clock.advance_secs(31);
    tenant.answer(Keys::Normal);
    let again = node.send(&token(&node, &tenant, "again"), &email("ada@acme.example")).await;
    assert_eq!(again, 204, "nothing was used up");
}

/// Somebody invents key ids while the tenant does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_known_key_never_waits_for_an_invented_one() {
    let (node, tenant, acme) = connected().await;
    let node = std::sync::Arc::new(node);
    node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let sign = |kid: &str, jti: &str| {
        let mut header = header();
        header["kid"] = kid.into();
        tenant.key.sign(&header.to_string(), &node.claims(&tenant, jti).to_string())
    };
    let body = email("ada@acme.example");
    assert_eq!(node.send(&sign("k1", "first"), &body).await, 204);
    tenant.answer(Keys::Hang);
    let mut was_first = false;
    // On a machine that stands still for a second the fetch may end first; not each time.
    for round in 0..10 {
        node.clock.advance_secs(31);
        let (fetches, invented) = (tenant.fetches(), sign("k9", &format!("bad {round}")));
        let (other, wanted) = (node.clone(), body.clone());
        let waiting = tokio::spawn(async move { other.send(&invented, &wanted).await });
        while tenant.fetches() == fetches {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        assert_eq!(node.send(&sign("k1", &format!("good {round}")), &body).await, 204);
        was_first = !waiting.is_finished();
        assert_eq!(waiting.await.unwrap(), 503, "it may be a new key");
        if was_first {
            break;
        }
    }
    assert!(was_first, "good tokens wait for a fetch that is none of theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_not_waited_for_and_uses_nothing_up() {
    let (node, tenant, acme) = connected().await;
    node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let token = token(&node, &tenant, "slow");
    let mut stream = tokio::net::TcpStream::connect(node.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1/sso/okta/universal-logout HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(node.send(&token, &email("ada@acme.example")).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tokens_slow_down_their_own_address_only() {
    let mut server = Server::start(Database::Sqlite).await;
    let (tenant, scim) = processes::acme(&mut server).await;
    let settings = [
        ("CEVEN_SECURITY__TRUSTED_PROXIES", "127.0.0.0/8"),
        ("CEVEN_REVOCATION__BAD_TOKENS_PER_ADDRESS", "5"),
    ];
    server.restart_with(&settings).await;
    scim.user("ada@acme.example").await;
    let from = async |address: &str, token: &str| {
        let url = format!("http://127.0.0.1:{}/api/v1/sso/okta/universal-logout", server.port);
        let request = scim.http.post(url).bearer_auth(token).header("x-forwarded-for", address);
        let request = request.header("content-type", "application/json");
        let answer = request.body(email("ada@acme.example").to_string()).send().await.unwrap();
        let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), wait)
    };
    let token = processes::token(&server, &tenant, "good");
    let bad = format!("{}AAAA", &token[..token.len() - 4]);
    for _ in 0..5 {
        assert_eq!(from("198.51.100.1", &bad).await.0, 401);
    }
    // Okta sends for all its customers from the same addresses: what is wrong at one of them harms no other.
    let other = Tenant::start().await;
    let stray = processes::token(&server, &other, "of a tenant that nobody is connected to");
    let waits = |(status, wait): (u16, Option<String>)| {
        assert!(wait.is_none_or(|secs| secs.parse::<u32>().is_ok_and(|secs| secs > 0)));
        status == 429
    };
    let (status, wait) = from("198.51.100.1", &token).await;
    assert!(wait.is_some() && waits((status, wait)), "a good token of that address waits, too: {status}");
    for number in 0..8 {
        assert_eq!(waits(from("198.51.100.3", &stray).await), number >= 5, "{number}");
    }
    let good = processes::token(&server, &tenant, "beside strays");
    assert_eq!(from("198.51.100.3", &good).await.0, 204, "strays are not this organization's");
    assert_eq!(from("198.51.100.2", &token).await.0, 204, "nothing of it was used up");
    // Whoever is told to wait fills no log, however often they come.
    for _ in 0..10 {
        assert!(waits(from("198.51.100.1", &bad).await));
    }
    let begun = std::time::Instant::now();
    while server.rows("scim_requests", "status = 429").await == 0 {
        assert!(begun.elapsed().as_secs() < 30);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let rows = server.rows("scim_requests", "status = 429").await;
    assert!(rows <= 2, "{rows} rows: one a minute");
    for number in 0..20 {
        let token = processes::token(&server, &tenant, &format!("good {number}"));
        assert_eq!(from("198.51.100.2", &token).await.0, 204, "good ones are not counted");
    }
}

on_each_database!(a_database_in_trouble_gives_the_token_back);

async fn a_database_in_trouble_gives_the_token_back(mut server: Server) {
    let (tenant, scim) = processes::acme(&mut server).await;
    let ada = scim.user("ada@acme.example").await;
    let token = processes::token(&server, &tenant, "once");
    let held = hold_up(&server).await;
    let body = email("ada@acme.example");
    // Who hangs up first has used nothing up either.
    let url = format!("http://127.0.0.1:{}/api/v1/sso/okta/universal-logout", server.port);
    let hanging = scim.http.post(url).bearer_auth(&token).header("content-type", "application/json");
    let hanging = hanging.timeout(std::time::Duration::from_millis(300)).body(body.to_string());
    assert!(hanging.send().await.is_err_and(|error| error.is_timeout()));
    assert_eq!(processes::send(&server, &token, &body).await, Some(503));
    held.rollback().await.unwrap();
    // What had the database's answer unknown restarts from what is stored.
    let mut answer = Some(503);
    for _ in 0..100 {
        answer = processes::send(&server, &token, &body).await;
        if answer != Some(503) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(answer, Some(204), "Okta's resend works");
    assert_eq!(processes::send(&server, &token, &body).await, Some(401));
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["active"], false);
    assert_eq!(server.rows("used_tokens", "1 = 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_every_organization_of_its_tenant() {
    let (node, tenant, acme) = connected().await;
    let globex = node.organization("globex").await;
    node.connect(globex, &tenant, OktaForm { client_id: "0oaother".into(), ..form() }).await;
    let mut people = Vec::new();
    for (organization, name) in [(acme, "ada@acme.example"), (globex, "gus@globex.example")] {
        people.push((organization, node.user(organization, json!({ "userName": name })).await, name));
    }
    let url = format!("{}/api/v1/sso/okta/security-events", node.url);
    let push = async |jti: &str, subject: serde_json::Value, event: &str, details: serde_json::Value| {
        let claims = json!({ "iss": tenant.issuer, "jti": jti, "iat": node.now_secs(), "aud": url, "sub_id": subject,
            "events": { event: details } });
        let typ = json!({ "typ": "secevent+jwt", "alg": "RS256" });
        let token = tenant.key.sign(&typ.to_string(), &claims.to_string());
        let request = node.http.post(&url).header("content-type", "application/secevent+jwt").body(token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    for (organization, id, name) in &people {
        let subject = json!({ "format": "email", "email": name });
        assert_eq!(push(name, subject, disabled, json!({})).await.0, 202);
        assert!(!node.is_active(*organization, id).await, "{name}");
    }
    // A state that nobody has asked for is refused, by all of them.
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let stream = json!({ "format": "opaque", "id": "esc1" });
    for _ in 0..2 {
        let (status, said) = push("v1", stream.clone(), verification, json!({ "state": "x" })).await;
        assert!(status == 400 && said.contains("invalid_state"), "{said}");
    }
    assert_eq!(push("v2", stream, verification, json!({})).await.0, 202, "an unsolicited one has none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_any_signature_is_none() {
    let (node, tenant, acme) = connected().await;
    let ada = node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    for alg in ["none", "None", "NONE", "RS256"] {
        let mut header = header();
        header["alg"] = alg.into();
        let signed = tenant.key.sign(&header.to_string(), &node.claims(&tenant, "none").to_string());
        let (message, _) = signed.rsplit_once('.').unwrap();
        assert_eq!(node.send(&format!("{message}."), &email("ada@acme.example")).await, 401, "{alg}");
    }
    assert!(node.is_active(acme, &ada).await);
}
