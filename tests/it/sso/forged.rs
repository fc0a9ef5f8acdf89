//! Every forged logout token is refused, and leads to no request of ours to wherever it points.
use std::collections::BTreeMap;

use aws_lc_rs::{hmac, rsa::KeySize};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven::okta::OktaForm;
use serde_json::{Value, json};

use super::tenant::{CLIENT, Key, Node, Tenant, email, header};

fn with(mut value: Value, name: &str, new: Value) -> String {
    value[name] = new;
    value.to_string()
}

fn without(mut value: Value, name: &str) -> String {
    value.as_object_mut().unwrap().remove(name);
    value.to_string()
}

/// Tokens by what is wrong with them.
fn forged(node: &Node, tenant: &Tenant, stranger: &Tenant) -> BTreeMap<String, String> {
    let (key, good) = (&tenant.key, node.claims(tenant, "forged"));
    let (plain, now) = (header().to_string(), node.now_secs());
    let mut tokens = BTreeMap::new();
    let mut add =
        |name: &str, token: String| assert!(tokens.insert(name.to_owned(), token).is_none(), "{name}");
    for alg in ["none", "None", "nOnE", "HS256", "PS256", "RS512", "ES256", "RS384", "rs256", ""] {
        add(&format!("alg {alg}"), key.sign(&with(header(), "alg", alg.into()), &good.to_string()));
    }
    add("no alg", key.sign(&without(header(), "alg"), &good.to_string()));
    let signed = key.sign(&plain, &good.to_string());
    let (message, signature) = signed.rsplit_once('.').unwrap();
    add("no signature", format!("{message}."));
    add("padding", format!("{signed}="));
    add("four parts", format!("{signed}.x"));
    add("five parts", format!("{signed}.x.y"));
    add("two parts", message.to_owned());
    add("standard base64", format!("{message}.{}", signature.replace(['-', '_'], "+")) + "/");
    add("other signature", format!("{message}.{}", URL_SAFE_NO_PAD.encode([1; 256])));
    add("stranger's key", stranger.key.sign(&plain, &good.to_string()));
    let hs256 = with(header(), "alg", "HS256".into());
    let to_sign = format!("{}.{}", URL_SAFE_NO_PAD.encode(hs256), URL_SAFE_NO_PAD.encode(good.to_string()));
    let n = key.jwk("k1")["n"].as_str().unwrap().to_owned();
    for (name, secret) in
        [("der", key.public_der()), ("modulus", n.into_bytes()), ("secret", b"secret".to_vec())]
    {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), to_sign.as_bytes());
        add(&format!("hmac by {name}"), format!("{to_sign}.{}", URL_SAFE_NO_PAD.encode(tag)));
    }
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("b64", false.into()),
        ("zip", "DEF".into()),
        ("kid", "../../etc/passwd".into()),
        ("kid", "' OR 1=1 --".into()),
        ("kid", 7.into()),
        ("typ", "JWT".into()),
        ("typ", "secevent+jwt".into()),
        ("typ", "logout+jwt".into()),
        ("typ", "application/logout+jwt".into()),
        ("typ", "application/".into()),
        ("typ", Value::Null),
    ] {
        add(&format!("header {name} {value}"), key.sign(&with(header(), name, value), &good.to_string()));
    }
    add("no typ", key.sign(&without(header(), "typ"), &good.to_string()));
    let jku = format!("{}/oauth2/v1/keys", stranger.issuer);
    for (name, value) in [
        ("jku", jku.clone().into()),
        ("x5u", jku.into()),
        ("jwk", stranger.key.jwk("k1")),
        ("x5c", json!(["MII"])),
    ] {
        add(&format!("own {name}"), stranger.key.sign(&with(header(), name, value), &good.to_string()));
    }
    add("twice in header", key.sign(&plain.replacen('{', r#"{"alg":"none","#, 1), &good.to_string()));
    add("twice in claims", key.sign(&plain, &good.to_string().replacen('{', r#"{"jti":"x","#, 1)));
    add("claims no object", key.sign(&plain, "[]"));
    add("claims no JSON", key.sign(&plain, "{"));
    add("deep claims", key.sign(&plain, &format!("{{\"x\":{}1{}}}", "[".repeat(300), "]".repeat(300))));
    add("too long", key.sign(&plain, &with(good.clone(), "x", "x".repeat(17_000).into())));
    let audience = node.audience();
    let issuer = &tenant.issuer;
    let wrong: Vec<(&str, Value)> = vec![
        ("iss", format!("{issuer}/").into()),
        ("iss", format!("{issuer}/oauth2/default").into()),
        ("iss", json!([issuer])),
        ("iss", "http://169.254.169.254".into()),
        ("iss", stranger.issuer.clone().into()),
        ("iss", Value::Null),
        ("sub", "0oaother".into()),
        ("sub", "ada@acme.example".into()),
        ("sub", Value::Null),
        ("sub", json!([CLIENT])),
        ("aud", format!("{audience}/").into()),
        ("aud", format!("{audience}?x=1").into()),
        ("aud", CLIENT.into()),
        ("aud", json!([])),
        ("aud", json!([audience, "https://other.example"])),
        ("aud", Value::Null),
        ("aud", audience.replace("127.0.0.1", "127.0.0.1.evil.example").into()),
        ("aud", audience.replace("http", "https").into()),
        ("exp", Value::Null),
        ("exp", "1".into()),
        ("exp", (now - 300).into()),
        ("exp", (now + 601).into()),
        ("exp", (-1).into()),
        ("iat", Value::Null),
        ("iat", (now + 301).into()),
        ("iat", (-1).into()),
        ("iat", (now * 1_000).into()),
        ("iat", "now".into()),
        ("nbf", (now + 301).into()),
        ("nbf", "x".into()),
        ("jti", Value::Null),
        ("jti", "".into()),
        ("jti", 7.into()),
        ("jti", "x".repeat(256).into()),
        ("jti", "a\0b".into()),
    ];
    for (name, value) in wrong {
        add(&format!("{name} {value}"), key.sign(&plain, &with(good.clone(), name, value)));
    }
    add("exp 1e400", key.sign(&plain, &good.to_string().replace(&(now + 300).to_string(), "1e400")));
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused_and_touch_nothing() {
    let (node, tenant, stranger) = (Node::start().await, Tenant::start().await, Tenant::start().await);
    let acme = node.organization("acme").await;
    let form = || OktaForm { client_id: CLIENT.into(), ..OktaForm::default() };
    node.connect(acme, &tenant, form()).await;
    let ada = node.user(acme, json!({ "userName": "ada@acme.example" })).await;
    let strangers = stranger.fetches();
    let mut bodies = std::collections::BTreeSet::new();
    let tokens = forged(&node, &tenant, &stranger);
    assert!(tokens.len() > 70, "{}", tokens.len());
    for (what, token) in &tokens {
        let request =
            node.http.post(node.audience()).bearer_auth(token).body(email("ada@acme.example").to_string());
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{what}");
        bodies.insert(answer.text().await.unwrap());
    }
    assert_eq!(bodies.len(), 1, "refusals look the same");
    assert!(node.is_active(acme, &ada).await);
    assert_eq!(stranger.fetches(), strangers, "nobody is asked who is not connected");
    let good = tenant.key.sign(&header().to_string(), &node.claims(&tenant, "forged").to_string());
    assert_eq!(node.send(&good, &email("ada@acme.example")).await, 204, "no forged one has used the jti up");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_at_the_edge_are_taken() {
    let (node, tenant) = (Node::start().await, Tenant::start().await);
    let acme = node.organization("acme").await;
    node.connect(acme, &tenant, OktaForm { client_id: CLIENT.into(), ..OktaForm::default() }).await;
    let now = node.now_secs();
    for (number, (iat, exp)) in
        [(now + 299, now + 599), (now - 599, now - 299), (now, now + 300)].into_iter().enumerate()
    {
        let mut claims = node.claims(&tenant, &format!("j{number}"));
        (claims["iat"], claims["exp"]) = (iat.into(), exp.into());
        claims["aud"] = json!([node.audience()]);
        claims.as_object_mut().unwrap().remove("nbf");
        let token = tenant.key.sign(&header().to_string(), &claims.to_string());
        assert_eq!(node.send(&token, &email("nobody@acme.example")).await, 404, "{iat} {exp}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_no_use_are_not_used() {
    let (node, tenant) = (Node::start().await, Tenant::start().await);
    let acme = node.organization("acme").await;
    node.connect(acme, &tenant, OktaForm { client_id: CLIENT.into(), ..OktaForm::default() }).await;
    let good = Key::new(KeySize::Rsa2048).jwk("good");
    let mut cases = Vec::new();
    for (name, value) in [("use", "enc"), ("kty", "oct"), ("alg", "PS256"), ("n", "AQAB")] {
        let mut jwk = tenant.key.jwk("k1");
        jwk[name] = value.into();
        cases.push(jwk);
    }
    for (number, jwk) in cases.into_iter().enumerate() {
        *tenant.jwks.lock().unwrap() = json!({ "keys": [good, jwk] });
        node.clock.advance_secs(4_000);
        let token =
            tenant.key.sign(&header().to_string(), &node.claims(&tenant, &format!("j{number}")).to_string());
        assert_eq!(node.send(&token, &email("nobody@acme.example")).await, 401, "{jwk}");
    }
}
