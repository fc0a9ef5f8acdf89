//! `/app/api`: the description of the API, for people. It is drawn from the document that programs get.
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::{
    openapi,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::copyable,
    },
};

pub(in crate::ui) fn show(ask: &Ask<'_>) -> Answer {
    let document = openapi::of_node(ask.visit.app);
    let url = document["servers"][0]["url"].as_str().unwrap_or_default();
    let tags = names(&document["tags"]);
    let main = html! {
        p.lead { "Paths are below " (copyable("server", "the address", url)) }
        (rights())
        p { a.button href="/api/v1/openapi.json" { "OpenAPI 3.1 document" } }
        nav.tabs aria-label="Parts of the API" {
            @for tag in &tags { a href={ "#" (slug(tag)) } { (tag) } }
            a href="#schemas" { "Schemas" }
        }
        @for tag in &tags {
            section id=(slug(tag)) {
                h2 { (tag) }
                @for (path, method, operation) in operations(&document, tag) { (one(path, method, operation)) }
            }
        }
        section id="schemas" {
            h2 { "Schemas" }
            @for (name, schema) in members(&document["components"]["schemas"]) {
                details.operation id={ "schema-" (name) } {
                    summary { code { (name) } @if let Some(words) = schema["description"].as_str() { span.muted { (words) } } }
                    (shape(schema))
                }
            }
        }
    };
    ok(framed(ask, Place::Settings, "API", html! {}, main))
}

fn rights() -> Markup {
    html! {
        p { "A session's cookie opens it, or a token where that is said. Unsafe requests of a session carry the token that "
            code { "GET /me" } " tells, as " code { "X-Ceven-CSRF" } ". Refusals are problems (RFC 9457); under "
            code { "/scim/v2" } " they are SCIM errors (RFC 7644)." }
    }
}

fn names(tags: &Value) -> Vec<&str> {
    tags.as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()).collect()
}

fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn operations<'d>(document: &'d Value, tag: &'d str) -> impl Iterator<Item = (&'d str, &'d str, &'d Value)> {
    let all = members(&document["paths"])
        .flat_map(|(path, item)| members(item).map(move |(method, operation)| (path, method, operation)));
    all.filter(move |(_, _, operation)| operation["tags"][0] == tag)
}

fn one(path: &str, method: &str, operation: &Value) -> Markup {
    html! {
        details.operation id=(operation["operationId"].as_str().unwrap_or_default()) {
            summary { code.method { (method.to_ascii_uppercase()) } code { (path) } span.muted { (operation["summary"].as_str().unwrap_or_default()) } }
            p { strong { "Opened by " } (security(&operation["security"])) }
            @if let Some(parameters) = operation["parameters"].as_array() {
                h3 { "Query" }
                (table(&["Name", "Value", "Meaning"], parameters.iter().map(|parameter| [
                    html! { code { (parameter["name"].as_str().unwrap_or_default()) } },
                    kind(&parameter["schema"]),
                    html! { (parameter["description"].as_str().unwrap_or_default()) },
                ])))
            }
            @if let Some(content) = operation["requestBody"]["content"].as_object() {
                h3 { "Body" }
                p { (media(content)) @if operation["requestBody"]["required"] == false { span.muted { " · may be left out" } } }
            }
            h3 { "Answers" }
            (table(&["Status", "Meaning", "Body"], members(&operation["responses"]).map(|(status, response)| [
                html! { code { (status) } },
                html! { (response["description"].as_str().unwrap_or_default()) },
                response["content"].as_object().map_or(html! { "–" }, media),
            ])))
        }
    }
}

fn security(ways: &Value) -> Markup {
    let ways: Vec<Vec<&str>> = ways
        .as_array()
        .into_iter()
        .flatten()
        .map(|way| members(way).map(|(name, _)| name).collect())
        .collect();
    html! {
        @if ways.is_empty() { "everyone" }
        @for (index, way) in ways.iter().enumerate() {
            @if index > 0 { " or " }
            @for (index, name) in way.iter().enumerate() { @if index > 0 { " and " } code { (name) } }
        }
    }
}

fn media(content: &Map<String, Value>) -> Markup {
    html! { @for (index, (media_type, content)) in content.iter().enumerate() {
        @if index > 0 { br; }
        (kind(&content["schema"])) " " span.muted { (media_type) }
    } }
}

/// A schema in a few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    let several = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    if let Some(several) = several {
        return html! { @for (index, one) in several.iter().enumerate() { @if index > 0 { " or " } (kind(one)) } };
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { @for (index, value) in values.iter().enumerate() { @if index > 0 { ", " } code { (plain(value)) } } };
    }
    if let Some(value) = schema.get("const") {
        return html! { code { (plain(value)) } };
    }
    match (&schema["type"], &schema["properties"]) {
        (Value::String(name), _) if name == "array" => html! { "list of " (kind(&schema["items"])) },
        (Value::String(_), Value::Object(_)) => html! { "object" (shape(schema)) },
        (Value::String(name), _) => html! { (schema["format"].as_str().unwrap_or(name)) },
        (Value::Array(names), _) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            html! { (names.join(" or ")) }
        }
        _ => html! { "anything" },
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An object's members as a table, anything else in a few words.
fn shape(schema: &Value) -> Markup {
    if !schema["properties"].is_object() {
        return html! { p { (kind(schema)) } };
    }
    let is_required = |name: &str| {
        schema["required"].as_array().into_iter().flatten().any(|required| required.as_str() == Some(name))
    };
    table(
        &["Member", "Value", "Meaning"],
        members(&schema["properties"]).map(|(name, member)| {
            [
                html! { code { (name) } @if !is_required(name) { span.muted { " optional" } } },
                kind(member),
                html! { (member["description"].as_str().unwrap_or("")) },
            ]
        }),
    )
}

fn table<const N: usize>(heads: &[&str; N], rows: impl Iterator<Item = [Markup; N]>) -> Markup {
    html! { div.scroll { table {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for row in rows { tr { @for (index, cell) in row.iter().enumerate() { td.wide[index > 0] { (cell) } } } } }
    } } }
}

/// An id for an element.
fn slug(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}
