//! Offboardings, their tools' parts and their steps.
use serde_json::json;

use super::*;

/// Text that an admin writes, shown to people later.
fn note() -> Value {
    let mut note = written();
    note["maxLength"] = 1_000.into();
    or_null(note)
}

pub(super) fn offboardings() -> Schemas {
    let causes = [
        "console",
        "command_line",
        "scim_deactivate",
        "scim_delete",
        "universal_logout",
        "security_event",
        "scheduled",
    ];
    let offboarding = object([
        ("id", id()),
        ("user", object([("id", id()), ("user_name", text())])),
        ("cause", one_of(causes)),
        ("reason", text_or_null()),
        ("ticket", text_or_null()),
        ("asked_by", text()),
        ("asked_at", time()),
        ("run_at", time_or_null()),
        ("begun_at", about(time_or_null(), "When access ended.")),
        ("finished_at", time_or_null()),
        ("status", one_of(["scheduled", "running", "done", "needs_attention", "cancelled", "held"])),
        ("tasks", about(number(), "How many tools.")),
    ]);
    let mut with_steps = offboarding.clone();
    with_steps["properties"]["steps"] = about(list(reference("Task")), "One for each tool.");
    if let Some(required) = with_steps["required"].as_array_mut() {
        required.push("steps".into());
    }
    let request = object([
        ("dry_run?", json!({ "type": ["boolean", "null"] })),
        ("reason?", note()),
        ("ticket?", note()),
        (
            "preview?",
            about(text_or_null(), "`preview` of a dry run: refused when that is old or no longer so."),
        ),
        ("run_at?", about(time_or_null(), "When it is to begin; at once when absent.")),
    ]);
    let retry = json!({ "anyOf": [
        object([("task?", json!({ "type": "null" })), ("account?", json!({ "type": "null" }))]),
        object([
            ("task", about(id(), "Of one tool only.")),
            ("account?", json!({
                "type": ["string", "null"], "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
                "description": "The account there, by the tool's own id: for when several fit."
            })),
        ]),
    ] });
    let preview = object([
        ("dry_run", json!({ "const": true })),
        ("user_id", id()),
        ("facts", about(text(), "SHA-256 of what decides what an offboarding does.")),
        (
            "preview",
            about(text(), "What an offboarding may name, to be refused when the facts are others by then."),
        ),
        ("valid_until", time()),
        ("active", flag()),
        ("sessions", number()),
        (
            "tools",
            list(object([
                ("connector", reference("ConnectorName")),
                ("matched", or_null(reference("Match"))),
                ("steps", list(reference("Step"))),
            ])),
        ),
    ]);
    let paused = object([
        ("connector", reference("ConnectorName")),
        ("reason", text()),
        ("since", time()),
        ("remedy", text()),
    ]);
    vec![
        ("Offboarding", offboarding),
        ("OffboardingWithSteps", with_steps),
        (
            "OffboardingEvent",
            object([
                (
                    "data",
                    json!({ "type": "string", "contentMediaType": "application/json",
                "contentSchema": reference("OffboardingWithSteps") }),
                ),
                ("event?", json!({ "const": "message" })),
            ]),
        ),
        ("Offboardings", object([("offboardings", list(reference("Offboarding")))])),
        ("OffboardingId", object([("offboarding_id", id())])),
        ("OffboardRequest", request),
        ("Preview", preview),
        ("Release", object([("offboarding?", about(or_null(id()), "Only this one."))])),
        ("Released", object([("released", number()), ("held", number())])),
        ("ReportFormat", one_of(["json", "csv"])),
        ("Retry", retry),
        (
            "Retried",
            object([
                ("offboarding_id", id()),
                ("paused", about(list(paused), "Tools that cannot be tried, and what mends them.")),
            ]),
        ),
        ("DoneByHand", object([("task", id()), ("note", said(1_000))])),
    ]
}

pub(super) fn steps() -> Schemas {
    let outcome = |status: &str, more: &[(&str, Value)]| {
        let mut schema = object([("status", json!({ "const": status }))]);
        for (name, member) in more {
            schema["properties"][*name] = member.clone();
        }
        schema
    };
    let failed = outcome(
        "failed",
        &[
            (
                "class",
                one_of([
                    "transient",
                    "rate_limited",
                    "auth",
                    "permission",
                    "protected",
                    "ambiguous",
                    "conflict",
                    "plan_unavailable",
                    "not_removed",
                    "malformed",
                ]),
            ),
            ("detail", text()),
            ("missing", about(text(), "The right that is lacking.")),
            ("count", about(number(), "How many accounts fit.")),
            (
                "until_ms",
                json!({ "type": ["integer", "null"], "description": "Not before this, in milliseconds since 1970." }),
            ),
        ],
    );
    let mut failure = failed.clone();
    if let Some(properties) = failure["properties"].as_object_mut() {
        properties.remove("status");
    }
    failure["required"] = json!(["class"]);
    let outcomes = [
        outcome("done", &[]),
        outcome("already", &[]),
        outcome("planned", &[]),
        outcome("skipped", &[("reason", text())]),
        outcome("pending", &[("reference", about(text(), "The tool's word for it."))]),
        failed,
    ];
    let step = object([
        ("name", text()),
        ("outcome", json!({ "oneOf": outcomes })),
        ("detail?", text()),
        ("undo?", about(text(), "How it can be undone.")),
    ]);
    let tried =
        object([("begun_at", time()), ("ended_at", time()), ("failure", or_null(reference("Failure")))]);
    let task = object([
        ("id", id()),
        ("connector", reference("ConnectorName")),
        ("state", one_of(["waiting", "done", "needs_attention", "done_by_hand", "cancelled"])),
        ("attempt", number()),
        ("not_before", time()),
        ("created_at", time()),
        ("finished_at", time_or_null()),
        (
            "proof",
            about(
                or_null(one_of(["read_back", "no_account", "told", "attested"])),
                "What says that the person is out; null while they are not. told: the tool cannot be asked again. \
                 attested: an admin has done it by hand.",
            ),
        ),
        ("matched", or_null(reference("Match"))),
        ("steps", list(reference("Step"))),
        ("tries", list(tried)),
        ("note", text_or_null()),
    ]);
    vec![
        ("Match", object([("external_id", text()), ("label", text()), ("matched_by", text())])),
        ("Failure", failure),
        ("Step", step),
        ("Task", about(task, "One tool's part of an offboarding.")),
    ]
}
