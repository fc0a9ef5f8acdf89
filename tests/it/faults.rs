//! What may break, breaks here: the process, its end, the database.
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    console::support::{Browser, EMAIL, admin},
    on_each_database,
    support::{Scim, Server, cable::Cable},
};

on_each_database!(
    what_was_acknowledged_survives_a_kill,
    sigterm_answers_everyone_it_accepted,
    a_restart_rebuilds_the_same_state
);

/// Creates users from several tasks until told to stop; the names that were acknowledged, and how many
/// requests were sent but not answered.
async fn load(scim: &Scim, stop: &Arc<AtomicBool>) -> (BTreeSet<String>, usize) {
    let tasks = (0..8).map(|task| {
        let (scim, stop) = (scim.clone(), stop.clone());
        tokio::spawn(async move {
            let (mut acknowledged, mut cut) = (Vec::new(), 0);
            for index in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("u{task}-{index}");
                let body = json!({ "userName": name }).to_string();
                let sent = scim
                    .request("POST", "/Users")
                    .header("content-type", "application/scim+json")
                    .body(body)
                    .send()
                    .await;
                match sent {
                    Ok(answer) if answer.status() == 201 => acknowledged.push(name),
                    Ok(answer) => panic!("{}", answer.status()),
                    // Nothing was accepted on a connection that could not be made.
                    Err(error) => {
                        cut += usize::from(!error.is_connect());
                        break;
                    }
                }
            }
            (acknowledged, cut)
        })
    });
    let mut all = (BTreeSet::new(), 0);
    for task in futures_util::future::join_all(tasks).await {
        let (acknowledged, cut) = task.unwrap();
        all.0.extend(acknowledged);
        all.1 += cut;
    }
    all
}

fn stored(server: &Server) -> BTreeSet<String> {
    let users = server.json(&["user", "list", "--org", "acme"]);
    users.as_array().unwrap().iter().map(|user| user["user_name"].as_str().unwrap().to_owned()).collect()
}

async fn what_was_acknowledged_survives_a_kill(mut server: Server) {
    let scim = server.organization("acme");
    let stop = Arc::new(AtomicBool::new(false));
    let (loading, stopping) = (scim.clone(), stop.clone());
    let load = tokio::spawn(async move { load(&loading, &stopping).await });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.kill();
    stop.store(true, Ordering::Relaxed);
    let (acknowledged, _) = load.await.unwrap();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    server.boot().await;
    let stored = stored(&server);
    assert!(acknowledged.is_subset(&stored));
    // One entry for each user: nothing is half there.
    let created = server.audit("acme").iter().filter(|entry| entry["action"] == "user.create").count();
    assert_eq!(created, stored.len());
}

async fn sigterm_answers_everyone_it_accepted(mut server: Server) {
    let scim = server.organization("acme");
    let stop = Arc::new(AtomicBool::new(false));
    let (loading, stopping) = (scim.clone(), stop.clone());
    let load = tokio::spawn(async move { load(&loading, &stopping).await });
    tokio::time::sleep(Duration::from_millis(800)).await;
    server.terminate();
    assert!(server.ended().await, "{}", server.log_text());
    stop.store(true, Ordering::Relaxed);
    let (acknowledged, _) = load.await.unwrap();
    assert!(server.log_text().contains("stopped"), "{}", server.log_text());
    assert!(acknowledged.is_subset(&stored(&server)));
}

async fn a_restart_rebuilds_the_same_state(mut server: Server) {
    let scim = server.organization("acme");
    let ids = [scim.user("ann").await, scim.user("bob").await, scim.user("carl").await];
    let members: Vec<_> = ids.iter().map(|id| json!({ "value": id })).collect();
    let group = scim.post("/Groups", &json!({ "displayName": "G", "members": members })).await.expect(201);
    let gone = scim.post("/Groups", &json!({ "displayName": "H", "members": members })).await.expect(201);
    scim.delete(&format!("/Groups/{}", gone["id"].as_str().unwrap())).await;
    scim.delete(&format!("/Users/{}", ids[1])).await;
    scim.patch(
        &format!("/Groups/{}", group["id"].as_str().unwrap()),
        &json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[2]) }]),
    )
    .await;
    let before = (scim.get("/Users").await.text, scim.get("/Groups").await.text);
    server.kill();
    server.boot().await;
    assert_eq!((scim.get("/Users").await.text, scim.get("/Groups").await.text), before);
    assert_eq!(scim.post("/Users", &json!({ "userName": "BOB" })).await.expect(201)["id"], ids[1]);
    server.audit("acme");
}

/// Another process holds SQLite's only write lock: writes wait or are refused, and all is well afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_refuses_and_recovers() {
    use sea_orm::ConnectionTrait as _;
    let server = Server::start(crate::support::Database::Sqlite).await;
    let scim = server.organization("acme");
    scim.user("ann").await;
    let intruder = sea_orm::Database::connect(&server.database_url).await.unwrap();
    intruder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    scim.post("/Users", &json!({ "userName": "bob" })).await.refused(503, None);
    assert_eq!(scim.get("/Users").await.expect(200)["totalResults"], 1, "reads go on");
    intruder.execute_unprepared("ROLLBACK").await.unwrap();
    scim.user("bob").await;
    assert_eq!(server.audit("acme").iter().filter(|entry| entry["action"] == "user.create").count(), 2);
}

/// While writes stand still, a flood of provisioning fills the places it has, and no more: an offboarding from the
/// console still gets one of those kept for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_told_to_wait_and_offboarding_has_places_of_its_own() {
    use sea_orm::ConnectionTrait as _;
    let mut server = Server::start(crate::support::Database::Sqlite).await;
    let settings = [
        ("CEVEN_ORGANIZATION__PERMITS", "4"),
        ("CEVEN_ORGANIZATION__RESERVED_PERMITS", "2"),
        ("CEVEN_DATABASE__TIMEOUT_MS", "60000"),
    ];
    server.restart_with(&settings).await;
    let scim = server.organization("acme");
    let ann = scim.user("ann").await;
    admin(&server, "acme", EMAIL);
    let browser = Browser::signed_in(&server, "acme").await;
    let intruder = sea_orm::Database::connect(&server.database_url).await.unwrap();
    intruder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for index in 0..12 {
        let scim = scim.clone();
        flood.spawn(async move { scim.post("/Users", &json!({ "userName": format!("u{index}") })).await });
    }
    // Four wait for the disk; the others are told at once.
    for _ in 0..8 {
        let refused = flood.join_next().await.unwrap().unwrap();
        refused.refused(429, None);
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|secs| secs > 0));
    }
    let offboard = tokio::spawn(async move {
        browser.json("POST", &format!("/api/v1/users/{ann}/offboard"), &json!({ "reason": "left" })).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!offboard.is_finished(), "it has a place, and waits for the disk like the others");
    intruder.execute_unprepared("ROLLBACK").await.unwrap();
    for created in flood.join_all().await {
        created.expect(201);
    }
    assert!(offboard.await.unwrap().status < 300);
    assert_eq!(scim.get("/Users?filter=active%20eq%20false").await.expect(200)["totalResults"], 1);
    server.audit("acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back() {
    let Some(base) = crate::support::postgres_url() else {
        eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
        return;
    };
    let address = base.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let cable = Cable::lay(address.clone()).await;
    let through = format!("127.0.0.1:{}", cable.port);
    let server =
        Server::start_behind(crate::support::Database::Postgres, |url| url.replace(&address, &through)).await;
    let scim = server.organization("acme");
    scim.user("ann").await;
    cable.cut();
    scim.get("/Users").await.refused(503, None);
    scim.post("/Users", &json!({ "userName": "bob" })).await.refused(503, None);
    cable.mend();
    server.until_ready().await;
    let mut back = scim.get("/Users").await;
    for _ in 0..100 {
        if back.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        back = scim.get("/Users").await;
    }
    assert_eq!(back.expect(200)["totalResults"], 1);
    scim.user("bob").await;
    server.audit("acme");
}
