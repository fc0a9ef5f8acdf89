//! `/sessions`: one's own.
use ceven_actors::{
    clock::rfc3339,
    domain::session::{Ending, Session},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Call};
use crate::{
    app::App,
    http::{
        reply,
        right::{Visit, missing},
    },
};

pub(super) async fn list(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let items: Vec<_> = visit
        .who
        .snapshot
        .sessions_of(visit.who.session.person)
        .map(|session| view(&visit, session))
        .collect();
    Ok(reply::json(StatusCode::OK, &json!({ "items": items })))
}

pub(super) async fn end(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let id = id.parse().map_err(|_| missing("Session", id))?;
    visit.end_session(id, Ending::Revoked).await?;
    Ok(reply::no_content())
}

/// When a session was last used, as far as this process knows.
pub fn used_ms(app: &App, session: &Session) -> i64 {
    app.activity.last_ms(session.id).unwrap_or(0).max(session.used_ms)
}

/// A session's JSON.
pub(super) fn view(visit: &Visit<'_>, session: &Session) -> Value {
    json!({
        "id": session.id, "current": session.id == visit.who.session.id,
        "created_at": rfc3339(session.created_ms), "expires_at": rfc3339(session.expires_ms),
        "last_used_at": rfc3339(used_ms(visit.app, session)),
        "ip": session.ip, "user_agent": session.user_agent,
    })
}
