//! `POST /api/v1/sso/okta/universal-logout`: Global Token Revocation as Okta sends it.
//!
//! 1. Who asks is judged before what is asked: until the token has been verified nothing of the body is looked at.
//! 2. The organization is found by issuer and client id together, since two may share one tenant; whoever is not
//!    connected leads to no outgoing request.
//! 3. Refusals of tokens all look the same.
//! 4. Addresses that send bad tokens are slowed down; those that send good ones are not counted. Okta sends for all its
//!    customers from the same addresses, so each organization counts apart, and what names none counts for itself.
//! 5. A copy of a token that was obeyed is refused before its signature is looked at: it costs no more than a read.
//! 6. Of several copies of a token one goes on; a command that came to nothing gives the claim back.
//! 7. A token that is older than a restored database is refused.
use std::{sync::Arc, time::Duration};

use ceven_actors::{
    domain::{
        caller::{Actor, Authority, Caller},
        id::OrganizationId,
        okta::{OktaConnection, UsedToken},
    },
    organization::{
        message::{Answer, Command, OrganizationError, Verdict},
        state::Snapshot,
    },
    protocol::{
        jose::Jws,
        revocation::{self, Expected, Subject},
        scim::ScimError,
        secret,
    },
    revocation::Revocations,
};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use warp::reply::Response;

use crate::{
    app::App,
    http::{Incoming, body::read_json, reply, scim::log::Answered},
    net::keys::Unverified,
};

/// Path below the public URL: what the token's audience must be.
pub const PATH: &str = "/api/v1/sso/okta/universal-logout";
const BODY_BYTES: usize = 16 * 1_024;
/// Clocks may differ by five minutes either way.
pub(super) const SKEW_SECS: i64 = 300;

/// What a request comes to, for the answer and for the log.
struct Outcome {
    status: StatusCode,
    /// As it is counted.
    verdict: &'static str,
    /// For the log only.
    reason: String,
    /// When to come again, in milliseconds, if the address has to wait.
    wait_ms: Option<i64>,
}

impl Outcome {
    fn new(status: StatusCode, reason: impl ToString) -> Self {
        let verdict = match status.as_u16() {
            204 => "accepted",
            400 => "malformed",
            401 => "refused",
            403 => "switched_off",
            404 => "unknown_subject",
            422 => "ambiguous",
            429 => "busy",
            503 => "unavailable",
            _ => "unreadable",
        };
        Self { status, verdict, reason: reason.to_string(), wait_ms: None }
    }

    /// (4)
    fn limited(wait_ms: i64) -> Self {
        let limited = Self::new(StatusCode::TOO_MANY_REQUESTS, "too many bad tokens from this address");
        Self { verdict: "limited", wait_ms: Some(wait_ms), ..limited }
    }

    fn replayed() -> Self {
        Self { verdict: "replayed", ..Self::refused("replay") }
    }

    fn refused(reason: impl ToString) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason)
    }

    fn away() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not available")
    }
}

/// A request that Okta has signed.
struct Signed {
    organization: OrganizationId,
    okta: Arc<OktaConnection>,
    used: UsedToken,
}

pub(super) async fn answer(app: &Arc<App>, incoming: Incoming) -> Response {
    let (begun, at_ms) = (incoming.begun, app.clock.now_ms());
    let ip = incoming.client_ip;
    let request_id = incoming.request_id.clone();
    let mut organization = None;
    let mut outcome = obey(app, incoming, &mut organization).await.unwrap_or_else(|outcome| outcome);
    if outcome.status == StatusCode::UNAUTHORIZED {
        tracing::info!(%ip, reason = outcome.reason, "a logout token was refused");
        if let Err(wait_ms) = app.bad_tokens.count_address(ip, organization, at_ms) {
            outcome = Outcome::limited(wait_ms); // (4)
        }
    }
    app.metrics.okta.add("universal_logout", outcome.verdict);
    let response = respond(&outcome);
    if let Some(organization) = organization {
        let answered = Answered {
            right: Some((organization, None)),
            at_ms,
            ip,
            user_agent: None,
            method: &Method::POST,
            path: PATH.trim_start_matches('/'),
            status: outcome.status.as_u16(),
            detail: Some(outcome.reason),
            request_id: &request_id,
            duration: begun.elapsed(),
        };
        app.scim_log.note(answered);
    }
    response
}

/// (3) Okta looks at the status only; the sentence is for whoever tries it by hand.
fn respond(outcome: &Outcome) -> Response {
    let status = outcome.status;
    if let Some(wait_ms) = outcome.wait_ms {
        return reply::failure(&reply::Failure::Limited { wait_ms });
    }
    if status == StatusCode::NO_CONTENT {
        return reply::no_content();
    }
    let detail = match status.as_u16() {
        400 => outcome.reason.as_str(),
        401 => "The token was not accepted.",
        403 => "Universal Logout is switched off.",
        404 => "The user was not found.",
        408 => "The body did not arrive in time.",
        413 => "The body is too large.",
        415 => "The body must be application/json, and not compressed.",
        422 => "The user could not be logged out.",
        429 => "Too many requests are waiting; try again.",
        503 => "The service is not available at the moment; try again.",
        _ => "The request could not be understood.",
    };
    let mut response = reply::problem(status, detail);
    let extra = match status.as_u16() {
        401 => Some((header::WWW_AUTHENTICATE, "Bearer")),
        429 | 503 => Some((header::RETRY_AFTER, "5")),
        _ => None,
    };
    if let Some((name, value)) = extra {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn obey(
    app: &Arc<App>,
    incoming: Incoming,
    organization: &mut Option<OrganizationId>,
) -> Result<Outcome, Outcome> {
    let signed = authenticate(app, &incoming, organization).await?; // (1)
    let caller = Caller {
        actor: Actor {
            kind: "okta",
            id: signed.okta.client_id.clone(),
            label: signed.okta.issuer().to_owned(),
        },
        authority: Authority::Okta(signed.okta.fingerprint()),
        ip: Some(incoming.client_ip),
        request_id: incoming.request_id.clone(),
    };
    let subject = subject(app, incoming).await?;
    let reason = subject.as_ref().err().copied();
    let used = signed.used;
    if !app.revocations.claim(used).await {
        return Err(Outcome::replayed()); // (6)
    }
    let mut claim = Claim { revocations: &app.revocations, used, is_obeyed: false };
    let command = Command::LogOut { subject: subject.ok(), used };
    let executed = app.execute(signed.organization, command, caller).await;
    claim.is_obeyed = matches!(executed, Ok(_) | Err(OrganizationError::Replayed));
    match executed {
        Ok(executed) => Ok(judged(executed.answer, reason)),
        Err(OrganizationError::Replayed) => Err(Outcome::replayed()),
        Err(OrganizationError::Forbidden) => Err(Outcome::refused("the connection to Okta has changed")),
        Err(OrganizationError::Busy) => Err(Outcome::new(StatusCode::TOO_MANY_REQUESTS, "too many requests")),
        Err(_) => Err(Outcome::away()),
    }
}

/// A token that is being obeyed. Whoever hangs up ends this with it: then the log judges the next copy (6).
struct Claim<'a> {
    revocations: &'a Revocations,
    used: UsedToken,
    is_obeyed: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.is_obeyed {
            self.revocations.release(self.used);
        }
    }
}

fn judged(answer: Answer, reason: Option<&'static str>) -> Outcome {
    let Answer::Judged(verdict) = answer else { return Outcome::away() };
    let (status, text) = match verdict {
        Verdict::Ended => (204, "accepted"),
        Verdict::Already | Verdict::Nothing => (204, "accepted: access had ended already"),
        Verdict::Unknown => (404, "unknown subject"),
        Verdict::Ambiguous => (422, "several users fit the subject"),
        Verdict::Malformed | Verdict::WrongState => {
            (400, reason.unwrap_or("The subject is of another issuer."))
        }
        Verdict::SwitchedOff => (403, "Universal Logout is switched off"),
    };
    let outcome = Outcome::new(StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT), text);
    match verdict {
        Verdict::Already | Verdict::Nothing => Outcome { verdict: "already", ..outcome },
        _ => outcome,
    }
}

async fn authenticate(
    app: &Arc<App>,
    incoming: &Incoming,
    known: &mut Option<OrganizationId>,
) -> Result<Signed, Outcome> {
    let now_ms = app.clock.now_ms();
    let mut given = incoming.headers.get_all(header::AUTHORIZATION).iter();
    let (header, another) = (given.next().and_then(|value| value.to_str().ok()), given.next());
    let header = header.filter(|_| another.is_none()).ok_or_else(|| Outcome::refused("no token, or two"))?;
    let token = secret::from_header(header);
    let jws = Jws::parse(token).map_err(Outcome::refused)?;
    jws.require_type(revocation::TOKEN_TYPE).map_err(Outcome::refused)?;
    let organization = owner(app, &jws).await?;
    *known = Some(organization);
    if let Some(wait_ms) = app.bad_tokens.wait_ms(incoming.client_ip, *known, now_ms) {
        return Err(Outcome::limited(wait_ms)); // (4)
    }
    let (snapshot, okta) = connection(app, organization, &jws).await?;
    let used = |jti: &str, until_ms| UsedToken::new("universal logout", okta.issuer(), jti, until_ms, now_ms);
    if jws.text("jti").is_some_and(|jti| snapshot.is_used(&used(jti, now_ms))) {
        return Err(Outcome::refused("replay")); // (5)
    }
    app.keys.verify(&okta.metadata.jwks_uri, &jws).await.map_err(|error| match error {
        Unverified::NoKeys => Outcome::away(),
        Unverified::Token(error) => Outcome::refused(error),
    })?;
    let expected = Expected {
        issuer: okta.issuer(),
        client_id: &okta.client_id,
        audience: &format!("{}{PATH}", app.public_url),
        now_secs: now_ms / 1_000,
        skew_secs: SKEW_SECS,
    };
    let verified = revocation::verify(&jws, &expected).map_err(Outcome::refused)?;
    // (7) Its id may have been used up after the backup.
    let issued_ms = jws.claims["iat"].as_f64().unwrap_or_default() * 1_000.0;
    if issued_ms < app.restored_ms as f64 {
        return Err(Outcome::refused("issued before the database came back from a backup"));
    }
    let until_ms = verified.remember_until_secs.saturating_mul(1_000);
    let used = used(&verified.jti, until_ms);
    Ok(Signed { organization, okta, used })
}

/// (2)
async fn owner(app: &App, jws: &Jws) -> Result<OrganizationId, Outcome> {
    let (issuer, client_id) = jws.text("iss").zip(jws.text("sub")).ok_or_else(unknown)?;
    let owner = app.store.okta_owner(issuer, client_id).await.map_err(|_| Outcome::away())?;
    owner.ok_or_else(unknown)
}

async fn connection(
    app: &App,
    organization: OrganizationId,
    jws: &Jws,
) -> Result<(Arc<Snapshot>, Arc<OktaConnection>), Outcome> {
    let snapshot = app.fresh(organization).await.map_err(|_| Outcome::away())?;
    let is_meant = |okta: &&Arc<OktaConnection>| {
        jws.text("iss") == Some(okta.issuer()) && jws.text("sub") == Some(&*okta.client_id)
    };
    let okta = snapshot.okta().filter(is_meant).ok_or_else(unknown)?.clone();
    Ok((snapshot, okta))
}

fn unknown() -> Outcome {
    Outcome::refused("no organization is connected to this issuer with this client id")
}

/// Whom it is about. What cannot be read for its size, type or time, or broke off on its way, is refused before the token
/// is used up: Okta sends the same token again.
async fn subject(app: &App, incoming: Incoming) -> Result<Result<Subject, &'static str>, Outcome> {
    if !incoming.headers.contains_key(header::CONTENT_TYPE) {
        return Err(Outcome::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no media type"));
    }
    let timeout = Duration::from_millis(app.settings.server.body_read_timeout_ms);
    match read_json(&incoming.headers, incoming.body, BODY_BYTES, timeout).await {
        Ok(Value::Object(body)) => Ok(Subject::of_request(&body)),
        Ok(_) => Ok(Err("The body must be an object.")),
        Err(ScimError { scim_type: Some(_), .. }) => Ok(Err("The body is no readable JSON.")),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            Err(Outcome::new(status, error.detail))
        }
    }
}
