//! What comes in over the wire that HTTP or JSON leaves open: refused clearly, or understood as it was meant.
use tokio::io::AsyncWriteExt as _;

use super::unread::{connect, status};
use crate::{on_each_database, support::Server};

on_each_database!(
    malformed_requests_are_refused,
    bodies_are_read_as_what_they_are,
    a_token_comes_once,
    an_idle_connection_takes_the_next_request
);

async fn malformed_requests_are_refused(server: Server) {
    let scim = server.organization("acme");
    let token = format!("authorization: Bearer {}\r\n", scim.token);
    let path = "/api/v1/scim/v2/Users";
    for (expected, head) in [
        (200, format!("GET {path} HTTP/1.1\r\nhost: x\r\n{token}")),
        (200, format!("GET {path} HTTP/1.0\r\n{token}")),
        (200, format!("GET http://x{path} HTTP/1.1\r\nhost: x\r\n{token}")),
        (400, format!("GET {path} HTTP/1.1\r\n{token}")),
        (400, format!("GET {path} HTTP/1.1\r\nhost: x\r\nhost: x\r\n{token}")),
        (400, format!("CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n{token}")),
        (404, format!("OPTIONS * HTTP/1.1\r\nhost: x\r\n{token}")),
        (405, format!("TRACE {path} HTTP/1.1\r\nhost: x\r\n{token}")),
        (501, format!("POST {path} HTTP/1.1\r\nhost: x\r\n{token}transfer-encoding: gzip, chunked\r\n")),
    ] {
        let mut stream = connect(&server).await;
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, expected, "{head}");
    }
    assert!(!server.log_text().contains("panic"), "{}", server.log_text());
}

async fn bodies_are_read_as_what_they_are(server: Server) {
    let scim = server.organization("acme");
    let post = |name: &str, coding: &'static str| {
        let request = scim.request("POST", "/Users").header("content-encoding", coding);
        scim.send(
            request.header("content-type", "application/json").body(format!(r#"{{"userName":"{name}"}}"#)),
        )
    };
    post("ann", "identity").await.expect(201);
    for coding in ["gzip", "br", "identity, gzip"] {
        let refused = post("bob", coding).await;
        refused.refused(415, None);
        assert!(refused.text.contains("compressed"), "{}", refused.text);
    }
    // As PowerShell writes its files.
    let marked = scim.request("POST", "/Users").header("content-type", "application/json");
    scim.send(marked.body("\u{feff}{\"userName\":\"eve\"}")).await.expect(201);
}

async fn a_token_comes_once(server: Server) {
    let (acme, globex) = (server.organization("acme"), server.organization("globex"));
    for second in [&acme.token, &globex.token] {
        let request = acme.request("GET", "/Users").header("authorization", format!("Bearer {second}"));
        acme.send(request).await.refused(401, None);
    }
    acme.get("/Users").await.expect(200);
}

/// A proxy keeps its connections for a minute or two, and answers 502 when one is closed under a request.
async fn an_idle_connection_takes_the_next_request(server: Server) {
    let scim = server.organization("acme");
    let request = format!(
        "GET /api/v1/scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        scim.token
    );
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, 200);
        tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    }
    let settings = ceven::config::Settings::load(None, []).unwrap();
    assert!(settings.server.header_read_timeout_ms > 120_000, "Caddy closes first");
}
