//! An export of 1,000,000 audit entries beside SQLite reading the same rows: rows a second, and memory over idle.
use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use ceven::{
    app::{App, Role},
    config::Settings,
};
use ceven_actors::{
    clock::SystemClock,
    domain::audit::{Draft, Head, Mode, seal},
    ports::{Store as _, Unit},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Options, process::Server, spread};

const ENTRIES: usize = 1_000_000;
/// Entries of one unit.
const UNIT: usize = 4_000;

pub async fn measure(options: &Options) {
    let mut server = Server::start().await;
    let begun = Instant::now();
    fill(&server).await;
    println!(
        "\nexport of {ENTRIES} audit entries; written by the journal in {:.0?}, in units of {UNIT}",
        begun.elapsed()
    );
    server.restart().await;
    let minted = server.verb(&["token", "mint", "--org", "load", "--label", "export", "--kind", "audit"]);
    let token = minted["token"].as_str().expect("a token").to_owned();
    verify(&server, &token).await;
    let (mut rates, mut memory, mut last) = (Vec::new(), Vec::new(), (0.0, 0.0));
    for _ in 0..options.rounds {
        let (raw, bytes) = scan(&server);
        let idle = server.memory_kib("VmRSS");
        let sampling = Sampling::start(&server);
        let begun = Instant::now();
        let mut got = Counted::default();
        export(&server, &token, |part| got.add(part)).await;
        let ours = begun.elapsed().as_secs_f64();
        assert!(got.lines > ENTRIES && got.bytes > bytes, "{} lines, {} bytes", got.lines, got.bytes);
        rates.push(raw / ours);
        memory.push(sampling.most_kib().saturating_sub(idle) as f64 / 1_024.0);
        last = (ENTRIES as f64 / ours, ENTRIES as f64 / raw);
    }
    println!(
        "  {} of SQLite's own scan; {} MiB over idle; last: {:.0} rows/s beside {:.0}",
        spread(&mut rates),
        spread(&mut memory),
        last.0,
        last.1
    );
}

/// Large units through the journal, as an organization would write them: the chain holds.
async fn fill(server: &Server) {
    let variables = [("CEVEN_DATABASE__URL".to_owned(), server.database_url())];
    let settings = Settings::load(None, variables).expect("settings");
    let app =
        App::start(settings, Arc::new(SystemClock), ([127, 0, 0, 1], 0).into(), Role::CommandLine).await;
    let app = app.expect("a node");
    let found = app.store.organization_by_slug("load").await.expect("an answer");
    let organization = found.expect("the organization").id;
    let mut head: Head = app.fresh(organization).await.expect("its state").head();
    let operator = app.operator();
    for unit in 0..ENTRIES / UNIT {
        let drafts = (0..UNIT).map(|index| draft(unit * UNIT + index)).collect();
        let (entries, sealed) = seal(head, ("load", Mode::Live), &operator, app.stamp(), drafts);
        let after = Head { seq: head.seq + 1, ..sealed };
        let (sender, written) = tokio::sync::oneshot::channel();
        let unit = Unit { organization, run: 0, expected: head, after, changes: Vec::new(), entries };
        app.store.append(
            unit,
            Box::new(move |outcome| {
                let _ = sender.send(outcome);
            }),
        );
        written.await.expect("an outcome").expect("a written unit");
        head = after;
    }
    app.stop().await;
}

fn draft(number: usize) -> Draft {
    let state = |active: bool| {
        json!({ "id": format!("0199{number:028x}"), "userName": format!("user{number}@load.example"), "active": active,
            "displayName": format!("User Number{number}"), "emails": [{ "value": format!("user{number}@load.example"), "type": "work" }] })
    };
    Draft {
        action: "user.patch",
        resource_type: "User",
        resource_id: format!("0199{number:028x}"),
        before: state(true),
        after: state(false),
    }
}

/// The first export is judged: the chain holds from the first line to the signed head.
async fn verify(server: &Server, token: &str) {
    let mut judge = Command::new(env!("CARGO_BIN_EXE_ceven"));
    judge.args(["audit", "verify", "-", "--json"]);
    let mut judge = judge.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a judge");
    let mut pipe = judge.stdin.take().expect("a pipe");
    export(server, token, |part| pipe.write_all(part).expect("the judge reads")).await;
    drop(pipe);
    let output = judge.wait_with_output().expect("a verdict");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(report["ok"] == true && report["contiguous"] == true, "{report}");
    println!("  verified: {report}");
}

#[derive(Default)]
struct Counted {
    lines: usize,
    bytes: usize,
}

impl Counted {
    fn add(&mut self, part: &[u8]) {
        self.lines += part.iter().filter(|byte| **byte == b'\n').count();
        self.bytes += part.len();
    }
}

/// Reads an export to its end, taking the chunks apart (RFC 9112 §7.1).
async fn export(server: &Server, token: &str, mut take: impl FnMut(&[u8])) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("the server accepts");
    let request = format!(
        "GET /api/v1/sso/audit-export HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut buffer: Vec<u8> = Vec::with_capacity(1 << 20);
    let mut is_body = false;
    loop {
        assert!(stream.read_buf(&mut buffer).await.expect("the server answers") > 0, "the export broke off");
        let mut at = 0;
        if !is_body {
            let Some(end) = position(&buffer, b"\r\n\r\n") else { continue };
            assert!(buffer.starts_with(b"HTTP/1.1 200"), "the export was refused");
            (is_body, at) = (true, end + 4);
        }
        while let Some(end) = position(&buffer[at..], b"\r\n") {
            let size = std::str::from_utf8(&buffer[at..at + end]).ok();
            let size = size.and_then(|text| usize::from_str_radix(text, 16).ok()).expect("a size");
            let from = at + end + 2;
            if size == 0 {
                return;
            }
            if buffer.len() < from + size + 2 {
                break;
            }
            take(&buffer[from..from + size]);
            at = from + size + 2;
        }
        buffer.drain(..at);
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// SQLite alone reads the same lines in the same order; seconds, and bytes of the lines.
fn scan(server: &Server) -> (f64, usize) {
    let database = rusqlite::Connection::open(server.database()).expect("the database");
    let begun = Instant::now();
    let mut query =
        database.prepare("SELECT seq, line FROM audit_log ORDER BY org_id, seq").expect("a query");
    let mut rows = query.query([]).expect("rows");
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next().expect("a row") {
        let line = row.get_ref(1).and_then(|line| Ok(line.as_str()?)).expect("a line");
        (count, bytes) = (count + 1, bytes + std::hint::black_box(line.to_owned()).len());
    }
    assert!(count >= ENTRIES);
    (begun.elapsed().as_secs_f64(), bytes)
}

/// The most memory that the server had, looked at every few milliseconds.
struct Sampling {
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Sampling {
    fn start(server: &Server) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (stopped, process) = (stop.clone(), server.process());
        let thread = std::thread::spawn(move || {
            let mut most = 0;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                most = most.max(crate::process::memory_kib(process, "VmRSS"));
                std::thread::sleep(Duration::from_millis(5));
            }
            most
        });
        Self { stop, thread }
    }

    fn most_kib(self) -> u64 {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.join().expect("samples")
    }
}
