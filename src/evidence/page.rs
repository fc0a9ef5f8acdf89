//! The evidence of one offboarding for people: one HTML file that stands alone and loads nothing.
use ceven_actors::{
    clock::rfc3339,
    domain::{
        audit::Mode,
        offboarding::{Offboarding, Status, Task},
    },
    ports::Profile,
};
use maud::{Markup, PreEscaped, html};

use super::pack::{AUDIT, STATEMENT, out_after_ms};
use crate::html::took;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
    table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border-bottom:1px solid #d5d9df;padding:.35rem .6rem;text-align:left;vertical-align:top}\
    thead th{background:#f3f5f8}code{font-size:.9em;overflow-wrap:anywhere}.dev{background:#7a3b00;color:#fff;padding:.6rem 1rem;font-weight:600}";

pub(super) fn render(profile: &Profile, one: &Offboarding, tasks: &[Task], now_ms: i64) -> Markup {
    let body = html! {
        @if profile.mode == Mode::Dev { p.dev { "Simulated: these people and tools are not real. This is no evidence." } }
        h1 { (one.user_name) " leaves " (profile.name) }
        p { (sentence(one, tasks)) }
        table { tbody {
            tr { th scope="row" { "Who left" } td { (one.user_name) " " code { (one.user) } } }
            tr { th scope="row" { "Asked for" } td { (at(one.asked_ms)) ", by " (one.asked_by) " (" (one.cause.words()) ")" } }
            @if let Some(at_ms) = one.run_at_ms { tr { th scope="row" { "Planned for" } td { (at(at_ms)) } } }
            @if let Some(at_ms) = one.begun_ms { tr { th scope="row" { "Access to Ceven ended" } td { (at(at_ms)) } } }
            @if let Some(at_ms) = one.finished_ms { tr { th scope="row" { (settled(one.status)) } td { (at(at_ms)) } } }
            @if let Some(reason) = &one.reason { tr { th scope="row" { "Reason" } td { (reason) } } }
            @if let Some(ticket) = &one.ticket { tr { th scope="row" { "Ticket" } td { (ticket) } } }
            tr { th scope="row" { "Offboarding" } td { code { (one.id) } } }
        } }
        h2 { "Tools" }
        @if tasks.is_empty() { p { "No tools were connected." } } @else {
            (tools(one, tasks))
            p { "Times are UTC. \u{201c}After\u{201d} counts from the end of access to Ceven." }
        }
        @for task in tasks { (steps(task)) }
        h2 { "How to verify this" }
        p { "The file " code { (STATEMENT) } " is signed with Ed25519: its member " code { "signature" } " is over the canonical form (RFC 8785) of the rest, by " code { "key" } ". It names the SHA-256 of this page and of " code { (AUDIT) } ", whose lines are chained by their hashes. " code { "ceven audit verify" } " checks all of it without a network; so do a few lines of any language." }
        p { "Made " (at(now_ms)) "." }
    };
    let title = format!("Evidence: {} leaves {}", one.user_name, profile.name);
    crate::html::document(&title, html! { style { (PreEscaped(STYLE)) } }, body)
}

/// A time as auditors write it down: to the second, with its zone. The signed statement has the milliseconds.
fn at(at_ms: i64) -> String {
    let exact = rfc3339(at_ms);
    format!("{} {} UTC", &exact[..10], &exact[11..19])
}

/// What the rest of the page shows, in a sentence.
fn sentence(one: &Offboarding, tasks: &[Task]) -> String {
    let out = tasks.iter().filter(|task| task.proof().is_some()).count();
    let tools = match tasks.len() {
        0 => "no tools were connected".to_owned(),
        all if all == out => format!("out of all {all} connected tools"),
        all => format!("out of {out} of {all} connected tools"),
    };
    match (one.status, one.took_ms()) {
        (Status::Done, Some(ms)) => format!("Done: {tools}, {} after access to Ceven ended.", took(ms)),
        (Status::NeedsAttention, _) => format!("Not done: {tools}. A person is needed for the rest."),
        (Status::Scheduled, _) => "Not begun: its time has not come.".to_owned(),
        (Status::Cancelled, _) => format!("Cancelled by a person: {tools}."),
        (Status::Held, _) => "Access to Ceven has ended; the tools wait for an admin's word.".to_owned(),
        (Status::Running | Status::Done, _) => format!("Under way: {tools}."),
    }
}

/// What the last of its times means.
fn settled(status: Status) -> &'static str {
    match status {
        Status::NeedsAttention => "Needs a person since",
        Status::Cancelled => "Cancelled",
        _ => "Finished",
    }
}

fn tools(one: &Offboarding, tasks: &[Task]) -> Markup {
    html! { table {
        thead { tr { th scope="col" { "Tool" } th scope="col" { "State" } th scope="col" { "Account" } th scope="col" { "Out at" } th scope="col" { "After" } th scope="col" { "How it is known" } } }
        tbody { @for task in tasks { tr {
            th scope="row" { (task.name) }
            td { (task.state.name().replace('_', " ")) }
            td { @if let Some(found) = &task.matched { (found.label) " " code { (found.external_id) } } @else { "–" } }
            td { @if let Some(at_ms) = task.out_ms() { (at(at_ms)) } @else { "not out" } }
            td { @if let Some(after_ms) = out_after_ms(one, task) { (took(after_ms)) } @else { "–" } }
            td { @if let Some(proof) = task.proof() { (proof.words()) } @else { "–" } }
        } } }
    } }
}

fn steps(task: &Task) -> Markup {
    html! {
        @if !task.steps.is_empty() || task.note.is_some() {
            h3 { (task.name) }
            @if let Some(note) = &task.note { p { "Done by hand: " (note) } }
            table {
                thead { tr { th scope="col" { "Step" } th scope="col" { "Result" } th scope="col" { "What it says" } th scope="col" { "Undo" } } }
                tbody { @for step in &task.steps { tr {
                    th scope="row" { (step.title()) }
                    td { (step.outcome.words()) }
                    td { (or_dash(&step.explain())) }
                    td { (or_dash(step.undo.as_deref().unwrap_or_default())) }
                } } }
            }
        }
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}
