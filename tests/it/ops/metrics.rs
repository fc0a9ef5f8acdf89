//! `/metrics`: the numbers move as things happen, and no label comes from outside.
use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    time::{Duration, Instant},
};

use ceven::metrics::requests::Requests;
use serde_json::json;

use super::get;
use crate::{
    console::support::{Browser, credentials, organization},
    offboarding::{Receiver, is_done, until},
    on_each_database,
    support::{Database, Server},
};

on_each_database!(the_numbers_say_what_happened);

/// Samples by name and labels, as they are written.
async fn scrape(server: &Server) -> HashMap<String, f64> {
    let (status, text) = get(server, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// Scrapes until a sample is as wished: the SCIM log and the like are written behind the answers.
async fn until_is(server: &Server, name: &str, value: f64) {
    let begun = Instant::now();
    loop {
        let found = scrape(server).await.get(name).copied();
        if found == Some(value) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} is {found:?}, not {value}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn request(route: &str, method: &str, status: u16) -> String {
    format!(r#"ceven_http_requests_total{{route="{route}",method="{method}",status="{status}"}}"#)
}

async fn the_numbers_say_what_happened(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let before = scrape(&server).await;
    assert_eq!(
        before["ceven_journal_commit_seconds_count"], 0.0,
        "the command line has a process of its own"
    );

    let ada = scim.user("ada@acme.example").await;
    for _ in 0..3 {
        scim.get(&format!("/Users/{ada}")).await.expect(200);
    }
    scim.get("/Users/not-an-id").await.expect(404);
    server.client("wrong").get("/Users").await.expect(401);
    let receiver = Receiver::start().await;
    receiver.connect(&server, "hook");
    let browser = Browser::signed_in(&server, "acme").await;
    let wrong = json!({ "org": "acme", "email": "nobody@acme.example", "password": "x" });
    Browser::new(&server).json("POST", "/api/v1/auth/login", &wrong).await.expect(401);
    Browser::new(&server).json("POST", "/api/v1/auth/login", &credentials("acme")).await.expect(200);
    browser.json("POST", &format!("/api/v1/users/{ada}/offboard"), &json!({})).await.expect(202);
    until(&browser, &ada, is_done).await;

    let after = scrape(&server).await;
    let users = "/api/v1/scim/v2/Users/{id}";
    for (name, value) in [
        (request("/api/v1/scim/v2/Users", "POST", 201), 1.0),
        (request(users, "GET", 200), 3.0),
        (request(users, "GET", 404), 1.0),
        (request("/api/v1/scim/v2/Users", "GET", 401), 1.0),
        (request("/api/v1/auth/login", "POST", 401), 1.0),
        (request("/api/v1/users/{id}/offboard", "POST", 202), 1.0),
        (format!(r#"ceven_http_request_duration_seconds_count{{route="{users}",method="GET"}}"#), 4.0),
        (
            format!(
                r#"ceven_http_request_duration_seconds_bucket{{le="+Inf",route="{users}",method="GET"}}"#
            ),
            4.0,
        ),
        (r#"ceven_sign_ins_total{method="password",outcome="started"}"#.into(), 2.0),
        (r#"ceven_sign_ins_total{method="password",outcome="wrong"}"#.into(), 1.0),
        // Three passwords and the token; the hash of nobody is made apart.
        ("ceven_argon2_seconds_count".into(), 4.0),
        ("ceven_argon2_waiting".into(), 0.0),
        (r#"ceven_outgoing_requests_total{service="webhook",outcome="2xx"}"#.into(), 1.0),
        (r#"ceven_outgoing_request_duration_seconds_count{service="webhook"}"#.into(), 1.0),
        (r#"ceven_tasks_ended_total{tool="webhook",state="done"}"#.into(), 1.0),
        ("ceven_time_to_revoke_seconds_count".into(), 1.0),
        (r#"ceven_actors{kind="organization"}"#.into(), 1.0),
        (r#"ceven_permits_in_use{kind="usual"}"#.into(), 0.0),
        ("ceven_scim_log_dropped_total".into(), 0.0),
    ] {
        assert_eq!(after.get(&name), Some(&value), "{name} of {:#?}", after.keys().collect::<BTreeSet<_>>());
    }
    assert!(after["ceven_time_to_revoke_seconds_sum"] > 0.0);
    let commands = after["ceven_mailbox_wait_seconds_count"];
    let commits = after["ceven_journal_commit_seconds_count"];
    // The user, two sessions, the offboarding, and at least one report of the tool.
    assert!(commands >= 5.0 && (1.0..=commands).contains(&commits), "{commands} {commits}");
    assert_eq!(after["ceven_journal_batch_units_count"], commits);
    assert!(after["ceven_freshness_query_seconds_count"] >= 1.0);
    assert!(after["process_resident_memory_bytes"] > 1e6 && after["process_open_fds"] > 5.0);
    assert!(after["process_cpu_seconds_total"] > 0.0);
    let said = after.keys().cloned().collect::<Vec<_>>().join("\n");
    for name in ["acme", ada.as_str(), "ada@", "not-an-id"] {
        assert!(!said.contains(name), "{name} is a label");
    }

    // A tool that does not answer leaves a task that waits, in the count of all nodes.
    receiver.hang();
    let eva = scim.user("eva@acme.example").await;
    assert_eq!(scim.delete(&format!("/Users/{eva}")).await.status, 204);
    until_is(&server, r#"ceven_tasks{tool="webhook",state="waiting"}"#, 1.0).await;
    until_is(&server, r#"ceven_actors{kind="connection"}"#, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_make_no_labels() {
    let server = Server::start(Database::Sqlite).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for number in 0..50 {
        let method = reqwest::Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        let url = format!("http://127.0.0.1:{}/x{number}/api?y={number}", server.port);
        http.request(method, url).send().await.unwrap();
    }
    let samples = scrape(&server).await;
    let requests: Vec<_> =
        samples.iter().filter(|(name, _)| name.starts_with("ceven_http_requests_total")).collect();
    assert_eq!(requests, [(&request("/elsewhere", "other", 404), &50.0)]);
    let (status, text) = get(&server, "/metricsx").await;
    assert!(status == 404 && text.contains("nothing at this address"), "{text}");
}

/// Every address of the route tables has a pattern that requests to it are counted by.
#[test]
fn no_route_is_left_out() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let requests = Requests::default();
    let (mut missing, mut seen) = (Vec::new(), 0);
    for (file, base) in [
        ("http/api/mod.rs", "api/v1/"),
        ("http/scim/mod.rs", "api/v1/scim/v2/"),
        ("http/sso/mod.rs", "api/v1/sso/okta/"),
        ("ui/mod.rs", ""),
    ] {
        let text = std::fs::read_to_string(source.join(file)).unwrap();
        // An arm of a route table: `("GET", ["users", id]) => …`, or `["oidc", "start"] => …`.
        for arm in text.lines().map(str::trim).filter(|line| line.contains("::")) {
            let Some((list, _)) = arm.rsplit_once("] =>").or_else(|| arm.rsplit_once("]) =>")) else {
                continue;
            };
            let Some((_, list)) = list.rsplit_once('[') else { continue };
            for path in paths(list).into_iter().filter(|path| !path.contains("..")) {
                let path = format!("{base}{path}");
                seen += 1;
                let route = requests.route(&http::Method::GET, path.trim_end_matches('/'));
                let pattern = requests.pattern(route);
                if pattern != format!("/{}", path.trim_end_matches('/').replace("{}", "{id}")) {
                    missing.push((path, pattern.to_owned()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not in src/metrics/requests.rs: {missing:#?}");
    assert!(seen > 60, "{seen} routes were found");
}

/// `"users", id, "role"` → `users/{}/role`; alternatives each apart.
fn paths(list: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let quoted: Vec<&str> = part.split('"').skip(1).step_by(2).collect();
        let names = if quoted.is_empty() { vec!["{}"] } else { quoted };
        paths = paths
            .iter()
            .flat_map(|path| {
                names.iter().map(
                    move |name| if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") },
                )
            })
            .collect();
    }
    paths
}
