//! Sign-in at the simulated tenant, and what it signs.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven::dev::{
    keys::verified,
    okta::{OidcApp, Okta, SetShape, Status},
    webhook::Webhook,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;

pub const CALLBACK: &str = "http://127.0.0.1:8600/api/v1/sso/okta/oidc/callback";
const VERIFIER: &str = "a-verifier-that-is-longer-than-43-characters-long";

pub struct Tenant {
    pub sim: Sim<Okta>,
    pub app: OidcApp,
    pub client: Client,
}

pub async fn tenant() -> Tenant {
    let sim = start(Okta::new(clock()).unwrap()).await;
    sim.seed(&priya());
    sim.seed(&dana());
    let app = sim.with(|okta| okta.add_app(CALLBACK));
    let client = Client::new(sim.url());
    Tenant { sim, app, client }
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_not_for_long() {
    let tenant = tenant().await;
    let invite = |life_ms| {
        tenant.sim.with(|okta| okta.invite("dana@acme.test", "http://127.0.0.1:8600/start", life_ms)).unwrap()
    };
    assert_eq!(tenant.client.get(&invite(0)).await.status, 410, "it is too old");
    let link = invite(60_000);
    let opened = tenant.client.get(&link).await;
    assert_eq!((opened.status, opened.header("location")), (302, "http://127.0.0.1:8600/start"));
    assert_eq!(tenant.client.get(&link).await.status, 410, "it was used");
    let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
    let code = link.rsplit_once('/').unwrap().1;
    let with = async |cookie: &str| {
        let path = tenant.authorize(&[]);
        tenant.client.send_with("GET", &path, Body::None, &[("cookie", cookie)]).await.status
    };
    assert_eq!(with(&format!("sim_okta={code}")).await, 200, "the link is no cookie: who signs in?");
    assert_eq!(with(&cookie).await, 302, "nobody is asked");
    assert_eq!(with(&cookie).await, 200, "only once");
    assert!(tenant.sim.with(|okta| okta.invite("nobody@acme.test", "x", 1)).is_none());
}

impl Tenant {
    fn authorize(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &self.app.client_id),
            ("redirect_uri", CALLBACK),
            ("scope", "openid email profile"),
            ("state", "state-1"),
            ("nonce", "nonce-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for change in changes {
            pairs.retain(|(name, _)| *name != change.0);
            pairs.push(*change);
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("/oauth2/v1/authorize?{query}")
    }

    /// Where the browser is sent, taken apart.
    async fn sent_back(&self, path: &str) -> Vec<(String, String)> {
        let got = self.client.get(path).await;
        assert_eq!(got.status, 302, "{}", got.text);
        let (address, query) = got.header("location").split_once('?').unwrap();
        assert_eq!(address, CALLBACK);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    async fn code(&self) -> String {
        let id = self.sim.with(|okta| okta.user("dana@acme.test").unwrap().id.clone());
        let pairs = self.sent_back(&self.authorize(&[("sim_user", &id)])).await;
        assert_eq!(pairs[1], ("state".into(), "state-1".into()));
        pairs[0].1.clone()
    }

    async fn exchange(&self, code: &str, changes: &[(&'static str, &str)]) -> Got {
        let mut pairs = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
            ("client_id", self.app.client_id.clone()),
            ("client_secret", self.app.client_secret.clone()),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name, (*value).to_owned()));
        }
        self.client.form("/oauth2/v1/token", pairs).await
    }

    async fn published(&self) -> Vec<Value> {
        self.client.get("/oauth2/v1/keys").await.expect(200)["keys"].as_array().unwrap().clone()
    }

    async fn claims(&self, token: &str) -> Option<Value> {
        let keys = self.published().await;
        keys.into_iter().find_map(|key| Some(verified(token, &serde_json::from_value(key).unwrap())?.1))
    }
}

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let tenant = tenant().await;
    let found = tenant.client.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(found["issuer"], tenant.sim.url());
    assert_eq!(found.get("authorization_response_iss_parameter_supported"), None);
    let page = tenant.client.get(&tenant.authorize(&[("login_hint", "dana@acme.test")])).await;
    assert!(page.text.find("Dana Lee").unwrap() < page.text.find("Priya Rao").unwrap(), "{}", page.text);
    let got = tenant.exchange(&tenant.code().await, &[]).await.expect(200);
    assert_eq!(got.get("refresh_token"), None);
    let id_token = got["id_token"].as_str().unwrap();
    let claims = tenant.claims(id_token).await.unwrap();
    assert_eq!((&claims["iss"], &claims["nonce"]), (&json!(tenant.sim.url()), &json!("nonce-1")));
    assert_eq!((&claims["aud"], &claims["email"]), (&json!(tenant.app.client_id), &json!("dana@acme.test")));
    let info = tenant.client.bearer(got["access_token"].as_str().unwrap()).get("/oauth2/v1/userinfo").await;
    assert_eq!(info.expect(200)["sub"], claims["sub"]);
    assert_eq!(tenant.client.bearer("x").get("/oauth2/v1/userinfo").await.status, 401);
    tenant.sim.with(|okta| okta.apps[0].logout_uris.push("http://127.0.0.1:8600/login".into()));
    let out = format!(
        "/oauth2/v1/logout?id_token_hint={id_token}&post_logout_redirect_uri=http://127.0.0.1:8600/login"
    );
    assert_eq!(
        tenant.client.get(&format!("{out}&state=x")).await.header("location"),
        "http://127.0.0.1:8600/login?state=x"
    );
    assert_eq!(tenant.client.get(&format!("{out}/evil")).await.status, 400);
    assert_eq!(tenant.client.get("/oauth2/v1/logout?id_token_hint=x").await.status, 400);
    assert_eq!(tenant.sim.with(|okta| okta.user("dana@acme.test").unwrap().sessions), 0);
}

#[tokio::test]
async fn a_code_is_for_one_good_try() {
    let tenant = tenant().await;
    let wrong: [(&'static str, &str, u16, &str); 4] = [
        ("code_verifier", "another-verifier-that-is-longer-than-43-characters", 400, "invalid_grant"),
        ("redirect_uri", "http://127.0.0.1:8600/other", 400, "invalid_grant"),
        ("client_secret", "wrong", 401, "invalid_client"),
        ("grant_type", "password", 400, "unsupported_grant_type"),
    ];
    for (name, value, status, error) in wrong {
        let code = tenant.code().await;
        assert_eq!(tenant.exchange(&code, &[(name, value)]).await.expect(status)["error"], error, "{name}");
    }
    let code = tenant.code().await;
    tenant.exchange(&code, &[("code_verifier", "wrong")]).await.expect(400);
    tenant.exchange(&code, &[]).await.expect(400);
    let code = tenant.code().await;
    tenant.exchange(&code, &[]).await.expect(200);
    tenant.exchange(&code, &[]).await.expect(400);
}

#[tokio::test]
async fn authorization_requests_are_judged() {
    let tenant = tenant().await;
    for wrong in [("client_id", "0oaX"), ("redirect_uri", "http://evil.test/")] {
        assert_eq!(tenant.client.get(&tenant.authorize(&[wrong])).await.status, 400);
    }
    for (wrong, error) in [
        (("scope", "openid groups"), "invalid_scope"),
        (("scope", "openid offline_access"), "invalid_scope"),
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("state", "a b"), "invalid_request"),
        (("prompt", "none"), "login_required"),
    ] {
        let pairs = tenant.sent_back(&tenant.authorize(&[wrong])).await;
        assert!(pairs.contains(&("error".into(), error.into())), "{wrong:?}: {pairs:?}");
    }
    let hint = tenant.authorize(&[("login_hint", "dana@acme.test")]);
    tenant.client.post("/_sim/do/auto_pick", json!({ "on": true })).await.expect(200);
    assert_eq!(tenant.sent_back(&hint).await[0].0, "code");
    tenant.sim.with(|okta| okta.user_mut("dana@acme.test").unwrap().status = Status::Suspended);
    let pairs = tenant.sent_back(&hint).await;
    assert!(pairs.contains(&("error".into(), "access_denied".into())), "{pairs:?}");
}

#[tokio::test]
async fn keys_rotate() {
    let tenant = tenant().await;
    let before = tenant.sim.with(|okta| okta.sign("JWT", &json!({ "a": 1 })).unwrap());
    tenant.client.post("/_sim/do/rotate_keys", json!({})).await.expect(200);
    let after = tenant.sim.with(|okta| okta.sign("JWT", &json!({ "a": 2 })).unwrap());
    assert!(tenant.claims(&before).await.is_some() && tenant.claims(&after).await.is_some());
    assert_eq!(tenant.published().await.len(), 2);
    tenant.sim.with(|okta| okta.forget_old_keys());
    assert!(tenant.claims(&before).await.is_none() && tenant.claims(&after).await.is_some());
    let stray = tenant.sim.with(|okta| okta.sign_with_stray_key("JWT", &json!({})).unwrap());
    assert!(tenant.claims(&stray).await.is_none());
    tenant.client.post("/_sim/do/nothing", json!({})).await.expect(400);
}

#[tokio::test]
async fn logout_tokens_and_events_have_their_shapes() {
    let tenant = tenant().await;
    let audience = "https://api.ceven.test/api/v1/sso/okta/universal-logout";
    let token = tenant
        .sim
        .with(|okta| okta.universal_logout_token(&tenant.app.client_id, audience, 1_000_000).unwrap());
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.typ.as_deref(), header.kid), (Some("global-token-revocation+jwt"), None));
    let claims = tenant.claims(&token).await.unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!(tenant.app.client_id), &json!(audience)));
    assert_eq!(
        (&claims["exp"], &claims["nbf"], &claims["iat"]),
        (&json!(1_000_300), &json!(999_700), &json!(1_000_000))
    );
    let event = |shape| {
        tenant.sim.with(|okta| {
            okta.security_event_token("aud", "00u1", "session-revoked", shape, 1_000_000).unwrap()
        })
    };
    let kind = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    let old = tenant.claims(&event(SetShape::Okta)).await.unwrap();
    assert_eq!((old.get("sub_id"), &old["events"][kind]["subject"]["sub"]), (None, &json!("00u1")));
    assert_eq!(old["events"][kind]["event_timestamp"], 1_000_000_000);
    let new = tenant.claims(&event(SetShape::Final)).await.unwrap();
    assert_eq!(
        (&new["sub_id"]["sub"], &new["events"][kind]["event_timestamp"]),
        (&json!("00u1"), &json!(1_000_000))
    );
}

#[tokio::test]
async fn revocation_is_told_to_applications() {
    let tenant = tenant().await;
    let listener = start(Webhook::new(&SystemClock)).await;
    let url = format!("{}/hook", listener.url());
    tenant.sim.with(|okta| okta.apps[0].universal_logout_url = Some(url.clone()));
    tenant.client.post("/_sim/do/universal_logout", json!({ "email": "dana@acme.test" })).await.expect(200);
    for _ in 0..200 {
        if !tenant.sim.sent().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // The receiver is no application that takes logouts: it says 400, and the tenant has it written down.
    assert_eq!((tenant.sim.sent()[0].url.clone(), tenant.sim.sent()[0].status), (url, Some(400)));
    assert_eq!(listener.journal().len(), 1);
}
