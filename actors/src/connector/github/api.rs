//! GitHub's REST and GraphQL APIs: the App's tokens, addresses, errors.
//!
//! <https://docs.github.com/en/enterprise-cloud@latest/rest>
use serde_json::{Map, Value, json};

use crate::connector::pass::{Failure, Halt, Pass, classify, retry_after_ms};
use crate::connector::sign::SigningKey;
use crate::connector::step::Fetched;
use crate::connector::wire::{Answer, Method, Purpose, Request, Response, escape};

const API_VERSION: &str = "2022-11-28";
/// GitHub asks to wait at least this long after a secondary limit that names no time.
const SECONDARY_WAIT_MS: i64 = 60_000;

/// Rights of the App that the pass uses, as the installation names them.
pub const RIGHTS: [&str; 3] =
    ["members", "organization_administration", "organization_personal_access_tokens"];

/// A GitHub App, installed on one organization.
pub struct Api {
    /// Without a slash at its end.
    pub base_url: String,
    /// The organization's login.
    pub organization: String,
    /// The App's client id.
    pub client_id: String,
    /// The App's key.
    pub key: SigningKey,
}

/// The App's installation on the organization.
pub struct Installation {
    id: u64,
    /// Right → `read` or `write`.
    pub permissions: Map<String, Value>,
}

impl Installation {
    /// Whether a right is granted as `write`.
    pub fn may_write(&self, right: &str) -> bool {
        self.permissions.get(right).is_some_and(|granted| granted == "write" || granted == "admin")
    }
}

impl Api {
    /// A request in the App's own name (RS256, at most ten minutes; a minute back for clocks that differ).
    ///
    /// # Errors
    /// [`Failure::Auth`] when the key cannot sign.
    pub fn as_app(&self, pass: &Pass<'_>, request: Request) -> Result<Request, Failure> {
        let now = pass.now_ms() / 1_000;
        let claims = json!({ "iat": now - 60, "exp": now + 540, "iss": self.client_id });
        let failure = || Failure::Auth { detail: "the App's key cannot sign".into() };
        Ok(versioned(request).bearer(&self.key.jwt(None, "JWT", &claims).ok_or_else(failure)?))
    }

    /// The installation on the organization, when there is one that is not suspended.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn installation(&self, pass: &mut Pass<'_>) -> Fetched<Installation> {
        let request = match self.as_app(pass, Request::read(Method::Get, self.org("installation"))) {
            Ok(request) => request,
            Err(failure) => return Ok(Err(failure)),
        };
        let found = pass.find(request, judge)?;
        Ok(found.and_then(|response| {
            let missing =
                || Failure::Auth { detail: format!("the App is not installed on {}", self.organization) };
            let body = response.ok_or_else(missing)?.json();
            if !body["suspended_at"].is_null() {
                return Err(Failure::Auth { detail: "the App's installation is suspended".into() });
            }
            let malformed = || Failure::Malformed { detail: "an installation without id".into() };
            let permissions = body["permissions"].as_object().cloned().unwrap_or_default();
            Ok(Installation { id: body["id"].as_u64().ok_or_else(malformed)?, permissions })
        }))
    }

    /// A token of the installation, narrowed to the rights of the pass; one that only reads for previews and checks.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn token(
        &self,
        pass: &mut Pass<'_>,
        installation: &Installation,
        reads_only: bool,
    ) -> Fetched<Session<'_>> {
        let narrowed = RIGHTS.iter().filter_map(|right| {
            let granted = installation.permissions.get(*right)?;
            Some(((*right).to_owned(), if reads_only { json!("read") } else { granted.clone() }))
        });
        let body = json!({ "permissions": narrowed.collect::<Map<_, _>>() });
        let name = if reads_only { "github_read" } else { "github_write" };
        let url = format!("{}/app/installations/{}/access_tokens", self.base_url, installation.id);
        let request = match self.as_app(pass, Request::token(name, url).json(body)) {
            Ok(request) => request,
            Err(failure) => return Ok(Err(failure)),
        };
        let answered = pass.fetch(request, judge)?;
        Ok(answered.and_then(|response| match response.json()["token"].as_str() {
            Some(token) => Ok(Session { base_url: &self.base_url, token: token.to_owned() }),
            None => Err(Failure::Malformed { detail: "a token answer without a token".into() }),
        }))
    }

    /// An address below the organization.
    pub fn org(&self, path: &str) -> String {
        format!("{}/orgs/{}/{path}", self.base_url, escape(&self.organization))
    }
}

/// A right to talk to the API.
pub struct Session<'a> {
    base_url: &'a str,
    token: String,
}

impl<'a> Session<'a> {
    /// With a token that an admin made.
    pub fn with_token(base_url: &'a str, token: &str) -> Self {
        Self { base_url, token: token.to_owned() }
    }

    /// A request that changes nothing.
    pub fn read(&self, url: impl Into<String>) -> Request {
        versioned(Request::read(Method::Get, url)).bearer(&self.token)
    }

    /// A request that changes something.
    pub fn write(&self, method: Method, url: impl Into<String>) -> Request {
        versioned(Request::write(method, url)).bearer(&self.token)
    }

    /// A request to SCIM, which has a media type of its own.
    pub fn scim(&self, request: Request) -> Request {
        let request = request.header("accept", "application/scim+json");
        request.header("x-github-api-version", API_VERSION).bearer(&self.token)
    }

    /// An address that is not below the organization.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url)
    }

    /// Every entry of a list of many pages.
    ///
    /// # Errors
    /// [`Halt::Send`] while a page is not answered.
    pub fn list(&self, pass: &mut Pass<'_>, url: String) -> Fetched<Vec<Value>> {
        let pages = pass.pages(self.read(url), judge, |page| next_link(page).map(|next| self.read(next)))?;
        Ok(pages.and_then(|pages| {
            let lists = pages.iter().map(entries).collect::<Result<Vec<_>, _>>()?;
            Ok(lists.into_iter().flatten().collect())
        }))
    }

    /// A GraphQL query's `data`.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn query(&self, pass: &mut Pass<'_>, query: &str, variables: Value) -> Fetched<Value> {
        let request = self.graphql(Purpose::Read, query, variables);
        Ok(pass.fetch(request, judge_graphql)?.map(|response| response.json()["data"].clone()))
    }

    /// A GraphQL request. GitHub Enterprise Server has it beside `/api/v3`.
    pub fn graphql(&self, purpose: Purpose, query: &str, variables: Value) -> Request {
        let root = self.base_url.strip_suffix("/v3").unwrap_or(self.base_url);
        let request = Request { purpose, ..Request::read(Method::Post, format!("{root}/graphql")) };
        versioned(request).bearer(&self.token).json(json!({ "query": query, "variables": variables }))
    }
}

/// Entries of one page of a list.
///
/// # Errors
/// [`Failure::Malformed`] for what is no list: that is not "nothing there".
pub fn entries(page: &Response) -> Result<Vec<Value>, Failure> {
    let malformed = || Failure::Malformed { detail: "a list that is none".into() };
    page.json().as_array().cloned().ok_or_else(malformed)
}

fn versioned(request: Request) -> Request {
    request.header("accept", "application/vnd.github+json").header("x-github-api-version", API_VERSION)
}

/// `rel="next"` of the Link header (RFC 8288).
fn next_link(page: &Response) -> Option<String> {
    page.header("link")?.split(',').find_map(|link| {
        let (target, parameters) = link.split_once(';')?;
        parameters.contains("rel=\"next\"").then(|| target.trim().trim_matches(['<', '>']).to_owned())
    })
}

/// What an answer means. 403 is three things here: a limit, a second sign-in that is missing, or a right.
///
/// 1. Nothing remaining: until the reset. <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
/// 2. A secondary limit: `Retry-After`, else at least a minute.
/// 3. `X-GitHub-SSO`: the token was not authorized for the organization's SAML.
/// 4. `X-Accepted-GitHub-Permissions` names the right that is missing.
pub fn judge(answer: &Answer) -> Option<Failure> {
    let failure = classify(answer)?;
    let Ok(response) = answer else { return Some(failure) };
    let body = response.json();
    // SCIM says it in `detail`.
    let said = body["message"].as_str().or(body["detail"].as_str());
    let message = || said.unwrap_or("no message").to_owned();
    Some(match response.status {
        401 => Failure::Auth { detail: message() },
        403 | 429 if response.header("x-ratelimit-remaining") == Some("0") => {
            Failure::RateLimited { until_ms: retry_after_ms(response).or_else(|| reset_ms(response)) } // (1)
        }
        403 | 429
            if response.header("retry-after").is_some() || message().contains("secondary rate limit") =>
        {
            let until = retry_after_ms(response).unwrap_or(response.at_ms.saturating_add(SECONDARY_WAIT_MS));
            Failure::RateLimited { until_ms: Some(until) } // (2)
        }
        403 if response.header("x-github-sso").is_some() => {
            Failure::Permission { missing: "the token's authorization for SAML single sign-on".into() } // (3)
        }
        403 => Failure::Permission {
            missing: response.header("x-accepted-github-permissions").map_or_else(message, str::to_owned), // (4)
        },
        409 | 422 => Failure::Conflict { detail: message() },
        400 | 404 => Failure::Malformed { detail: message() },
        _ => failure,
    })
}

/// What a GraphQL answer means: errors come with status 200.
pub fn judge_graphql(answer: &Answer) -> Option<Failure> {
    if let Some(failure) = judge(answer) {
        return Some(failure);
    }
    let response = answer.as_ref().ok()?;
    let body = response.json();
    let Some(error) = body["errors"].as_array().and_then(|errors| errors.first()) else {
        return body["data"]
            .is_null()
            .then(|| Failure::Malformed { detail: "an answer without data".into() });
    };
    let message = error["message"].as_str().unwrap_or("no message").to_owned();
    Some(match error["type"].as_str().unwrap_or_default() {
        "RATE_LIMITED" => Failure::RateLimited { until_ms: reset_ms(response) },
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => Failure::Permission { missing: message },
        "UNPROCESSABLE" => Failure::Conflict { detail: message },
        _ => Failure::Malformed { detail: message },
    })
}

fn reset_ms(response: &Response) -> Option<i64> {
    let secs: i64 = response.header("x-ratelimit-reset")?.trim().parse().ok()?;
    secs.checked_mul(1_000)
}

/// Ends the pass when something it cannot do without failed.
///
/// # Errors
/// [`Halt::Stop`] on a failure.
pub fn must<T>(pass: &mut Pass<'_>, name: &str, fetched: Result<T, Failure>) -> Result<T, Halt> {
    fetched.map_err(|failure| pass.fail(name, failure))
}
