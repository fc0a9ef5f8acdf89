//! `/healthz` and `/readyz`: alive is not ready, and not ready has a reason.
use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::get;
use crate::support::{Database, Server, postgres_url};

async fn until_ready_says(server: &Server, status: u16, reason: &str) {
    let begun = Instant::now();
    loop {
        let (found, text) = get(server, "/readyz").await;
        if found == status && text.contains(reason) {
            assert_eq!(get(server, "/healthz").await.0, 200, "alive all the same");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{found}: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_alive_and_not_ready() {
    let mut server = Server::start(Database::Sqlite).await;
    until_ready_says(&server, 200, "ready").await;
    // A request in progress: its body is not there yet.
    let mut slow = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.terminate();
    until_ready_says(&server, 503, "stopping").await;
    slow.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "what was in progress is answered: {answer}");
    assert!(server.ended().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_has_time_to_find_out() {
    let mut server = Server::start(Database::Sqlite).await;
    server.restart_with(&[("CEVEN_SERVER__STOP_DELAY_MS", "5000")]).await;
    let scim = server.organization("acme");
    let told = std::time::Instant::now();
    server.terminate();
    until_ready_says(&server, 503, "stopping").await;
    scim.user("ada").await;
    assert!(told.elapsed() < std::time::Duration::from_secs(5), "the machine is too slow to tell");
    assert!(server.ended().await && told.elapsed() >= std::time::Duration::from_secs(5));
}

/// Passes bytes on to PostgreSQL, until it does not any more.
async fn gate(to: String) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let to = to.clone();
            open.spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (port, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_database_is_alive_and_not_ready() {
    let Some(url) = postgres_url() else {
        eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
        return;
    };
    let (_, rest) = url.split_once('@').unwrap();
    let host = rest.split('/').next().unwrap().to_owned();
    let (port, gate) = gate(host.clone()).await;
    let server =
        Server::start_behind(Database::Postgres, |url| url.replace(&host, &format!("127.0.0.1:{port}")))
            .await;
    until_ready_says(&server, 200, "ready").await;
    gate.abort();
    until_ready_says(&server, 503, "database").await;
    let (status, text) = get(&server, "/metrics").await;
    assert!(status == 200 && text.contains("ceven_http_requests"), "{text}");
    assert!(!text.contains("ceven_tasks{"), "only the database knows these");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_is_alive_and_not_ready() {
    if postgres_url().is_none() {
        eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
        return;
    }
    let mut server = Server::start(Database::Postgres).await;
    server.kill();
    // A database that takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    server.database_url = format!("postgres://x@{}/x", silent.local_addr().unwrap());
    let mut child = server.spawn();
    let begun = Instant::now();
    loop {
        let url = format!("http://127.0.0.1:{}/readyz", server.admin_port);
        if let Ok(answer) = reqwest::get(&url).await {
            assert_eq!(answer.status(), 503);
            assert!(answer.text().await.unwrap().contains("starting"));
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
