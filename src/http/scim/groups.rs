//! `/Groups`.
use ceven_actors::{
    domain::id::GroupId,
    organization::message::{Answer as Outcome, Answered, Command},
    protocol::scim::{
        Object, ScimError, patch,
        resource::{normalise, take_members},
        schema::GROUP_TYPE,
    },
};
use serde_json::Value;

use super::{Answer, Request, render::Renderer, resource};
use crate::http::reply;

fn group_id(text: &str) -> Result<GroupId, ScimError> {
    text.parse().map_err(|_| ScimError::not_found("Group", text))
}

pub(super) fn get(request: &Request<'_>, id: &str) -> Answer {
    let snapshot = &request.right.snapshot;
    let group = snapshot.group(group_id(id)?).ok_or_else(|| ScimError::not_found("Group", id))?;
    let renderer = Renderer { snapshot, base_url: &request.app.scim_url };
    let projection = request.parameters().projection(&GROUP_TYPE, &request.app.settings.list_limits());
    Ok(resource(false, renderer.group_location(group), renderer.group(group, &projection)))
}

pub(super) async fn create(mut request: Request<'_>) -> Answer {
    let (attributes, members) = read(&mut request).await?;
    answer(&request, request.execute(Command::CreateGroup { attributes, members }).await?)
}

pub(super) async fn replace(mut request: Request<'_>, id: &str) -> Answer {
    let id = group_id(id)?;
    let (attributes, members) = read(&mut request).await?;
    answer(&request, request.execute(Command::ReplaceGroup { id, attributes, members }).await?)
}

async fn read(request: &mut Request<'_>) -> Result<(Object, Vec<String>), ScimError> {
    let body = request.object(request.app.settings.server.group_body_bytes).await?;
    let mut ignored = Vec::new();
    let mut attributes = normalise(&GROUP_TYPE, body, &request.app.settings.value_limits(), &mut ignored)?;
    request.note_ignored(&ignored);
    let members = take_members(&mut attributes);
    Ok((attributes, members))
}

pub(super) async fn patch(mut request: Request<'_>, id: &str) -> Answer {
    let id = group_id(id)?;
    let body: Value = request.json(request.app.settings.server.group_body_bytes).await?;
    let mut ignored = Vec::new();
    let operations = patch::parse(&GROUP_TYPE, &body, &request.app.settings.patch_limits(), &mut ignored)?;
    request.note_ignored(&ignored);
    let answered = request.execute(Command::PatchGroup { id, operations }).await?;
    let projection = request.parameters().projection(&GROUP_TYPE, &request.app.settings.list_limits());
    let large = answered.snapshot.member_count(id) > request.app.settings.scim.patch_body_members;
    // The answer to one member more must not cost the whole list (RFC 7644 §3.5.2 leaves the choice).
    if large && projection.is_default() {
        return Ok(reply::no_content());
    }
    answer(&request, answered)
}

pub(super) async fn delete(request: Request<'_>, id: &str) -> Answer {
    request.execute(Command::DeleteGroup { id: group_id(id)? }).await?;
    Ok(reply::no_content())
}

fn answer(request: &Request<'_>, answered: Answered) -> Answer {
    let Answered { snapshot, answer } = answered;
    let Outcome::Group { id, created } = answer else { return Ok(reply::no_content()) };
    let group = snapshot.group(id).ok_or_else(|| ScimError::not_found("Group", &id.to_string()))?;
    let renderer = Renderer { snapshot: &snapshot, base_url: &request.app.scim_url };
    let projection = request.parameters().projection(&GROUP_TYPE, &request.app.settings.list_limits());
    Ok(resource(created, renderer.group_location(group), renderer.group(group, &projection)))
}
