//! How long it takes until people are out of nine tools: `cargo bench --bench offboarding -- [--people 500]
//! [--secs 75] [--rounds 11]`. Fails when a limit is broken.
//!
//! 1. One person, each tool with a latency of its own: the whole pass against the slowest tool by itself (its requests
//!    times its latency). At most 50 ms more, in the median.
//! 2. Many people at once, each tool with a limit of its own that lets them through in `--secs`: no request is
//!    answered 429, and all are out within 1.1 times that. In the middle of it an admin offboards one person in the
//!    console: the sessions at Okta end within a second.
//!
//! The node and the simulators share this process; everything between them goes over HTTP.
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ceven::{
    app::{App, Role},
    config::Settings,
    connectors,
    dev::{Person, Simulator, Simulators, access::Limit},
    http::{
        self,
        server::{ServerLimits, serve},
    },
    offboardings, secret, tokens,
};
use ceven_actors::{
    clock::{Clock, SystemClock},
    domain::{
        audit::Mode,
        id::{AdminId, OrganizationId},
        offboarding::{Status, Task},
        token::{Admin, TokenKind},
    },
    organization::message::{Command, ToolChange},
    ports::Profile,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const PRIYA: &str = "priya@acme.example";
const PASSWORD: &str = "correct horse battery staple";
/// Over the slowest tool.
const MOST_EXTRA_MS: i64 = 50;
/// Over the time that the limits make it take.
const MOST_RATIO: f64 = 1.1;
/// Until the sessions of someone urgent have ended.
const MOST_URGENT_MS: i64 = 1_000;

fn number(name: &str, default: usize) -> usize {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.and_then(|at| arguments.get(at + 1)).map_or(default, |text| text.parse().expect("a number"))
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let fine = runtime.block_on(async {
        let (lengths, quick) = one_person(number("--rounds", 11)).await;
        let (people, secs) = (number("--people", 500), number("--secs", 75));
        many_people(&lengths, people, secs).await && quick
    });
    std::process::exit(i32::from(!fine));
}

/// A node with one organization, the tools connected.
struct Bench {
    app: Arc<App>,
    simulators: Simulators,
    organization: OrganizationId,
    url: String,
    token: String,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

fn settings(folder: &Path, tools: &[(String, String)]) -> Settings {
    let database = format!("sqlite://{}?mode=rwc", folder.join("ceven.db").display());
    let mut variables = vec![
        ("CEVEN_DATABASE__URL".to_owned(), database),
        ("CEVEN_SECURITY__OUTBOUND_ALLOW".to_owned(), "127.0.0.0/8".to_owned()),
    ];
    variables.extend_from_slice(tools);
    Settings::load(None, variables).expect("settings")
}

impl Bench {
    async fn start(people: &[Person], tools: &[(String, String)]) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let bound: SocketAddr = listener.local_addr().expect("an address");
        let settings = settings(folder.path(), tools);
        let app = App::start(settings, clock.clone(), bound, Role::Server(Mode::Live)).await.expect("a node");
        let (app, stop) = (Arc::new(app), CancellationToken::new());
        tokio::spawn(serve(
            listener,
            http::routes(app.clone(), Arc::from([])),
            ServerLimits::LOOPBACK,
            stop.clone(),
        ));
        tokio::spawn(offboardings::tick(app.clone(), stop.clone()));
        let simulators = Simulators::start(clock, None).await.expect("simulators");
        simulators.seed(&Person::new("Priya", "Shah", PRIYA).as_admin());
        people.iter().for_each(|person| simulators.seed(person));
        let (organization, token) = Self::organization(&app).await;
        for (kind, name, settings) in simulators.connections(PRIYA) {
            let settings = settings.as_object().expect("settings").clone();
            let record = connectors::record(&app, organization, None, (kind, name), settings);
            let command = Command::SetConnector { change: ToolChange::added(record.expect("a tool")) };
            app.execute(organization, command, app.operator()).await.expect("a connected tool");
        }
        Self { app, simulators, organization, url: format!("http://{bound}"), token, stop, _folder: folder }
    }

    async fn organization(app: &App) -> (OrganizationId, String) {
        let stamp = app.stamp();
        let organization = OrganizationId(stamp.new_id);
        let (slug, name, domains) = ("acme".into(), "acme".into(), Vec::new());
        let profile = Profile { id: organization, slug, name, domains, mode: Mode::Live };
        app.store.create_organization(&profile, &app.operator(), stamp).await.expect("an organization");
        app.fresh(organization).await.expect("an organization");
        let (raw, token) = tokens::draw(&*app.clock, "okta", TokenKind::Scim, None).expect("a token");
        let verifier =
            secret::hash(&*app.clock, PASSWORD, secret::Strength::Password).expect("a hash").into();
        let admin = Admin {
            id: AdminId(app.clock.new_id()),
            email: PRIYA.into(),
            verifier,
            created_ms: app.clock.now_ms(),
        };
        for command in [Command::MintToken { token }, Command::CreateAdmin { admin: Arc::new(admin) }] {
            app.execute(organization, command, app.operator()).await.expect("a command");
        }
        (organization, raw)
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = client().request(method, format!("{}/api/v1/scim/v2{path}", self.url));
        let request = request.bearer_auth(&self.token).header("content-type", "application/scim+json");
        let answer = request.body(body.to_string()).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or_default()
    }

    /// Ids of these people, created over SCIM.
    async fn create(&self, people: &[Person]) -> Vec<String> {
        let one = async |person: &Person| {
            let emails = json!([{ "value": person.email, "primary": true }]);
            let user =
                self.send("POST", "/Users", &json!({ "userName": person.email, "emails": emails })).await;
            user["id"].as_str().expect("an id").to_owned()
        };
        stream::iter(people).map(one).buffered(10).collect().await
    }

    async fn deactivate(&self, id: &str) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        });
        self.send("PATCH", &format!("/Users/{id}"), &body).await;
    }

    /// Waits until nothing is left to do.
    async fn until_done(&self, limit: Duration) {
        let begun = Instant::now();
        while self.app.fresh(self.organization).await.expect("a state").tasks().next().is_some() {
            assert!(begun.elapsed() < limit, "it does not come to an end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn tasks(&self, user: &str) -> (i64, Vec<Task>) {
        let user = user.parse().expect("an id");
        let list = self.app.store.offboardings(self.organization, Some(user), 1).await.expect("a list");
        let read = self.app.store.offboarding(self.organization, list[0].id).await.expect("an offboarding");
        let (one, tasks) = read.expect("an offboarding");
        assert_eq!(one.status, Status::Done, "{tasks:#?}");
        (one.asked_ms, tasks)
    }
}

fn client() -> reqwest::Client {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().build().expect("a client")).clone()
}

fn people(count: usize) -> Vec<Person> {
    let person = |number: usize| {
        Person::new("Pat", &format!("No{number}"), &format!("p{number}@acme.example"))
            .on_github(&format!("pat-{number}"))
    };
    (0..count).map(person).collect()
}

fn finished_ms(task: &Task) -> i64 {
    task.finished_ms.expect("a time")
}

/// Requests of one pass at each tool, and whether the limit was kept.
async fn one_person(rounds: usize) -> (BTreeMap<&'static str, usize>, bool) {
    let people = people(rounds + 1);
    let open = [
        "OKTA",
        "GOOGLE_WORKSPACE",
        "GITHUB",
        "ONEPASSWORD",
        "SLACK",
        "ATLASSIAN",
        "SALESFORCE",
        "SCIM",
        "WEBHOOK",
    ]
    .map(|tool| (format!("CEVEN_TOOLS__{tool}__BURST"), "10000".to_owned()));
    let bench = Bench::start(&people, &open).await;
    let ids = bench.create(&people).await;
    for (number, tool) in bench.simulators.all().iter().enumerate() {
        tool.set_latency(Duration::from_millis(10 + 5 * number as u64));
    }
    let (mut extras, mut wholes, mut lengths) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut before: BTreeMap<&str, usize> = BTreeMap::new();
    for (round, id) in ids.iter().enumerate() {
        bench.deactivate(id).await;
        bench.until_done(Duration::from_secs(60)).await;
        let (asked_ms, tasks) = bench.tasks(id).await;
        let mut slowest_ms = 0;
        for (number, tool) in bench.simulators.all().iter().enumerate() {
            let sent = tool.journal().len();
            let length = sent - before.insert(tool.name(), sent).unwrap_or_default();
            slowest_ms = slowest_ms.max(length as i64 * (10 + 5 * number as i64));
            lengths.insert(tool.name(), length);
        }
        let whole_ms = tasks.iter().map(finished_ms).max().expect("a tool") - asked_ms;
        // The first pass gets tokens, which are kept.
        if round > 0 {
            extras.push(whole_ms - slowest_ms);
            wholes.push(whole_ms);
        }
    }
    bench.stop.cancel();
    extras.sort_unstable();
    wholes.sort_unstable();
    let extra_ms = extras[extras.len() / 2];
    println!(
        "one person, nine tools: out of all after {} ms in the median, {extra_ms} ms [{}, {}] more than the slowest tool needs; at most {MOST_EXTRA_MS}",
        wholes[wholes.len() / 2],
        extras[0],
        extras[extras.len() - 1],
    );
    println!("requests of a pass: {lengths:?}");
    (lengths, extra_ms <= MOST_EXTRA_MS)
}

/// Settings that keep a tool's limit: burst and long run together.
fn pace(tool: &str, limit: usize) -> Vec<(String, String)> {
    let (burst, name) = ((limit * 6 / 100).max(2), tool.to_uppercase());
    let setting = |key: &str, value: usize| (format!("CEVEN_TOOLS__{name}__{key}"), value.to_string());
    vec![setting("PER_MINUTE", limit - burst), setting("BURST", burst), setting("CONCURRENCY", 8)]
}

async fn many_people(lengths: &BTreeMap<&'static str, usize>, count: usize, secs: usize) -> bool {
    let limit = |length: usize| (length * count * 60).div_ceil(secs);
    let tools: Vec<_> = lengths.iter().flat_map(|(tool, length)| pace(tool, limit(*length))).collect();
    let people = people(count + 1);
    let bench = Bench::start(&people, &tools).await;
    for tool in bench.simulators.all() {
        let requests = u32::try_from(limit(lengths[tool.name()])).expect("a limit");
        tool.set_limit(Limit { requests, window_secs: 60 });
    }
    let ids = bench.create(&people).await;
    let begun_ms = bench.app.clock.now_ms();
    let queue = stream::iter(&ids[1..]).for_each_concurrent(10, |id| bench.deactivate(id));
    let urgent = async {
        tokio::time::sleep(Duration::from_secs(secs as u64 / 3)).await;
        offboard_in_console(&bench, &ids[0], &people[0]).await
    };
    let ((), urgent_ms) = tokio::join!(queue, urgent);
    bench.until_done(Duration::from_secs(secs as u64 * 4)).await;
    let (mut last_ms, mut fine) = (begun_ms, urgent_ms <= MOST_URGENT_MS);
    let mut ended_ms: BTreeMap<String, i64> = BTreeMap::new();
    for id in &ids {
        for task in bench.tasks(id).await.1 {
            let ended_ms = ended_ms.entry(task.kind.to_string()).or_default();
            *ended_ms = finished_ms(&task).max(*ended_ms);
            last_ms = last_ms.max(*ended_ms);
        }
    }
    let ratio = (last_ms - begun_ms) as f64 / (secs as f64 * 1_000.0);
    fine &= ratio <= MOST_RATIO;
    println!(
        "{count} people at once: out of all after {:.1} s, {ratio:.3} of what the limits make it take; at most {MOST_RATIO}",
        (last_ms - begun_ms) as f64 / 1_000.0,
    );
    println!(
        "one more, in the console, meanwhile: sessions at Okta ended after {urgent_ms} ms; at most {MOST_URGENT_MS}"
    );
    for tool in bench.simulators.all() {
        let journal = tool.journal();
        let refused = journal.iter().filter(|received| received.status == 429).count();
        let secs = (ended_ms[tool.name()] - begun_ms) as f64 / 1_000.0;
        println!(
            "{:<18} {:>6} requests, {refused} answered 429; the last one ended after {secs:.1} s",
            tool.name(),
            journal.len()
        );
        fine &= refused == 0;
    }
    bench.stop.cancel();
    fine
}

/// Milliseconds from the click to the end of the sessions at Okta.
async fn offboard_in_console(bench: &Bench, id: &str, person: &Person) -> i64 {
    let url = |path: &str| format!("{}/api/v1{path}", bench.url);
    let credentials = json!({ "org": "acme", "email": PRIYA, "password": PASSWORD });
    let signed_in = client().post(url("/auth/login")).json(&credentials).send().await.expect("an answer");
    let cookie =
        signed_in.headers()["set-cookie"].to_str().expect("a cookie").split(';').next().expect("a cookie");
    let cookie = cookie.to_owned();
    let csrf: Value = signed_in.json().await.expect("a session");
    let asked_ms = bench.app.clock.now_ms();
    let request = client().post(url(&format!("/users/{id}/offboard"))).header("cookie", cookie);
    let request = request.header("x-ceven-csrf", csrf["csrf_token"].as_str().expect("a token"));
    let answer = request.json(&json!({ "reason": "urgent" })).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    let okta_id = bench.simulators.okta.with(|okta| {
        let user = okta.users.iter().find(|user| user.person.email == person.email);
        user.expect("a user").id.clone()
    });
    let path = format!("/api/v1/users/{okta_id}/sessions");
    let begun = Instant::now();
    loop {
        let journal = Simulator::journal(&bench.simulators.okta);
        let ended =
            journal.iter().rev().find(|received| received.method == "DELETE" && received.path == path);
        if let Some(ended) = ended {
            return ended.at_ms - asked_ms;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the sessions do not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
