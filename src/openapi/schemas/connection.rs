//! What an organization is connected by: tools, tokens, its Okta tenant; and what it has decided for itself.
use ceven_actors::connector::KINDS;
use serde_json::json;

use super::*;

pub(super) fn connectors() -> Schemas {
    let kinds = || one_of(KINDS.iter().map(|kind| kind.id));
    let connector = object([
        ("id", id()),
        ("kind", kinds()),
        ("name", text()),
        ("settings", anything()),
        ("secrets", about(list(text()), "Names of the secrets that are kept.")),
        ("paused", or_null(object([("reason", text())]))),
    ]);
    let field = object([
        ("name", text()),
        ("title", text()),
        ("help", text()),
        ("secret", flag()),
        ("required", flag()),
        ("default", text_or_null()),
        ("options", list(text())),
    ]);
    let name = || or_null(named(100));
    let settings = || {
        json!({ "type": ["object", "null"], "additionalProperties": true,
        "description": "By the names of the kind's fields. Secrets that are not given stay; null takes one away." })
    };
    let running = || object([("begun_at", time()), ("done", number()), ("of", number())]);
    let gap = object([("user", id()), ("user_name", text()), ("why", text())]);
    let found = object([
        ("begun_at", time()),
        ("ended_at", time()),
        ("people", about(number(), "Active people who were looked up.")),
        ("matched", number()),
        ("missing", number()),
        ("ambiguous", number()),
        ("unknown", about(number(), "About whom the tool gave no answer.")),
        ("gaps", about(list(gap), "The first 1000 of those who are not matched.")),
        ("stopped", about(text_or_null(), "Why it ended before everyone was looked up.")),
    ]);
    vec![
        ("CoverageBegun", object([("running", running())])),
        ("Coverage", object([("running", or_null(running())), ("found", or_null(found))])),
        ("ConnectorName", object([("id", id()), ("kind", kinds()), ("name", text())])),
        ("Connector", connector),
        (
            "Connectors",
            object([
                ("connectors", list(reference("Connector"))),
                ("kinds", list(object([("id", kinds()), ("title", text()), ("fields", list(field))]))),
            ]),
        ),
        ("NewConnector", object([("kind", kinds()), ("name?", name()), ("settings?", settings())])),
        ("ConnectorChange", object([("name?", name()), ("settings?", settings())])),
        ("Checks", object([("checks", list(reference("Step")))])),
    ]
}

pub(super) fn tokens() -> Schemas {
    const DURATION: &str = "^([0-9]{1,4}d|[0-9]{1,5}h|[0-9]{1,7}m|[0-9]{1,9}s)?$";
    let duration = |words: &str| about(json!({ "type": ["string", "null"], "pattern": DURATION }), words);
    let kind = || one_of(["scim", "audit"]);
    let token = object([
        ("id", id()),
        ("label", text()),
        ("kind", kind()),
        ("live", flag()),
        ("created_at", time()),
        ("expires_at", time_or_null()),
        ("revoked_at", time_or_null()),
        ("last_used_at", time_or_null()),
        ("last_used_ip", text_or_null()),
        ("last_used_by", about(text_or_null(), "The user agent.")),
    ]);
    let minted = object([
        ("id", id()),
        ("label", text()),
        ("kind", kind()),
        ("token", json!({ "type": "string", "pattern": "^cvn_[0-9A-Za-z]{60}$" })),
        ("expires_at", time_or_null()),
    ]);
    vec![
        ("Tokens", object([("items", list(token))])),
        ("MintedToken", minted),
        (
            "NewToken",
            object([
                ("label", named(120)),
                ("kind?", or_null(kind())),
                ("expires_in?", duration("Such as 90d; never when absent.")),
            ]),
        ),
        (
            "Rotation",
            object([(
                "overlap?",
                duration("How long the token itself works on, such as 12h; 7d when absent."),
            )]),
        ),
    ]
}

pub(super) fn okta() -> Schemas {
    let policy = || one_of(["notice", "require"]);
    let effect = || one_of(["deactivate", "sessions"]);
    let connection = object([
        ("issuer", text()),
        ("client_id", text()),
        ("has_client_secret", flag()),
        ("email_verified", policy()),
        ("universal_logout", flag()),
        ("universal_logout_effect", effect()),
        ("stream", or_null(object([("id", text()), ("audiences", list(text()))]))),
    ]);
    let change = object([
        ("issuer", json!({ "type": "string", "format": "uri" })),
        ("client_id", said(255)),
        ("client_secret?", about(text_or_null(), "Absent: the one there is.")),
        ("email_verified?", policy()),
        ("universal_logout?", json!({ "type": ["boolean", "null"] })),
        ("universal_logout_effect?", effect()),
    ]);
    let start = object([
        ("org?", text()),
        ("login_hint?", text()),
        ("iss?", text()),
        ("next?", text()),
        ("target_link_uri?", text()),
    ]);
    vec![
        ("Okta", object([("connection", or_null(connection))])),
        ("OktaChange", change),
        ("SignInStart", start),
        ("LogoutRequest", about(anything(), "Whom to log out: `sub_id` (RFC 9493) as email or iss_sub.")),
        ("SetError", about(object([("err", text()), ("description", text())]), "RFC 8935 section 2.3.")),
    ]
}

pub(super) fn settings() -> Schemas {
    let mut guard = object([
        ("deactivations", json!({ "type": "integer", "minimum": 1, "maximum": 10_000 })),
        ("window_secs", json!({ "type": "integer", "minimum": 60, "maximum": 86_400 })),
    ]);
    guard["description"] =
        "More deactivations by SCIM than this in so long, and the tools wait for an admin's word.".into();
    let mut settings = object([("mass_deactivation_guard", or_null(guard))]);
    settings["additionalProperties"] = false.into();
    vec![("Settings", settings)]
}
