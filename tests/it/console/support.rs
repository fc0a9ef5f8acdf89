//! A browser without a screen: it keeps its cookie, follows nothing, and reads the CSRF token from pages.
use std::sync::Arc;

use ceven::{
    app::{App, Role},
    config::Settings,
    sign_in::{Origin, Started, start_session},
};
use ceven_actors::{
    clock::SystemClock,
    domain::{
        id::{OrganizationId, UserId},
        session::Person,
    },
};
use reqwest::{Method, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Reply, Server};

pub const EMAIL: &str = "ops@acme.example";
pub const PASSWORD: &str = "correct horse battery staple";

#[derive(Clone)]
pub struct Browser {
    pub base: String,
    pub cookie: String,
    pub csrf: String,
    pub http: reqwest::Client,
}

/// An organization with a local admin.
pub fn organization(server: &Server, slug: &str) {
    server.json(&["org", "create", "--name", slug, "--slug", slug]);
    admin(server, slug, EMAIL);
}

pub fn admin(server: &Server, slug: &str, email: &str) {
    let password = server.folder.path().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let output = server.run_with_input(
        &["admin", "create", "--org", slug, "--email", email, "--password-stdin"],
        std::fs::File::open(password).unwrap(),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub fn credentials(slug: &str) -> Value {
    json!({ "org": slug, "email": EMAIL, "password": PASSWORD })
}

/// Another node on the same database starts a session for a user, as a sign-in through Okta does.
pub async fn session_of(server: &Server, slug: &str, user: &str) -> Browser {
    let environment = [
        ("CEVEN_DATABASE__URL".to_owned(), server.database_url.clone()),
        ("CEVEN_SECURITY__MASTER_KEY".to_owned(), MASTER_KEY.to_owned()),
    ];
    let settings = Settings::load(None, environment).unwrap();
    let app = App::start(settings, Arc::new(SystemClock), ([127, 0, 0, 1], 0).into(), Role::CommandLine)
        .await
        .unwrap();
    let organization = app.store.organization_by_slug(slug).await.unwrap().unwrap().id;
    app.fresh(organization).await.unwrap();
    let origin = Origin { ip: [127, 0, 0, 1].into(), user_agent: "test".into(), request_id: "test".into() };
    let person = Person::User(user.parse::<UserId>().unwrap());
    let started = start_session(&app, organization, person, app.operator(), &origin).await.unwrap();
    app.stop().await;
    let mut browser = Browser::new(server);
    browser.cookie = cookie(organization, &started);
    browser.csrf = browser.get("/api/v1/me").await.expect(200)["csrf_token"].as_str().unwrap().to_owned();
    browser
}

fn cookie(organization: OrganizationId, started: &Started) -> String {
    format!("ceven_session={}.{}", organization.0.simple(), started.secret)
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let base = format!("http://127.0.0.1:{}", server.port);
        Self { base, cookie: String::new(), csrf: String::new(), http }
    }

    /// Signs the local admin in.
    pub async fn signed_in(server: &Server, slug: &str) -> Self {
        let mut browser = Self::new(server);
        let reply = browser.json("POST", "/api/v1/auth/login", &credentials(slug)).await;
        let body = reply.expect(200);
        browser.cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        browser.csrf = body["csrf_token"].as_str().unwrap().to_owned();
        browser
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let answer = request.send().await.unwrap();
        let (status, headers): (_, HeaderMap) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, text: answer.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request("GET", path)).await
    }

    /// A request of a script, with the CSRF header.
    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Reply {
        let request = self.request(method, path).header("x-ceven-csrf", &self.csrf);
        self.send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request("DELETE", path).header("x-ceven-csrf", &self.csrf)).await
    }

    /// A form, with the CSRF field.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(self.form_request(path, &[fields, &[("csrf", self.csrf.as_str())]].concat())).await
    }

    pub fn form_request(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }
}

/// Checks an RFC 9457 problem.
pub fn problem(reply: &Reply, status: u16) {
    let body = reply.expect(status);
    assert_eq!(body["status"], status, "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert_eq!(reply.header("content-type"), "application/problem+json");
}

/// A tag's inner text, of the first element with that id.
pub fn by_id<'t>(html: &'t str, id: &str) -> &'t str {
    let (_, rest) = html.split_once(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}: {html}"));
    rest.split('<').next().unwrap()
}
