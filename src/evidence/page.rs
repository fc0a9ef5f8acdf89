//! The evidence of one offboarding for people: one HTML file that stands alone and loads nothing.
use ceven_actors::{
    clock::rfc3339,
    domain::{
        audit::Mode,
        offboarding::{Offboarding, Task},
        step::Outcome,
    },
    ports::Profile,
};
use maud::{Markup, PreEscaped, html};
use serde_json::json;

use super::pack::{AUDIT, STATEMENT, out_after_ms};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
    table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border-bottom:1px solid #d5d9df;padding:.35rem .6rem;text-align:left;vertical-align:top}\
    thead th{background:#f3f5f8}code{font-size:.9em;overflow-wrap:anywhere}.dev{background:#7a3b00;color:#fff;padding:.6rem 1rem;font-weight:600}";

pub(super) fn render(profile: &Profile, one: &Offboarding, tasks: &[Task], now_ms: i64) -> Markup {
    let body = html! {
        @if profile.mode == Mode::Dev { p.dev { "Simulated: these people and tools are not real. This is no evidence." } }
        h1 { (one.user_name) " leaves " (profile.name) }
        table { tbody {
            tr { th scope="row" { "State" } td { (one.status.name().replace('_', " ")) } }
            tr { th scope="row" { "Asked" } td { (rfc3339(one.asked_ms)) " by " (one.asked_by) } }
            @if let Some(at_ms) = one.run_at_ms { tr { th scope="row" { "Planned for" } td { (rfc3339(at_ms)) } } }
            @if let Some(at_ms) = one.begun_ms { tr { th scope="row" { "Access to Ceven ended" } td { (rfc3339(at_ms)) } } }
            @if let Some(at_ms) = one.finished_ms { tr { th scope="row" { "Finished" } td { (rfc3339(at_ms)) } } }
            @if let Some(reason) = &one.reason { tr { th scope="row" { "Reason" } td { (reason) } } }
            @if let Some(ticket) = &one.ticket { tr { th scope="row" { "Ticket" } td { (ticket) } } }
            tr { th scope="row" { "Offboarding" } td { code { (one.id) } } }
        } }
        h2 { "Tools" }
        @if tasks.is_empty() { p { "No tools were connected." } } @else {
            table {
                thead { tr { th scope="col" { "Tool" } th scope="col" { "State" } th scope="col" { "Account" } th scope="col" { "Out at" } th scope="col" { "After" } } }
                tbody { @for task in tasks { tr {
                    th scope="row" { (task.name) }
                    td { (task.state.name().replace('_', " ")) }
                    td { @if let Some(found) = &task.matched { (found.label) " " code { (found.external_id) } } @else { "–" } }
                    td { @if let Some(at_ms) = task.finished_ms { (rfc3339(at_ms)) } @else { "–" } }
                    td { @if let Some(after_ms) = out_after_ms(one, task) { (after_ms) " ms" } @else { "–" } }
                } } }
            }
        }
        @for task in tasks { (steps(task)) }
        h2 { "How to verify this" }
        p { "The file " code { (STATEMENT) } " is signed with Ed25519: its member " code { "signature" } " is over the canonical form (RFC 8785) of the rest, by " code { "key" } ". It names the SHA-256 of this page and of " code { (AUDIT) } ", whose lines are chained by their hashes. " code { "ceven audit verify" } " checks all of it without a network; so do a few lines of any language." }
        p { "Made " (rfc3339(now_ms)) "." }
    };
    let title = format!("Evidence: {} leaves {}", one.user_name, profile.name);
    crate::html::document(&title, html! { style { (PreEscaped(STYLE)) } }, body)
}

fn steps(task: &Task) -> Markup {
    html! {
        @if !task.steps.is_empty() || task.note.is_some() {
            h3 { (task.name) }
            @if let Some(note) = &task.note { p { "Done by hand: " (note) } }
            table {
                thead { tr { th scope="col" { "Step" } th scope="col" { "Result" } th scope="col" { "What it says" } th scope="col" { "Undo" } } }
                tbody { @for step in &task.steps { tr {
                    th scope="row" { (step.name.replace('_', " ")) }
                    td { (outcome(&step.outcome)) }
                    td { (step.detail.as_deref().unwrap_or("–")) }
                    td { (step.undo.as_deref().unwrap_or("–")) }
                } } }
            }
        }
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) => format!("failed: {}", json!(failure)),
        Outcome::Skipped { reason } => format!("skipped: {reason}"),
        Outcome::Pending { reference } => format!("pending: {reference}"),
        Outcome::Done => "done".to_owned(),
        Outcome::Already => "was so already".to_owned(),
        Outcome::Planned => "planned".to_owned(),
    }
}
