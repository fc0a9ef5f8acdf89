//! How Salesforce is spoken to: who asks, and what its answers mean.
use serde_json::{Value, json};

use crate::connector::answer::{self, entries, text};
use crate::connector::pass::{Failure, Outcome, Pass};
use crate::connector::sign::SigningKey;
use crate::connector::step::{Fetched, origins, removal};
use crate::connector::wire::{Answer, Method, Request, Response, escape};

/// Where production organizations sign in.
pub const LOGIN_URL: &str = "https://login.salesforce.com";

const DATA: &str = "/services/data/v62.0/";

/// A Salesforce organization and who asks.
pub struct Api {
    /// The organization's My Domain.
    pub base_url: String,
    /// The connected app's consumer key.
    pub client_id: String,
    /// How it gets a token.
    pub grant: Grant,
}

/// How a token is got. Both keep their secret in the body.
pub enum Grant {
    /// `client_credentials`: only My Domain offers it.
    Secret(String),
    /// JWT bearer (RFC 7523 §2.1).
    Jwt {
        /// Whom the connection acts as.
        username: String,
        /// Where it asks, and the assertion's audience.
        login_url: String,
        /// Signs the assertion.
        key: Box<SigningKey>,
    },
}

/// A right to talk to Salesforce.
pub struct Session<'a> {
    base_url: &'a str,
    token: String,
    /// The connection's own user; empty when the token answer did not tell.
    pub own_id: String,
}

impl Api {
    /// A token for this organization and no other: `instance_url` must be the address of the settings.
    pub fn session(&self, pass: &mut Pass<'_>) -> Fetched<Session<'_>> {
        let answer = pass.ask(self.token_request(pass))?;
        Ok(answer::token(&answer).and_then(|body| {
            let instance = text(&body, "instance_url");
            if origins(&[instance]) != origins(&[&self.base_url]) {
                let detail = format!("the token is for {instance}, not for {}", self.base_url);
                return Err(Failure::Auth { detail });
            }
            Ok(Session {
                base_url: &self.base_url,
                token: text(&body, "access_token").to_owned(),
                // `https://login.salesforce.com/id/ORGANIZATION/USER`
                own_id: text(&body, "id").rsplit('/').next().unwrap_or_default().to_owned(),
            })
        }))
    }

    fn token_request(&self, pass: &Pass<'_>) -> Request {
        match &self.grant {
            Grant::Secret(secret) => {
                Request::token("salesforce", format!("{}/services/oauth2/token", self.base_url)).form(vec![
                    ("grant_type", "client_credentials".into()),
                    ("client_id", self.client_id.clone()),
                    ("client_secret", secret.clone()),
                ])
            }
            Grant::Jwt { username, login_url, key } => {
                let claims = json!({
                    "iss": self.client_id,
                    "sub": username,
                    "aud": login_url,
                    // Salesforce takes three minutes at most.
                    "exp": pass.latest_ms() / 1_000 + 170,
                });
                Request::token("salesforce", format!("{login_url}/services/oauth2/token")).form(vec![
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".into()),
                    ("assertion", key.jwt(None, "JWT", &claims).unwrap_or_default()),
                ])
            }
        }
    }
}

impl Session<'_> {
    /// Whether this is the connection's own user. Ids have 15 characters, or 18 with a checksum.
    pub fn is_own(&self, id: &str) -> bool {
        let short = |id: &str| id.chars().take(15).collect::<String>();
        !id.is_empty() && short(id) == short(&self.own_id)
    }

    /// Every record of a query.
    pub fn query(&self, pass: &mut Pass<'_>, soql: &str) -> Fetched<Vec<Value>> {
        let read = |url: String| Request::read(Method::Get, url).bearer(&self.token);
        let first = format!("{}{DATA}query?q={}", self.base_url, escape(soql));
        let pages = pass.pages(read(first), judge, |page| {
            let body = page.json();
            // A path of the same host and nothing else.
            let next =
                Some(text(&body, "nextRecordsUrl")).filter(|next| next.starts_with("/services/data/"))?;
            Some(read(format!("{}{next}", self.base_url)))
        })?;
        Ok(pages.and_then(|pages| {
            let lists = pages.iter().map(|page| entries(page, "records")).collect::<Result<Vec<_>, _>>()?;
            Ok(lists.into_iter().flatten().collect())
        }))
    }

    /// A request that changes something; `path` begins behind the version.
    pub fn write(&self, method: Method, path: &str) -> Request {
        Request::write(method, format!("{}{DATA}{path}", self.base_url)).bearer(&self.token)
    }

    /// Revokes an OAuth token by its `DeleteToken`.
    pub fn revocation(&self, token: &str) -> Request {
        let url = format!("{}/services/oauth2/revoke", self.base_url);
        Request::write(Method::Post, url).form(vec![("token", token.to_owned())])
    }
}

/// A SOQL text literal.
pub fn quoted(text: &str) -> String {
    let mut literal = String::from("'");
    for character in text.chars() {
        match character {
            '\\' | '\'' | '"' => literal.extend(['\\', character]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// What an answer means: `[{"errorCode": "…", "message": "…"}]`.
pub fn judge(answer: &Answer) -> Option<Failure> {
    let failure = answer::judge(answer)?;
    let Ok(response) = answer else { return Some(failure) };
    let body = response.json();
    let code = text(&body[0], "errorCode");
    if code.is_empty() {
        return Some(failure);
    }
    let detail = format!("{code}: {}", answer::words(response).unwrap_or_default());
    Some(match (response.status, code) {
        (_, "REQUEST_LIMIT_EXCEEDED") => Failure::RateLimited { until_ms: None },
        (_, "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED") => Failure::PlanUnavailable { detail },
        (_, "UNABLE_TO_LOCK_ROW" | "SERVER_UNAVAILABLE") => Failure::Transient { detail },
        (401, _) => Failure::Auth { detail },
        // An object that the user may not see is an unknown one.
        (_, "INVALID_TYPE" | "INVALID_FIELD") => {
            Failure::Permission { missing: format!("Manage Users ({detail})") }
        }
        (403, _) => Failure::Permission { missing: detail },
        (_, code) if code.starts_with("INSUFFICIENT_ACCESS") => Failure::Permission { missing: detail },
        (400, "MALFORMED_QUERY" | "JSON_PARSER_ERROR") => Failure::Malformed { detail },
        (400, _) => Failure::Conflict { detail },
        _ => failure,
    })
}

/// What became of a token that was revoked (RFC 7009 §2.2): one that is no token any more was gone already.
pub fn revoked(answer: &Answer) -> Outcome {
    let is_gone =
        |response: &Response| response.status == 400 && text(&response.json(), "error") == "invalid_token";
    match answer {
        Ok(response) if is_gone(response) => Outcome::Already,
        _ => removal(answer, judge),
    }
}
