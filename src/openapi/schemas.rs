//! Schemas of bodies and answers (JSON Schema 2020-12, as OpenAPI 3.1 uses it). Every member of an answer is always
//! there; what is not known is null.
use ceven_actors::domain::role::Role;
use serde_json::{Map, Value, json};

mod connection;
mod offboarding;

/// Every schema, by name.
pub(super) fn all() -> Map<String, Value> {
    [
        common(),
        people(),
        offboarding::offboardings(),
        offboarding::steps(),
        connection::connectors(),
        connection::tokens(),
        connection::okta(),
        connection::settings(),
        audit(),
        scim(),
    ]
    .into_iter()
    .flatten()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
}

type Schemas = Vec<(&'static str, Value)>;

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn text_or_null() -> Value {
    json!({ "type": ["string", "null"] })
}

fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn time_or_null() -> Value {
    or_null(time())
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": names.into_iter().collect::<Vec<_>>() })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// Text of a body: not every database keeps a NUL.
fn written() -> Value {
    json!({ "type": "string", "pattern": "^[^\\x00]*$" })
}

/// Text of a body that says something.
fn said(most_characters: u32) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most_characters, "pattern": "^[^\\x00]*[^\\s\\x00][^\\x00]*$" })
}

/// The same on one line.
fn named(most_characters: u32) -> Value {
    let plain = r"[^\x00-\x1f\x7f-\x9f]*";
    let pattern = format!(r"^{plain}[^\s\x00-\x1f\x7f-\x9f]{plain}$");
    json!({ "type": "string", "minLength": 1, "maxLength": most_characters, "pattern": pattern })
}

/// A parameter's value; an empty one counts as absent.
fn or_empty(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "const": "" }] })
}

/// An object whose members may be anything.
fn anything() -> Value {
    json!({ "type": "object", "additionalProperties": true })
}

/// An object; a name with a question mark at its end may be absent.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let required: Vec<_> =
        members.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties: Map<_, _> = members
        .iter()
        .map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn about(mut schema: Value, words: &str) -> Value {
    schema["description"] = words.into();
    schema
}

fn common() -> Schemas {
    let problem = object([
        ("type", text()),
        ("title", text_or_null()),
        ("status", json!({ "type": "integer" })),
        ("detail", about(text(), "A sentence for people.")),
    ]);
    let roles = [Role::Admin, Role::Member, Role::Employee].map(Role::id);
    vec![
        ("Problem", about(problem, "RFC 9457.")),
        ("Anything", anything()),
        ("Text", text()),
        ("Bytes", json!({ "type": "string", "contentMediaType": "application/octet-stream" })),
        ("RoleName", one_of(roles)),
        ("RoleFilter", or_empty(reference("RoleName"))),
        ("Id", or_empty(id())),
        ("Flag", or_empty(one_of(["true", "false"]))),
        ("Limit", or_empty(json!({ "type": "integer", "minimum": 1 }))),
        ("Seq", or_empty(number())),
        ("Time", or_empty(time())),
        ("Date", json!({ "type": "string", "format": "date" })),
        ("TimeOrDate", json!({ "anyOf": [reference("Time"), reference("Date")] })),
        ("EvidenceFormat", or_empty(one_of(["zip", "json", "ndjson"]))),
        // A control character may be one that PostgreSQL does not keep.
        ("Word", json!({ "type": "string", "pattern": "^[^\\x00]*$" })),
    ]
}

fn people() -> Schemas {
    let group = object([("id", id()), ("display_name", text())]);
    let user = object([
        ("id", id()),
        ("user_name", text()),
        ("display_name", text()),
        ("email", about(text(), "Empty when there is none.")),
        ("external_id", text_or_null()),
        ("active", flag()),
        ("role", reference("RoleName")),
        ("groups", list(group)),
        ("sessions", number()),
        ("created_at", time()),
        ("modified_at", time()),
    ]);
    let me = object([
        ("id", id()),
        ("kind", one_of(["admin", "user"])),
        ("email", text()),
        ("display_name", text()),
        ("role", reference("RoleName")),
        ("organization", object([("id", id()), ("slug", text()), ("name", text())])),
        ("session", object([("id", id()), ("created_at", time()), ("expires_at", time())])),
        ("csrf_token", about(text(), "What unsafe requests of this session send as X-Ceven-CSRF.")),
    ]);
    let session = object([
        ("id", id()),
        ("current", about(flag(), "Whether it is the one that asks.")),
        ("created_at", time()),
        ("expires_at", time()),
        ("last_used_at", time()),
        ("ip", text_or_null()),
        ("user_agent", text()),
    ]);
    vec![
        ("Credentials", object([("org", written()), ("email", written()), ("password", written())])),
        ("Me", me),
        (
            "Instance",
            object([
                ("instance", text()),
                ("client_ip", text()),
                ("proxy", json!({ "type": "string", "enum": ["none", "believed", "ignored"] })),
            ]),
        ),
        ("Sessions", object([("items", list(session))])),
        ("SignedOut", object([("next", text())])),
        ("User", user),
        (
            "Users",
            object([
                ("items", list(reference("User"))),
                ("next_cursor", text_or_null()),
                ("total", number()),
            ]),
        ),
        ("RoleChange", role_change()),
    ]
}

fn role_change() -> Value {
    let seen =
        about(or_null(reference("RoleName")), "Refuses the change when the person has another role by now.");
    object([("role", reference("RoleName")), ("seen?", seen)])
}

fn audit() -> Schemas {
    let hash = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let mode = || one_of(["live", "dev"]);
    let entry = object([
        ("seq", number()),
        ("id", id()),
        ("org", text()),
        ("at", time()),
        ("mode", mode()),
        ("actor", object([("kind", text()), ("id", text()), ("label", text())])),
        ("ip", text_or_null()),
        ("request_id", text()),
        ("action", about(text(), "`noun.verb`.")),
        ("resource", object([("type", text()), ("id", text())])),
        ("before", json!({})),
        ("after", json!({})),
        ("prev_hash", hash()),
        ("hash", about(hash(), "SHA-256 of the line without this member, in its RFC 8785 form.")),
    ]);
    let head = object([
        ("type", json!({ "const": "ceven.audit.head" })),
        ("org", text()),
        ("mode", mode()),
        ("at", time()),
        ("after_seq", number()),
        ("filtered", about(flag(), "Whether entries are left out on purpose.")),
        ("entries", number()),
        ("digest", about(hash(), "SHA-256 of every byte before this line.")),
        ("seq", number()),
        ("hash", hash()),
        ("key", text()),
        ("signature", about(text(), "Ed25519 over the line without this member, in its RFC 8785 form.")),
    ]);
    vec![("AuditEntry", entry), ("AuditHead", head)]
}

fn scim() -> Schemas {
    let error =
        object([("schemas", list(text())), ("status", text()), ("scimType?", text()), ("detail", text())]);
    vec![
        ("ScimResource", about(anything(), "See `/scim/v2/Schemas`.")),
        ("ScimList", about(anything(), "RFC 7644 section 3.4.2.")),
        ("ScimPatch", about(anything(), "RFC 7644 section 3.5.2.")),
        ("ScimNumber", json!({ "type": "integer" })),
        ("SortOrder", one_of(["ascending", "descending"])),
        ("ScimError", about(error, "RFC 7644 section 3.12.")),
    ]
}
