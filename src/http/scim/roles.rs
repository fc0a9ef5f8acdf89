//! `/Roles`: the same three for everyone, in the shape in which Okta discovers entitlements.
use ceven_actors::{
    domain::role::Role,
    protocol::scim::{
        Object, ScimError,
        list::{ListQuery, Parameters, Resources},
        schema::{ROLE, ROLE_TYPE},
    },
};
use serde_json::{Value, json};

use super::{
    Answer, Request,
    lists::{Page, reply_page, select},
    resource,
};

fn object(request: &Request<'_>, role: Role) -> Object {
    let location = location(request, role);
    let value = json!({
        "schemas": [ROLE.id],
        "id": role.id(),
        "displayName": role.display(),
        "description": role.description(),
        "meta": { "resourceType": "Role", "location": location },
    });
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn location(request: &Request<'_>, role: Role) -> String {
    format!("{}/Roles/{}", request.app.scim_url, role.id())
}

pub(super) fn page(request: &Request<'_>, query: &ListQuery) -> Page {
    let (total, found) = select(Role::ALL.into_iter(), |role| object(request, *role), query);
    let mut resources = Resources::default();
    for role in found {
        let role = Value::Object(query.projection.apply(object(request, role)));
        resources.add(|text| text.push_str(&role.to_string()));
    }
    Page { total, resources }
}

pub(super) fn list(request: &Request<'_>, parameters: &Parameters) -> Answer {
    let query = parameters.bind(&ROLE_TYPE, &request.app.settings.list_limits())?;
    reply_page(&query, &page(request, &query))
}

pub(super) fn get(request: &Request<'_>, id: &str) -> Answer {
    let role =
        Role::ALL.into_iter().find(|role| role.id() == id).ok_or_else(|| ScimError::not_found("Role", id))?;
    let projection = request.parameters().projection(&ROLE_TYPE, &request.app.settings.list_limits());
    let body = Value::Object(projection.apply(object(request, role))).to_string();
    Ok(resource(false, location(request, role), body))
}
