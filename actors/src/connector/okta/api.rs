//! How Okta is spoken to: who asks, and what its answers mean.
//!
//! <https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>,
//! <https://developer.okta.com/docs/guides/dpop/main/>, <https://developer.okta.com/docs/reference/error-codes/>.
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::connector::answer::{self, needs, on_our_clock, text};
use crate::connector::pass::{Failure, Pass};
use crate::connector::sign::SigningKey;
use crate::connector::step::Fetched;
use crate::connector::wire::{Answer, Method, Request, Response};

/// Reads users.
pub const READ: &str = "okta.users.read";
/// Changes users, ends their sessions.
pub const MANAGE: &str = "okta.users.manage";
/// Starts Universal Logout.
pub const LOGOUT: &str = "okta.universalLogout.manage";

/// First without proof, with one, with its nonce; once more because a nonce may be old.
const MAX_TOKEN_REQUESTS: usize = 4;

/// Who asks.
pub enum Credentials {
    /// An API token: it has the rights of the admin who made it.
    Token(String),
    /// An OAuth service app.
    Service(Box<Service>),
}

/// An OAuth service app; Okta takes only `private_key_jwt` for it.
pub struct Service {
    /// Its client id.
    pub client_id: String,
    /// `kid` of its key at Okta.
    pub key_id: Option<String>,
    /// Signs assertions and proofs.
    pub key: SigningKey,
    /// Send a DPoP proof at once, instead of after a refusal.
    pub has_dpop: bool,
}

/// A right to talk to Okta.
pub struct Session<'a> {
    base_url: &'a str,
    authorization: String,
    /// The key and the token's digest, when the token is bound to the key.
    bound: Option<(&'a SigningKey, String)>,
    /// Whether Universal Logout may be asked for.
    pub has_logout: bool,
}

/// What DPoP has learnt in this pass.
#[derive(Default)]
pub struct Dpop {
    is_on: bool,
    nonce: Option<String>,
    sent: usize,
}

impl Credentials {
    /// A session with every right there is. A service app that was not granted Universal Logout gets one without it:
    /// Okta refuses the whole token for one scope.
    pub fn session<'a>(&'a self, pass: &mut Pass<'_>, base_url: &'a str) -> Fetched<Session<'a>> {
        let service = match self {
            Self::Token(token) => return Ok(Ok(Session::of_token(base_url, token))),
            Self::Service(service) => service,
        };
        let mut dpop = Dpop::default();
        let all = format!("{READ} {MANAGE} {LOGOUT}");
        let mut session = service.session(pass, base_url, "okta", &all, &mut dpop)?;
        if matches!(session, Err(Failure::Permission { .. })) {
            let users = format!("{READ} {MANAGE}");
            session = service.session(pass, base_url, "okta_users", &users, &mut dpop)?;
            session = session.map(|session| Session { has_logout: false, ..session });
        }
        Ok(session.map_err(|failure| needs(&format!("{READ} {MANAGE}"), failure)))
    }
}

impl Service {
    /// A session with these scopes.
    pub fn session<'a>(
        &'a self,
        pass: &mut Pass<'_>,
        base_url: &'a str,
        name: &'static str,
        scope: &str,
        dpop: &mut Dpop,
    ) -> Fetched<Session<'a>> {
        let url = format!("{base_url}/oauth2/v1/token");
        dpop.is_on |= self.has_dpop;
        for _ in 0..MAX_TOKEN_REQUESTS {
            dpop.sent += 1;
            let answer = pass.ask(self.token_request(pass, &url, name, scope, dpop))?;
            let (code, nonce) = match &answer {
                Ok(response) => (response.json()["error"].take(), response.header("dpop-nonce")),
                Err(_) => (Value::Null, None),
            };
            match (code.as_str(), nonce) {
                // The app demands DPoP: Okta says so twice, first for the proof, then for its nonce.
                (Some("invalid_dpop_proof"), _) if !dpop.is_on => dpop.is_on = true,
                (Some("use_dpop_nonce"), Some(nonce)) if dpop.nonce.as_deref() != Some(nonce) => {
                    dpop.is_on = true;
                    dpop.nonce = Some(nonce.to_owned());
                }
                _ => return Ok(answer::token(&answer).map(|body| self.bind(base_url, &body))),
            }
        }
        Ok(Err(Failure::Malformed { detail: "Okta asks for another DPoP nonce again and again".into() }))
    }

    fn token_request(
        &self,
        pass: &Pass<'_>,
        url: &str,
        name: &'static str,
        scope: &str,
        dpop: &Dpop,
    ) -> Request {
        let issued_at = pass.latest_ms() / 1_000;
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": url,
            "iat": issued_at,
            "exp": issued_at + 300,
            "jti": pass.nonce(&format!("assertion {}", dpop.sent)),
        });
        let assertion = self.key.jwt(self.key_id.as_deref(), "JWT", &claims).unwrap_or_default();
        let request = Request::token(name, url).header("accept", "application/json").form(vec![
            ("grant_type", "client_credentials".into()),
            ("scope", scope.to_owned()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
            ("client_assertion", assertion),
        ]);
        if !dpop.is_on {
            return request;
        }
        let mut claims = proof_claims(pass, &request, &format!("token {}", dpop.sent));
        if let Some(nonce) = &dpop.nonce {
            claims["nonce"] = json!(nonce);
        }
        with_proof(request, &self.key, &claims)
    }

    fn bind<'a>(&'a self, base_url: &'a str, body: &Value) -> Session<'a> {
        let token = text(body, "access_token");
        let is_bound = text(body, "token_type").eq_ignore_ascii_case("dpop");
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        Session {
            base_url,
            authorization: format!("{} {token}", if is_bound { "DPoP" } else { "Bearer" }),
            bound: is_bound.then_some((&self.key, hash)),
            has_logout: true,
        }
    }
}

impl<'a> Session<'a> {
    fn of_token(base_url: &'a str, token: &str) -> Self {
        Self { base_url, authorization: format!("SSWS {token}"), bound: None, has_logout: true }
    }

    /// A session with an access token that was got elsewhere.
    pub fn bearer(base_url: &'a str, token: &str) -> Self {
        Self { base_url, authorization: format!("Bearer {token}"), bound: None, has_logout: false }
    }

    /// A request that changes nothing.
    pub fn read(&self, pass: &Pass<'_>, path: &str) -> Request {
        self.signed(pass, Request::read(Method::Get, format!("{}{path}", self.base_url)))
    }

    /// A request that changes something.
    pub fn write(&self, pass: &Pass<'_>, method: Method, path: &str) -> Request {
        self.signed(pass, Request::write(method, format!("{}{path}", self.base_url)))
    }

    fn signed(&self, pass: &Pass<'_>, request: Request) -> Request {
        let request =
            request.header("accept", "application/json").header("authorization", self.authorization.clone());
        let Some((key, hash)) = &self.bound else { return request };
        let mut claims = proof_claims(pass, &request, &pass.answered().to_string());
        claims["ath"] = json!(hash);
        with_proof(request, key, &claims)
    }
}

fn proof_claims(pass: &Pass<'_>, request: &Request, purpose: &str) -> Value {
    json!({
        "htm": request.method.name(),
        // Without the query (RFC 9449 §4.2).
        "htu": request.url.split(['?', '#']).next(),
        "iat": pass.latest_ms() / 1_000,
        "jti": pass.nonce(&format!("proof {purpose}")),
    })
}

/// A key that signs nothing was refused with the settings; Okta would refuse the request without its proof.
fn with_proof(request: Request, key: &SigningKey, claims: &Value) -> Request {
    match key.proof(claims) {
        Some(proof) => request.header("dpop", proof),
        None => request,
    }
}

/// What an answer means: `{"errorCode": "E0000006", "errorSummary": "…"}`.
pub fn judge(answer: &Answer) -> Option<Failure> {
    let failure = answer::judge(answer)?;
    let Ok(response) = answer else { return Some(failure) };
    let body = response.json();
    let code = text(&body, "errorCode");
    if response.status == 429 {
        return Some(Failure::RateLimited { until_ms: reset_ms(response) });
    }
    let detail = format!("{code}: {}", text(&body, "errorSummary"));
    Some(match (code, failure) {
        ("", failure) => failure,
        // "You do not have permission to access the feature you are requesting."
        ("E0000015", _) => Failure::PlanUnavailable { detail },
        // The state of the user does not allow it.
        ("E0000001" | "E0000038", _) => Failure::Conflict { detail },
        (_, Failure::Auth { .. }) => Failure::Auth { detail },
        (_, Failure::Permission { .. }) => Failure::Permission { missing: detail },
        (_, failure) => failure,
    })
}

/// [`judge`] for reads.
pub fn judge_read(answer: &Answer) -> Option<Failure> {
    judge(answer).map(|failure| needs(READ, failure))
}

/// [`judge`] for changes.
pub fn judge_change(answer: &Answer) -> Option<Failure> {
    judge(answer).map(|failure| needs(MANAGE, failure))
}

/// `X-Rate-Limit-Reset` is in seconds of Okta's clock; there is no `Retry-After`.
fn reset_ms(response: &Response) -> Option<i64> {
    let reset: i64 = response.header("x-rate-limit-reset")?.trim().parse().ok()?;
    Some(on_our_clock(response, reset.saturating_mul(1_000)))
}
