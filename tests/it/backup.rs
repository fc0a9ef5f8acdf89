//! Backup under load, and what a database that has come back knows and refuses.
use std::{
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use ceven_migrations::{Migrator, MigratorTrait as _};
use serde_json::json;

use crate::{
    console::support::{Browser, organization},
    on_each_database,
    support::{Database, Server, new_database, postgres_url},
};

const WRITERS: usize = 4;

/// Names of users whose creation was answered, in that order.
type Acknowledged = Arc<Mutex<Vec<String>>>;

/// Writes until it is stopped.
fn load(server: &Server, token: &str) -> (Acknowledged, Vec<tokio::task::JoinHandle<()>>) {
    let acknowledged = Acknowledged::default();
    let writers = (0..WRITERS).map(|writer| {
        let (client, acknowledged) = (server.client(token), acknowledged.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let name = format!("w{writer}-{number}@acme.example");
                let reply = client.post("/Users", &json!({ "userName": name })).await;
                if reply.status == 201 {
                    acknowledged.lock().unwrap().push(name);
                }
            }
        })
    });
    (acknowledged.clone(), writers.collect())
}

async fn until_written(acknowledged: &Acknowledged, count: usize) {
    while acknowledged.lock().unwrap().len() < count {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Backs up with `back_up` while writers write, goes on for a while, restores with `restore`, and looks.
async fn comes_back(
    mut server: Server,
    back_up: impl AsyncFnOnce(&Server),
    restore: impl AsyncFnOnce(&mut Server),
) {
    organization(&server, "acme");
    let minted = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let token = minted["token"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(&server, "acme").await;
    let (acknowledged, writers) = load(&server, &token);
    until_written(&acknowledged, 100).await;
    let before = acknowledged.lock().unwrap().clone();
    back_up(&server).await;
    let at_end = acknowledged.lock().unwrap().len();
    until_written(&acknowledged, at_end + 50).await;
    writers.iter().for_each(tokio::task::JoinHandle::abort);
    let written = acknowledged.lock().unwrap().len();
    assert_eq!(browser.get("/api/v1/me").await.status, 200);

    server.kill();
    restore(&mut server).await;
    let report = server.json(&["restored"]);
    assert_eq!(report["organizations"][0]["sessions_ended"], 1, "{report}");
    assert_eq!(report["organizations"][0]["live_scim_tokens"], 1, "{report}");
    server.boot().await;
    let client = server.client(&token);
    for name in &before {
        let found = client.get(&format!("/Users?filter=userName%20eq%20%22{name}%22")).await.expect(200);
        assert_eq!(found["totalResults"], 1, "{name} was acknowledged before the backup began");
    }
    let total = client.get("/Users?count=0").await.expect(200)["totalResults"].as_u64().unwrap() as usize;
    assert!((before.len()..written).contains(&total), "{} {total} {written}", before.len());
    assert_eq!(browser.get("/api/v1/me").await.status, 401, "sessions of before are over");
    client.user("new@acme.example").await;
    let log = server.audit("acme");
    let note = log.iter().find(|entry| entry["action"] == "database.restore").unwrap();
    let (seq, of_note) = (note["after"]["goes_on_after"]["seq"].as_u64(), note["seq"].as_u64());
    assert_eq!(seq.map(|seq| seq + 1), of_note, "{note}");
    assert_eq!(note["after"]["goes_on_after"]["hash"], note["prev_hash"]);
    let ended = log.iter().find(|entry| entry["action"] == "session.end").unwrap();
    assert_eq!(ended["after"]["reason"], "restored");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_copied_while_it_is_written() {
    let server = Server::start(Database::Sqlite).await;
    let copy = |server: &Server| server.folder.path().join("copy.db");
    let back_up = async |server: &Server| {
        let made = server.json(&["backup", copy(server).to_str().unwrap()]);
        assert!(made["bytes"].as_u64().unwrap() > 10_000, "{made}");
        assert!(made["key_file"].is_null(), "the key was given: {made}");
        assert_is_private(&copy(server));
        let again = server.run(&["backup", copy(server).to_str().unwrap()]);
        assert_eq!(again.status.code(), Some(1), "a file that is there is left alone");
    };
    let restore = async |server: &mut Server| {
        server.database_url = format!("sqlite://{}?mode=rw", copy(server).display());
    };
    comes_back(server, back_up, restore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_dumped_while_it_is_written() {
    if postgres_url().is_none() {
        eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
        return;
    }
    let server = Server::start(Database::Postgres).await;
    let refused = server.run(&["backup", "copy.db"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("pg_dump"));
    assert!(!server.folder.path().join("copy.db").exists());
    let dump = |server: &Server| server.folder.path().join("ceven.dump").display().to_string();
    let back_up = async |server: &Server| {
        run("pg_dump", &["--format=custom", "--file", &dump(server), &server.database_url]);
    };
    let restore = async |server: &mut Server| {
        let url = new_database(Database::Postgres, &server.folder).await;
        run("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &url, &dump(server)]);
        server.database_url = url;
    };
    comes_back(server, back_up, restore).await;
}

#[test]
fn the_key_beside_an_sqlite_database_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let ceven = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ceven"))
            .args(arguments)
            .current_dir(folder.path())
            .env("CEVEN_DATABASE__URL", "sqlite://ceven.db?mode=rwc")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ceven(&["org", "create", "--name", "Acme", "--slug", "acme"]);
    ceven(&["backup", "copy.db"]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("ceven.db.key"), read("copy.db.key"));
    assert_is_private(&folder.path().join("copy.db.key"));
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn assert_is_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
}

/// How many of the latest migrations the older version lacks.
const LACKING: u32 = 5;

/// A database of an older version, with people in it, is brought up to date when a server starts on it: nothing is lost,
/// and the chain goes on.
async fn a_database_of_an_older_version_is_brought_up_to_date(mut server: Server) {
    let scim = server.organization("acme");
    let ada = scim.user("ada@acme.example").await;
    server.terminate();
    assert!(server.ended().await);
    let database = sea_orm::Database::connect(&server.database_url).await.unwrap();
    for _ in 0..LACKING {
        Migrator::down(&database, Some(1)).await.unwrap();
    }
    database.close().await.unwrap();
    let before = server.run(&["doctor", "--json"]);
    let before: serde_json::Value = serde_json::from_slice(&before.stdout).unwrap();
    assert!(before["checks"].to_string().contains("5 are missing"), "{before}");
    server.boot().await;
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["userName"], "ada@acme.example");
    scim.user("eva@acme.example").await;
    let log = server.audit("acme");
    let seqs: Vec<_> = log.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert!(log.iter().any(|entry| entry["action"] == "user.create"));
}

on_each_database!(a_database_of_an_older_version_is_brought_up_to_date);
