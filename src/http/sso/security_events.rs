//! `POST /api/v1/sso/okta/security-events`: security event tokens, pushed (RFC 8935).
//!
//! 1. A token that was taken before is answered like the first one (§2).
//! 2. A token names no client: every organization of the tenant whose audience fits is told.
//! 3. A refusal is 400 with `err` and `description` (§2.4); 503 when it may be sent again.
//! 4. Addresses that send bad tokens are slowed down, at each tenant's organizations apart.
use std::{net::IpAddr, sync::Arc, time::Duration};

use ceven_actors::{
    domain::{
        caller::{Actor, Authority, Caller},
        id::OrganizationId,
        okta::{OktaConnection, UsedToken},
    },
    organization::message::{Answer, Command, OrganizationError, Verdict},
    protocol::{
        jose::{self, Jws},
        security_event::{self, Expected, SetError},
    },
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use warp::reply::Response;

use super::universal_logout::SKEW_SECS;
use crate::{
    app::App,
    http::{Incoming, body::read_text, reply, scim::log::Answered},
    net::keys::Unverified,
};

/// Path below the public URL, and Ceven's name as an audience.
pub const PATH: &str = "/api/v1/sso/okta/security-events";
const MEDIA_TYPE: &str = "application/secevent+jwt";
/// Tokens are remembered for a day, which is longer than a transmitter tries again.
const REMEMBERED_MS: i64 = 24 * 3_600_000;

enum Refusal {
    Set(SetError),
    Status(StatusCode, String),
    /// Milliseconds to wait (4).
    Limited(i64),
}

impl From<SetError> for Refusal {
    fn from(error: SetError) -> Self {
        Self::Set(error)
    }
}

fn away() -> Refusal {
    Refusal::Status(StatusCode::SERVICE_UNAVAILABLE, "Try again later.".into())
}

pub(super) async fn answer(app: &Arc<App>, incoming: Incoming) -> Response {
    let (begun, ip, now_ms) = (incoming.begun, incoming.client_ip, app.clock.now_ms());
    let request_id = incoming.request_id.clone();
    let mut heard = Vec::new();
    let mut taken = take(app, incoming, &request_id, &mut heard).await;
    if let Err(Refusal::Set(error)) = &taken {
        tracing::info!(%ip, %error, "a security event was refused");
        let whose = heard.first().map(|heard| heard.organization);
        if let Err(wait_ms) = app.bad_tokens.count_address(ip, whose, now_ms) {
            taken = Err(Refusal::Limited(wait_ms)); // (4)
        }
    }
    let status = match &taken {
        Ok(()) => StatusCode::ACCEPTED,
        Err(Refusal::Set(_)) => StatusCode::BAD_REQUEST,
        Err(Refusal::Status(status, _)) => *status,
        Err(Refusal::Limited(_)) => StatusCode::TOO_MANY_REQUESTS,
    };
    app.metrics.okta.add("security_event", verdict(&taken));
    for Heard { organization, event, reason } in heard {
        let refusal = match &taken {
            Err(Refusal::Set(error)) => Some(error.to_string()),
            Err(Refusal::Status(_, detail)) => Some(detail.clone()),
            Err(Refusal::Limited(_)) => Some("too many bad tokens from this address".to_owned()),
            Ok(()) => None,
        };
        let reason = reason.map(str::to_owned).or(refusal);
        let reason = reason.unwrap_or_else(|| "the audience is another organization's".into());
        app.scim_log.note(Answered {
            right: Some((organization, None)),
            at_ms: now_ms,
            ip,
            user_agent: None,
            method: &http::Method::POST,
            path: PATH.trim_start_matches('/'),
            status: status.as_u16(),
            detail: Some(event.map_or(reason.clone(), |event| format!("{event}: {reason}"))),
            request_id: &request_id,
            duration: begun.elapsed(),
        });
    }
    respond(taken)
}

/// As it is counted.
const fn verdict(taken: &Result<(), Refusal>) -> &'static str {
    match taken {
        Ok(()) => "accepted",
        Err(Refusal::Set(_)) => "refused",
        Err(Refusal::Limited(_)) => "limited",
        Err(Refusal::Status(StatusCode::SERVICE_UNAVAILABLE, _)) => "unavailable",
        Err(Refusal::Status(..)) => "unreadable",
    }
}

fn respond(taken: Result<(), Refusal>) -> Response {
    match taken {
        Ok(()) => {
            let mut response = Response::new(String::new().into());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Err(Refusal::Set(error)) => {
            let body = json!({ "err": error.code, "description": error.description });
            let mut response = reply::json(StatusCode::BAD_REQUEST, &body); // (3)
            response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
            response
        }
        Err(Refusal::Limited(wait_ms)) => reply::failure(&reply::Failure::Limited { wait_ms }),
        Err(Refusal::Status(status, detail)) => {
            let mut response = reply::problem(status, &detail);
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            response
        }
    }
}

/// What an organization makes of a token, for its own log.
struct Heard {
    organization: OrganizationId,
    /// The end of the event's type, once it is known.
    event: Option<String>,
    /// What came of it; nothing when the whole request was refused.
    reason: Option<&'static str>,
}

async fn take(
    app: &Arc<App>,
    incoming: Incoming,
    request_id: &str,
    heard: &mut Vec<Heard>,
) -> Result<(), Refusal> {
    let (ip, timeout) = (incoming.client_ip, Duration::from_millis(app.settings.server.body_read_timeout_ms));
    let text = read_text(&incoming.headers, incoming.body, MEDIA_TYPE, jose::MAX_BYTES, timeout).await;
    let text = text.map_err(|error| match StatusCode::from_u16(error.status) {
        Ok(status) if status != StatusCode::BAD_REQUEST => Refusal::Status(status, error.detail),
        _ => SetError::new("invalid_request", "The body is no text that could be a token.").into(),
    })?;
    let jws = Jws::parse(text.trim()).map_err(SetError::from)?;
    jws.require_type(security_event::TOKEN_TYPE).map_err(SetError::from)?;
    let issuer = jws.text("iss").unwrap_or_default();
    let owners = app.store.okta_owners(issuer, ORGANIZATIONS).await.map_err(|_| away())?;
    if let Some(wait_ms) =
        owners.first().and_then(|whose| app.bad_tokens.wait_ms(ip, Some(*whose), app.clock.now_ms()))
    {
        return Err(Refusal::Limited(wait_ms)); // (4)
    }
    let mut is_taken = false;
    let mut last = SetError::new("invalid_issuer", "No organization is connected to this issuer.");
    for organization in owners {
        let snapshot = app.fresh(organization).await.map_err(|_| away())?;
        let Some(okta) = snapshot.okta().filter(|okta| okta.issuer() == issuer) else { continue };
        let mut own = Heard { organization, event: None, reason: None };
        let told = tell(app, &jws, okta, &mut own, (ip, request_id)).await; // (2)
        heard.push(own);
        match told? {
            Told::Taken => is_taken = true,
            Told::NotMeant => {}
            Told::Refused(error) => last = error,
        }
    }
    if is_taken { Ok(()) } else { Err(last.into()) }
}

/// What an organization makes of a token that can be read.
enum Told {
    Taken,
    NotMeant,
    Refused(SetError),
}

async fn tell(
    app: &Arc<App>,
    jws: &Jws,
    okta: &OktaConnection,
    own: &mut Heard,
    (ip, request_id): (IpAddr, &str),
) -> Result<Told, Refusal> {
    app.keys.verify(&okta.metadata.jwks_uri, jws).await.map_err(|error| match error {
        Unverified::NoKeys => away(),
        Unverified::Token(error) => SetError::from(error).into(),
    })?;
    let now_ms = app.clock.now_ms();
    let address = format!("{}{PATH}", app.public_url);
    let mut audiences = vec![address.as_str()];
    audiences.extend(okta.stream.iter().flat_map(|stream| stream.audiences.iter().map(String::as_str)));
    let expected = Expected {
        issuer: okta.issuer(),
        audiences: &audiences,
        now_secs: now_ms / 1_000,
        skew_secs: SKEW_SECS,
    };
    let event = match security_event::read(jws, &expected) {
        Ok(event) => event,
        Err(error) => return Ok(Told::Refused(error)),
    };
    own.event = Some(event.event_type.rsplit('/').next().unwrap_or_default().to_owned());
    let until_ms = now_ms + REMEMBERED_MS;
    let used = UsedToken::new("security event", okta.issuer(), &event.jti, until_ms, now_ms); // (1)
    let caller = Caller {
        actor: Actor { kind: "okta", id: okta.client_id.clone(), label: okta.issuer().to_owned() },
        authority: Authority::Okta(okta.fingerprint()),
        ip: Some(ip),
        request_id: request_id.to_owned(),
    };
    let command = Command::TakeEvent { event: Arc::new(event), used };
    let executed = app.execute(own.organization, command, caller).await;
    own.reason = executed.as_ref().ok().and_then(|executed| words(executed.answer));
    match executed {
        Ok(executed) if executed.answer == Answer::Judged(Verdict::WrongState) => {
            Ok(Told::Refused(SetError::new("invalid_state", "This is not the state that was asked for.")))
        }
        Ok(_) => Ok(Told::Taken),
        Err(OrganizationError::Forbidden) => Ok(Told::NotMeant),
        Err(_) => Err(away()),
    }
}

/// What has come of an event, for people.
fn words(answer: Answer) -> Option<&'static str> {
    let Answer::Judged(verdict) = answer else { return None };
    Some(match verdict {
        Verdict::Ended => "access has ended",
        Verdict::Already => "access had ended already",
        Verdict::Unknown | Verdict::Malformed => "nobody here is meant",
        Verdict::Ambiguous => "several users fit the subject",
        Verdict::Nothing | Verdict::SwitchedOff => "nothing to do",
        Verdict::WrongState => return None,
    })
}

/// Organizations that one tenant may send to, at most.
const ORGANIZATIONS: u64 = 16;
