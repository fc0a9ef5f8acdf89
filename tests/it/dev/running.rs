//! `ceven dev` as a process, and a browser in front of it.
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::redirect::Policy;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Got;

/// A running `ceven dev`.
pub struct Running {
    child: Child,
    /// What it printed.
    pub view: Value,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ceven"))
            .args(["dev", "--listen", "127.0.0.1:0", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let view = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
        Self { child, view }
    }

    pub fn text(&self, name: &str) -> &str {
        self.view[name].as_str().unwrap()
    }

    /// Address of the console, without a path.
    pub fn url(&self) -> &str {
        self.text("console_url").strip_suffix("/app").unwrap()
    }

    /// Address of a simulator, without a path.
    pub fn simulator(&self, name: &str) -> String {
        let all = self.view["simulators"].as_array().unwrap();
        let page = all.iter().find(|one| one["name"] == name).unwrap()["page"].as_str().unwrap();
        page.strip_suffix("/_sim").unwrap().to_owned()
    }

    /// Sends SIGTERM; true when it ended well.
    pub fn stop(mut self) -> bool {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Follows redirects and keeps cookies, which count for every port of a host.
pub struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { http, cookies: BTreeMap::new() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Got {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", pairs.join("; ")).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for cookie in headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()) {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Got { status, headers, text: answer.text().await.unwrap() }
    }

    /// Goes to an address, and on: where it ends, and what is there.
    pub async fn go(&mut self, url: &str) -> (String, Got) {
        let mut url = url.to_owned();
        for _ in 0..10 {
            let request = self.http.get(&url);
            let got = self.send(request).await;
            if !(300..400).contains(&got.status) {
                return (url, got);
            }
            url = reqwest::Url::parse(&url).unwrap().join(got.header("location")).unwrap().to_string();
        }
        panic!("it goes on and on: {url}");
    }

    /// Sends a form, and goes where it leads.
    pub async fn form(&mut self, url: &str, fields: &[(&str, &str)]) -> (String, Got) {
        let got = self.send(self.http.post(url).form(fields)).await;
        assert_eq!(got.status, 303, "{url}: {}", got.text);
        let next = reqwest::Url::parse(url).unwrap().join(got.header("location")).unwrap();
        self.go(next.as_str()).await
    }

    /// A page that must be there.
    pub async fn page(&mut self, url: &str) -> String {
        let (_, got) = self.go(url).await;
        assert_eq!(got.status, 200, "{url}: {}", got.text);
        got.text
    }

    /// A request of a script of the console.
    pub async fn json(&mut self, method: &str, url: &str, csrf: &str, body: &Value) -> Got {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, url).header("x-ceven-csrf", csrf).json(body);
        self.send(request).await
    }

    /// Saves what is at an address.
    pub async fn download(&mut self, url: &str, file: &std::path::Path) {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.http.get(url).header("cookie", pairs.join("; ")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        std::fs::write(file, answer.bytes().await.unwrap()).unwrap();
    }
}
