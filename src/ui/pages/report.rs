//! `/app/offboardings/report`: who left in a range of time, for auditors and for printing.
use std::fmt::Display;

use maud::{Markup, html};
use serde_json::Value;

use super::offboarding::status;
use crate::{
    evidence::report::{self, Leaver, Range, cursor},
    html::took,
    http::{
        api::{report_after, report_range},
        reply::Failure,
    },
    tokens::DAY_MS,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::time,
    },
};

/// Leavers of a page.
const SHOWN: u64 = 200;

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    ask.visit.administering()?;
    let snapshot = &ask.visit.who.snapshot;
    let range = whole_days(report_range(&ask.query, ask.visit.app)?);
    let after = report_after(&ask.query)?;
    let read = report::page(ask.visit.app, snapshot, range, after, SHOWN).await;
    let unread = |_| Failure::from(ceven_actors::organization::message::OrganizationError::Unavailable);
    let (leavers, next) = read.map_err(unread)?;
    let query = |more: &[(&str, &str)]| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let (from, to) = (exact(range.from_ms), exact(range.to_ms));
        query.extend_pairs([("from", from.as_str()), ("to", to.as_str())].iter().chain(more)).finish()
    };
    let api = |more: &[(&str, &str)]| format!("/api/v1/offboardings/report?{}", query(more));
    let is_part = after.is_some() || next.is_some();
    let main = html! {
        p.crumb { a href="/app/offboardings" { "Offboardings" } }
        (form(range))
        p.lead { "Asked for from " (time(range.from_ms)) " to " (time(range.to_ms - 1)) " UTC. Times of tools count from when access to Ceven ended." }
        @if leavers.is_empty() { div.empty { p { strong { "Nobody left in this time." } } } }
        @else {
            (numbers(&leavers, is_part))
            (table(&leavers))
        }
        nav.pages aria-label="Pages" {
            @if let Some(next) = next { a.button href={ "/app/offboardings/report?" (query(&[("cursor", &cursor(next))])) } { "Next page" } }
        }
        div.buttons {
            a.button href=(api(&[("format", "csv")])) download { "Download as a table (CSV)" }
            a.button href=(api(&[("format", "json"), ("limit", "1000")])) download="leavers.json" { "Download signed (JSON)" }
        }
        @if is_part { p.meta { "The table holds everyone; the signed file at most 1,000 leavers: ask for shorter times when there are more." } }
    };
    ok(framed(ask, Place::Offboardings, "Leavers", html! {}, main))
}

/// The fields know days only: what they show is what is shown.
fn whole_days(Range { from_ms, to_ms }: Range) -> Range {
    let from_ms = from_ms.div_euclid(DAY_MS) * DAY_MS;
    Range { from_ms, to_ms: (to_ms - 1).div_euclid(DAY_MS) * DAY_MS + DAY_MS }
}

fn exact(at_ms: i64) -> String {
    ceven_actors::clock::rfc3339(at_ms)
}

fn form(range: Range) -> Markup {
    let (from, to) = (exact(range.from_ms), exact(range.to_ms - 1));
    html! { form.filters method="get" action="/app/offboardings/report" {
        label { span { "From" } input type="date" name="from" value=(from[..10]); }
        label { span { "To, that day included" } input type="date" name="to" value=(to[..10]); }
        button type="submit" { "Show" }
    } }
}

fn numbers(leavers: &[Leaver], is_part: bool) -> Markup {
    let summary = report::summary(leavers);
    let span = |name: &str| summary[name].as_i64().map_or_else(|| "–".to_owned(), took);
    let tile = |number: &dyn Display, words: &str| {
        html! { div.tile { span.number { (number.to_string()) } span { (words) } } }
    };
    html! {
        section.tiles aria-label="Numbers" {
            (tile(&leavers.len(), &format!("asked for{}", if is_part { " on this page" } else { "" })))
            (tile(&summary["done"], "out everywhere"))
            (tile(&(leavers.len() as u64 - summary["done"].as_u64().unwrap_or_default()), &rest(&summary)))
            (tile(&span("median_ms"), &format!("median time until out everywhere; the longest {}", span("longest_ms"))))
        }
        p.meta { (summary["needed_attention"]) " of them all needed attention at some time." }
    }
}

/// Why the others are not out everywhere: with those who are, these are all.
fn rest(summary: &Value) -> String {
    let parts = [
        ("needs_attention", "need attention"),
        ("running", "under way"),
        ("held", "held"),
        ("scheduled", "scheduled"),
        ("cancelled", "cancelled"),
    ];
    let count = |name: &str| summary[name].as_u64().filter(|count| *count > 0);
    let parts: Vec<_> =
        parts.iter().filter_map(|(name, words)| Some(format!("{} {words}", count(name)?))).collect();
    if parts.is_empty() { "not".to_owned() } else { format!("not: {}", parts.join(", ")) }
}

fn table(leavers: &[Leaver]) -> Markup {
    html! { div.scroll { table {
        thead { tr {
            th scope="col" { "Person" } th scope="col" { "State" } th scope="col" { "Asked" } th scope="col" { "Took" }
            th scope="col" { "Tools" }
        } }
        tbody { @for leaver in leavers { tr {
            th scope="row" { a href={ "/app/offboardings/" (leaver.one.id) } { (leaver.one.user_name) } div.meta { (leaver.one.cause.words()) } }
            td { (status(leaver.one.status)) }
            td { (time(leaver.one.asked_ms)) div.meta { (leaver.one.asked_by) } }
            td { @if let Some(ms) = leaver.one.took_ms() { (took(ms)) } @else { "–" }
                @if let Some((name, ms)) = leaver.slowest() { div.meta { "slowest " (name) ", " (took(ms)) } } }
            td.cause { (tools(leaver))
                @let attention = leaver.attention();
                @if !attention.is_empty() { div.meta { "Needed attention: " (attention.join("; ")) } } }
        } } }
    } } }
}

fn tools(leaver: &Leaver) -> String {
    let after = |task| crate::evidence::pack::out_after_ms(&leaver.one, task);
    let tools = leaver.tasks.iter().map(|task| match after(task) {
        Some(ms) => format!("{} {}", task.name, took(ms)),
        None => format!("{} {}", task.name, task.state.name().replace('_', " ")),
    });
    let tools: Vec<_> = tools.collect();
    if tools.is_empty() { "–".to_owned() } else { tools.join(", ") }
}
