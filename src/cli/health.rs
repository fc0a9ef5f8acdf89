//! `healthcheck`: asks the admin listener of a running server whether it can do its work.
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Failure, Output, document};
use crate::config::Settings;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(settings: &Settings) -> Result<Output, Failure> {
    let address = settings.admin.listen;
    let answer = tokio::time::timeout(TIMEOUT, ask(address)).await;
    match answer {
        Ok(Ok(text)) if text.starts_with("HTTP/1.1 200") => {
            Ok(document(json!({ "ready": true }), format!("The server behind {address} is ready.")))
        }
        Ok(Ok(text)) => {
            let status = text.lines().next().unwrap_or_default().to_owned();
            Err(Failure::Check(format!("the server behind {address} is not ready: {status}")))
        }
        Ok(Err(error)) => Err(Failure::Check(format!("no server answers at {address}: {error}"))),
        Err(_) => Err(Failure::Check(format!("the server behind {address} did not answer in time"))),
    }
}

async fn ask(address: std::net::SocketAddr) -> std::io::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
