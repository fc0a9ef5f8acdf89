//! `/api/v1/connectors`: connected tools.
use ceven_actors::{
    clock::rfc3339,
    connector::{KINDS, Kind},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Call, text};
use crate::{
    coverage::{Coverage, Going},
    http::{reply, reply::Failure},
};

pub(super) async fn list(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let connected: Vec<Value> = admin.who().snapshot.connectors().map(|connector| connector.view()).collect();
    let kinds: Vec<Value> = KINDS.iter().map(kind_view).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "connectors": connected, "kinds": kinds })))
}

pub(super) async fn get(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let connector = visit.administering()?.connector(id)?;
    Ok(reply::json(StatusCode::OK, &connector.view()))
}

pub(super) async fn add(mut call: Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let body = call.object().await?;
    let kind = text(&body, "kind")?.ok_or_else(|| Failure::Bad("kind must be given.".into()))?;
    let name = text(&body, "name")?.unwrap_or_else(|| kind.clone());
    let saved = admin.set_connector(None, (&kind, &name), settings(&body)?).await?;
    Ok(reply::json(StatusCode::CREATED, &saved.view()))
}

pub(super) async fn change(mut call: Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let old = admin.connector(id)?;
    let body = call.object().await?;
    let name = text(&body, "name")?.unwrap_or_else(|| old.name.to_string());
    let settings = match body.get("settings") {
        None | Some(Value::Null) => old.settings.clone(),
        Some(_) => settings(&body)?,
    };
    let saved = admin.set_connector(Some(&old), (&old.kind, &name), settings).await?;
    Ok(reply::json(StatusCode::OK, &saved.view()))
}

pub(super) async fn remove(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    admin.remove_connector(admin.connector(id)?.id).await?;
    Ok(reply::no_content())
}

pub(super) async fn check(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let steps = admin.check_connector(&*admin.connector(id)?).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "checks": steps })))
}

pub(super) async fn begin_coverage(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let going = admin.begin_coverage(&admin.connector(id)?)?;
    Ok(reply::json(StatusCode::ACCEPTED, &json!({ "running": going_view(going) })))
}

pub(super) async fn coverage(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let connector = admin.connector(id)?.id;
    let running = call.app.coverage.of(connector).map(going_view);
    let found = admin.coverages().await?.get(&connector).map(Coverage::view);
    Ok(reply::json(StatusCode::OK, &json!({ "running": running, "found": found })))
}

fn going_view(going: Going) -> Value {
    json!({ "begun_at": rfc3339(going.begun_ms), "done": going.done, "of": going.of })
}

fn settings(body: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    match body.get("settings") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(settings)) => Ok(settings.clone()),
        Some(_) => Err(Failure::Bad("settings must be an object.".into())),
    }
}

/// What a form for a kind of tool needs to know.
fn kind_view(kind: &Kind) -> Value {
    let fields = kind.fields.iter().map(|field| {
        json!({
            "name": field.name, "title": field.title, "help": field.help, "secret": field.secret,
            "required": field.required, "default": field.default, "options": field.options,
        })
    });
    json!({ "id": kind.id, "title": kind.title, "fields": fields.collect::<Vec<_>>() })
}
