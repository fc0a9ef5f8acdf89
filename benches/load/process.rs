//! The processes under load: the real server, and a bare warp route.
use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ceven::http::server::{ServerLimits, serve};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

use crate::client::Request;

/// A server process.
pub struct Server {
    pub port: u16,
    admin_port: u16,
    token: String,
    folder: TempDir,
    child: Child,
    settings: Vec<(&'static str, &'static str)>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

impl Server {
    /// The real server with one organization and one token.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let (port, admin_port) = (free_port(), free_port());
        let child = ceven(&folder, port, admin_port, &["serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server");
        let mut server = Self { port, admin_port, token: String::new(), folder, child, settings: Vec::new() };
        server.until_ready().await;
        server.verb(&["org", "create", "--name", "Load", "--slug", "load"]);
        let minted = server.verb(&["token", "mint", "--org", "load", "--label", "load"]);
        server.token = minted["token"].as_str().unwrap_or_default().to_owned();
        server
    }

    /// A warp route that answers these bytes.
    pub async fn bare(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("body");
        fs::write(&file, body).expect("a file");
        let port = free_port();
        let itself = std::env::current_exe().expect("this program");
        let child = Command::new(itself)
            .arg("--bare")
            .arg(port.to_string())
            .arg(&file)
            .spawn()
            .expect("a bare server");
        let server =
            Self { port, admin_port: port, token: String::new(), folder, child, settings: Vec::new() };
        server.until_ready().await;
        server
    }

    /// Ends it without warning and starts it again on the same data.
    pub async fn restart(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("an end");
        let mut command = ceven(&self.folder, self.port, self.admin_port, &["serve"]);
        command.envs(self.settings.iter().copied());
        self.child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server");
        self.until_ready().await;
    }

    /// The same with other settings.
    pub async fn restart_with(&mut self, settings: &[(&'static str, &'static str)]) {
        self.settings = settings.to_vec();
        self.restart().await;
    }

    /// Runs a verb that must succeed; its document.
    pub fn verb(&self, arguments: &[&str]) -> serde_json::Value {
        let mut command = ceven(&self.folder, self.port, self.admin_port, arguments);
        let output = command.arg("--json").output().expect("a verb");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a document")
    }

    /// A file of the server's folder with this text.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    async fn until_ready(&self) {
        let begun = Instant::now();
        while !reqwest::get(format!("http://127.0.0.1:{}/readyz", self.admin_port))
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server did not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A prepared request.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Request {
        let prefix = if self.token.is_empty() { "" } else { "/api/v1/scim/v2" };
        request(&self.token, method, &format!("{prefix}{path}"), body)
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("ceven.db")
    }

    /// How another node reaches the database.
    pub fn database_url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.database().display())
    }

    /// The body of a resource.
    pub async fn get(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:{}/api/v1/scim/v2{path}", self.port);
        let answer =
            reqwest::Client::new().get(url).bearer_auth(&self.token).send().await.expect("an answer");
        assert!(answer.status().is_success());
        answer.text().await.expect("a body")
    }

    /// Commands written so far, and transactions that they took.
    pub async fn journal(&self) -> (f64, f64) {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin_port);
        let answer = reqwest::get(url).await.expect("an answer").text().await.expect("a body");
        let metric = |name: &str| {
            let value = answer.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.trim().parse().ok()).expect("a metric")
        };
        (metric("ceven_journal_batch_units_sum "), metric("ceven_journal_batch_units_count "))
    }

    /// User and system time so far, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a process");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().expect("ticks")).sum();
        // USER_HZ is 100 on every Linux.
        ticks * 10_000.0
    }

    /// A line of `/proc/PID/status`.
    pub fn memory_kib(&self, line: &str) -> u64 {
        memory_kib(self.process(), line)
    }

    /// Id of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

/// A line of a process's `/proc/PID/status`.
pub fn memory_kib(process: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    found
        .and_then(|text| text.split_whitespace().nth(1))
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// What this process has.
pub fn own_memory_kib() -> u64 {
    memory_kib(std::process::id(), "VmRSS")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ceven(folder: &TempDir, port: u16, admin_port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ceven"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env("CEVEN_SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .env("CEVEN_ADMIN__LISTEN", format!("127.0.0.1:{admin_port}"))
        .env("CEVEN_SECURITY__OUTBOUND_ALLOW", "127.0.0.0/8")
        .env("CEVEN_LOG__FILTER", "error");
    command
}

/// A request as bytes.
pub fn request(token: &str, method: &str, path: &str, body: &str) -> Request {
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/scim+json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    text.into_bytes().into()
}

/// The other side of [`Server::bare`]: the same accept loop, and a route that does nothing.
pub async fn serve_bare(port: &str, file: &str) {
    let body: &'static str = Box::leak(fs::read_to_string(file).expect("a body").into_boxed_str());
    let route = warp::any().map(move || warp::reply::Response::new(body.into())).boxed();
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a port");
    serve(listener, route, ServerLimits::LOOPBACK, CancellationToken::new()).await;
}

/// What the disk does, where the database is.
pub fn fdatasyncs_per_second() -> f64 {
    let file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    (&file).write_all(&[0; 4096]).expect("a write");
    let begun = Instant::now();
    for _ in 0..50 {
        file.write_all_at(&[1; 4096], 0).and_then(|()| file.sync_data()).expect("a sync");
    }
    50.0 / begun.elapsed().as_secs_f64()
}
