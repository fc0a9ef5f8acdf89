//! The OpenAPI 3.1 document of everything below `/api/v1`.
//!
//! 1. The operations in it are the ones that are served: a request is looked up here first.
//! 2. Every refusal that an operation may be answered with is declared, with the header that comes with it.
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{app::App, http::session};

mod operation;
mod operations;
mod parameters;
mod schemas;

pub use operation::{Access, Body, Operation, Success, Unknown, find};
pub use operations::OPERATIONS;

const PROBLEM_JSON: &str = "application/problem+json";
const SCIM_JSON: &str = "application/scim+json";

/// The document of a node.
pub fn of_node(app: &App) -> Value {
    document(&app.public_url, &app.console_url)
}

/// The document of a server that clients reach at `public_url`, and people at `console_url`.
pub fn document(public_url: &str, console_url: &str) -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| path_item(operation));
        path[operation.method.to_ascii_lowercase()] = describe(operation);
    }
    let mut urls = vec![public_url, console_url];
    urls.dedup();
    let mut tags: Vec<&str> = OPERATIONS.iter().map(|operation| operation.tag).collect();
    tags.dedup();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ceven", "version": env!("CARGO_PKG_VERSION"),
            "summary": "Ends a leaver's access everywhere at once, and proves it.",
            "description": "Where GET answers, HEAD does. Unsafe requests of a session carry the CSRF token that `/me` \
                tells. Every answer has an `X-Request-Id` that the audit log and the server's log name.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": urls.iter().map(|url| json!({ "url": format!("{url}/api/v1") })).collect::<Vec<_>>(),
        "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": session::cookie_at(console_url).name() },
                "csrf": { "type": "apiKey", "in": "header", "name": "X-Ceven-CSRF" },
                "audit_token": { "type": "http", "scheme": "bearer", "description": "A token of the kind `audit`." },
                "scim_token": { "type": "http", "scheme": "bearer", "description": "A token of the kind `scim`." },
                "okta": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Signed by Okta." },
            },
            "schemas": schemas::all(),
        },
    })
}

/// What all operations of a path share.
fn path_item(operation: &Operation) -> Value {
    let parameters: Vec<_> = operation
        .path_parameters()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn describe(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for success in std::iter::once(&operation.success).chain(&operation.special) {
        responses.insert(success.status.to_string(), answer(success));
    }
    for status in operation.all_refusals() {
        responses.insert(status.to_string(), refusal(operation, status)); // (2)
    }
    let mut described = json!({
        "operationId": operation.id, "tags": [operation.tag], "summary": operation.about,
        "security": security(operation), "responses": responses,
    });
    if !operation.query.is_empty() {
        let parameters = operation.query.iter().map(|parameter| {
            json!({ "name": parameter.name, "in": "query", "description": parameter.about, "schema": reference(parameter.schema) })
        });
        described["parameters"] = parameters.collect();
    }
    if let Some(body) = operation.body {
        let content: Map<_, _> = body
            .media_types
            .iter()
            .map(|media_type| ((*media_type).to_owned(), json!({ "schema": reference(body.schema) })))
            .collect();
        described["requestBody"] = json!({ "required": body.required, "content": content });
    }
    described
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn security(operation: &Operation) -> Value {
    let by_session =
        if operation.is_safe() { json!({ "session": [] }) } else { json!({ "session": [], "csrf": [] }) };
    match operation.access {
        Access::Everyone | Access::Event => json!([]),
        Access::Person | Access::Member | Access::Admin => json!([by_session]),
        Access::AdminOrToken => json!([by_session, { "audit_token": [] }]),
        Access::Scim => json!([{ "scim_token": [] }]),
        Access::Okta => json!([{ "okta": [] }]),
    }
}

fn answer(success: &Success) -> Value {
    let mut answer = json!({ "description": success.about });
    if !success.content.is_empty() {
        let content: Map<_, _> = success
            .content
            .iter()
            .map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": reference(schema) })))
            .collect();
        answer["content"] = content.into();
    }
    if success.status == 302 {
        answer["headers"] = json!({ "Location": { "required": true, "schema": { "type": "string" } } });
    }
    answer
}

fn refusal(operation: &Operation, status: u16) -> Value {
    let (media_type, schema) = match operation.access {
        Access::Scim => (SCIM_JSON, "ScimError"),
        _ => (PROBLEM_JSON, "Problem"),
    };
    let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut content = Map::new();
    content.insert(media_type.to_owned(), json!({ "schema": reference(schema) }));
    if operation.access == Access::Event && status == 400 {
        content.insert("application/json".to_owned(), json!({ "schema": reference("SetError") }));
    }
    let mut refusal = json!({ "description": title.unwrap_or_default(), "content": content });
    if matches!(status, 429 | 503) {
        refusal["headers"] = json!({ "Retry-After": {
            "required": true, "description": "Seconds.", "schema": { "type": "integer", "minimum": 1 },
        } });
    }
    refusal
}
