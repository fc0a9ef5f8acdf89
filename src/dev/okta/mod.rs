//! Simulated Okta tenant: sign-in (`oidc`), the management API (`users`, `api_auth`), streams of security events
//! (`streams`), what it signs (`signer`), and
//! the SCIM client that pushes people to an application (`scim_push`).
use std::{collections::BTreeMap, sync::Arc};

use ceven_actors::clock::Clock;
use serde_json::{Value, json};

use super::{
    AccountView, DevError, Person,
    access::{ALPHANUMERIC, Limit, Rate, random_id, random_text, stable_id},
    errand::Errand,
    keys::SigningKey,
    route::Route,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

mod api_auth;
mod lifecycle;
mod oidc;
pub mod provisioning;
pub mod scim_push;
mod signer;
mod streams;
mod users;

pub use api_auth::ServiceApp;
pub use oidc::OidcApp;
pub use signer::SetShape;
pub use streams::Stream;

const READ: &[&str] = &["okta.users.read", "okta.users.manage"];
const MANAGE: &[&str] = &["okta.users.manage"];
const LOGOUT: &[&str] = &["okta.universalLogout.manage"];
const READ_STREAMS: &[&str] = &["ssf.read"];
const MANAGE_STREAMS: &[&str] = &["ssf.manage"];
/// Published keys; the oldest goes when one more comes.
const KEYS: usize = 3;

/// Status of a user in Okta's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// May sign in.
    Active,
    /// Made, not yet activated.
    Staged,
    /// Kept out for a time.
    Suspended,
    /// Deactivated.
    Deprovisioned,
}

impl Status {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Staged => "STAGED",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }
}

/// A user of the tenant.
#[derive(Debug, Clone)]
pub struct OktaUser {
    /// `00u…`
    pub id: String,
    /// Who it is; the e-mail address is the login.
    pub person: Person,
    /// Status.
    pub status: Status,
    /// Whether the address was verified.
    pub is_email_verified: bool,
    /// Sessions at Okta.
    pub sessions: u32,
    /// Refresh tokens given to applications.
    pub refresh_tokens: u32,
    /// Consents given to applications.
    pub grants: u32,
    /// Since when, milliseconds since 1970.
    pub created_ms: i64,
    /// When the status changed last.
    pub changed_ms: i64,
}

/// The tenant.
#[derive(Clone)]
pub struct Okta {
    clock: Arc<dyn Clock>,
    keys: Vec<SigningKey>,
    made_keys: u32,
    issuer: String,
    /// SSWS token of a super admin.
    pub api_token: String,
    /// Users.
    pub users: Vec<OktaUser>,
    /// Applications that people sign in to.
    pub apps: Vec<OidcApp>,
    /// Service applications of the management API.
    pub services: Vec<ServiceApp>,
    /// With a `login_hint` that fits, nobody is asked who they are.
    pub auto_pick: bool,
    /// Whether the tenant has the licence for Universal Logout.
    pub has_universal_logout: bool,
    /// An application downstream of Okta: user id → active. Deactivation removes the account, suspension keeps it.
    pub downstream: BTreeMap<String, bool>,
    /// Pushes people to the application, once it is set up.
    pub provisioning: Option<provisioning::Provisioning>,
    /// Streams of security events.
    pub streams: Vec<Stream>,
    codes: BTreeMap<String, oidc::Code>,
    invitations: BTreeMap<String, oidc::Invitation>,
    outbox: Vec<Errand>,
}

impl Okta {
    /// An empty tenant.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, DevError> {
        let mut okta = Self {
            keys: Vec::new(),
            made_keys: 0,
            issuer: String::new(),
            api_token: format!("00{}", random_text(&*clock)),
            users: Vec::new(),
            apps: Vec::new(),
            services: Vec::new(),
            auto_pick: false,
            has_universal_logout: true,
            downstream: BTreeMap::new(),
            provisioning: None,
            streams: Vec::new(),
            codes: BTreeMap::new(),
            invitations: BTreeMap::new(),
            outbox: Vec::new(),
            clock,
        };
        okta.rotate_keys()?;
        Ok(okta)
    }

    /// The issuer: this simulator's address.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Adds an application with a callback; its client id and secret are made here.
    pub fn add_app(&mut self, redirect_uri: &str) -> OidcApp {
        let app = OidcApp {
            client_id: random_id(&*self.clock, "0oa", 17, ALPHANUMERIC),
            client_secret: random_text(&*self.clock),
            redirect_uris: vec![redirect_uri.to_owned()],
            logout_uris: Vec::new(),
            universal_logout_url: None,
            security_events_url: None,
            not_assigned: Vec::new(),
        };
        self.apps.push(app.clone());
        app
    }

    /// A user by e-mail address.
    pub fn user(&self, email: &str) -> Option<&OktaUser> {
        self.users.iter().find(|user| user.person.email.eq_ignore_ascii_case(email))
    }

    /// A user by e-mail address, to change.
    pub fn user_mut(&mut self, email: &str) -> Option<&mut OktaUser> {
        self.users.iter_mut().find(|user| user.person.email.eq_ignore_ascii_case(email))
    }

    /// Signs with a new key from now on; those before stay published.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate_keys(&mut self) -> Result<(), DevError> {
        self.made_keys += 1;
        let key =
            SigningKey::generate(&format!("sim-okta-{}-{}", self.made_keys, random_text(&*self.clock)))?;
        self.keys.push(key);
        if self.keys.len() > KEYS {
            self.keys.remove(0);
        }
        Ok(())
    }

    /// Publishes only the key that signs: what older ones signed is not verifiable any more.
    pub fn forget_old_keys(&mut self) {
        self.keys.drain(..self.keys.len().saturating_sub(1));
    }
}

/// Words of Okta's error codes.
fn summary(code: &str) -> &'static str {
    match code {
        "E0000003" => "The request body was not well-formed.",
        "E0000006" => "You do not have permission to perform the requested action",
        "E0000007" => "Not found: Resource not found",
        "E0000009" => "Internal Server Error",
        "E0000011" => "Invalid token provided",
        "E0000016" => "Activation failed because the user is already active",
        "E0000022" => "The endpoint does not support the provided HTTP method",
        "E0000038" => "This operation is not allowed in the user's current status.",
        "E0000195" => "Api validation failed due to conflict",
        "E0000047" => "API call exceeded rate limit due to too many requests.",
        _ => "Api validation failed",
    }
}

/// An error of the management API.
fn api_error(clock: &dyn Clock, status: u16, code: &str, cause: Option<&str>) -> Answer {
    let causes: Vec<Value> = cause.into_iter().map(|cause| json!({ "errorSummary": cause })).collect();
    Answer::json(
        status,
        &json!({ "errorCode": code, "errorSummary": summary(code), "errorLink": code,
            "errorId": random_id(clock, "oae", 22, ALPHANUMERIC), "errorCauses": causes }),
    )
}

/// An error of the authorization server (RFC 6749 §5.2).
fn oauth_error(status: u16, code: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": code, "error_description": description }))
}

impl Tool for Okta {
    const NAME: &'static str = "okta";
    const ROUTES: &'static [Route<Self>] = &[
        Route::open("GET", "/.well-known/openid-configuration", oidc::discovery),
        Route::open("GET", "/.well-known/ssf-configuration", streams::configuration),
        Route::open("GET", "/enter/{code}", oidc::enter),
        Route::open("GET", "/oauth2/v1/authorize", oidc::authorize),
        Route::open("POST", "/oauth2/v1/token", oidc::token),
        Route::open("GET", "/oauth2/v1/keys", oidc::keys),
        Route::open("GET", "/oauth2/v1/userinfo", oidc::userinfo),
        Route::open("GET", "/oauth2/v1/logout", oidc::logout),
        Route::open("POST", "/oauth2/v1/logout", oidc::logout),
        Route::new("POST", "/oauth2/v1/global-token-revocation", LOGOUT, users::revoke_everything),
        Route::new("GET", "/api/v1/ssf/stream", READ_STREAMS, streams::read),
        Route::new("POST", "/api/v1/ssf/stream", MANAGE_STREAMS, streams::create),
        Route::new("DELETE", "/api/v1/ssf/stream", MANAGE_STREAMS, streams::delete),
        Route::new("GET", "/api/v1/ssf/stream/status", READ_STREAMS, streams::status),
        Route::new("POST", "/api/v1/ssf/stream/verification", MANAGE_STREAMS, streams::verify),
        Route::new("GET", "/api/v1/users", READ, users::list),
        Route::new("GET", "/api/v1/users/{id}", READ, users::get),
        Route::new("DELETE", "/api/v1/users/{id}/sessions", MANAGE, users::end_sessions),
        Route::new("DELETE", "/api/v1/users/{id}/grants", MANAGE, users::end_grants),
        Route::new("DELETE", "/api/v1/users/{id}/clients/{client}/tokens", MANAGE, users::end_tokens),
        Route::new("POST", "/api/v1/users/{id}/lifecycle/suspend", MANAGE, users::suspend),
        Route::new("POST", "/api/v1/users/{id}/lifecycle/unsuspend", MANAGE, users::unsuspend),
        Route::new("POST", "/api/v1/users/{id}/lifecycle/deactivate", MANAGE, users::deactivate),
        Route::new("POST", "/api/v1/users/{id}/lifecycle/activate", MANAGE, users::activate),
    ];

    fn listening(&mut self, base: &str) {
        base.clone_into(&mut self.issuer);
    }

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let copies = self.users.iter().filter(|user| user.person.email == person.email).count();
        let id = stable_id("00u", 17, &format!("{} {copies}", person.email));
        self.downstream.insert(id.clone(), true);
        self.users.push(OktaUser {
            id,
            person: person.clone(),
            status: Status::Active,
            is_email_verified: true,
            sessions: 1,
            refresh_tokens: 2,
            grants: 1,
            created_ms: clock.now_ms(),
            changed_ms: clock.now_ms(),
        });
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        api_auth::authorize(self, call, scopes)
    }

    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        let is_oauth =
            request.path.starts_with("/oauth2/") && !request.path.ends_with("global-token-revocation");
        if is_oauth {
            return match refusal {
                Refusal::Exact(answer) => (**answer).clone(),
                Refusal::Body(why) => oauth_error(400, "invalid_request", why),
                Refusal::Method(allowed) => {
                    oauth_error(405, "invalid_request", "The method is not supported.").with("allow", allowed)
                }
                Refusal::Limited { .. } => api_error(&*self.clock, 429, "E0000047", None),
                Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Bad Gateway</h1>"),
                Refusal::Address | Refusal::Missing(_) => api_error(&*self.clock, 404, "E0000007", None),
                Refusal::Right(_) => {
                    oauth_error(403, "insufficient_scope", "The access token lacks a scope.")
                }
                Refusal::Credentials => oauth_error(401, "invalid_client", "The client is not known."),
            };
        }
        let error = |status, code: &str, cause: Option<&str>| api_error(&*self.clock, status, code, cause);
        match refusal {
            Refusal::Address | Refusal::Missing(_) => error(404, "E0000007", None),
            Refusal::Method(allowed) => error(405, "E0000022", None).with("allow", allowed),
            Refusal::Body(why) => error(400, "E0000001", Some(why)),
            Refusal::Credentials => error(401, "E0000011", None),
            Refusal::Right(scope) => {
                let challenge = format!(
                    "Bearer authorization_uri=\"{}/oauth2/v1/authorize\", scope=\"{scope}\", error=\"insufficient_scope\", error_description=\"The access token provided does not contain the required scopes.\"",
                    self.issuer
                );
                error(403, "E0000006", None).with("www-authenticate", challenge)
            }
            Refusal::Limited { .. } => error(429, "E0000047", None),
            Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Bad Gateway</h1>"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 600, window_secs: 60 }
    }

    /// No Retry-After: Okta gives the second in which its window ends.
    fn rate_headers(&self, rate: &Rate) -> Vec<(&'static str, String)> {
        vec![
            ("x-rate-limit-limit", rate.limit.to_string()),
            ("x-rate-limit-remaining", rate.remaining.to_string()),
            ("x-rate-limit-reset", rate.reset_ms.div_euclid(1000).to_string()),
        ]
    }

    fn state(&self) -> Value {
        let users = self.users.iter().map(|user| {
            json!({ "id": user.id, "email": user.person.email, "name": user.person.name(),
                "status": user.status.name(), "sessions": user.sessions, "refresh_tokens": user.refresh_tokens,
                "grants": user.grants, "groups": user.person.groups, "roles": user.person.roles,
                "downstream": self.downstream.get(&user.id).map_or("removed", |_| "active") })
        });
        let apps = self.apps.iter().map(|app| {
            json!({ "client_id": app.client_id, "redirect_uris": app.redirect_uris,
                "universal_logout_url": app.universal_logout_url, "not_assigned": app.not_assigned })
        });
        let (waiting, pushed) = self.provisioning.as_ref().map(|one| one.seen()).unwrap_or_default();
        let streams = self.streams.iter().map(|stream| {
            json!({ "id": stream.id, "client_id": stream.client_id, "endpoint_url": stream.endpoint_url,
                "status": if stream.is_enabled { "enabled" } else { "disabled" } })
        });
        json!({ "issuer": self.issuer, "pushes": { "waiting": waiting, "done": pushed },
            "streams": streams.collect::<Vec<_>>(), "users": users.collect::<Vec<_>>(), "apps": apps.collect::<Vec<_>>(),
            "keys": self.keys.iter().map(SigningKey::kid).collect::<Vec<_>>(), "auto_pick": self.auto_pick })
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |user: &OktaUser| {
            let is_open = user.status == Status::Active;
            let state = match self.is_assigned(&user.id) {
                true => user.status.name().to_owned(),
                false => format!("{}, not assigned", user.status.name()),
            };
            AccountView::new(&user.person.email, &state, is_open)
                .holding(user.sessions as usize, user.refresh_tokens as usize)
        };
        self.users.iter().map(view).collect()
    }

    fn errands(&mut self) -> Vec<Errand> {
        std::mem::take(&mut self.outbox)
    }

    fn control(&mut self, name: &str, body: &Value, _clock: &dyn Clock) -> Result<Value, String> {
        self.act(name, body)
    }

    fn buttons(&self, account: &AccountView) -> Vec<(&'static str, &'static str)> {
        let Some(user) = self.user(&account.email) else { return Vec::new() };
        if user.status != Status::Active {
            return vec![("activate", "Activate")];
        }
        let assignment = match self.is_assigned(&user.id) {
            true => ("unassign", "Unassign"),
            false => ("assign", "Assign"),
        };
        let logout = ("universal_logout", "Universal Logout");
        vec![("deactivate", "Deactivate"), logout, ("session_revoked", "Session revoked"), assignment]
    }

    fn tool_buttons(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("push_groups", "Push groups"),
            ("rotate_keys", "Rotate keys"),
            ("forget_old_keys", "Forget old keys"),
        ]
    }
}
