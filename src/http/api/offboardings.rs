//! `/api/v1/users/{id}/offboard` and `/api/v1/offboardings`.
use ceven_actors::{
    clock::rfc3339,
    connector::{ConfigError, pass::Match},
    domain::{
        id::{OffboardingId, TaskId},
        offboarding::{Offboarding, Task},
    },
    organization::{
        message::{Command, OffboardOptions},
        state::Snapshot,
    },
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Call, text};
use crate::http::{
    reply::{self, Failure},
    right::missing,
};

/// Of what an admin writes about an offboarding.
pub const MAX_NOTE_CHARACTERS: usize = 1_000;
/// Of a tool's own id of an account.
pub const MAX_ACCOUNT_CHARACTERS: usize = 255;
/// Of one list.
const LISTED: u64 = 100;

pub(super) async fn offboard(mut call: Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let user = visit.seeing()?.person(id)?;
    let body = call.object().await?;
    let is_dry = match body.get("dry_run") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return Err(Failure::Bad("dry_run must be true or false.".into())),
    };
    if is_dry {
        return Ok(reply::json(StatusCode::OK, &admin.preview(&user).await.view(call.app)));
    }
    let options = options(&body)?;
    if let Some(receipt) = text(&body, "preview")? {
        admin.still_so(&user, &receipt).await?;
    }
    let offboarding = admin.offboard(user.id, options).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &json!({ "offboarding_id": offboarding })))
}

fn options(body: &Map<String, Value>) -> Result<OffboardOptions, Failure> {
    let run_at_ms = match text(body, "run_at")? {
        None => None,
        Some(at) => {
            Some(time_ms(&at).ok_or_else(|| Failure::Bad("run_at must be an RFC 3339 time.".into()))?)
        }
    };
    Ok(OffboardOptions { reason: note_of(body, "reason")?, ticket: note_of(body, "ticket")?, run_at_ms })
}

/// An RFC 3339 time in milliseconds since 1970.
pub fn time_ms(text: &str) -> Option<i64> {
    let format = &time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::parse(text, format).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// What an admin writes about an offboarding, in a field of this name; empty is nothing.
///
/// # Errors
/// 400 for too much.
pub fn note(name: &str, text: &str) -> Result<Option<Box<str>>, Failure> {
    match text.trim() {
        "" => Ok(None),
        long if long.chars().count() > MAX_NOTE_CHARACTERS => {
            let reason = format!("has more than {MAX_NOTE_CHARACTERS} characters");
            Err(Failure::Field(ConfigError::new(name, reason)))
        }
        note => Ok(Some(note.into())),
    }
}

fn note_of(body: &Map<String, Value>, name: &str) -> Result<Option<Box<str>>, Failure> {
    note(name, &text(body, name)?.unwrap_or_default())
}

/// The account that an admin has chosen at a tool; empty is none.
///
/// # Errors
/// 400 for what is no id, and for one without its tool.
pub fn account(id: &str, task: Option<TaskId>) -> Result<Option<Match>, Failure> {
    match (id.trim(), task) {
        ("", _) => Ok(None),
        (id, Some(_)) if id.chars().count() <= MAX_ACCOUNT_CHARACTERS => Ok(Some(Match::chosen(id))),
        _ => Err(Failure::Bad("account must be an id, and task must say of which tool.".into())),
    }
}

pub(super) async fn list(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let user = match call.parameter("user") {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| missing("User", &id))?),
    };
    let found = visit.seeing()?.offboardings(user, LISTED).await?;
    let views: Vec<Value> = found.iter().map(Offboarding::view).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "offboardings": views })))
}

pub(super) async fn get(call: &Call<'_>, id: &str) -> Answer {
    let (offboarding, tasks) = call.visit().await?.seeing()?.offboarding(id).await?;
    Ok(reply::json(StatusCode::OK, &view(&offboarding, &tasks)))
}

/// An offboarding with its tools' parts.
pub fn view(offboarding: &Offboarding, tasks: &[Task]) -> Value {
    let mut view = offboarding.view();
    view["steps"] = tasks.iter().map(Task::view).collect();
    view
}

pub(super) async fn retry(mut call: Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let id: OffboardingId = id.parse().map_err(|_| missing("Offboarding", id))?;
    let body = call.object().await?;
    let task = task_of(&body)?;
    let account = account(&text(&body, "account")?.unwrap_or_default(), task)?;
    admin.offboarding(Command::Retry { id, task, account }).await?;
    let paused = paused(&admin.who().snapshot, id, task);
    Ok(reply::json(StatusCode::ACCEPTED, &json!({ "offboarding_id": id, "paused": paused })))
}

pub(super) async fn release(mut call: Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let body = call.object().await?;
    let only = text(&body, "offboarding")?;
    let only = only.map(|id| id.parse().map_err(|_| missing("Offboarding", id))).transpose()?;
    let released = admin.release(only).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &json!({ "released": released.count, "held": released.left })))
}

/// Tools that cannot be tried again now, and what mends them.
fn paused(snapshot: &Snapshot, id: OffboardingId, only: Option<TaskId>) -> Vec<Value> {
    let tasks =
        snapshot.tasks().filter(|task| task.offboarding == id && only.is_none_or(|only| only == task.id));
    let paused = tasks.filter_map(|task| {
        let connector = snapshot.connector(task.connector)?;
        let paused = connector.paused.as_ref()?;
        Some(json!({
            "connector": { "id": connector.id, "kind": connector.kind, "name": connector.name },
            "reason": paused.reason,
            "since": rfc3339(paused.since_ms),
            "remedy": "Save the tool's settings again with credentials that work.",
        }))
    });
    paused.collect()
}

fn task_of(body: &Map<String, Value>) -> Result<Option<TaskId>, Failure> {
    let task = text(body, "task")?;
    task.map(|id| id.parse().map_err(|_| missing("Task", id))).transpose()
}

pub(super) async fn mark_done(mut call: Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let body = call.object().await?;
    let task = task_of(&body)?.ok_or_else(|| Failure::Bad("task must be given.".into()))?;
    let note =
        note_of(&body, "note")?.ok_or_else(|| Failure::Bad("note must say how it was done.".into()))?;
    let known = admin.who().snapshot.task(task).filter(|task| task.offboarding.to_string() == id);
    if known.is_none() {
        return Err(missing("Task", task));
    }
    let id = admin.offboarding(Command::MarkDone { task, note }).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "offboarding_id": id })))
}

pub(super) async fn cancel(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let id = id.parse().map_err(|_| missing("Offboarding", id))?;
    let id = admin.offboarding(Command::CancelOffboarding { id }).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "offboarding_id": id })))
}
