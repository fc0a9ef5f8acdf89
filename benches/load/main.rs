//! The load run: `cargo bench --bench load -- --users 20000 [--rounds 5] [--slice-ms 1000] [--organizations 10000]
//! [--only reads|lists|writes|restart|logout|jti|export]`.
//!
//! A real server on a fresh SQLite database, over loopback, in turn with a bare warp route that is sent the same
//! requests and answers the bytes of one of their answers. What counts is the ratio inside a round (median, with least
//! and greatest), and the server's CPU per request: the generator shares the machine. Every answer's status is checked.
use std::time::{Duration, Instant};

mod client;
mod export;
mod jti;
mod logout;
mod organizations;
mod process;
mod raw;
mod tenant;

use client::{Request, Slice, run};
use process::{Server, fdatasyncs_per_second};

struct Options {
    users: usize,
    rounds: usize,
    slice: Duration,
    /// How many to make for the part that has many.
    organizations: usize,
    /// The one part to run.
    only: Option<String>,
}

impl Options {
    fn runs(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

fn options() -> Options {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(default, |text| text.parse().expect("a number"))
    };
    Options {
        users: number("--users", 1_000),
        rounds: number("--rounds", 3),
        slice: Duration::from_millis(number("--slice-ms", 1_000) as u64),
        organizations: number("--organizations", 0),
        only: arguments
            .iter()
            .position(|argument| argument == "--only")
            .and_then(|at| arguments.get(at + 1))
            .cloned(),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match arguments.get(1).map(String::as_str) {
        Some("--bare") => runtime.block_on(process::serve_bare(&arguments[2], &arguments[3])),
        _ => runtime.block_on(measure(&options())),
    }
}

async fn measure(options: &Options) {
    println!("disk: {:.0} fdatasyncs of 4 KiB a second", fdatasyncs_per_second());
    let mut server = Server::start().await;
    println!("idle process: {} KiB", server.memory_kib("VmRSS"));
    let ids = import(&server, options.users).await;
    println!(
        "with {} users: {} KiB, at most {} KiB",
        options.users,
        server.memory_kib("VmRSS"),
        server.memory_kib("VmHWM")
    );

    let sample = &ids[ids.len() / 2];
    if options.runs("reads") {
        reads(&server, &ids, sample, options).await;
    }
    if options.runs("lists") {
        listing(&server, &ids, options).await;
    }
    if options.runs("writes") {
        writes(&server, &ids).await;
    }
    if options.runs("restart") {
        let begun = Instant::now();
        server.restart().await;
        let ready = begun.elapsed();
        server.get(&format!("/Users/{sample}")).await;
        println!(
            "\nrestart: ready after {ready:.0?}, first answer after {:.0?}, then {} KiB",
            begun.elapsed(),
            server.memory_kib("VmRSS")
        );
    }
    if options.runs("logout") {
        logout::measure(&mut server, &ids, options).await;
    }
    if options.runs("jti") {
        jti::measure().await;
    }
    if options.runs("export") {
        export::measure(options).await;
    }
    if options.organizations > 0 {
        drop(server);
        organizations::measure(options.organizations, options).await;
    }
}

async fn reads(server: &Server, ids: &[String], sample: &str, options: &Options) {
    println!(
        "\nreads, against a bare warp route that is sent the same requests and answers the bytes of one of their answers; \
         median [least, greatest] of {} rounds",
        options.rounds
    );
    let filter = |index: usize| format!("/Users?filter=userName%20eq%20%22user{index}@load.example%22");
    let places = || (0..ids.len()).step_by(ids.len().div_ceil(1000));
    let by_id: Vec<_> = places().map(|index| format!("/Users/{}", ids[index])).collect();
    let by_name: Vec<_> = places().map(filter).collect();
    let (user, list) = (format!("/Users/{sample}"), filter(ids.len() / 2));
    let kinds = [("GET /Users/{id}", by_id, user), ("GET ?filter=userName eq", by_name, list)];
    let mut compared = Vec::new();
    for (name, paths, sample) in &kinds {
        let bare = Server::bare(&server.get(sample).await).await;
        let requests: Vec<_> = paths.iter().map(|path| server.request("GET", path, "")).collect();
        compared.push((name, bare, requests));
    }
    for connections in [1, 16, 64] {
        for (name, bare, requests) in &compared {
            compare(name, server, bare, requests, connections, options).await;
        }
    }
}

/// Creates the users as a client would, 64 at a time; their ids.
async fn import(server: &Server, users: usize) -> Vec<String> {
    let requests: Vec<Request> =
        (0..users).map(|index| server.request("POST", "/Users", &user_body(index, "load"))).collect();
    let begun = Instant::now();
    let (ids, slice) = client::once_each(server.port, requests, 64).await;
    assert_eq!((ids.len(), slice.failed), (users, 0));
    let rate = users as f64 / begun.elapsed().as_secs_f64();
    println!(
        "import of {users} users at 64 connections: {rate:.0} durable users a second, p50 {:.1?}, p99 {:.1?}",
        slice.p(50),
        slice.p(99)
    );
    ids
}

fn user_body(index: usize, domain: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user{index}@{domain}.example","externalId":"00u{domain}{index}","name":{{"givenName":"User","familyName":"Number{index}"}},"displayName":"User Number{index}","emails":[{{"value":"user{index}@{domain}.example","type":"work","primary":true}}],"active":true,"password":"placeholder","groups":[]}}"#
    )
}

async fn compare(
    name: &str,
    server: &Server,
    bare: &Server,
    requests: &[Request],
    connections: usize,
    options: &Options,
) {
    let mut ratios = Vec::new();
    let mut cpu_ratios = Vec::new();
    let mut last = Slice::default();
    for _ in 0..options.rounds {
        let (ceiling, ceiling_cpu) = measured(bare, requests, connections, options.slice).await;
        let (ours, cpu) = measured(server, requests, connections, options.slice).await;
        ratios.push(ours.rate() / ceiling.rate());
        cpu_ratios.push(cpu / ceiling_cpu);
        last = ours;
        last.cpu_us = cpu;
    }
    println!(
        "  {name:<24} {connections:>2} connections: {} of bare warp's rate, {} x its CPU; last: {:.0}/s, {:.1} us CPU, p50 {:.0?}, p99 {:.0?}",
        spread(&mut ratios),
        spread(&mut cpu_ratios),
        last.rate(),
        last.cpu_us,
        last.p(50),
        last.p(99),
    );
}

/// A slice and the server's CPU microseconds per request in it.
async fn measured(
    server: &Server,
    requests: &[Request],
    connections: usize,
    length: Duration,
) -> (Slice, f64) {
    let before = server.cpu_us();
    let slice = run(server.port, requests, connections, length).await;
    assert_eq!(slice.failed, 0, "an answer was wrong");
    let cpu = (server.cpu_us() - before) / slice.latencies.len() as f64;
    (slice, cpu)
}

fn spread(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    format!("{:.2} [{:.2}, {:.2}]", values[values.len() / 2], values[0], values[values.len() - 1])
}

/// Single reads beside 200-row listings and filters that look at everyone: their p99 with and without.
async fn listing(server: &Server, ids: &[String], options: &Options) {
    println!("\nsingle reads at 4 connections, beside lists at 2 connections of the same organization");
    let single = vec![server.request("GET", &format!("/Users/{}", ids[0]), "")];
    let alone = run(server.port, &single, 4, options.slice).await;
    println!("  alone:                   p50 {:.0?}, p99 {:.0?}", alone.p(50), alone.p(99));
    for (name, path) in [
        ("200 rows", format!("/Users?count=200&startIndex={}", ids.len().saturating_sub(200).max(1))),
        ("filter over everyone", "/Users?filter=title%20eq%20%22nobody%22".to_owned()),
    ] {
        let list = vec![server.request("GET", &path, "")];
        let (lists, reads) = tokio::join!(
            run(server.port, &list, 2, options.slice),
            run(server.port, &single, 4, options.slice)
        );
        assert_eq!((lists.failed, reads.failed), (0, 0));
        println!(
            "  beside {name:<20} p50 {:.0?}, p99 {:.0?}; lists: {:.0}/s, p50 {:.1?}",
            reads.p(50),
            reads.p(99),
            lists.rate(),
            lists.p(50)
        );
    }
}

/// A rate of POSTs beside SQLite alone. What waits in the log of requests must be in the database first.
async fn against_sqlite(server: &Server, rate: f64, shared: usize) {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let units = raw::Written::units(&server.database());
    let alone = units.per_second(1, 1_000);
    let (at_batch, at_64) = (units.per_second(shared, 20_000), units.per_second(64, 20_000));
    let whole = raw::Written::units_with_requests(&server.database()).per_second(shared, 20_000);
    println!(
        "        SQLite alone: one unit a commit {alone:.0}/s, of which this is {:.1} x; {shared} units a commit {at_batch:.0}/s: {:.2}; \
         64 units {at_64:.0}/s: {:.2}; with a row for the request too, {shared} a commit {whole:.0}/s: {:.2}",
        rate / alone,
        rate / at_batch,
        rate / at_64,
        rate / whole
    );
}

async fn writes(server: &Server, ids: &[String]) {
    println!(
        "\ndurable writes, each with its audit entry; the disk did {:.0} fdatasyncs a second just now",
        fdatasyncs_per_second()
    );
    let mut next = 0;
    for connections in [1, 16, 64] {
        let (before, (units, commits)) = (server.cpu_us(), server.journal().await);
        let sync = fdatasyncs_per_second();
        let many: Vec<Request> = (0..(connections * 200).max(1000))
            .map(|index| server.request("POST", "/Users", &user_body(next + index, "more")))
            .collect();
        next += many.len();
        let begun = Instant::now();
        let (made, slice) = client::once_each(server.port, many, connections).await;
        assert_eq!(slice.failed, 0);
        let rate = made.len() as f64 / begun.elapsed().as_secs_f64();
        let cpu = (server.cpu_us() - before) / made.len() as f64;
        let (later_units, later_commits) = server.journal().await;
        let shared = (later_units - units) / (later_commits - commits);
        println!(
            "  POST  {connections:>2} connections: {rate:.0}/s, {shared:.1} to a commit, {cpu:.0} us CPU, p50 {:.1?}, p99 {:.1?}; the \
             disk did {sync:.0} fdatasyncs a second just before",
            slice.p(50),
            slice.p(99)
        );
        against_sqlite(server, rate, shared.round().max(1.0) as usize).await;
        let patch = |index: usize| {
            let body = format!(
                r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","value":{{"active":{}}}}}]}}"#,
                index / ids.len() % 2 == 1
            );
            server.request("PATCH", &format!("/Users/{}", ids[index % ids.len()]), &body)
        };
        let many: Vec<Request> = (0..(connections * 100).min(ids.len())).map(patch).collect();
        let count = many.len();
        let begun = Instant::now();
        let (_, slice) = client::once_each(server.port, many, connections).await;
        assert_eq!(slice.failed, 0);
        println!(
            "  PATCH {connections:>2} connections: {:.0}/s, p50 {:.1?}, p99 {:.1?}",
            count as f64 / begun.elapsed().as_secs_f64(),
            slice.p(50),
            slice.p(99)
        );
    }
}
