//! Google's Directory API: tokens, addresses, errors.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest>
use serde_json::{Value, json};

use crate::connector::ConfigError;
use crate::connector::pass::{Failure, Pass, classify, retry_after_ms};
use crate::connector::sign::SigningKey;
use crate::connector::step::{Fetched, Item};
use crate::connector::wire::{Answer, Method, Request, Response, escape};

/// Google counts users' requests over 100 seconds.
const RATE_WINDOW_MS: i64 = 100_000;
/// A spent quota comes back within a day: asking each minute helps nobody.
const QUOTA_PARK_MS: i64 = 3_600_000;

/// Rights that are granted together, one token each: a scope that was not granted costs its own steps only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Find, suspend and move users.
    Directory,
    /// Sessions, tokens, application passwords and backup codes.
    Security,
    /// Group memberships.
    Groups,
    /// Mobile devices.
    Devices,
    /// Handing files and calendars over.
    Transfer,
}

impl Scope {
    /// Name under which the token is kept.
    fn token_name(self) -> &'static str {
        match self {
            Self::Directory => "google_directory",
            Self::Security => "google_security",
            Self::Groups => "google_groups",
            Self::Devices => "google_devices",
            Self::Transfer => "google_transfer",
        }
    }

    /// As the admin enters it under domain-wide delegation.
    pub fn urls(self) -> &'static str {
        match self {
            Self::Directory => "https://www.googleapis.com/auth/admin.directory.user",
            Self::Security => "https://www.googleapis.com/auth/admin.directory.user.security",
            Self::Groups => {
                "https://www.googleapis.com/auth/admin.directory.group.readonly \
                 https://www.googleapis.com/auth/admin.directory.group.member"
            }
            Self::Devices => "https://www.googleapis.com/auth/admin.directory.device.mobile.action",
            Self::Transfer => "https://www.googleapis.com/auth/admin.datatransfer",
        }
    }

    /// The API that it is for.
    fn service(self) -> &'static str {
        if self == Self::Transfer { "datatransfer" } else { "directory" }
    }
}

/// A service account that acts for an admin.
pub struct Api {
    base_url: String,
    token_url: String,
    client_email: String,
    key_id: Option<String>,
    key: SigningKey,
    admin_email: String,
}

impl Api {
    /// From the key file that the Google Cloud console makes. Its `token_uri` is not used: a changed file must not
    /// send assertions elsewhere.
    pub fn new(
        base_url: String,
        token_url: String,
        key_file: &str,
        admin_email: &str,
    ) -> Result<Self, ConfigError> {
        const FIELD: &str = "service_account_key";
        let file: Value = serde_json::from_str(key_file)
            .map_err(|_| ConfigError::new(FIELD, "is not the JSON file of a service account key"))?;
        let text = |name: &str| {
            let missing = || ConfigError::new(FIELD, format!("has no {name}"));
            file[name].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
        };
        Ok(Self {
            base_url,
            token_url,
            client_email: text("client_email")?.to_owned(),
            key_id: text("private_key_id").ok().map(str::to_owned),
            key: SigningKey::from_pem(FIELD, text("private_key")?)?,
            admin_email: admin_email.to_lowercase(),
        })
    }

    /// Whom the service account acts for, in lower case.
    pub fn admin_email(&self) -> &str {
        &self.admin_email
    }

    /// Every address that requests go to.
    pub fn urls(&self) -> [&str; 2] {
        [&self.base_url, &self.token_url]
    }

    /// A token of one scope group (RFC 7523 §2.1).
    pub fn token(&self, pass: &mut Pass<'_>, scope: Scope) -> Fetched<Token<'_>> {
        let issued_at = pass.now_ms() / 1_000;
        let claims = json!({
            "iss": self.client_email,
            "sub": self.admin_email,
            "scope": scope.urls(),
            "aud": self.token_url,
            "iat": issued_at,
            "exp": issued_at + 3_600,
        });
        let Some(assertion) = self.key.jwt(self.key_id.as_deref(), "JWT", &claims) else {
            return Ok(Err(Failure::Auth { detail: "the service account's key cannot sign".into() }));
        };
        let request = Request::token(scope.token_name(), &self.token_url).form(vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".into()),
            ("assertion", assertion),
        ]);
        let answer = pass.ask(request)?;
        if let Some(failure) = judge_token(&answer, scope) {
            return Ok(Err(failure));
        }
        let body = answer.map(|response| response.json()).unwrap_or_default();
        Ok(match body["access_token"].as_str() {
            Some(token) => {
                let (base_url, service) = (&self.base_url, scope.service());
                Ok(Token { base_url, service, token: token.to_owned() })
            }
            None => Err(Failure::Malformed { detail: "a token answer without a token".into() }),
        })
    }
}

/// A right to talk to the API.
pub struct Token<'a> {
    base_url: &'a str,
    service: &'static str,
    token: String,
}

impl Token<'_> {
    /// A request that changes nothing; `path` begins behind `/admin/directory/v1/`, or the other API's version.
    pub fn read(&self, path: &str) -> Request {
        Request::read(Method::Get, self.url(path)).bearer(&self.token)
    }

    /// A request that changes something.
    pub fn write(&self, method: Method, path: &str) -> Request {
        Request::write(method, self.url(path)).bearer(&self.token)
    }

    /// Every entry of `member` in a list of many pages; `path` has a query already.
    pub fn list(&self, pass: &mut Pass<'_>, path: &str, member: &str) -> Fetched<Vec<Value>> {
        let pages = pass.pages(self.read(path), judge, |page| {
            let body = page.json();
            let token = body["nextPageToken"].as_str().filter(|token| !token.is_empty())?;
            Some(self.read(&format!("{path}&pageToken={}", escape(token))))
        })?;
        Ok(pages.and_then(|pages| {
            let lists = pages.iter().map(|page| entries(page, member)).collect::<Result<Vec<_>, _>>()?;
            Ok(lists.into_iter().flatten().collect())
        }))
    }

    /// A short list that is to be emptied: `label` and `id` name the members of an entry.
    pub fn items(&self, pass: &mut Pass<'_>, path: &str, label: &str, id: &str) -> Fetched<Vec<Item>> {
        let listed = pass.fetch(self.read(path), judge)?;
        Ok(listed.and_then(|page| {
            let items = entries(&page, "items")?.into_iter().map(|entry| {
                // Without an id the address would be that of the whole list.
                let nameless = || Failure::Malformed { detail: format!("an entry of {path} without {id}") };
                let id = text(&entry, id).ok_or_else(nameless)?;
                Ok(Item {
                    request: self.write(Method::Delete, &format!("{path}/{}", escape(&id))),
                    label: text(&entry, label).unwrap_or(id),
                })
            });
            items.collect()
        }))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/admin/{}/v1/{path}", self.base_url, self.service)
    }
}

/// A text or number as text.
fn text(entry: &Value, name: &str) -> Option<String> {
    match &entry[name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Entries of a list. Google leaves an empty one out, but an answer that is no list at all is not "nothing there".
fn entries(page: &Response, member: &str) -> Result<Vec<Value>, Failure> {
    let malformed = || Failure::Malformed { detail: format!("a list without {member}") };
    match &page.json() {
        Value::Object(body) => match body.get(member) {
            None => Ok(Vec::new()),
            Some(entries) => entries.as_array().cloned().ok_or_else(malformed),
        },
        _ => Err(malformed()),
    }
}

/// What an answer of the API means. Google says most with 403, so the reason decides, not the status.
///
/// <https://developers.google.com/workspace/admin/directory/v1/limits>
pub fn judge(answer: &Answer) -> Option<Failure> {
    let failure = classify(answer)?;
    let Ok(response) = answer else { return Some(failure) };
    let body = response.json();
    let error = &body["error"];
    let message = || error["message"].as_str().unwrap_or("no message").to_owned();
    let later = |wait_ms| {
        let until = retry_after_ms(response).unwrap_or(response.at_ms.saturating_add(wait_ms));
        Some(Failure::RateLimited { until_ms: Some(until) })
    };
    let has = |reasons: &[&str]| {
        ["errors", "details"].iter().any(|list| {
            let listed = error[list].as_array().into_iter().flatten();
            listed.filter_map(|entry| entry["reason"].as_str()).any(|reason| reasons.contains(&reason))
        })
    };
    match response.status {
        403 | 429 if has(&["quotaExceeded", "dailyLimitExceeded"]) => later(QUOTA_PARK_MS),
        403 if has(&["userRateLimitExceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED"]) => {
            later(RATE_WINDOW_MS)
        }
        429 => later(RATE_WINDOW_MS),
        401 => Some(Failure::Auth { detail: message() }),
        403 => {
            Some(Failure::Permission { missing: format!("a privilege of the admin's role: {}", message()) })
        }
        409 | 412 => Some(Failure::Conflict { detail: message() }),
        400 | 404 => Some(Failure::Malformed { detail: message() }),
        _ => Some(failure),
    }
}

/// What an answer of the token endpoint means: without delegation, and for a scope that was not granted, Google
/// answers alike, so only the scope can be named.
fn judge_token(answer: &Answer, scope: Scope) -> Option<Failure> {
    let failure = classify(answer)?;
    let Ok(response) = answer else { return Some(failure) };
    let body = response.json();
    match body["error"].as_str() {
        Some("unauthorized_client" | "access_denied") => {
            Some(Failure::Permission { missing: format!("domain-wide delegation of {}", scope.urls()) })
        }
        Some("rate_limit_exceeded") => Some(Failure::RateLimited { until_ms: retry_after_ms(response) }),
        Some(error) if response.status < 500 => {
            let words = body["error_description"].as_str().unwrap_or("no description");
            Some(Failure::Auth { detail: format!("{error}: {words}") })
        }
        _ => Some(failure),
    }
}
