//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4). A filter on them is 403.
use ceven_actors::protocol::scim::{ScimError, discovery, list::Resources};
use http::StatusCode;
use serde_json::Value;

use super::{Answer, Request};
use crate::http::reply;

pub(super) fn service_provider_config(request: &Request<'_>) -> Answer {
    refuse_filter(request)?;
    one(&discovery::service_provider_config(&request.app.scim_url, request.app.settings.scim.max_count))
}

pub(super) fn resource_types(request: &Request<'_>) -> Answer {
    all(request, &discovery::resource_types(&request.app.scim_url))
}

pub(super) fn resource_type(request: &Request<'_>, id: &str) -> Answer {
    by_id(discovery::resource_types(&request.app.scim_url), "ResourceType", id)
}

pub(super) fn schemas(request: &Request<'_>) -> Answer {
    all(request, &discovery::schemas(&request.app.scim_url))
}

pub(super) fn schema(request: &Request<'_>, id: &str) -> Answer {
    by_id(discovery::schemas(&request.app.scim_url), "Schema", id)
}

fn refuse_filter(request: &Request<'_>) -> Result<(), ScimError> {
    match request.parameters().has_filter() {
        true => Err(ScimError::new(403, "Discovery endpoints take no filter.")),
        false => Ok(()),
    }
}

fn one(value: &Value) -> Answer {
    Ok(reply::scim(StatusCode::OK, value.to_string()))
}

fn all(request: &Request<'_>, values: &[Value]) -> Answer {
    refuse_filter(request)?;
    let mut resources = Resources::default();
    values.iter().for_each(|value| resources.add(|text| text.push_str(&value.to_string())));
    Ok(reply::scim(StatusCode::OK, resources.envelope(resources.count(), 1)))
}

fn by_id(values: Vec<Value>, kind: &str, id: &str) -> Answer {
    let decoded = percent_decoded(id);
    let found = values
        .iter()
        .find(|value| value["id"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(&decoded)));
    one(found.ok_or_else(|| ScimError::not_found(kind, &decoded))?)
}

/// Colons of a URN may come as `%3A`. A plus is a plus in a path.
fn percent_decoded(text: &str) -> String {
    form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}
