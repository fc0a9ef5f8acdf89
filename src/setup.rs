//! How far the set-up with Okta has come, told from what Okta has asked: nobody ticks anything by hand.
use ceven_actors::{
    domain::{id::OrganizationId, token::TokenKind},
    organization::state::Snapshot,
};
use sea_orm::DbErr;
use serde_json::json;

use crate::{
    app::App,
    store::{days::DAY_MS, scim_log::ScimRequest},
};

/// Requests that are looked through; what has happened before them is known from the state, without a time.
const LOOKED: u64 = 500;
/// What Okta calls when an admin clicks "Test API Credentials", then pushes the first person, and later what it asks
/// for roles: method, path, words.
const CALLS: [(&str, &str, &str); 6] = [
    ("GET", "ServiceProviderConfig", "Reads what Ceven supports"),
    ("GET", "ResourceTypes", "Reads the kinds of resources"),
    ("GET", "Schemas", "Reads the attributes"),
    ("GET", "Users", "Looks for people"),
    ("POST", "Users", "Pushes the first person"),
    ("GET", "Roles", "Reads the roles"),
];
const LOGOUT: &str = "universal-logout";

/// A request that Okta has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// From where.
    pub ip: String,
    /// HTTP status.
    pub status: i16,
}

/// A request that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// HTTP method.
    pub method: &'static str,
    /// Path after the base of SCIM.
    pub path: &'static str,
    /// What Okta does with it.
    pub words: &'static str,
    /// The latest one that was accepted.
    pub seen: Option<Seen>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Whether Okta could sign in to SCIM.
    pub has_token: bool,
    /// What Okta calls, in its order.
    pub calls: Vec<Awaited>,
    /// People whom Okta has pushed.
    pub pushed: usize,
    /// Whether a tenant is connected.
    pub is_connected: bool,
    /// People who have signed in with Okta.
    pub signed_in: usize,
    /// Whether Universal Logout is accepted.
    pub takes_logout: bool,
    /// The latest Universal Logout that was accepted.
    pub logout: Option<Seen>,
    /// The latest refusal, when nothing has been accepted since.
    pub refused: Option<ScimRequest>,
}

fn seen(request: &ScimRequest) -> Seen {
    Seen { at_ms: request.at_ms, ip: request.ip.clone(), status: request.status }
}

/// Reads how far it is.
///
/// # Errors
/// When the database does not answer.
pub async fn read(app: &App, organization: OrganizationId, snapshot: &Snapshot) -> Result<Setup, DbErr> {
    let latest = app.store.latest_scim_requests(organization, LOOKED).await?;
    let now_ms = app.clock.now_ms();
    // A row may stand for many requests of a minute: rows ascend by minute, the time of the last request decides.
    let newest =
        |fits: &dyn Fn(&&ScimRequest) -> bool| latest.iter().filter(fits).max_by_key(|one| one.at_ms);
    let accepted = |method: &str, path: &str| {
        newest(&|one| one.status < 400 && one.method == method && one.path == path).map(seen)
    };
    let calls =
        CALLS.map(|(method, path, words)| Awaited { method, path, words, seen: accepted(method, path) });
    let last_accepted_ms = newest(&|one| one.status < 400).map_or(0, |one| one.at_ms);
    let refused = newest(&|one| one.status >= 400).filter(|one| one.at_ms > last_accepted_ms).cloned();
    let okta = snapshot.okta();
    Ok(Setup {
        has_token: snapshot.tokens().any(|token| token.kind == TokenKind::Scim && token.is_live(now_ms)),
        calls: calls.into(),
        pushed: snapshot.users(0).filter(|user| user.external_id.is_some()).count(),
        is_connected: okta.is_some(),
        signed_in: snapshot.users(0).filter(|user| snapshot.identity_of(user.id).is_some()).count(),
        takes_logout: okta.is_some_and(|okta| okta.universal_logout),
        logout: newest(&|one| one.status < 400 && one.path.ends_with(LOGOUT)).map(seen),
        refused,
    })
}

/// Something that changes whenever the answer of [`read`] may: cheap enough to ask every second.
///
/// # Errors
/// When the database does not answer.
pub async fn mark(app: &App, organization: OrganizationId, snapshot: &Snapshot) -> Result<String, DbErr> {
    let today = app.clock.now_ms() / DAY_MS;
    let days = app.store.scim_days(organization, today - 1).await?;
    let counts: Vec<_> = days.iter().map(|day| [day.day, day.accepted, day.refused]).collect();
    Ok(json!({ "seq": snapshot.head().seq, "requests": counts }).to_string())
}

impl Setup {
    /// Whether Okta has asked for the roles.
    pub fn roles(&self) -> Option<&Seen> {
        self.calls.iter().find(|call| call.path == "Roles").and_then(|call| call.seen.as_ref())
    }
}
