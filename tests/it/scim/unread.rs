//! A request refused before its body has come in: the answer arrives all the same, and the connection goes on.
use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{on_each_database, support::Server};

on_each_database!(
    a_refusal_reaches_who_is_still_sending,
    a_body_is_thrown_away_within_limits,
    nobody_is_asked_for_a_body_that_is_refused
);

const BODY_BYTES: usize = 3 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

fn head(path: &str, token: &str, more: &str) -> String {
    format!(
        "POST /api/v1/scim/v2/{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{more}content-length: {BODY_BYTES}\r\n\r\n"
    )
}

pub(super) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port)).await.unwrap()
}

/// The status of the next answer, which is read whole.
pub(super) async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("an answer in time").expect("an answer"));
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(str::parse);
    let mut body = vec![0; length.map_or(0, |length: Result<usize, _>| length.unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Whether the other side has closed, reset included.
async fn is_cut(stream: &mut TcpStream) -> bool {
    matches!(timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("an end in time"), Ok(0) | Err(_))
}

async fn a_refusal_reaches_who_is_still_sending(server: Server) {
    let scim = server.organization("acme");
    let json = "content-type: application/json\r\n";
    for (expected, path, token, more, first) in [
        (413, "Users", scim.token.as_str(), json, 2 << 20),
        (401, "Users", "nobody", json, 1_000),
        (404, "Nothing", &scim.token, json, 1_000),
        (405, "Schemas", &scim.token, json, 1_000),
        (415, "Users", &scim.token, "content-type: text/plain\r\n", 1_000),
    ] {
        let mut stream = connect(&server).await;
        stream.write_all(head(path, token, more).as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; first]).await.unwrap();
        assert_eq!(status(&mut stream).await, expected);
        // The rest comes late, as from a proxy that passes on what it gets.
        for part in vec![b' '; BODY_BYTES - first].chunks(500_000) {
            stream.write_all(part).await.expect("the connection is open");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let next = format!(
            "GET /api/v1/scim/v2/Users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
            scim.token
        );
        stream.write_all(next.as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, 200, "after {expected}");
    }
}

async fn a_body_is_thrown_away_within_limits(mut server: Server) {
    let token = "nobody";
    server.restart_with(&[("CEVEN_SERVER__DISCARD_BYTES", "100000")]).await;
    let mut stream = connect(&server).await;
    stream.write_all(head("Users", token, "").as_bytes()).await.unwrap();
    assert_eq!(status(&mut stream).await, 401);
    // It may be cut while it is written, or afterwards.
    let _ = stream.write_all(&vec![b' '; BODY_BYTES - 1]).await;
    assert!(is_cut(&mut stream).await);

    server.restart_with(&[("CEVEN_SERVER__DISCARD_TIMEOUT_MS", "300")]).await;
    let mut stream = connect(&server).await;
    stream.write_all(head("Users", token, "").as_bytes()).await.unwrap();
    assert_eq!(status(&mut stream).await, 401);
    assert!(is_cut(&mut stream).await, "nothing more came");
}

async fn nobody_is_asked_for_a_body_that_is_refused(server: Server) {
    let mut stream = connect(&server).await;
    let head = head("Users", "nobody", "expect: 100-continue\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&mut stream).await, 401, "and not 100");
    assert!(is_cut(&mut stream).await);

    // Who was told to go on is still sending when the body turns out to be too large.
    let scim = server.organization("acme");
    let mut stream = connect(&server).await;
    let head = self::head("Users", &scim.token, "content-type: application/json\r\nexpect: 100-continue\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&mut stream).await, 100);
    stream.write_all(&vec![b' '; 2 << 20]).await.unwrap();
    assert_eq!(status(&mut stream).await, 413);
    stream.write_all(&vec![b' '; BODY_BYTES - (2 << 20)]).await.unwrap();
    stream.write_all(b"GET /api/v1/scim/v2/Users HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut stream).await, 401, "the connection goes on");
}
