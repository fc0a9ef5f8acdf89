//! Several nodes on one PostgreSQL: they start together, take over from each other, and outlive a machine that goes
//! without a word.
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database as Connection, DatabaseConnection, DbBackend, Statement,
};
use serde_json::{Value, json};

use crate::{
    offboarding::Receiver,
    on_each_database,
    support::{Database, Scim, Server, cable::Cable, new_database, postgres_url},
};

/// The address of PostgreSQL, when there is one.
fn address() -> Option<String> {
    let Some(base) = postgres_url() else {
        eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
        return None;
    };
    Some(base.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned())
}

/// The same client at another node.
fn at(scim: &Scim, node: &Server) -> Scim {
    let (_, path) = scim.base.split_once("/api/").unwrap();
    Scim { base: format!("http://127.0.0.1:{}/api/{path}", node.port), ..scim.clone() }
}

async fn set_active(scim: &Scim, user: &str, active: bool) -> u16 {
    let change = json!([{ "op": "replace", "path": "active", "value": active }]);
    scim.patch(&format!("/Users/{user}"), &change).await.status
}

/// Tries until it is so, for a while; how long that took.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(40), "not {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    begun.elapsed()
}

async fn status_of(server: &Server, user: &str) -> Value {
    let list = server.json(&["user", "list", "--org", "acme"]);
    let user = list.as_array().unwrap().iter().find(|one| one["id"] == user).unwrap();
    user["active"].clone()
}

on_each_database!(they_start_together_on_an_empty_database);

async fn they_start_together_on_an_empty_database(mut server: Server) {
    let is_sqlite = server.database_url.starts_with("sqlite:");
    for round in 0..3 {
        server.database_url = match is_sqlite {
            true => {
                format!("sqlite://{}?mode=rwc", server.folder.path().join(format!("new{round}.db")).display())
            }
            false => new_database(Database::Postgres, &server.folder).await,
        };
        let (server, run) = (&server, || server.run(&["migrate"]));
        let outputs = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<_>>()
        });
        for output in outputs {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        server.organization("acme");
    }
}

/// What hangs at one place in the code, when its connection falls silent in the middle of a query.
struct Silence<'a> {
    cable: &'a Cable,
    direct: &'a DatabaseConnection,
}

impl Silence<'_> {
    /// Statements that wait for a lock.
    async fn waiting(&self) -> i64 {
        let text = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let statement = Statement::from_string(DbBackend::Postgres, text);
        self.direct.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// Whoever asks for this table waits for it when silence falls.
    async fn falls_on<T>(&self, table: &str, wakes: impl FnOnce() -> T) -> T {
        let intruder = sea_orm::TransactionTrait::begin(self.direct).await.unwrap();
        intruder.execute_unprepared(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.unwrap();
        let done = wakes();
        until("waited for", async || self.waiting().await > 0).await;
        self.cable.fall_silent();
        intruder.rollback().await.unwrap();
        done
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_holds_nothing_up_for_long() {
    let Some(address) = address() else { return };
    let server = Server::start(Database::Postgres).await;
    let scim = server.organization("acme");
    let receiver = Receiver::start().await;
    receiver.connect(&server, "hook");
    let cable = Cable::lay(address.clone()).await;
    let mut remote = server.beside().await;
    remote.database_url = server.database_url.replace(&address, &format!("127.0.0.1:{}", cable.port));
    remote
        .restart_with(&[("CEVEN_OFFBOARDING__TICK_MS", "300"), ("CEVEN_DATABASE__TIMEOUT_MS", "2000")])
        .await;
    let far = at(&scim, &remote);
    let direct = Connection::connect(&server.database_url).await.unwrap();
    let silence = Silence { cable: &cable, direct: &direct };
    far.get("/Users").await.expect(200);

    // What another node wrote is being read.
    scim.user("ann").await;
    let asking = far.clone();
    let late =
        silence.falls_on("users", move || tokio::spawn(async move { asking.get("/Users").await })).await;
    let took = until("read again", async || far.get("/Users").await.status == 200).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    let ben = far.user("ben").await;
    late.await.unwrap();

    // A lease is being taken, by the only node there is.
    let mut server = server;
    server.terminate();
    assert!(server.ended().await);
    let (asking, user) = (far.clone(), ben.clone());
    let leaves = move || tokio::spawn(async move { set_active(&asking, &user, false).await });
    let left = silence.falls_on("connector_leases", leaves).await;
    assert_eq!(left.await.unwrap(), 200);
    until("told", async || receiver.got().len() == 1).await;

    // What is due is being looked for.
    let carl = far.user("carl").await;
    let at = time::OffsetDateTime::now_utc() + Duration::from_secs(1);
    let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
    server.json(&["user", "offboard", "carl", "--org", "acme", "--run-at", &at]);
    silence.falls_on("offboardings", || ()).await;
    until("told of the scheduled one", async || receiver.got().len() == 2).await;
    assert_eq!(status_of(&server, &carl).await, false);
    remote.until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_takes_nobody_out_who_came_back() {
    if address().is_none() {
        return;
    }
    let mut server = Server::start(Database::Postgres).await;
    let hurry = [("CEVEN_OFFBOARDING__TICK_MS", "200"), ("CEVEN_OFFBOARDING__LEASE_MS", "2000")];
    server.restart_with(&hurry).await;
    let scim = server.organization("acme");
    let receiver = Receiver::start().await;
    receiver.connect(&server, "hook");
    let users = [scim.user("xena").await, scim.user("yuri").await];
    // One message hangs, so the node keeps the lease; the other one waits until the receiver listens again.
    receiver.hang_then_limit(3);
    assert_eq!(set_active(&scim, &users[0], false).await, 200);
    receiver.until_got(1).await;
    assert_eq!(set_active(&scim, &users[1], false).await, 200);
    receiver.until_got(2).await;
    server.signal(Signal::STOP);
    let second = server.beside().await;
    let other = at(&scim, &second);
    until("told by the other node", async || receiver.got().len() >= 4).await;
    let told = receiver.got().len();
    for user in &users {
        until("back", async || set_active(&other, user, true).await == 200).await;
    }
    server.signal(Signal::CONT);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(receiver.got().len(), told, "nobody is to leave any more");
    assert_eq!(set_active(&scim, &users[0], true).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_has_had_enough_is_left_alone_by_all_nodes() {
    if address().is_none() {
        return;
    }
    let server = Server::start(Database::Postgres).await;
    let second = server.beside().await;
    let scim = server.organization("acme");
    let other = at(&scim, &second);
    let receiver = Receiver::start().await;
    receiver.connect(&server, "hook");
    let users = [scim.user("ann").await, scim.user("ben").await, scim.user("carl").await];
    receiver.limit(5);
    let begun = Instant::now();
    assert_eq!(set_active(&scim, &users[0], false).await, 200);
    receiver.until_got(1).await;
    until("written down", async || {
        server.rows("deprovision_tasks", "data LIKE '%\"attempt\":1,%'").await == 1
    })
    .await;
    assert_eq!(set_active(&other, &users[1], false).await, 200);
    assert_eq!(set_active(&scim, &users[2], false).await, 200);
    until("told all", async || receiver.got().len() == 4).await;
    let second = receiver.got()[1].2.duration_since(begun);
    assert!(second > Duration::from_millis(4_500), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_not_ready() {
    if address().is_none() {
        return;
    }
    let server = Server::start(Database::Postgres).await;
    let scim = server.organization("acme");
    // One connection, from before.
    let mut options = ConnectOptions::new(&server.database_url);
    options.max_connections(1);
    let direct = Connection::connect(options).await.unwrap();
    let name = server.database_url.rsplit('/').next().unwrap();
    let set = async |value: &str| {
        let alter = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {value}");
        direct.execute_unprepared(&alter).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        direct.execute_unprepared(end).await.unwrap();
    };
    let ready = async || {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/readyz", server.admin_port)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    set("on").await;
    until("refused", async || ready().await.0 == 503 && ready().await.1.contains("takes no writes")).await;
    scim.post("/Users", &json!({ "userName": "ann" })).await.refused(503, None);
    set("off").await;
    until("ready again", async || ready().await.0 == 200).await;
    until("written", async || scim.post("/Users", &json!({ "userName": "ann" })).await.status == 201).await;
}
