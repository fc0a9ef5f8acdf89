//! Clients that leave in the middle.
use std::time::Duration;

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{on_each_database, support::Server};

on_each_database!(a_client_who_leaves_leaves_nothing_half_done);

async fn a_client_who_leaves_leaves_nothing_half_done(server: Server) {
    let scim = server.organization("acme");
    let request = |name: &str| {
        let body = json!({ "userName": name, "displayName": "x".repeat(2_000) }).to_string();
        let head = format!(
            "POST /api/v1/scim/v2/Users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/scim+json\r\ncontent-length: {}\r\n\r\n",
            scim.token,
            body.len()
        );
        format!("{head}{body}").into_bytes()
    };
    for index in 0..40 {
        let name = format!("gone{index}");
        let bytes = request(&name);
        // From the middle of the headers to the whole request; the connection is then cut without a word.
        let sent = if index % 4 == 3 { bytes.len() } else { bytes.len() * (index + 1) / 42 };
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.write_all(&bytes[..sent]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(index as u64 % 5)).await;
        drop(stream);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let log = server.audit("acme");
    let mut there = 0;
    for index in 0..40 {
        let name = format!("gone{index}");
        let told = log.iter().filter(|entry| entry["after"]["userName"] == name.as_str()).count();
        let filter = format!(r#"userName eq "{name}""#);
        let found =
            scim.send(scim.request("GET", "/Users").query(&[("filter", filter.as_str())])).await.expect(200);
        let found = found["totalResults"].as_u64().unwrap() as usize;
        assert_eq!((told, found), (found, found), "{name} is half there");
        assert!(found == 0 || index % 4 == 3, "{name} was never sent whole");
        there += found;
    }
    assert!(there > 0, "no request arrived: nothing was tested");
    scim.user("still-here").await;
}
