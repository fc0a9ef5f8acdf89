//! The real binary on a database of its own.
use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub mod cable;

/// Where the server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// Runs a scenario on SQLite, and on PostgreSQL when there is one.
#[macro_export]
macro_rules! on_each_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::Server::start($crate::support::Database::Sqlite).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if $crate::support::postgres_url().is_none() {
                    eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
                    return;
                }
                super::$name($crate::support::Server::start($crate::support::Database::Postgres).await).await;
            })*
        }
    };
}

/// A server with rights to create databases on.
pub fn postgres_url() -> Option<String> {
    std::env::var("CEVEN_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

/// 32 bytes of the tests.
pub const MASTER_KEY: &str = "dGVzdHMgb25seTogdGhpcnR5LXR3byBieXRlcyAhISE=";

pub struct Server {
    pub folder: TempDir,
    pub database_url: String,
    pub port: u16,
    pub admin_port: u16,
    child: Option<Child>,
    settings: Vec<(String, String)>,
}

/// A port that nobody listens on, below those that the system gives to outgoing connections: one of these could
/// take it before the server does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97) + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (number % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub async fn new_database(kind: Database, folder: &TempDir) -> String {
    use sea_orm::ConnectionTrait as _;
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    match kind {
        Database::Sqlite => format!("sqlite://{}?mode=rwc", folder.path().join("ceven.db").display()),
        Database::Postgres => {
            let base = postgres_url().expect("CEVEN_TEST_POSTGRES is set");
            let name =
                format!("ceven_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
            let admin = sea_orm::Database::connect(&base).await.unwrap();
            admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
            let (server, _) = base.rsplit_once('/').unwrap();
            format!("{server}/{name}")
        }
    }
}

impl Server {
    pub async fn start(kind: Database) -> Self {
        Self::start_behind(kind, |url| url).await
    }

    /// Starts on a database that is reached by another address.
    pub async fn start_behind(kind: Database, address: impl FnOnce(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = address(new_database(kind, &folder).await);
        let (port, admin_port) = (free_port(), free_port());
        let mut server = Self { folder, database_url, port, admin_port, child: None, settings: Vec::new() };
        server.boot().await;
        server
    }

    /// Another process of the same installation: the same database and public address, a folder and ports of its own.
    pub async fn beside(&self) -> Self {
        let public_url = ("CEVEN_SERVER__PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{}", self.port));
        let mut other = Self {
            folder: tempfile::tempdir().unwrap(),
            database_url: self.database_url.clone(),
            port: free_port(),
            admin_port: free_port(),
            child: None,
            settings: [self.settings.as_slice(), &[public_url]].concat(),
        };
        other.boot().await;
        other
    }

    /// Starts again with other settings.
    pub async fn restart_with(&mut self, settings: &[(&str, &str)]) {
        self.kill();
        self.set(settings);
        self.boot().await;
    }

    /// Other settings from the next process on.
    pub fn set(&mut self, settings: &[(&str, &str)]) {
        self.settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    }

    /// Starts, or starts again on the same data.
    pub async fn boot(&mut self) {
        self.child = Some(self.spawn());
        self.until_ready().await;
    }

    /// Starts a process, and does not wait for it.
    pub fn spawn(&self) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    pub async fn until_ready(&self) {
        let begun = Instant::now();
        let url = format!("http://127.0.0.1:{}/readyz", self.admin_port);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(
                begun.elapsed() < Duration::from_secs(90),
                "the server did not start: {}",
                self.log_text()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// A verb, to be run in a process of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ceven"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("CEVEN_SERVER__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("CEVEN_ADMIN__LISTEN", format!("127.0.0.1:{}", self.admin_port))
            .env("CEVEN_DATABASE__URL", &self.database_url)
            .env("CEVEN_DATABASE__TIMEOUT_MS", "2000")
            .env("CEVEN_SECURITY__MASTER_KEY", MASTER_KEY)
            .env("CEVEN_SECURITY__OUTBOUND_ALLOW", "127.0.0.0/8")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a verb in a process of its own.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a verb with other settings.
    pub fn run_as(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        self.command(arguments).envs(settings.iter().copied()).output().unwrap()
    }

    /// Runs a verb that reads its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: std::fs::File) -> Output {
        self.command(arguments).stdin(input).output().unwrap()
    }

    /// Runs a verb that reads these bytes through a pipe.
    pub fn run_piped(&self, arguments: &[&str], bytes: &[u8]) -> Output {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let bytes = bytes.to_vec();
        let written = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes));
        let output = self.run_with_input(arguments, std::fs::File::from(std::os::fd::OwnedFd::from(reader)));
        // Whoever has heard enough closes the pipe.
        let _ = written.join().unwrap();
        output
    }

    /// Runs a verb that must succeed and reads its document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Connects a tool to `acme`: its id.
    pub fn connector(&self, kind: &str, name: &str, settings: &Value) -> String {
        let file = self.folder.path().join(format!("{name}.json"));
        std::fs::write(&file, settings.to_string()).unwrap();
        let of = ["--org", "acme", "--kind", kind, "--name", name, "--config-file", file.to_str().unwrap()];
        let added = self.json(&[&["connector", "add"][..], &of].concat());
        assert!(!added.to_string().contains("whsec_"), "a secret is never shown");
        added["id"].as_str().unwrap().to_owned()
    }

    /// A new organization with a token: its client.
    pub fn organization(&self, slug: &str) -> Scim {
        self.json(&["org", "create", "--name", slug, "--slug", slug]);
        let token = self.json(&["token", "mint", "--org", slug, "--label", "okta"]);
        self.client(token["token"].as_str().unwrap())
    }

    pub fn client(&self, token: &str) -> Scim {
        Scim {
            base: format!("http://127.0.0.1:{}/api/v1/scim/v2", self.port),
            token: token.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The audit log of an organization, verified.
    pub fn audit(&self, slug: &str) -> Vec<Value> {
        let export = self.run(&["audit", "export", "--org", slug]);
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        let file = self.folder.path().join("export.ndjson");
        std::fs::write(&file, &export.stdout).unwrap();
        let report = self.json(&["audit", "verify", file.to_str().unwrap()]);
        assert_eq!((&report["ok"], &report["contiguous"]), (&true.into(), &true.into()), "{report}");
        String::from_utf8(export.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["type"] != "ceven.audit.head")
            .collect()
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// How many rows of a table fit.
    pub async fn rows(&self, table: &str, condition: &str) -> i64 {
        use sea_orm::{ConnectionTrait as _, Statement};
        let database = sea_orm::Database::connect(&self.database_url).await.unwrap();
        let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
        let statement = Statement::from_string(database.get_database_backend(), query);
        let count = database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        database.close().await.unwrap();
        count
    }

    /// Waits until it has ended; true when it ended well.
    pub async fn ended(&mut self) -> bool {
        let mut child = self.child.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait().unwrap().success()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A SCIM client with one token.
#[derive(Clone)]
pub struct Scim {
    pub base: String,
    pub token: String,
    pub http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The body, when the status is as expected.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks the RFC 7644 error envelope.
    pub fn refused(&self, status: u16, scim_type: Option<&str>) {
        let body = self.expect(status);
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(body["status"], status.to_string());
        assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        assert!(self.header("content-type").starts_with("application/scim+json"));
    }
}

impl Scim {
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http
            .request(method, format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, text: answer.text().await.unwrap() }
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request =
                request.header("content-type", "application/scim+json; charset=utf-8").body(body.to_string());
        }
        self.send(request).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.call("PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, operations: &Value) -> Reply {
        let body = serde_json::json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.call("PATCH", path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, None).await
    }

    /// Creates a user of that name; its id.
    pub async fn user(&self, name: &str) -> String {
        let body = serde_json::json!({ "userName": name, "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"] });
        self.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }
}
