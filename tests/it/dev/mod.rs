//! The simulators of `ceven dev`, driven over HTTP as their vendors' clients would.
mod faults;
mod github;
mod google_workspace;
mod okta;
mod okta_api;
mod push;
mod running;
mod safety;
mod scenario;
mod tools;
mod tour;

use std::sync::Arc;

use ceven::dev::{DevError, Person, Sim, Tool};
use ceven_actors::clock::{Clock, SystemClock};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn now() -> i64 {
    clock().now_ms() / 1000
}

async fn start<T: Tool>(tool: T) -> Sim<T> {
    Sim::start(tool, clock(), ([127, 0, 0, 1], 0).into()).await.unwrap()
}

fn dana() -> Person {
    Person::new("Dana", "Lee", "dana@acme.test")
        .in_groups(&["Sales"])
        .on_github("dana-lee")
        .with_roles(&["member"])
}

fn priya() -> Person {
    Person::new("Priya", "Rao", "priya@acme.test")
        .in_groups(&["Sales", "HR Admins"])
        .on_github("priya-rao")
        .with_roles(&["admin"])
        .as_admin()
}

/// An answer.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body, when the status is as expected; null without one.
    fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// What is sent.
enum Body {
    None,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

struct Client {
    base: String,
    authorization: Option<String>,
    http: reqwest::Client,
}

impl Client {
    fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("Ceven/test")
            .build()
            .unwrap();
        Self { base: base.to_owned(), authorization: None, http }
    }

    fn with(&self, authorization: &str) -> Self {
        let (base, http) = (self.base.clone(), self.http.clone());
        Self { base, authorization: Some(authorization.to_owned()), http }
    }

    fn bearer(&self, token: &str) -> Self {
        self.with(&format!("Bearer {token}"))
    }

    async fn call(&self, method: &str, path: &str, body: Body) -> Got {
        self.send_with(method, path, body, &[]).await
    }

    async fn send_with(&self, method: &str, path: &str, body: Body, headers: &[(&str, &str)]) -> Got {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Body::None => request,
            Body::Json(value) => request.json(&value),
            Body::Form(pairs) => request.form(&pairs),
        };
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Got { status, headers, text: answer.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Got {
        self.call("GET", path, Body::None).await
    }

    async fn delete(&self, path: &str) -> Got {
        self.call("DELETE", path, Body::None).await
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.call("POST", path, Body::Json(body)).await
    }

    async fn form(&self, path: &str, pairs: Vec<(&'static str, String)>) -> Got {
        self.call("POST", path, Body::Form(pairs)).await
    }
}

/// A JWT made with the key that a vendor handed out.
fn jwt(pem: &str, claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256), claims, &key).unwrap()
}

#[tokio::test]
async fn simulators_listen_on_the_loopback_only() {
    let refused =
        Sim::start(ceven::dev::slack::Slack::new(&SystemClock), clock(), ([0, 0, 0, 0], 0).into()).await;
    assert!(matches!(refused, Err(DevError::NotLoopback(_))));
}

#[tokio::test]
async fn all_start_and_one_person_is_everywhere() {
    let all = ceven::dev::Simulators::start(clock(), None).await.unwrap();
    all.seed(&priya());
    for (name, address) in all.addresses() {
        let base = address.trim_end_matches("/hook");
        let client = Client::new(base);
        let state = client.get("/_sim/state").await;
        assert!(name == "webhook" || state.text.contains("priya"), "{name}: {}", state.text);
        let page = client.get("/_sim").await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<title>[DEV] Simulated "), "{name}");
    }
}
