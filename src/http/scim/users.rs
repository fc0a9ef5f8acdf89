//! `/Users`.
use ceven_actors::{
    domain::id::UserId,
    organization::message::{Answer as Outcome, Answered, Command},
    protocol::scim::{
        ScimError, patch,
        resource::{mentions, normalise},
        schema::USER_TYPE,
    },
};
use serde_json::Value;

use super::{Answer, Request, render::Renderer, resource};
use crate::http::reply;

/// An id that is no UUID is the id of nobody.
fn user_id(text: &str) -> Result<UserId, ScimError> {
    text.parse().map_err(|_| ScimError::not_found("User", text))
}

pub(super) fn get(request: &Request<'_>, id: &str) -> Answer {
    let snapshot = &request.right.snapshot;
    let user = snapshot.user(user_id(id)?).ok_or_else(|| ScimError::not_found("User", id))?;
    let renderer = Renderer { snapshot, base_url: &request.app.scim_url };
    let projection = request.parameters().projection(&USER_TYPE, &request.app.settings.list_limits());
    Ok(resource(false, renderer.user_location(user), renderer.user(user, &projection)))
}

pub(super) async fn create(mut request: Request<'_>) -> Answer {
    let body = request.object(request.app.settings.server.body_bytes).await?;
    let mut ignored = Vec::new();
    let attributes = normalise(&USER_TYPE, body, &request.app.settings.value_limits(), &mut ignored)?;
    request.note_ignored(&ignored);
    answer(&request, request.execute(Command::CreateUser { attributes }).await?)
}

pub(super) async fn replace(mut request: Request<'_>, id: &str) -> Answer {
    let id = user_id(id)?;
    let body = request.object(request.app.settings.server.body_bytes).await?;
    let mentions_roles = mentions(&body, "roles");
    let mut ignored = Vec::new();
    let attributes = normalise(&USER_TYPE, body, &request.app.settings.value_limits(), &mut ignored)?;
    request.note_ignored(&ignored);
    answer(&request, request.execute(Command::ReplaceUser { id, attributes, mentions_roles }).await?)
}

pub(super) async fn patch(mut request: Request<'_>, id: &str) -> Answer {
    let id = user_id(id)?;
    let body: Value = request.json(request.app.settings.server.body_bytes).await?;
    let mut ignored = Vec::new();
    let operations = patch::parse(&USER_TYPE, &body, &request.app.settings.patch_limits(), &mut ignored)?;
    request.note_ignored(&ignored);
    answer(&request, request.execute(Command::PatchUser { id, operations }).await?)
}

pub(super) async fn delete(request: Request<'_>, id: &str) -> Answer {
    request.execute(Command::DeleteUser { id: user_id(id)? }).await?;
    Ok(reply::no_content())
}

fn answer(request: &Request<'_>, answered: Answered) -> Answer {
    let Answered { snapshot, answer } = answered;
    let Outcome::User { id, created } = answer else { return Ok(reply::no_content()) };
    let user = snapshot.user(id).ok_or_else(|| ScimError::not_found("User", &id.to_string()))?;
    let renderer = Renderer { snapshot: &snapshot, base_url: &request.app.scim_url };
    let projection = request.parameters().projection(&USER_TYPE, &request.app.settings.list_limits());
    Ok(resource(created, renderer.user_location(user), renderer.user(user, &projection)))
}
