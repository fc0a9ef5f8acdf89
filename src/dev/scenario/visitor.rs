//! Someone with a browser: signs in with Okta, keeps cookies, reads the API. Nothing but HTTP.
use std::collections::BTreeMap;

use reqwest::{
    Client, Method,
    header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE},
};
use serde_json::Value;

use super::{Told, Untold};
use crate::{dev::run::ORGANIZATION, http::session::CSRF_HEADER};

/// An answer.
pub struct Reply {
    /// Status.
    pub status: u16,
    headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Waits for the whole of an answer.
    pub async fn read(request: reqwest::RequestBuilder) -> Told<Self> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Self { status, headers, body: answer.bytes().await?.to_vec() })
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of an answer that must have this status.
    pub fn expect(&self, status: u16, what: &str) -> Told<Value> {
        if self.status == status {
            return Ok(self.json());
        }
        Err(Untold(format!("{what} was answered {}: {}", self.status, self.text())))
    }

    fn location(&self) -> String {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}

/// Someone with a session at Ceven.
pub struct Visitor {
    http: Client,
    base: String,
    cookies: BTreeMap<String, String>,
    csrf: String,
}

/// Where a sign-in ended.
pub enum Landing {
    /// In the console.
    In(Box<Visitor>),
    /// Elsewhere: the address that the browser was sent to last.
    Out(String),
}

impl Visitor {
    /// Takes the way of a browser: Ceven, the tenant's page to pick a person, the callback.
    pub async fn sign_in(http: &Client, base: &str, okta_id: &str) -> Told<Landing> {
        let mut visitor =
            Self { http: http.clone(), base: base.to_owned(), cookies: BTreeMap::new(), csrf: String::new() };
        let start = format!("/api/v1/sso/okta/oidc/start?org={ORGANIZATION}");
        let started = visitor.call(Method::GET, &start, None).await?;
        let picked = format!("{}&sim_user={okta_id}", started.location());
        let back = Reply::read(http.get(&picked)).await?.location();
        let Some(path) = back.strip_prefix(base).map(str::to_owned) else {
            return Err(Untold(format!("the tenant led to {back:?}")));
        };
        let landed = visitor.call(Method::GET, &path, None).await?.location();
        let me = visitor.get("/api/v1/me").await?;
        if me.status != 200 {
            return Ok(Landing::Out(landed));
        }
        visitor.csrf = me.json()["csrf_token"].as_str().unwrap_or_default().to_owned();
        Ok(Landing::In(Box::new(visitor)))
    }

    async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> Told<Reply> {
        let reply = Reply::read(self.request(method, path, body)).await?;
        for cookie in reply.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.insert(name.trim().to_owned(), value.to_owned());
            }
        }
        Ok(reply)
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !pairs.is_empty() {
            request = request.header(COOKIE, pairs.join("; "));
        }
        match body {
            Some(body) => request.json(body).header(CSRF_HEADER, &self.csrf),
            None => request.header(CSRF_HEADER, &self.csrf),
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Told<Reply> {
        Reply::read(self.request(Method::GET, path, None)).await
    }

    /// Does something.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Told<Reply> {
        let body = (!body.is_null()).then_some(&body);
        Reply::read(self.request(method, path, body)).await
    }
}
