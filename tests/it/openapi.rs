//! The description of the API and the API itself say the same.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    console::support::{Browser, organization, problem},
    on_each_database,
    support::{Database, Reply, Scim, Server},
};

on_each_database!(what_no_database_keeps_is_no_outage);

const SOMEONE: &str = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

struct Caller {
    browser: Browser,
    scim: Scim,
}

impl Caller {
    async fn new(server: &Server) -> Self {
        organization(server, "acme");
        let browser = Browser::signed_in(server, "acme").await;
        let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
        Self { browser, scim: server.client(token["token"].as_str().unwrap()) }
    }

    async fn send(&self, method: &str, path: &str, described: &Value, with_rights: bool) -> Reply {
        let path = path.replace("{id}", SOMEONE);
        let url = format!("{}/api/v1{path}", self.browser.base);
        let mut request = self.browser.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if with_rights && path.starts_with("/scim") {
            request = request.header("authorization", format!("Bearer {}", self.scim.token));
        } else if with_rights {
            request =
                request.header("cookie", &self.browser.cookie).header("x-ceven-csrf", &self.browser.csrf);
        }
        if let Some(content) = described["requestBody"]["content"].as_object() {
            request = request.header("content-type", content.keys().next().unwrap()).body("{}");
        }
        self.scim.send(request).await
    }
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    // It ends the session that the others need.
    all.sort_by_key(|(_, path, _)| path == "/auth/logout");
    all
}

/// The answer is one that the description has, with the media type that it has.
fn assert_described(reply: &Reply, operation: &Value) {
    let name = &operation["operationId"];
    let response = &operation["responses"][reply.status.to_string()];
    assert!(response.is_object(), "{name} answers {}: {}", reply.status, reply.text);
    let media_type = reply.header("content-type").split(';').next().unwrap();
    match response["content"].as_object() {
        Some(content) => assert!(content.contains_key(media_type), "{name} answers {media_type}"),
        None => assert_eq!((media_type, reply.text.as_str()), ("", ""), "{name}"),
    }
    for header in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(!reply.header(header).is_empty(), "{name} answers {} without {header}", reply.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_served() {
    let server = Server::start(Database::Sqlite).await;
    let caller = Caller::new(&server).await;
    let document = caller.browser.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(document, server.json(&["openapi"]));
    let all = operations(&document);
    assert!(all.len() > 50, "{}", all.len());
    for (method, path, operation) in &all {
        let reply = caller.send(method, path, operation, true).await;
        assert_described(&reply, operation);
        assert!(!reply.text.contains("There is no such endpoint"), "{method} {path}");
        assert!(
            !matches!(reply.status, 401 | 501 | 503)
                || operation["tags"][0] == "Okta"
                || path == "/auth/login",
            "{method} {path}: {}",
            reply.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_right_is_refused_without_one() {
    let server = Server::start(Database::Sqlite).await;
    let caller = Caller::new(&server).await;
    let document = caller.browser.get("/api/v1/openapi.json").await.expect(200);
    for (method, path, operation) in operations(&document) {
        let reply = caller.send(&method, &path, &operation, false).await;
        assert_described(&reply, &operation);
        let needs_right = !operation["security"].as_array().unwrap().is_empty();
        assert_eq!(reply.status == 401, needs_right, "{method} {path}: {}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_described_is_not_served() {
    let server = Server::start(Database::Sqlite).await;
    let caller = Caller::new(&server).await;
    let document = caller.browser.get("/api/v1/openapi.json").await.expect(200);
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if item.get(method.to_lowercase()).is_none() {
                let reply = caller.send(method, path, &json!({}), true).await;
                assert_eq!(reply.status, 405, "{method} {path}: {}", reply.text);
                for described in item.as_object().unwrap().keys().filter(|name| *name != "parameters") {
                    assert!(reply.header("allow").contains(&described.to_uppercase()), "{method} {path}");
                }
            }
        }
    }
    for path in ["/none", "/users/x/none", "/sso", "/sso/okta/none"] {
        assert_eq!(caller.send("GET", path, &json!({}), true).await.status, 404, "{path}");
    }
}

/// PostgreSQL keeps no NUL: whoever sends one is told so, or finds nothing.
async fn what_no_database_keeps_is_no_outage(server: Server) {
    let caller = Caller::new(&server).await;
    let browser = &caller.browser;
    problem(&browser.get("/api/v1/sso/audit-export?action=%00").await, 400);
    problem(&browser.json("POST", "/api/v1/sso/scim-tokens", &json!({ "label": "a\0b" })).await, 400);
    let start = browser.get("/api/v1/sso/okta/oidc/start?org=%00").await;
    assert!(start.header("location").ends_with("unknown_organization"), "{start:?}");
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "global-token-revocation+jwt" }));
    let token = format!("{header}.{}.AAAA", part(json!({ "iss": "a\0b", "sub": "c\0d" })));
    let url = format!("{}/api/v1/sso/okta/universal-logout", browser.base);
    problem(&browser.send(browser.http.post(url).bearer_auth(token).json(&json!({}))).await, 401);
}

#[test]
fn every_schema_that_is_named_is_there() {
    fn names(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| names(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    let document = ceven::openapi::document("https://api.example", "https://www.example");
    let mut found = Vec::new();
    names(&document, &mut found);
    assert!(found.len() > 100);
    for name in &found {
        assert!(document.pointer(name.trim_start_matches('#')).is_some(), "{name}");
    }
    // A stream's lines and events are described, though no answer refers to them.
    let of_lines = ["AuditEntry", "AuditHead"];
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let is_used =
            found.contains(&format!("#/components/schemas/{name}")) || of_lines.contains(&name.as_str());
        assert!(is_used, "{name} is used nowhere");
    }
}
