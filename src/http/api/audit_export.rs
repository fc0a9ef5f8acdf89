//! `/sso/audit-export`: the audit log as NDJSON, in constant memory however long it is.
//!
//! 1. A session of an admin opens it, or a bearer token of the kind `audit`; with both, the token counts.
//! 2. What is written while an export runs is not in it, so it ends; its last line is the signed head.
//! 3. A page is read when the one before it is on its way: a slow client slows the reading, not the memory.
//! 4. An export that breaks off in the middle breaks the connection, so that nobody takes it for whole.
use std::sync::Arc;

use ceven_actors::{
    domain::{id::OrganizationId, token::TokenKind},
    organization::state::Snapshot,
};
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use warp::Reply as _;

use super::{Answer, Call, parameter, time_ms};
use crate::{
    app::App,
    evidence::export::Export,
    http::{
        auth::{self, Refusal},
        reply::Failure,
        session::NotSignedIn,
        stream::{Part, Parts},
    },
    store::audit_log::AuditFilter,
};

const DAY_MS: i64 = crate::tokens::DAY_MS;

pub(super) async fn export(call: &Call<'_>) -> Answer {
    let (_, snapshot) = right(call).await?;
    let filter = filter(&call.incoming.query, &snapshot)?;
    let after_seq = match call.parameter("after_seq").map(|text| text.parse::<u64>()) {
        None => 0,
        Some(Ok(seq)) => seq,
        Some(Err(_)) => return Err(Failure::Bad("after_seq is a whole number.".into())),
    };
    let (sender, receiver) = mpsc::channel(1); // (3)
    let export = Export::new(&snapshot, filter, after_seq, call.app.clock.now_ms()); // (2)
    tokio::spawn(send(call.app.clone(), export, sender));
    let mut response = warp::reply::stream(Parts(receiver)).into_response();
    let name = format!("attachment; filename=\"{}-audit.ndjson\"", snapshot.profile().slug);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Ok(name) = name.parse() {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// (1)
pub(super) async fn right(call: &Call<'_>) -> Result<(OrganizationId, Arc<Snapshot>), Failure> {
    if call.incoming.headers.contains_key(header::AUTHORIZATION) {
        let right = auth::authenticate(call.app, &call.incoming.headers, TokenKind::Audit).await;
        let right = right.map_err(Failure::Refused)?;
        return Ok((right.organization, right.snapshot));
    }
    let visit = call.visit().await.map_err(|failure| match failure {
        Failure::NotSignedIn(NotSignedIn::Never) => Failure::Refused(Refusal::Unauthorized(
            "A bearer token of the kind audit is required, or the session of an admin.",
        )),
        other => other,
    })?;
    let right = visit.administering()?;
    Ok((right.who().organization, right.who().snapshot.clone()))
}

async fn send(app: Arc<App>, mut export: Export, pages: mpsc::Sender<Part>) {
    loop {
        let part = match export.next(&app.store, &app.signing).await {
            Ok(None) => return,
            Ok(Some(lines)) => Ok(lines.into()),
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                Err(std::io::Error::other("the export broke off")) // (4)
            }
        };
        let is_over = part.is_err();
        if pages.send(part).await.is_err() || is_over {
            return; // The client has left.
        }
    }
}

/// `?from=&to=&action=&actor=&resource=`. An actor is an id, the label of a token, or the address or name of a
/// person; a resource is an id, a type, or `Type/id`; a time is RFC 3339 or a date, and the day of `to` counts.
///
/// # Errors
/// 400 for a time that is none, and for a NUL, which PostgreSQL does not take.
pub fn filter(query: &str, snapshot: &Snapshot) -> Result<AuditFilter, Failure> {
    if form_urlencoded::parse(query.as_bytes()).any(|(_, value)| value.contains('\0')) {
        return Err(Failure::Bad("A filter must hold no NUL character.".into()));
    }
    let time = |name: &str, day_ms: i64| match parameter(query, name) {
        None => Ok(None),
        Some(text) => time_or_date_ms(&text, day_ms).map(Some).ok_or_else(|| {
            Failure::Bad(format!("{name} is a time such as 2026-11-24T00:00:00Z, or a date."))
        }),
    };
    let (resource_type, resource_id) = match parameter(query, "resource") {
        None => (None, None),
        Some(text) => match text.split_once('/') {
            Some((kind, id)) => (Some(kind.to_owned()), Some(id.to_owned())),
            None if text.len() < 32 && text.chars().all(|c| c.is_ascii_alphabetic()) => (Some(text), None),
            None => (None, Some(text)),
        },
    };
    Ok(AuditFilter {
        from_ms: time("from", 0)?,
        to_ms: time("to", DAY_MS)?,
        action: parameter(query, "action"),
        actors: parameter(query, "actor").map(|actor| actors(&actor, snapshot)),
        resource_type,
        resource_ids: resource_id.map(|id| vec![id]),
    })
}

fn actors(text: &str, snapshot: &Snapshot) -> Vec<String> {
    let tokens = snapshot.tokens().filter(|token| token.label.eq_ignore_ascii_case(text));
    let admin = snapshot.admin_by_email(text).map(|admin| admin.id.to_string());
    let user = snapshot.user_by_name(text).map(|user| user.id.to_string());
    let mut ids: Vec<_> = tokens.map(|token| token.id.to_string()).chain(admin).chain(user).collect();
    ids.push(text.to_owned());
    ids
}

pub(super) fn time_or_date_ms(text: &str, day_ms: i64) -> Option<i64> {
    const DATE: &[time::format_description::BorrowedFormatItem<'_>] =
        time::macros::format_description!("[year]-[month]-[day]");
    time_ms(text).or_else(|| {
        let midnight = time::Date::parse(text, DATE).ok()?.midnight().assume_utc();
        Some(midnight.unix_timestamp() * 1_000 + day_ms)
    })
}
