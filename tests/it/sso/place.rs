//! A browser at a node that an organization has connected to a tenant.
use std::collections::HashMap;

use ceven::okta::OktaForm;
use ceven_actors::domain::{id::OrganizationId, okta::EmailPolicy};
use serde_json::{Value, json};

use super::tenant::{CLIENT, Node, Tenant, TokenSays};

/// A browser on its way.
pub struct Way {
    pub cookie: String,
    pub sent: HashMap<String, String>,
}

pub struct Place {
    pub node: Node,
    pub tenant: Tenant,
    pub acme: OrganizationId,
}

pub async fn place(policy: EmailPolicy) -> Place {
    let (node, tenant) = (Node::start().await, Tenant::start().await);
    let acme = node.organization("acme").await;
    let form = OktaForm {
        client_id: CLIENT.into(),
        client_secret: Some("s:ecret/".into()),
        email_verified: policy,
        ..OktaForm::default()
    };
    node.connect(acme, &tenant, form).await;
    Place { node, tenant, acme }
}

impl Place {
    pub async fn get(&self, path: &str, cookie: &str) -> (u16, String, Vec<String>) {
        let url = format!("{}/api/v1/sso/okta/oidc/{path}", self.node.url);
        let answer = self.node.http.get(url).header("cookie", cookie).send().await.unwrap();
        let header = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
        let location = answer.headers().get("location").map(header).unwrap_or_default();
        let cookies = answer.headers().get_all("set-cookie").iter().map(header).collect();
        (answer.status().as_u16(), location, cookies)
    }

    pub async fn start(&self, query: &str) -> Way {
        let (status, location, cookies) = self.get(&format!("start?{query}"), "").await;
        assert_eq!(status, 302, "{location}");
        let (endpoint, query) = location.split_once('?').unwrap_or_else(|| panic!("{location}"));
        assert_eq!(endpoint, format!("{}/oauth2/v1/authorize", self.tenant.issuer), "{location}");
        let sent = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let cookie = &cookies[0];
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        Way { cookie: cookie.split(';').next().unwrap().to_owned(), sent }
    }

    pub fn claims(&self, way: &Way, sub: &str, email: &str) -> Value {
        let now = self.node.now_secs();
        json!({ "iss": self.tenant.issuer, "aud": CLIENT, "sub": sub, "email": email, "email_verified": true,
            "name": "Ada L.", "given_name": "Ada", "nonce": way.sent["nonce"], "iat": now, "exp": now + 3600 })
    }

    pub fn say(&self, header: &Value, claims: &Value) {
        *self.tenant.says.lock().unwrap() =
            TokenSays::IdToken(self.tenant.key.sign(&header.to_string(), &claims.to_string()));
    }

    /// Where the browser ends up, and with which session.
    pub async fn come_back(&self, way: &Way, extra: &str) -> (String, Option<String>) {
        let path = format!("callback?code=c0de&state={}{extra}", way.sent["state"]);
        let (status, location, cookies) = self.get(&path, &way.cookie).await;
        assert_eq!(status, 302);
        let session = cookies.iter().find(|cookie| cookie.starts_with("ceven_session="));
        (location, session.map(|cookie| cookie.split(';').next().unwrap().to_owned()))
    }

    pub async fn sign_in(&self, sub: &str, email: &str) -> (String, Option<String>) {
        let way = self.start("org=acme").await;
        self.say(&header(), &self.claims(&way, sub, email));
        self.come_back(&way, "").await
    }

    pub async fn page(&self, session: &str, path: &str) -> String {
        let request = self.node.http.get(format!("{}{path}", self.node.url)).header("cookie", session);
        request.send().await.unwrap().text().await.unwrap()
    }

    pub async fn me(&self, session: &str) -> Value {
        serde_json::from_str(&self.page(session, "/api/v1/me").await).unwrap()
    }

    pub async fn users(&self) -> usize {
        self.node.app.fresh(self.acme).await.unwrap().user_count()
    }
}

pub fn header() -> Value {
    json!({ "alg": "RS256", "kid": "k1" })
}

pub fn refused(result: &(String, Option<String>), code: &str) {
    let ends = format!("/login?okta_sso_error={code}");
    assert!(result.0.starts_with("http://127.0.0.1:") && result.0.ends_with(&ends), "{result:?}");
    assert_eq!(result.1, None);
}
