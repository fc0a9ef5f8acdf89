//! One request followed to its end: a collector that takes what the server sends.
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ceven::http::server::{ServerLimits, serve};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

use crate::{
    console::support::{Browser, organization},
    offboarding::{is_done, until},
    support::{Database, Server},
};

/// A trace that began elsewhere (W3C Trace Context §3.2: version, trace, parent, sampled).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Spans that a collector was given, and the `traceparent` of what came to a webhook.
#[derive(Clone, Default)]
struct Collected {
    spans: Arc<Mutex<Vec<Value>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Collected {
    /// Listens: the collector is at `/v1/traces`, the webhook at `/hook`.
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (collector, hook) = (self.clone(), self.clone());
        let traces = warp::path!("v1" / "traces").and(warp::body::bytes()).map(move |body: bytes::Bytes| {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let scopes = body["resourceSpans"].as_array().unwrap().iter();
            let scopes = scopes.flat_map(|resource| resource["scopeSpans"].as_array().unwrap());
            let spans = scopes.flat_map(|scope| scope["spans"].as_array().unwrap()).cloned();
            collector.spans.lock().unwrap().extend(spans);
            warp::reply::json(&json!({}))
        });
        let hook = warp::path!("hook").and(warp::header::optional::<String>("traceparent")).map(
            move |traceparent: Option<String>| {
                hook.told.lock().unwrap().extend(traceparent);
                warp::reply::json(&json!({}))
            },
        );
        let routes = traces.or(hook).map(warp::Reply::into_response).boxed();
        tokio::spawn(serve(listener, routes, ServerLimits::LOOPBACK, CancellationToken::new()));
        url
    }

    /// The first span that fits, once it is there.
    async fn span(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.spans.lock().unwrap().iter().find(|span| fits(span)).cloned();
            if let Some(found) = found {
                return found;
            }
            let names: Vec<_> =
                self.spans.lock().unwrap().iter().map(|span| span["name"].to_string()).collect();
            assert!(begun.elapsed() < Duration::from_secs(40), "no {what} among {names:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn links_to(span: &Value, trace: &str) -> bool {
    span["links"].as_array().is_some_and(|links| links.iter().any(|link| link["traceId"] == trace))
}

fn has(span: &Value, key: &str, value: &str) -> bool {
    span["attributes"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["key"] == key && one["value"]["stringValue"] == value))
}

async fn place(accept: &str, send: &str) -> (Server, Browser, Collected, String) {
    let mut server = Server::start(Database::Sqlite).await;
    let collected = Collected::default();
    let url = collected.listen().await;
    let settings = [
        ("CEVEN_TRACES__ENDPOINT", &*format!("{url}/v1/traces")),
        ("CEVEN_TRACES__ACCEPT", accept),
        ("CEVEN_TRACES__SEND", send),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    server.restart_with(&settings).await;
    organization(&server, "acme");
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    server.connector("webhook", "hook", &json!({ "url": format!("{url}/hook"), "secret": secret }));
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let ada = server.client(token["token"].as_str().unwrap()).user("ada@acme.example").await;
    let browser = Browser::signed_in(&server, "acme").await;
    let path = format!("/api/v1/users/{ada}/offboard");
    let request = browser.request("POST", &path).header("x-ceven-csrf", &browser.csrf);
    let request = request.header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    browser.send(request.header("content-type", "application/json").body("{}")).await.expect(202);
    until(&browser, &ada, is_done).await;
    (server, browser, collected, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_followed_through_mailbox_journal_and_tool() {
    let (_server, _browser, collected, ada) = place("true", "true").await;
    let route = "/api/v1/users/{id}/offboard";
    let request = collected.span("request", |span| has(span, "route", route)).await;
    assert_eq!((&request["traceId"], &request["parentSpanId"]), (&json!(TRACE), &json!(PARENT)), "{request}");
    let decide =
        collected.span("decision", |span| span["name"] == "decide" && span["traceId"] == TRACE).await;
    assert_eq!(decide["parentSpanId"], request["spanId"], "{decide}");
    let commit = collected.span("commit", |span| span["name"] == "commit" && links_to(span, TRACE)).await;
    assert_ne!(commit["traceId"], TRACE, "it serves many: {commit}");
    let tool = collected.span("tool", |span| span["name"] == "tool" && links_to(span, TRACE)).await;
    assert!(has(&tool, "kind", "webhook"), "{tool}");
    let trace = tool["traceId"].as_str().unwrap();
    let sent = collected
        .span("request to the tool", |span| span["name"] == "send" && span["traceId"] == trace)
        .await;
    assert_eq!(sent["parentSpanId"], tool["spanId"], "{sent}");
    let told = collected.told.lock().unwrap().clone();
    assert_eq!(told, [format!("00-{trace}-{}-01", sent["spanId"].as_str().unwrap())]);
    let all = json!(*collected.spans.lock().unwrap()).to_string();
    for name in [ada.as_str(), "ada@", "whsec_", "correct horse"] {
        assert!(!all.contains(name), "{name} in {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_elses_trace_is_taken_over_or_told_unless_configured() {
    let (_server, _browser, collected, _) = place("false", "false").await;
    let tool = collected.span("tool", |span| span["name"] == "tool").await;
    assert!(!links_to(&tool, TRACE), "{tool}");
    assert_eq!(collected.told.lock().unwrap().clone(), Vec::<String>::new());
    let request = collected.span("request", |span| has(span, "route", "/api/v1/users/{id}/offboard")).await;
    assert_ne!(request["traceId"], TRACE, "{request}");
}
