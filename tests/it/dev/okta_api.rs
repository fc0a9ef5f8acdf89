//! The tenant's management API, by both ways in.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven::dev::{keys::SigningKey, okta::ServiceApp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    okta::{Tenant, tenant},
    *,
};

async fn admin() -> (Tenant, Client, String) {
    let tenant = tenant().await;
    let token = tenant.sim.with(|okta| okta.api_token.clone());
    let api = tenant.client.with(&format!("SSWS {token}"));
    let id = tenant.sim.with(|okta| okta.user("dana@acme.test").unwrap().id.clone());
    (tenant, api, id)
}

#[tokio::test]
async fn people_are_found() {
    let (_tenant, api, id) = admin().await;
    for key in [id.as_str(), "dana@acme.test", "DANA%40acme.test"] {
        assert_eq!(api.get(&format!("/api/v1/users/{key}")).await.expect(200)["id"], id);
    }
    let search = "/api/v1/users?search=profile.email%20eq%20%22Dana%40acme.test%22";
    assert_eq!(api.get(search).await.expect(200)[0]["profile"]["login"], "dana@acme.test");
    let filter = "/api/v1/users?filter=profile.login%20eq%20%22Dana%40acme.test%22";
    assert_eq!(api.get(filter).await.expect(200), json!([]), "a filter counts case");
    assert_eq!(
        api.get("/api/v1/users?search=profile.email%20co%20%22d%22").await.expect(400)["errorCode"],
        "E0000001"
    );
    assert_eq!(api.get("/api/v1/users/me").await.expect(200)["profile"]["email"], "priya@acme.test");
    let page = api.get("/api/v1/users?limit=1").await;
    assert!(page.header("link").contains("after=1"), "{page:?}");
    let missing = api.get("/api/v1/users/00uX").await;
    assert_eq!(missing.expect(404)["errorCode"], "E0000007");
    assert!(missing.header("x-rate-limit-reset").parse::<i64>().unwrap() >= now());
}

#[tokio::test]
async fn a_leaver_is_suspended_then_deactivated() {
    let (tenant, api, id) = admin().await;
    let user = format!("/api/v1/users/{id}");
    let life = async |verb: &str| api.call("POST", &format!("{user}/lifecycle/{verb}"), Body::None).await;
    life("suspend").await.expect(200);
    assert_eq!(life("suspend").await.expect(400)["errorCode"], "E0000001");
    assert!(tenant.sim.with(|okta| okta.downstream.contains_key(&id)), "suspension keeps the accounts");
    let revoke = |id: &str| json!({ "sub_id": { "format": "opaque", "id": id } });
    api.post("/oauth2/v1/global-token-revocation", revoke(&id)).await.expect(204);
    assert_eq!(
        api.post("/oauth2/v1/global-token-revocation", revoke("00uX")).await.expect(400)["errorCode"],
        "E0000001"
    );
    api.delete(&format!("{user}/sessions?oauthTokens=true")).await.expect(204);
    api.delete("/api/v1/users/dana@acme.test/sessions").await.expect(404);
    api.delete(&format!("{user}/grants")).await.expect(204);
    api.delete(&format!("{user}/clients/{}/tokens", tenant.app.client_id)).await.expect(204);
    let state = tenant.sim.state()["users"][1].clone();
    assert_eq!(
        (&state["status"], &state["sessions"], &state["grants"]),
        (&json!("SUSPENDED"), &json!(0), &json!(0))
    );
    life("unsuspend").await.expect(200);
    life("unsuspend").await.expect(400);
    assert_eq!(life("activate").await.expect(403)["errorCode"], "E0000016");
    life("deactivate?sendEmail=false").await.expect(200);
    assert_eq!(life("deactivate").await.expect(403)["errorCode"], "E0000038");
    assert!(!tenant.sim.with(|okta| okta.downstream.contains_key(&id)), "deactivation removes them");
    assert_eq!(api.get("/api/v1/users").await.expect(200).as_array().unwrap().len(), 1);
    life("activate").await.expect(200);
    tenant.sim.with(|okta| okta.has_universal_logout = false);
    assert_eq!(
        api.post("/oauth2/v1/global-token-revocation", revoke(&id)).await.expect(403)["errorCode"],
        "E0000006"
    );
}

fn assertion(tenant: &Tenant, key: &SigningKey, change: &[(&str, Value)]) -> String {
    let mut claims = json!({ "iss": "0oaSvc", "sub": "0oaSvc", "aud": format!("{}/oauth2/v1/token", tenant.sim.url()),
        "exp": now() + 300, "iat": now(), "jti": clock().new_id().to_string() });
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    jwt(key.pem(), &claims)
}

fn grant(assertion: String, scope: &str) -> Body {
    Body::Form(vec![
        ("grant_type", "client_credentials".into()),
        ("scope", scope.into()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
        ("client_assertion", assertion),
    ])
}

async fn with_service(needs_dpop: bool) -> (Tenant, SigningKey, String) {
    let (tenant, _, id) = admin().await;
    let key = SigningKey::generate("svc").unwrap();
    let app = ServiceApp {
        client_id: "0oaSvc".into(),
        key: key.public().clone(),
        granted: vec!["okta.users.read".into(), "okta.users.manage".into()],
        needs_dpop,
    };
    tenant.sim.with(|okta| okta.services.push(app));
    (tenant, key, id)
}

#[tokio::test]
async fn a_service_application_signs_in() {
    let (tenant, key, id) = with_service(false).await;
    let ask = async |assertion, scope| {
        tenant.client.call("POST", "/oauth2/v1/token", grant(assertion, scope)).await
    };
    let got = ask(assertion(&tenant, &key, &[]), "okta.users.read").await.expect(200);
    assert_eq!((&got["token_type"], &got["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let api = tenant.client.bearer(got["access_token"].as_str().unwrap());
    api.get(&format!("/api/v1/users/{id}")).await.expect(200);
    let refused = api.call("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"), Body::None).await;
    assert_eq!(refused.expect(403)["errorCode"], "E0000006");
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    for change in
        [("aud", json!("x")), ("sub", json!("0oaX")), ("exp", json!(now() - 1)), ("exp", json!(now() + 9999))]
    {
        let got = ask(assertion(&tenant, &key, &[change]), "okta.users.read").await;
        assert_eq!(got.expect(401)["error"], "invalid_client");
    }
    let twice = assertion(&tenant, &key, &[]);
    ask(twice.clone(), "okta.users.read").await.expect(200);
    ask(twice, "okta.users.read").await.expect(401);
    let other = SigningKey::generate("other").unwrap();
    ask(assertion(&tenant, &other, &[]), "okta.users.read").await.expect(401);
    let refused = ask(assertion(&tenant, &key, &[]), "okta.universalLogout.manage").await;
    assert_eq!(refused.expect(400)["error"], "invalid_scope");
}

#[tokio::test]
async fn tokens_are_bound_when_the_admin_asks_for_it() {
    let (tenant, key, id) = with_service(true).await;
    let holder = SigningKey::generate("holder").unwrap();
    let url = tenant.sim.url().to_owned();
    let proof = |method: &str, path: &str, more: Value| {
        let mut claims = json!({ "htm": method, "htu": format!("{url}{path}"), "iat": now(), "jti": clock().new_id().to_string() });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut header = holder.header("dpop+jwt");
        header.kid = None;
        header.jwk = Some(holder.public().clone());
        holder.sign(&header, &claims).unwrap()
    };
    let ask = async |proof: Option<String>| {
        let headers: Vec<(&str, &str)> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
        let body = grant(assertion(&tenant, &key, &[]), "okta.users.read");
        tenant.client.send_with("POST", "/oauth2/v1/token", body, &headers).await
    };
    assert_eq!(ask(None).await.expect(400)["error"], "invalid_dpop_proof");
    let first = ask(Some(proof("POST", "/oauth2/v1/token", json!({})))).await;
    assert_eq!(first.expect(400)["error"], "use_dpop_nonce");
    let nonce = first.header("dpop-nonce").to_owned();
    let got = ask(Some(proof("POST", "/oauth2/v1/token", json!({ "nonce": nonce })))).await.expect(200);
    assert_eq!(got["token_type"], "DPoP");
    let token = got["access_token"].as_str().unwrap();
    let path = format!("/api/v1/users/{id}");
    let bound = tenant.client.with(&format!("DPoP {token}"));
    let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
    let good = proof("GET", &path, json!({ "ath": ath }));
    bound.send_with("GET", &path, Body::None, &[("dpop", &good)]).await.expect(200);
    bound.send_with("GET", &path, Body::None, &[("dpop", &good)]).await.expect(401);
    let other = proof("GET", "/api/v1/users", json!({ "ath": ath }));
    bound.send_with("GET", &path, Body::None, &[("dpop", &other)]).await.expect(401);
    tenant.client.bearer(token).get(&path).await.expect(401);
}

#[tokio::test]
async fn refusals_are_oktas() {
    let (tenant, api, id) = admin().await;
    assert_eq!(tenant.client.get("/api/v1/users").await.expect(401)["errorCode"], "E0000011");
    assert_eq!(tenant.client.with("SSWS x").get("/api/v1/users").await.expect(401)["errorCode"], "E0000011");
    assert_eq!(api.get("/api/v1/apps").await.expect(404)["errorCode"], "E0000007");
    assert_eq!(
        api.call("PUT", &format!("/api/v1/users/{id}"), Body::None).await.expect(405)["errorCode"],
        "E0000022"
    );
    let got = api.form("/oauth2/v1/global-token-revocation", vec![]).await;
    assert_eq!(got.expect(400)["errorCode"], "E0000001");
    assert_eq!(
        tenant.client.post("/oauth2/v1/token", json!({})).await.expect(400)["error"],
        "invalid_request"
    );
    tenant.sim.set_faults(vec![ceven::dev::Fault::once(ceven::dev::Kind::Status {
        status: 429,
        reset_secs: Some(9),
    })]);
    let limited = api.get("/api/v1/users").await;
    assert_eq!(limited.expect(429)["errorCode"], "E0000047");
    assert_eq!((limited.header("x-rate-limit-remaining"), limited.header("retry-after")), ("0", ""));
}
