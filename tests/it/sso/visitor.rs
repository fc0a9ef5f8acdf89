//! A browser that keeps what each host gives it, and follows only when it is told to.
use std::collections::{BTreeMap, HashMap};

use ceven_actors::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::tenant::{Tenant, TokenSays};
use crate::support::{Reply, Scim, Server};

#[derive(Clone)]
pub struct Visitor {
    http: reqwest::Client,
    /// Cookies of a host; ports do not matter to browsers.
    pub jar: BTreeMap<String, BTreeMap<String, String>>,
}

/// An address of the server by this name of its host.
pub fn at(server: &Server, host: &str, path: &str) -> String {
    format!("http://{host}:{}{path}", server.port)
}

/// Connects an organization of the server to a tenant.
pub fn connect(server: &Server, slug: &str, tenant: &Tenant, client_id: &str) {
    let domain = format!("{slug}.example");
    server.json(&["org", "create", "--name", slug, "--slug", slug, "--domain", &domain]);
    server.json(&["okta", "set", "--org", slug, "--issuer", &tenant.issuer, "--client-id", client_id]);
}

/// A user whom Okta has pushed under its id; the client that has pushed them, and their id here.
pub async fn provision(server: &Server, slug: &str, name: &str, sub: &str, active: bool) -> (Scim, String) {
    let token = server.json(&["token", "mint", "--org", slug, "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let user = json!({ "userName": name, "externalId": sub, "active": active });
    let id = scim.post("/Users", &user).await.expect(201)["id"].as_str().unwrap().to_owned();
    (scim, id)
}

/// Checks that a way ended on the login page, for this reason.
pub fn refused((url, page): &(String, Reply), base: &str, code: &str) {
    assert_eq!((url.as_str(), page.status), (&*format!("{base}/login?okta_sso_error={code}"), 200));
}

fn host(url: &str) -> String {
    reqwest::Url::parse(url).unwrap().host_str().unwrap().to_owned()
}

impl Visitor {
    pub fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { http: http.build().unwrap(), jar: BTreeMap::new() }
    }

    async fn send(&mut self, url: &str, request: reqwest::RequestBuilder) -> Reply {
        let kept = self.jar.entry(host(url)).or_default();
        let cookies: Vec<_> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for header in answer.headers().get_all("set-cookie") {
            let text = header.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => kept.remove(name),
                _ => kept.insert(name.to_owned(), value.to_owned()),
            };
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, text: answer.text().await.unwrap() }
    }

    pub async fn get(&mut self, url: &str) -> Reply {
        let request = self.http.get(url);
        self.send(url, request).await
    }

    /// A form, with the token of the session.
    pub async fn post(&mut self, url: &str, csrf: &str) -> Reply {
        let form = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        self.send(url, form.header("x-ceven-csrf", csrf).body(format!("csrf={csrf}"))).await
    }

    pub async fn post_form(&mut self, url: &str, fields: &[(&str, &str)]) -> Reply {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        self.send(url, request.body(body.extend_pairs(fields).finish())).await
    }

    /// Status of an answer without a body.
    pub async fn head(&mut self, url: &str) -> u16 {
        let request = self.http.head(url);
        self.send(url, request).await.status
    }

    /// One redirect; where it leads.
    pub async fn step(&mut self, url: &str) -> String {
        let reply = self.get(url).await;
        assert!((300..400).contains(&reply.status), "{url}: {reply:?}");
        reply.header("location").to_owned()
    }

    /// Follows redirects until there is none; the last address and what is there.
    pub async fn follow(&mut self, url: &str) -> (String, Reply) {
        let mut url = reqwest::Url::parse(url).unwrap();
        for _ in 0..10 {
            let reply = self.get(url.as_str()).await;
            if !(300..400).contains(&reply.status) {
                return (url.to_string(), reply);
            }
            url = url.join(reply.header("location")).unwrap();
        }
        panic!("{url} leads in a circle");
    }

    /// Follows redirects until Okta's own page; what the browser brings there.
    pub async fn depart(&mut self, tenant: &Tenant, url: &str) -> HashMap<String, String> {
        let mut url = reqwest::Url::parse(url).unwrap();
        let home = format!("{}/oauth2/v1/authorize?", tenant.issuer);
        for _ in 0..10 {
            let reply = self.get(url.as_str()).await;
            assert!((300..400).contains(&reply.status), "{url}: {reply:?}");
            url = url.join(reply.header("location")).unwrap();
            if url.as_str().starts_with(&home) {
                return url.query_pairs().into_owned().collect();
            }
        }
        panic!("{url} leads in a circle");
    }

    /// Okta's answer to someone who is not assigned to the client.
    pub fn denied(sent: &HashMap<String, String>) -> String {
        format!("{}?error=access_denied&state={}", sent["redirect_uri"], sent["state"])
    }

    /// Okta's answer to someone it knows: the address it sends the browser back to.
    pub fn known(tenant: &Tenant, sent: &HashMap<String, String>, sub: &str, email: &str) -> String {
        Self::known_as(tenant, sent, sub, email, &json!({}))
    }

    /// The same with other claims.
    pub fn known_as(
        tenant: &Tenant,
        sent: &HashMap<String, String>,
        sub: &str,
        email: &str,
        others: &Value,
    ) -> String {
        let now = SystemClock.now_ms() / 1_000;
        let mut claims = json!({ "iss": tenant.issuer, "aud": sent["client_id"], "sub": sub, "email": email,
            "email_verified": true, "nonce": sent["nonce"], "iat": now, "exp": now + 3_600 });
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        let token = tenant.key.sign(&json!({ "alg": "RS256", "kid": "k1" }).to_string(), &claims.to_string());
        *tenant.says.lock().unwrap() = TokenSays::IdToken(token);
        format!("{}?code=c0de&state={}", sent["redirect_uri"], sent["state"])
    }

    /// Signs in from an address of start; where the browser ends up.
    pub async fn sign_in(&mut self, tenant: &Tenant, start: &str, sub: &str, email: &str) -> (String, Reply) {
        let sent = self.depart(tenant, start).await;
        let back = Self::known(tenant, &sent, sub, email);
        self.follow(&back).await
    }

    /// Who the server says this is.
    pub async fn me(&mut self, base: &str) -> Value {
        self.get(&format!("{base}/api/v1/me")).await.json()
    }
}
