//! Universal Logout under load: how long until the person is out, what it costs, and what a flood of bad tokens does to it.
//!
//! Tokens are signed before what is timed. Ordinary traffic is nine reads and one change of ten, at half of capacity.
use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ceven::{
    app::{App, Role},
    config::Settings,
    http::server::{ServerLimits, serve},
    sign_in::{Origin, start_session},
};
use ceven_actors::{
    clock::SystemClock,
    domain::{id::UserId, session::Person},
    protocol::jose::Jws,
};
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

use crate::{
    Options,
    client::{self, Connection, Request, paced, run},
    measured,
    process::{Server, request},
    spread,
    tenant::{CLIENT, Tenant},
};

const PATH: &str = "/api/v1/sso/okta/universal-logout";
const TOOLS: usize = 4;
/// Leavers of a round, and how many of them in a second: a webhook is told of no more.
const LEAVERS: usize = 40;
const LEAVERS_A_SECOND: f64 = 0.9;
/// Logouts and copies of a round where only the CPU counts.
const COUNTED: usize = 400;
const BUSY: usize = 64;
/// No limit of bad tokens: what is measured are the refusals themselves.
const NO_LIMIT: &[(&str, &str)] = &[("CEVEN_REVOCATION__BAD_TOKENS_PER_ADDRESS", "1000000000")];

/// Hands out users that nobody has logged out yet.
struct People<'a> {
    ids: &'a [String],
    next: usize,
}

impl People<'_> {
    /// A number that no other leaver has, and the id.
    fn next(&mut self) -> (usize, &str) {
        self.next += 1;
        (self.next - 1, self.ids.get(self.next - 1).expect("enough users: --users 20000"))
    }
}

struct Scene<'a> {
    server: &'a Server,
    tenant: &'a Tenant,
    audience: String,
}

impl Scene<'_> {
    fn logout(&self, number: usize, token: &str) -> Request {
        let body = format!(r#"{{"sub_id":{{"format":"email","email":"user{number}@load.example"}}}}"#);
        let text = request(token, "POST", PATH, &body);
        let text = String::from_utf8_lossy(&text).replace("application/scim+json", "application/json");
        text.into_bytes().into()
    }

    fn token(&self, jti: &str) -> String {
        self.tenant.token(jti, &self.audience)
    }
}

pub async fn measure(server: &mut Server, ids: &[String], options: &Options) {
    let tenant = Tenant::start().await;
    server.restart_with(NO_LIMIT).await;
    server.verb(&["okta", "set", "--org", "load", "--issuer", &tenant.issuer, "--client-id", CLIENT]);
    let audience = format!("http://127.0.0.1:{}{PATH}", server.port);
    let mut people = People { ids, next: 0 };
    cpu(&Scene { server, tenant: &tenant, audience: audience.clone() }, &mut people, options).await;
    server.restart_with(&[]).await;
    flood(&Scene { server, tenant: &tenant, audience: audience.clone() }, &mut people, options).await;
    server.restart_with(NO_LIMIT).await;
    until_out(&Scene { server, tenant: &tenant, audience }, &mut people, options).await;
}

/// A logout beside a bare verification and a deactivation by SCIM; a copy and a bad token beside a bare warp route.
async fn cpu(scene: &Scene<'_>, people: &mut People<'_>, options: &Options) {
    println!("\nUniversal Logout: CPU of the server for each request, at 16 connections");
    let bare = Server::bare("{}").await;
    let plain = vec![bare.request("GET", "/", "")];
    let (mut logouts, mut copies, mut bads, mut last) = (Vec::new(), Vec::new(), Vec::new(), [0.0; 6]);
    let spent = async |requests: Vec<Request>| {
        let before = scene.server.cpu_us();
        let count = requests.len() as f64;
        let (_, slice) = client::once_each(scene.server.port, requests, 16).await;
        ((scene.server.cpu_us() - before) / count, slice.failed)
    };
    for _ in 0..options.rounds {
        let jws = Jws::parse(&scene.token("bare")).expect("a token");
        let (keys, begun) = (scene.tenant.keys(), Instant::now());
        (0..2_000).for_each(|_| keys.verify(&jws).expect("a good token"));
        let rs256 = begun.elapsed().as_secs_f64() * 1e6 / 2_000.0;
        let mut requests = || -> Vec<Request> {
            (0..COUNTED)
                .map(|_| {
                    let (number, _) = people.next();
                    scene.logout(number, &scene.token(&format!("cpu {number}")))
                })
                .collect()
        };
        let once = requests();
        let bad = once.iter().map(scramble).collect();
        let (logout, failed) = spent(once.clone()).await;
        assert_eq!(failed, 0, "a logout was refused");
        let (copy, refused) = spent(once.iter().cycle().take(COUNTED * 5).cloned().collect()).await;
        assert_eq!(refused, COUNTED * 5, "a copy was obeyed");
        let (bad, refused) = spent(bad).await;
        assert_eq!(refused, COUNTED, "a bad token was obeyed");
        let inactive = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#;
        let patches = (0..COUNTED)
            .map(|_| scene.server.request("PATCH", &format!("/Users/{}", people.next().1), inactive))
            .collect();
        let (patch, failed) = spent(patches).await;
        assert_eq!(failed, 0, "a deactivation was refused");
        let (_, warp) = measured(&bare, &plain, 16, options.slice).await;
        logouts.push(logout / (rs256 + patch));
        copies.push(copy / warp);
        bads.push(bad / warp);
        last = [logout, rs256, patch, copy, bad, warp];
    }
    let [logout, rs256, patch, copy, bad, warp] = last;
    println!(
        "  a logout: {} x (RS256 alone + SCIM's deactivation); last: {logout:.0} us beside {rs256:.0} + {patch:.0} us",
        spread(&mut logouts)
    );
    println!("  a copy: {} x bare warp; last: {copy:.0} us beside {warp:.0} us", spread(&mut copies));
    println!("  a bad signature: {} x bare warp; last: {bad:.0} us", spread(&mut bads));
}

/// The same request with another signature.
fn scramble(request: &Request) -> Request {
    let text = String::from_utf8_lossy(request);
    let (head, rest) = text.split_once("\r\ncontent-type").expect("a header");
    let cut = head.len() - 20;
    format!("{}{}\r\ncontent-type{rest}", &head[..cut], "A".repeat(20)).into_bytes().into()
}

/// Good tokens from one address while another one sends bad ones as fast as it can.
async fn flood(scene: &Scene<'_>, people: &mut People<'_>, options: &Options) {
    println!(
        "\nUniversal Logout: 20 good tokens a second, with and without a flood of bad ones from another address"
    );
    let (mut p50s, mut p99s, mut bad_rate) = (Vec::new(), Vec::new(), 0.0);
    let length = options.slice.max(Duration::from_secs(4));
    for _ in 0..options.rounds {
        let quiet = good_tokens(scene, people, length).await;
        let bad = scramble(&scene.logout(0, &scene.token("flood")));
        let stop = CancellationToken::new();
        let senders: Vec<_> =
            (0..8).map(|_| tokio::spawn(send_until(scene.server.port, bad.clone(), stop.clone()))).collect();
        let loud = good_tokens(scene, people, length).await;
        stop.cancel();
        let mut sent = 0;
        for sender in senders {
            sent += sender.await.expect("a sender");
        }
        bad_rate = sent as f64 / length.as_secs_f64();
        p50s.push(loud.p(50).as_secs_f64() / quiet.p(50).as_secs_f64());
        p99s.push(loud.p(99).as_secs_f64() / quiet.p(99).as_secs_f64());
    }
    println!(
        "  with {bad_rate:.0} bad ones a second (the generator's CPU is taken from the same machine): p50 {} x, p99 {} x",
        spread(&mut p50s),
        spread(&mut p99s)
    );
}

async fn good_tokens(scene: &Scene<'_>, people: &mut People<'_>, length: Duration) -> client::Slice {
    const RATE: f64 = 20.0;
    let count = (RATE * length.as_secs_f64()) as usize;
    let requests: Vec<Request> = (0..count)
        .map(|_| {
            let (number, _) = people.next();
            scene.logout(number, &scene.token(&format!("good {number}")))
        })
        .collect();
    let mut connection = Connection::open(scene.server.port).await;
    let (begun, mut slice) = (Instant::now(), client::Slice::default());
    for (index, request) in requests.iter().enumerate() {
        let due = begun + Duration::from_secs_f64(index as f64 / RATE);
        tokio::time::sleep_until(due.into()).await;
        let (status, _) = connection.ask(request).await;
        assert_eq!(status, 204, "a good token was refused");
        slice.latencies.push(due.elapsed());
    }
    slice
}

async fn send_until(port: u16, request: Request, stop: CancellationToken) -> usize {
    let mut connection = Connection::open_from(Ipv4Addr::new(127, 0, 0, 2), port).await;
    let mut sent = 0;
    while !stop.is_cancelled() {
        let (status, _) = connection.ask(&request).await;
        assert!(matches!(status, 401 | 429), "{status}");
        sent += 1;
    }
    sent
}

/// When each tool was told of each person.
type Told = Arc<Mutex<HashMap<String, Vec<Instant>>>>;

async fn connect_tools(server: &Server) -> Told {
    let told = Told::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let state = told.clone();
    let routes = warp::any()
        .and(warp::body::bytes())
        .map(move |body: bytes::Bytes| {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let user = body["data"]["user_id"].as_str().unwrap_or_default().to_owned();
            let mut told = state.lock().unwrap_or_else(PoisonError::into_inner);
            told.entry(user).or_default().push(Instant::now());
            warp::reply::Response::new(String::new().into())
        })
        .boxed();
    tokio::spawn(serve(listener, routes, ServerLimits::LOOPBACK, CancellationToken::new()));
    for number in 0..TOOLS {
        let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        let settings = serde_json::json!({ "url": format!("{url}/{number}"), "secret": secret }).to_string();
        let (name, file) = (format!("tool {number}"), server.file("tool.json", &settings));
        let add = [
            "connector",
            "add",
            "--org",
            "load",
            "--kind",
            "webhook",
            "--name",
            &name,
            "--config-file",
            &file,
        ];
        server.verb(&add);
    }
    told
}

/// One leaver: what is sent, and the way to see that the session is over.
struct Leaver {
    id: String,
    logout: Request,
    refused: Request,
    session: Request,
    read: Request,
}

/// Sessions are started by another node on the same database, as sign-ins are.
async fn leavers(scene: &Scene<'_>, people: &mut People<'_>) -> Vec<Leaver> {
    let variables = [("CEVEN_DATABASE__URL".to_owned(), scene.server.database_url())];
    let settings = Settings::load(None, variables).expect("settings");
    let app =
        App::start(settings, Arc::new(SystemClock), ([127, 0, 0, 1], 0).into(), Role::CommandLine).await;
    let app = app.expect("a node");
    let found = app.store.organization_by_slug("load").await.expect("an answer");
    let organization = found.expect("the organization").id;
    app.fresh(organization).await.expect("its state");
    let origin = Origin { ip: [127, 0, 0, 1].into(), user_agent: "load".into(), request_id: "load".into() };
    let mut leavers = Vec::new();
    for _ in 0..LEAVERS {
        let (number, id) = people.next();
        let person = Person::User(id.parse::<UserId>().expect("an id"));
        let started = start_session(&app, organization, person, app.operator(), &origin).await;
        let secret = started.expect("a session").secret;
        let session = format!(
            "GET /api/v1/me HTTP/1.1\r\nhost: localhost\r\ncookie: ceven_session={}.{secret}\r\n\r\n",
            organization.0.simple()
        );
        let other = scene.tenant.token(&format!("other {number}"), "https://elsewhere.example");
        leavers.push(Leaver {
            id: id.to_owned(),
            logout: scene.logout(number, &scene.token(&format!("out {number}"))),
            refused: scene.logout(number, &other),
            session: session.into_bytes().into(),
            read: scene.server.request("GET", &format!("/Users/{id}?attributes=active"), ""),
        });
    }
    app.stop().await;
    leavers
}

/// What is timed of a leaver, in this order.
const PARTS: [&str; 7] = [
    "a read",
    "a token of another audience",
    "the answer",
    "the session is refused",
    "SCIM says inactive",
    "every tool is told",
    "all of it",
];

async fn until_out(scene: &Scene<'_>, people: &mut People<'_>, options: &Options) {
    let told = connect_tools(scene.server).await;
    let traffic: Vec<Request> = (0..200)
        .map(|index| {
            let id = &people.ids[people.ids.len() - 1 - index];
            match index % 10 {
                0 => {
                    let body = format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","path":"title","value":"{}"}}]}}"#, Instant::now().elapsed().as_nanos());
                    scene.server.request("PATCH", &format!("/Users/{id}"), &body)
                }
                _ => scene.server.request("GET", &format!("/Users/{id}"), ""),
            }
        })
        .collect();
    let whole = run(scene.server.port, &traffic, BUSY, options.slice.max(Duration::from_secs(3))).await;
    assert_eq!(whole.failed, 0, "the traffic was refused");
    println!(
        "\nUniversal Logout until the person is out, {TOOLS} tools, beside {:.0} requests a second at {BUSY} connections: half of what they reach",
        whole.rate() / 2.0
    );
    let (mut p50s, mut p99s): (Vec<Vec<f64>>, Vec<Vec<f64>>) =
        (vec![Vec::new(); PARTS.len()], vec![Vec::new(); PARTS.len()]);
    for _ in 0..options.rounds {
        let leavers = leavers(scene, people).await;
        let length = Duration::from_secs_f64(LEAVERS as f64 / LEAVERS_A_SECOND + 1.0);
        let (background, times) = tokio::join!(
            paced(scene.server.port, &traffic, BUSY, whole.rate() / 2.0, length),
            log_out(scene.server.port, &leavers, &told)
        );
        assert_eq!(background.failed, 0, "the traffic was refused");
        for part in 0..PARTS.len() {
            let mut sorted: Vec<f64> = times.iter().map(|leaver| leaver[part].as_secs_f64() * 1e3).collect();
            sorted.sort_by(f64::total_cmp);
            p50s[part].push(sorted[sorted.len() / 2]);
            p99s[part].push(sorted[sorted.len() * 99 / 100]);
        }
        println!("  the traffic itself: p50 {:.1?}, p99 {:.1?}", background.p(50), background.p(99));
    }
    let rounds = options.rounds;
    println!("  milliseconds from the first byte; median [least, greatest] of {rounds} rounds of {LEAVERS}");
    for (part, name) in PARTS.iter().enumerate() {
        println!("  {name:<28} p50 {}, p99 {}", spread(&mut p50s[part]), spread(&mut p99s[part]));
    }
}

async fn log_out(port: u16, leavers: &[Leaver], told: &Told) -> Vec<[Duration; 7]> {
    let mut ways = [Connection::open(port).await, Connection::open(port).await, Connection::open(port).await];
    let (begun, mut times) = (Instant::now(), Vec::new());
    for (number, leaver) in leavers.iter().enumerate() {
        let due = begun + Duration::from_secs_f64(number as f64 / LEAVERS_A_SECOND);
        tokio::time::sleep_until(due.into()).await;
        let [way, session, scim] = &mut ways;
        assert_eq!(session.ask(&leaver.session).await.0, 200, "the session lives");
        let sent = Instant::now();
        assert_eq!(scim.ask(&leaver.read).await.0, 200);
        let read = sent.elapsed();
        let sent = Instant::now();
        assert_eq!(way.ask(&leaver.refused).await.0, 401);
        let refused = sent.elapsed();
        let sent = Instant::now();
        assert_eq!(way.ask(&leaver.logout).await.0, 204, "the logout was refused");
        let answer = sent.elapsed();
        let (ended, inactive) = tokio::join!(
            async {
                assert_eq!(session.ask(&leaver.session).await.0, 401, "the session lives on");
                sent.elapsed()
            },
            async {
                let (_, body) = scim.ask(&leaver.read).await;
                assert!(String::from_utf8_lossy(body).contains(r#""active":false"#), "SCIM says active");
                sent.elapsed()
            }
        );
        let tools = until_told(told, &leaver.id).await.duration_since(sent);
        let all = ended.max(inactive).max(tools);
        times.push([read, refused, answer, ended, inactive, tools, all]);
    }
    times
}

/// When the last tool was told.
async fn until_told(told: &Told, user: &str) -> Instant {
    let begun = Instant::now();
    loop {
        let all = told.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned().unwrap_or_default();
        if all.len() >= TOOLS {
            return all.into_iter().max().unwrap_or(begun);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{} tools were told", all.len());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
