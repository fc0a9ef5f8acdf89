//! How a server is run: probes, numbers, logs.
mod doctor;
mod logs;
mod metrics;
mod readiness;
mod service;
#[cfg(feature = "otlp")]
mod traces;

use crate::support::Server;

/// An answer of the admin listener: its status, and its body.
async fn admin(server: &Server, method: reqwest::Method, path: &str, body: &str) -> (u16, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{}{path}", server.admin_port);
    let request = http.request(method, url).header("content-type", "application/json").body(body.to_owned());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn get(server: &Server, path: &str) -> (u16, String) {
    admin(server, reqwest::Method::GET, path, "").await
}
