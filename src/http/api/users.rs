//! `/users`: people, their roles and their sessions.
use ceven_actors::domain::{role::Role, session::Person};
use http::StatusCode;
use serde_json::json;

use super::{Answer, Call, exact_parameter, sessions, text};
use crate::{
    http::reply::{self, Failure},
    people::{self, PeopleFilter},
};

/// People of a page when nobody says how many.
const DEFAULT_COUNT: usize = 50;

/// `?q=&active=&role=`.
///
/// # Errors
/// 400 for a value that is none.
pub fn people_filter(query: &str) -> Result<PeopleFilter, Failure> {
    let active = match super::parameter(query, "active").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Failure::Bad("active is true or false.".into())),
    };
    let role = super::parameter(query, "role").map(|role| role_named(&role)).transpose()?;
    Ok(PeopleFilter { text: super::parameter(query, "q"), active, role })
}

/// A role by its id or name.
///
/// # Errors
/// 400.
pub fn role_named(name: &str) -> Result<Role, Failure> {
    Role::find(name).ok_or_else(|| Failure::Bad("A role is admin, member or employee.".into()))
}

pub(super) async fn list(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let right = visit.seeing()?;
    let filter = people_filter(&call.incoming.query)?;
    let count = match call.parameter("limit").map(|limit| limit.parse::<usize>()) {
        None => DEFAULT_COUNT,
        Some(Ok(limit)) if limit > 0 => limit.min(call.app.settings.scim.max_count),
        Some(_) => return Err(Failure::Bad("limit is a whole number above 0.".into())),
    };
    let page = right.people(filter, exact_parameter(&call.incoming.query, "cursor"), count).await?;
    let items: Vec<_> = page.users.iter().map(|user| people::view(&visit.who.snapshot, user)).collect();
    let body = json!({ "items": items, "next_cursor": page.next, "total": page.total });
    Ok(reply::json(StatusCode::OK, &body))
}

pub(super) async fn get(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let user = visit.seeing()?.person(id)?;
    Ok(reply::json(StatusCode::OK, &people::view(&visit.who.snapshot, &user)))
}

pub(super) async fn role(mut call: Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let right = visit.administering()?;
    let user = visit.seeing()?.person(id)?;
    let body = call.object().await?;
    let role = role_named(&text(&body, "role")?.unwrap_or_default())?;
    let seen = text(&body, "seen")?.map(|seen| role_named(&seen)).transpose()?;
    let answered = right.set_role(user.id, role, seen).await?;
    let changed = answered.snapshot.user(user.id).cloned().unwrap_or(user);
    Ok(reply::json(StatusCode::OK, &people::view(&answered.snapshot, &changed)))
}

pub(super) async fn sessions(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    visit.administering()?;
    let user = visit.seeing()?.person(id)?;
    let all = visit.who.snapshot.sessions_of(Person::User(user.id));
    let items: Vec<_> = all.map(|session| sessions::view(&visit, session)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "items": items })))
}

pub(super) async fn end_sessions(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let right = visit.administering()?;
    let user = visit.seeing()?.person(id)?;
    right.end_sessions(Person::User(user.id)).await?;
    Ok(reply::no_content())
}
