//! Sign-in with Okta, from the start to the session.
use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven_actors::domain::okta::EmailPolicy;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    place::{Way, header, place, refused},
    tenant::{CLIENT, Tenant, TokenSays},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sign_in_creates_an_employee_and_the_next_one_finds_them() {
    let place = place(EmailPolicy::Notice).await;
    let way = place.start("org=acme&next=%2Fapp%2Fteam&login_hint=ada%40acme.example").await;
    let sent = |name: &str| way.sent[name].as_str();
    assert_eq!(
        (sent("client_id"), sent("response_type"), sent("code_challenge_method")),
        (CLIENT, "code", "S256")
    );
    assert_eq!((sent("scope"), sent("login_hint")), ("openid email profile", "ada@acme.example"));
    place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
    let (location, session) = place.come_back(&way, "").await;
    assert_eq!(location, format!("{}/app/team", place.node.url));
    let (authorization, form) = place.tenant.asked.lock().unwrap()[0].clone();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{CLIENT}:s%3Aecret%2F"));
    assert_eq!(authorization, format!("Basic {basic}"));
    let form: HashMap<_, _> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!((form["code"].as_str(), challenge.as_str()), ("c0de", sent("code_challenge")));
    let me = place.me(&session.unwrap()).await;
    assert_eq!((&me["role"], &me["email"]), (&json!("employee"), &json!("ada@acme.example")), "{me}");
    assert_eq!(place.users().await, 1);
    // The same person with another address is the same person.
    let (_, session) = place.sign_in("00u1", "ada.new@acme.example").await;
    assert_eq!(place.me(&session.unwrap()).await["id"], me["id"]);
    assert_eq!(place.users().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_linked_by_rules_and_never_by_address_alone() {
    let place = place(EmailPolicy::Notice).await;
    let by_id = place
        .node
        .user(
            place.acme,
            json!({ "userName": "ada@acme.example", "externalId": "00u1", "roles": [{ "value": "admin" }] }),
        )
        .await;
    let (_, session) = place.sign_in("00u1", "someone@else.example").await;
    let session = session.unwrap();
    let me = place.me(&session).await;
    assert_eq!((me["id"].as_str(), &me["role"]), (Some(by_id.as_str()), &json!("admin")), "{me}");
    // Their history has the sign-in, although the log knows them there by Okta's id.
    let page = place.page(&session, &format!("/app/team/{by_id}")).await;
    let history = page.split("<h2>History</h2>").nth(1).unwrap();
    assert!(history.contains("<code>session.start</code>") && history.contains("actor=00u1"), "{history}");
    // Another identity with the address of someone who is linked.
    refused(&place.sign_in("00u2", "ada@acme.example").await, "not_linked");
    // An address of the organization's own domain links to an employee, a foreign one to nobody.
    let gus = place.node.user(place.acme, json!({ "userName": "gus@acme.example" })).await;
    place.node.user(place.acme, json!({ "userName": "guest@gmail.example" })).await;
    refused(&place.sign_in("00u3", "guest@gmail.example").await, "not_linked");
    let (_, session) = place.sign_in("00u4", "gus@acme.example").await;
    assert_eq!(place.me(&session.unwrap()).await["id"].as_str(), Some(gus.as_str()));
    // An address that is not verified links to nobody with rights.
    place
        .node
        .user(place.acme, json!({ "userName": "boss@acme.example", "roles": [{ "value": "admin" }] }))
        .await;
    let way = place.start("org=acme").await;
    let mut claims = place.claims(&way, "00u5", "boss@acme.example");
    claims["email_verified"] = false.into();
    place.say(&header(), &claims);
    refused(&place.come_back(&way, "").await, "not_linked");
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_stay_out() {
    use ceven_actors::organization::message::Command;
    let place = place(EmailPolicy::Notice).await;
    let (_, session) = place.sign_in("00u1", "ada@acme.example").await;
    let session = session.unwrap();
    let id = place.me(&session).await["id"].as_str().unwrap().to_owned();
    let way = place.start("org=acme").await;
    place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
    // Offboarded between start and callback.
    let offboard = Command::Offboard { id: id.parse().unwrap(), options: std::sync::Arc::default() };
    place.node.app.execute(place.acme, offboard, place.node.app.operator()).await.unwrap();
    refused(&place.come_back(&way, "").await, "user_deactivated");
    assert_eq!(place.me(&session).await["status"], 401, "the session is over");
    let delete = Command::DeleteUser { id: id.parse().unwrap() };
    place.node.app.execute(place.acme, delete, place.node.app.operator()).await.unwrap();
    refused(&place.sign_in("00u1", "ada@acme.example").await, "user_deactivated");
    refused(&place.sign_in("00u9", "ada@acme.example").await, "user_deactivated");
    assert_eq!(place.users().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_address_is_noted_or_refused() {
    for (policy, code) in [(EmailPolicy::Notice, None), (EmailPolicy::Require, Some("okta_email_unverified"))]
    {
        let place = place(policy).await;
        let way = place.start("org=acme").await;
        let mut claims = place.claims(&way, "00u1", "ada@acme.example");
        claims.as_object_mut().unwrap().remove("email_verified");
        place.say(&header(), &claims);
        let result = place.come_back(&way, "").await;
        match code {
            Some(code) => refused(&result, code),
            None => assert!(result.1.is_some(), "{result:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_belong_elsewhere_sign_nobody_in() {
    let place = place(EmailPolicy::Notice).await;
    let good = |way: &Way| place.say(&header(), &place.claims(way, "00u1", "ada@acme.example"));
    let way = place.start("org=acme").await;
    good(&way);
    let stranger = Way { cookie: String::new(), sent: way.sent.clone() };
    refused(&place.come_back(&stranger, "").await, "expired");
    refused(&place.come_back(&way, "").await, "expired"); // The attempt is used up.
    let other = place.start("org=acme").await;
    let swapped = Way { cookie: other.cookie.clone(), sent: place.start("org=acme").await.sent };
    refused(&place.come_back(&swapped, "").await, "expired");
    refused(
        &place
            .come_back(&Way { sent: HashMap::from([("state".into(), "forged".into())]), ..other }, "")
            .await,
        "expired",
    );
    let way = place.start("org=acme").await;
    good(&way);
    refused(&place.come_back(&way, "&iss=https%3A%2F%2Fother.okta.com").await, "failed");
    let way = place.start("org=acme").await;
    refused(
        &place.come_back(&way, "&error=access_denied&error_description=%3Cscript%3E").await,
        "access_denied",
    );
    let way = place.start("org=acme").await;
    place.node.clock.advance_secs(601);
    good(&way);
    refused(&place.come_back(&way, "").await, "expired");
    let way = place.start("org=acme").await;
    good(&way);
    assert!(place.come_back(&way, &format!("&iss={}", place.tenant.issuer)).await.1.is_some());
    assert_eq!(place.users().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn id_tokens_that_do_not_fit_sign_nobody_in() {
    let place = place(EmailPolicy::Notice).await;
    let now = place.node.now_secs();
    let wrong = [
        ("nonce", Value::Null),
        ("nonce", "other".into()),
        ("iss", "https://other.okta.com".into()),
        ("aud", "0oaother".into()),
        ("aud", json!([CLIENT, "other"])),
        ("azp", "other".into()),
        ("exp", (now - 301).into()),
        ("iat", (now + 301).into()),
        ("iat", (now - 1_000).into()),
        ("sub", "".into()),
        ("sub", "x".repeat(256).into()),
    ];
    for (name, value) in wrong {
        let way = place.start("org=acme").await;
        let mut claims = place.claims(&way, "00u1", "ada@acme.example");
        claims[name] = value.clone();
        place.say(&header(), &claims);
        let result = place.come_back(&way, "").await;
        refused(&result, "failed");
    }
    for alg in ["none", "HS256", "PS256"] {
        let way = place.start("org=acme").await;
        let mut header = header();
        header["alg"] = alg.into();
        place.say(&header, &place.claims(&way, "00u1", "ada@acme.example"));
        refused(&place.come_back(&way, "").await, "failed");
    }
    for says in [TokenSays::Nothing, TokenSays::Status(400), TokenSays::Status(302), TokenSays::Hang] {
        let way = place.start("org=acme").await;
        *place.tenant.says.lock().unwrap() = says;
        refused(&place.come_back(&way, "").await, "failed");
    }
    let stranger = Tenant::start().await;
    let way = place.start("org=acme").await;
    let claims = place.claims(&way, "00u1", "ada@acme.example");
    *place.tenant.says.lock().unwrap() =
        TokenSays::IdToken(stranger.key.sign(&header().to_string(), &claims.to_string()));
    refused(&place.come_back(&way, "").await, "failed");
    assert_eq!(place.users().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_lead_to_a_known_tenant_or_nowhere() {
    let place = place(EmailPolicy::Notice).await;
    let (iss, fetches) = (place.tenant.issuer.clone(), place.tenant.fetches());
    for query in [
        "org=acme".to_owned(),
        "org=ACME".into(),
        "login_hint=ada%40acme.example".into(),
        format!("iss={iss}"),
    ] {
        place.start(&query).await;
    }
    let own = format!("{}/app/audit", place.node.url);
    let query = format!("org=acme&target_link_uri={own}");
    let way = place.start(&query).await;
    place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
    assert_eq!(place.come_back(&way, "").await.0, own);
    for target in [
        "//evil",
        "https:evil",
        "\\evil",
        "/\\evil",
        "https://x@evil",
        "data:text/html,x",
        "/app%0d%0aset-cookie:x",
        "https://evil/app",
    ] {
        for name in ["next", "target_link_uri"] {
            let mut query = form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair("org", "acme").append_pair(name, target).finish();
            let way = place.start(&query).await;
            place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
            assert_eq!(
                place.come_back(&way, "").await.0,
                format!("{}/app", place.node.url),
                "{name} {target}"
            );
        }
    }
    for query in [
        "",
        "org=nobody",
        "login_hint=ada%40elsewhere.example",
        "login_hint=ada",
        "iss=http%3A%2F%2F169.254.169.254",
        "iss=https%3A%2F%2Fevil.example",
    ] {
        let (status, location, _) = place.get(&format!("start?{query}"), "").await;
        assert_eq!(
            (status, location.as_str()),
            (302, &*format!("{}/login?okta_sso_error=unknown_organization", place.node.url)),
            "{query}"
        );
    }
    let slash = format!("start?iss={iss}/");
    let (_, location, _) = place.get(&slash, "").await;
    assert!(location.ends_with("/login?okta_sso_error=unknown_organization"), "character by character");
    assert_eq!(place.tenant.fetches(), fetches + 1, "the keys, once");
}
