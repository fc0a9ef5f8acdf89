//! Security events, in the shape of the standard and in Okta's older one.
use ceven::okta::OktaForm;
use serde_json::{Value, json};

use super::tenant::{CLIENT, Node, Tenant};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";

struct Receiver {
    node: Node,
    tenant: Tenant,
}

impl Receiver {
    fn claims(&self, jti: &str, event: &str, details: Value) -> Value {
        json!({ "iss": self.tenant.issuer, "jti": jti, "iat": self.node.now_secs(),
            "aud": format!("{}/api/v1/sso/okta/security-events", self.node.url), "events": { event: details } })
    }

    async fn push(&self, claims: &Value) -> (u16, String) {
        let header = json!({ "typ": "secevent+jwt", "alg": "RS256", "kid": "k1" });
        self.push_token(self.tenant.key.sign(&header.to_string(), &claims.to_string())).await
    }

    async fn push_token(&self, token: String) -> (u16, String) {
        let url = format!("{}/api/v1/sso/okta/security-events", self.node.url);
        let request = self.node.http.post(url).header("content-type", "application/secevent+jwt").body(token);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
        (status, body["err"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_sessions_and_only_a_disabled_account_deactivates() {
    let receiver = Receiver { node: Node::start().await, tenant: Tenant::start().await };
    let acme = receiver.node.organization("acme").await;
    receiver
        .node
        .connect(acme, &receiver.tenant, OktaForm { client_id: CLIENT.into(), ..OktaForm::default() })
        .await;
    let ada = receiver.node.user(acme, json!({ "userName": "ada@acme.example", "externalId": "00u1" })).await;
    let accepted = (202, String::new());
    let okta = json!({ "subject": { "format": "iss_sub", "iss": receiver.tenant.issuer, "sub": "00u1" },
        "event_timestamp": 1_799_999_999_000_i64, "reason_admin": { "en": "User logout from Okta" } });
    assert_eq!(receiver.push(&receiver.claims("a", SESSION_REVOKED, okta)).await, accepted);
    assert!(receiver.node.is_active(acme, &ada).await, "an ordinary sign-out also sends it");
    for (jti, event) in
        [("b", "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change"), ("c", DISABLED)]
    {
        let mut claims = receiver.claims(jti, event, json!({}));
        claims["sub_id"] = json!({ "format": "email", "email": "nobody@acme.example" });
        assert_eq!(receiver.push(&claims).await, accepted, "{event}");
    }
    let mut disabled = receiver.claims("d", DISABLED, json!({ "reason": "hijacking" }));
    disabled["sub_id"] = json!({ "user": { "format": "email", "email": "ada@acme.example" } });
    assert_eq!(receiver.push(&disabled).await, accepted);
    assert!(!receiver.node.is_active(acme, &ada).await);
    let seq = receiver.node.app.fresh(acme).await.unwrap().head().seq;
    assert_eq!(receiver.push(&disabled).await, accepted, "a second time, without effect");
    assert_eq!(receiver.node.app.fresh(acme).await.unwrap().head().seq, seq);
    let mut forged = disabled.clone();
    forged["aud"] = "https://other.example".into();
    assert_eq!(receiver.push(&forged).await.0, 400);
    let mut reasons = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let requests = receiver.node.app.store.latest_scim_requests(acme, 10).await.unwrap();
        reasons = requests
            .into_iter()
            .map(|request| (request.status, request.detail.unwrap_or_default()))
            .collect();
        if reasons.len() == 6 {
            break;
        }
    }
    reasons.sort();
    let wanted = [
        (202, "account-disabled: access has ended"),
        (202, "account-disabled: nobody here is meant"),
        (202, "account-disabled: nothing to do"),
        (202, "assurance-level-change: nothing to do"),
        (202, "session-revoked: access had ended already"),
        (400, "invalid_audience: The token is for someone else."),
    ];
    assert_eq!(reasons, wanted.map(|(status, text)| (status, text.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_security_event_is_told_so() {
    let receiver = Receiver { node: Node::start().await, tenant: Tenant::start().await };
    let acme = receiver.node.organization("acme").await;
    receiver
        .node
        .connect(acme, &receiver.tenant, OktaForm { client_id: CLIENT.into(), ..OktaForm::default() })
        .await;
    let good = receiver.claims("x", SESSION_REVOKED, json!({}));
    let two = json!({ SESSION_REVOKED: {}, DISABLED: {} });
    let cases = [
        ("exp", json!(receiver.node.now_secs() + 60), "invalid_request"),
        ("sub", json!("00u1"), "invalid_request"),
        ("events", two, "invalid_request"),
        ("events", json!({}), "invalid_request"),
        ("iat", json!(receiver.node.now_secs() + 301), "invalid_request"),
        ("iat", Value::Null, "invalid_request"),
        ("jti", Value::Null, "invalid_request"),
        ("aud", json!("https://other.example"), "invalid_audience"),
        ("iss", json!("https://other.okta.com"), "invalid_issuer"),
    ];
    for (name, value, err) in cases {
        let mut claims = good.clone();
        claims[name] = value.clone();
        assert_eq!(receiver.push(&claims).await, (400, err.to_owned()), "{name} {value}");
    }
    let mut differing =
        receiver.claims("y", SESSION_REVOKED, json!({ "subject": { "format": "opaque", "id": "1" } }));
    differing["sub_id"] = json!({ "format": "opaque", "id": "2" });
    assert_eq!(receiver.push(&differing).await, (400, "invalid_request".to_owned()));
    let stranger = Tenant::start().await;
    let header = json!({ "typ": "secevent+jwt", "alg": "RS256", "kid": "k1" }).to_string();
    let token = stranger.key.sign(&header, &good.to_string());
    assert_eq!(receiver.push_token(token).await, (400, "authentication_failed".to_owned()));
    let logout = json!({ "typ": "global-token-revocation+jwt", "alg": "RS256" }).to_string();
    let token = receiver.tenant.key.sign(&logout, &good.to_string());
    assert_eq!(receiver.push_token(token).await, (400, "invalid_request".to_owned()));
    assert_eq!(receiver.push_token("no token".to_owned()).await.0, 400);
    assert_eq!(receiver.push(&good).await.0, 202, "the refused ones have not used it up");
}
