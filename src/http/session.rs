//! From a cookie to a person.
//!
//! 1. The cookie carries its organization's id, so a session is looked up there and nowhere else.
//! 2. The organization's state is fresh: a session ended, or a person deactivated, by any node is refused at
//!    the next request.
//! 3. Before a session is refused for idleness the store is asked: another node may have served it meanwhile.
//! 4. The CSRF token is drawn from the session's secret: only a page of this session knows it, and it ends
//!    with the session.
//! 5. The cookie is one of the console's host alone ([`Cookie`]).
use std::{net::IpAddr, sync::Arc};

use ceven_actors::{
    domain::{
        audit::hex,
        caller::{Actor, Authority, Caller},
        id::OrganizationId,
        role::Role,
        session::{Person, Session},
    },
    organization::{message::OrganizationError, state::Snapshot},
    protocol::secret::digest,
};
use http::{
    HeaderMap, HeaderValue,
    header::{HOST, ORIGIN},
};

use super::cookie::Cookie;
use crate::{app::App, people::Card, sign_in::Started};

/// Header that unsafe requests carry.
pub const CSRF_HEADER: &str = "x-ceven-csrf";
/// Field that forms carry instead.
pub const CSRF_FIELD: &str = "csrf";

/// Someone with a live session.
#[derive(Clone)]
pub struct SignedIn {
    /// Whose data they may see.
    pub organization: OrganizationId,
    /// By which session.
    pub session: Arc<Session>,
    /// State no older than the request.
    pub snapshot: Arc<Snapshot>,
    /// What they may do now.
    pub role: Role,
    /// Name and address.
    pub card: Card,
    /// (4)
    pub csrf: String,
}

/// Why a request comes from nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSignedIn {
    /// No cookie.
    Never,
    /// A cookie of a session that has ended, or of none.
    Ended,
    /// Nobody can tell now.
    Unavailable,
}

impl SignedIn {
    /// As the audit log names them.
    pub fn caller(&self, ip: IpAddr, request_id: &str) -> Caller {
        let person = self.session.person;
        let label = if self.card.email.is_empty() { &self.card.name } else { &self.card.email };
        Caller {
            actor: Actor { kind: person.kind(), id: person.uuid().to_string(), label: label.clone() },
            authority: Authority::Session(self.session.id),
            ip: Some(ip),
            request_id: request_id.to_owned(),
        }
    }

    /// Whether a request was meant by a page of this session. Digests are compared, so that the time it takes
    /// says nothing.
    pub fn is_meant(&self, csrf: &str) -> bool {
        digest(csrf) == digest(&self.csrf)
    }
}

/// Finds out who asks.
///
/// # Errors
/// [`NotSignedIn`].
pub async fn authenticate(app: &App, headers: &HeaderMap) -> Result<SignedIn, NotSignedIn> {
    let (organization, secret) = read(app, headers).ok_or(NotSignedIn::Never)?;
    let (organization, secret) = organization.zip(secret).ok_or(NotSignedIn::Ended)?; // (1)
    let snapshot = app.fresh(organization).await.map_err(|error| match error {
        OrganizationError::NotFound { .. } => NotSignedIn::Ended,
        _ => NotSignedIn::Unavailable,
    })?; // (2)
    let now_ms = app.clock.now_ms();
    let session = snapshot.session_by_digest(&digest(&secret)).filter(|session| session.is_live(now_ms));
    let session = session.ok_or(NotSignedIn::Ended)?.clone();
    let role = snapshot.role_of(session.person).ok_or(NotSignedIn::Ended)?;
    let card = card(&snapshot, session.person).ok_or(NotSignedIn::Ended)?;
    if is_idle(app, organization, &session, now_ms).await? {
        return Err(NotSignedIn::Ended);
    }
    app.activity.note(organization, session.id, now_ms);
    let csrf = hex(&digest(&format!("ceven csrf {secret}"))); // (4)
    Ok(SignedIn { organization, session, snapshot, role, card, csrf })
}

async fn is_idle(
    app: &App,
    organization: OrganizationId,
    session: &Session,
    now_ms: i64,
) -> Result<bool, NotSignedIn> {
    let is_over = |used_ms: i64| now_ms >= used_ms + app.settings.session.idle_ms;
    if !is_over(session.used_ms) || app.activity.last_ms(session.id).is_some_and(|used| !is_over(used)) {
        return Ok(false);
    }
    let used = app.store.last_use_ms(organization, session.id).await; // (3)
    Ok(used.map_err(|_| NotSignedIn::Unavailable)?.is_none_or(is_over))
}

/// Name and address of whoever it is.
pub fn card(snapshot: &Snapshot, person: Person) -> Option<Card> {
    match person {
        Person::Admin(id) => snapshot
            .admin(id)
            .map(|admin| Card { name: admin.email.to_string(), email: admin.email.to_string() }),
        Person::User(id) => snapshot.user(id).map(|user| Card::of(user)),
    }
}

/// The cookie of sessions at a console (5).
pub fn cookie_at(console_url: &str) -> Cookie {
    Cookie::at(console_url, "ceven_session")
}

/// (5)
pub(super) fn cookie(app: &App) -> Cookie {
    cookie_at(&app.console_url)
}

/// What the cookie holds, as far as it can be read.
fn read(app: &App, headers: &HeaderMap) -> Option<(Option<OrganizationId>, Option<String>)> {
    let value = cookie(app).read(headers)?;
    let (organization, secret) = value.split_once('.').unwrap_or((&value, ""));
    let is_hex = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((organization.parse().ok(), is_hex.then(|| secret.to_owned())))
}

/// `Set-Cookie` of a session that has begun.
pub fn set_cookie(app: &App, started: &Started) -> Option<HeaderValue> {
    let value = format!("{}.{}", started.organization.0.simple(), started.secret);
    cookie(app).header(&value, app.settings.session.absolute_ms / 1_000)
}

/// Whether a sign-in comes from our own page, or from no page at all: a page of someone else could sign its
/// visitor in as itself. Browsers say where a POST comes from; what says nothing is no browser.
pub fn is_own_page(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let own = [app.console_url.as_str(), app.public_url.as_str()];
    let host = text(HOST.as_str()).filter(|host| !host.is_empty());
    own.iter().any(|url| url.eq_ignore_ascii_case(origin))
        || host.is_some_and(|host| {
            origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host))
        })
}
