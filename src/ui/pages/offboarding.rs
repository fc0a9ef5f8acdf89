//! `/app/offboardings`: who has left, and how far each tool has come.
use ceven_actors::{
    clock::rfc3339,
    domain::{
        connector::Connector,
        offboarding::{Offboarding, Proof, Status, Task, TaskState, Try},
    },
    organization::message::Command,
};
use maud::{Markup, html};

use super::{attention, connectors::outcome};
use crate::{
    html::took,
    http::{
        api::{MAX_ACCOUNT_CHARACTERS, MAX_NOTE_CHARACTERS, account, note},
        reply::Failure,
        right::missing,
    },
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{Tone, csrf, pill, planned, scroll, time},
        see_other,
    },
};

/// Finished ones, and others, that the list shows.
const LISTED: usize = 100;

/// Unfinished ones, those that need someone first: however long ago, they must not be pushed out by others.
fn unfinished(ask: &Ask<'_>) -> Vec<Offboarding> {
    let mut open: Vec<_> = ask.visit.who.snapshot.offboardings().map(|one| (**one).clone()).collect();
    open.sort_by_key(|one| (one.status != Status::NeedsAttention, std::cmp::Reverse(one.id)));
    open
}

pub(in crate::ui) async fn list(ask: &Ask<'_>) -> Answer {
    let seen = ask.visit.seeing()?.offboardings(None, LISTED as u64).await?;
    let is_admin = ask.visit.administering().is_ok();
    let is_part = seen.len() == LISTED;
    let open = unfinished(ask);
    // What has finished since the snapshot is still among the others.
    let is_finished = |one: &Offboarding| {
        matches!(one.status, Status::Done | Status::Cancelled) && open.iter().all(|other| other.id != one.id)
    };
    let finished: Vec<_> = seen.into_iter().filter(is_finished).collect();
    let main = html! {
        (attention::held(ask))
        (attention::paused(ask))
        @if open.is_empty() && finished.is_empty() {
            div.empty { p { strong { "Nobody has been offboarded." } }
                p { "Someone appears here when Okta deactivates or signs them out everywhere, or when an admin offboards them under " a href="/app/team" { "Team" } "." } }
        }
        @if !open.is_empty() {
            section { h2 { "Not finished" } (table(&open[..open.len().min(LISTED)]))
                @if open.len() > LISTED { p.meta { "And " (open.len() - LISTED) " more." } } }
        }
        @if !finished.is_empty() { section { h2 { "Finished" } (table(&finished)) } }
        @if is_part { p.meta { "These are the latest. " @if is_admin { a href="/app/offboardings/report" { "The report" } " has everyone." } } }
    };
    let aside = html! { @if is_admin { a.button href="/app/offboardings/report" { "Report" } } };
    ok(framed(ask, Place::Offboardings, "Offboardings", aside, main))
}

/// Offboardings as rows.
pub(in crate::ui) fn table(all: &[Offboarding]) -> Markup {
    html! { div.scroll { table {
        thead { tr { th scope="col" { "Person" } th scope="col" { "State" } th scope="col" { "By" } th scope="col" { "Way" } th scope="col" { "Asked" } th scope="col" { "Took" } } }
        tbody { @for one in all { tr {
            th scope="row" { a href={ "/app/offboardings/" (one.id) } { (one.user_name) } }
            td { (status(one.status)) @if let (Status::Scheduled, Some(run_at)) = (one.status, one.run_at_ms) { div.meta { (time(run_at)) " UTC" } } }
            td { (one.asked_by) }
            td { (one.cause.words()) }
            td { (time(one.asked_ms)) }
            td { @if let Some(ms) = one.took_ms() { (took(ms)) } @else { "–" } }
        } } }
    } } }
}

pub(in crate::ui) fn status(status: Status) -> Markup {
    match status {
        Status::Scheduled => pill(Tone::Plain, "Scheduled"),
        Status::Running => pill(Tone::Warn, "Running"),
        Status::Done => pill(Tone::Ok, "Done"),
        Status::NeedsAttention => pill(Tone::Bad, "Needs attention"),
        Status::Cancelled => pill(Tone::Plain, "Cancelled"),
        Status::Held => pill(Tone::Warn, "Held"),
    }
}

/// Told and read back is more than told.
fn task_state(task: &Task) -> Markup {
    match task.state {
        TaskState::Waiting => pill(Tone::Warn, "Waiting"),
        TaskState::Done => pill(
            Tone::Ok,
            match task.proof() {
                Some(Proof::ReadBack) => "Done, read back",
                Some(Proof::NoAccount) => "No account there",
                _ => "Done, not read back",
            },
        ),
        TaskState::DoneByHand => pill(Tone::Ok, "Done by hand"),
        TaskState::NeedsAttention => pill(Tone::Bad, "Needs attention"),
        TaskState::Cancelled => pill(Tone::Plain, "Cancelled"),
    }
}

/// How far it is, for those who hear the page.
fn said(one: &Offboarding, tasks: &[Task]) -> String {
    let is_gone = |task: &&Task| matches!(task.state, TaskState::Done | TaskState::DoneByHand);
    let gone = tasks.iter().filter(is_gone).count();
    let words = if one.status == Status::Running { "under way" } else { "settled as far as it goes" };
    format!("{gone} of {} tools have let {} go; {words}", tasks.len(), one.user_name)
}

pub(in crate::ui) async fn show(ask: &Ask<'_>, id: &str) -> Answer {
    let (one, tasks) = ask.visit.seeing()?.offboarding(id).await?;
    let is_admin = ask.visit.administering().is_ok();
    let is_open = !matches!(one.status, Status::Done | Status::Cancelled);
    let main = html! {
        p.crumb { a href="/app/offboardings" { "Offboardings" } }
        div id="live" data-part data-say=(said(&one, &tasks)) data-live=[(one.status == Status::Running).then(|| format!("/api/v1/offboardings/{}/events", one.id))] {
            section.card { dl {
                dt { "Status" } dd { (status(one.status)) }
                dt { "Person" } dd { a href={ "/app/team/" (one.user) } { (one.user_name) } }
                dt { "Asked" } dd { (time(one.asked_ms)) " by " (one.asked_by) }
                dt { "Way" } dd { (one.cause.words()) }
                @if let Some(run_at) = one.run_at_ms { dt { "Planned for" } dd { (planned(run_at)) } }
                @if let Some(reason) = &one.reason { dt { "Reason" } dd { (reason) } }
                @if let Some(ticket) = &one.ticket { dt { "Ticket" } dd { (ticket) } }
                @if let Some(ms) = one.took_ms() { dt { "Took" } dd { (took(ms)) } }
            } }
            @if one.status == Status::Held {
                div.notice.warn { span.glyph aria-hidden="true" { "▲" } p { strong { "The tools wait for an admin's word. " } "Access to Ceven has ended. SCIM deactivated so many people at that time that the guard against mass deactivation holds the rest." } }
            }
            @if !tasks.is_empty() {
                section { h2 { "Waterfall" } (waterfall(&one, &tasks, ask.visit.app.clock.now_ms())) }
                @for task in &tasks { (part(ask, task, is_admin)) }
            } @else if one.status == Status::Done { p.muted { "No tools were connected: access to Ceven ended, and nothing else was to be done." } }
        }
        @if is_admin {
            p { a.button href={ "/api/v1/offboardings/" (one.id) "/evidence" } download { "Download the evidence" } }
        }
        div.buttons id="actions" data-part {
            @if is_admin && is_open {
                @if one.status == Status::Held { (attention::release_form(ask, Some(&one), "Tell the tools now")) }
                @if !tasks.is_empty() { form method="post" action={ "/app/offboardings/" (one.id) "/retry" } { (csrf(ask)) button type="submit" { "Try everything again now" } } }
                form method="post" action={ "/app/offboardings/" (one.id) "/cancel" } { (csrf(ask)) button.danger type="submit" { @if one.status == Status::Scheduled { "Cancel the offboarding" } @else { "Cancel what is left" } } }
            }
        }
    };
    ok(framed(ask, Place::Offboardings, &one.user_name, html! {}, main))
}

/// Width of the plot in its own units, and of what stands left of it.
const WIDTH: i64 = 900;
const LEFT: i64 = 160;
/// Room on the right for what became of it.
const RIGHT: i64 = 180;
const ROW: i64 = 28;

/// One bar a try, the pause before the next one as a line. The tables below say the same in words.
fn waterfall(one: &Offboarding, tasks: &[Task], now_ms: i64) -> Markup {
    let from = one.begun_ms.unwrap_or(one.asked_ms);
    let last_try = tasks.iter().flat_map(|task| task.tries.iter().map(|one| one.ended_ms)).max();
    let until = one.finished_ms.or(last_try).unwrap_or(now_ms).max(from + 1);
    let x = |at_ms: i64| LEFT + (at_ms.clamp(from, until) - from) * (WIDTH - LEFT - RIGHT) / (until - from);
    let height = ROW * (tasks.len() as i64 + 1);
    html! {
        (scroll("Waterfall", html! {
            svg.waterfall viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label="Tries of each tool over time; the tables below say the same." {
                text x=(LEFT) y="16" { "0" }
                text x=(WIDTH - RIGHT) y="16" text-anchor="end" { (took(until - from)) }
                @for (number, task) in tasks.iter().enumerate() {
                    @let y = ROW * (number as i64 + 1);
                    text x="8" y=(y + 18) { (task.name.chars().take(22).collect::<String>()) }
                    text x=(WIDTH - RIGHT + 14) y=(y + 18) { (became(task)) }
                    @if let (Some(first), Some(last)) = (task.tries.first(), task.tries.last()) {
                        line x1=(x(first.begun_ms)) x2=(x(last.ended_ms)) y1=(y + 14) y2=(y + 14) {}
                    }
                    @for one in &task.tries {
                        rect.(class(one)) x=(x(one.begun_ms)) y=(y + 6) width=((x(one.ended_ms) - x(one.begun_ms)).max(4)) height="16" rx="3" {
                            title { (rfc3339(one.begun_ms)) ": " (took(one.ended_ms - one.begun_ms)) @if let Some(failure) = &one.failure { ", " (failure) } }
                        }
                    }
                }
            }
        }))
    }
}

/// A try as its bar looks: an empty one is tried again, a full one has an end.
fn class(one: &Try) -> &'static str {
    match &one.failure {
        None => "done",
        Some(failure) if failure.is_retryable() => "failed",
        Some(_) => "stopped",
    }
}

/// A tool's part in a few words.
fn became(task: &Task) -> String {
    let state = match task.state {
        TaskState::Waiting if task.attempt > 0 => "tried again soon",
        TaskState::Waiting => "waiting",
        TaskState::Done => "done",
        TaskState::DoneByHand => "done by hand",
        TaskState::NeedsAttention => "needs attention",
        TaskState::Cancelled => "cancelled",
    };
    if task.attempt > 1 { format!("{state}, {} tries", task.attempt) } else { state.to_owned() }
}

/// The paused tool that a part of an offboarding waits for.
fn waits_for<'a>(ask: &'a Ask<'_>, task: &Task) -> Option<&'a Connector> {
    let connector = ask.visit.who.snapshot.connector(task.connector)?;
    (connector.paused.is_some() && task.state.is_open()).then_some(connector)
}

fn part(ask: &Ask<'_>, task: &Task, is_admin: bool) -> Markup {
    let address = format!("/app/offboardings/{}", task.offboarding);
    let now_ms = ask.visit.app.clock.now_ms();
    html! { section {
        div.heading { h2 { (task.name) } (task_state(task)) }
        p.meta {
            @if let Some(found) = &task.matched { "Account " (found.label) ", found by " (found.matched_by.replace('_', " ")) ". " }
            (task.attempt) @if task.attempt == 1 { " try." } @else { " tries." }
            @if task.state.is_open() && task.not_before_ms > now_ms { " Next one in " (took(task.not_before_ms - now_ms)) "." }
            @if let Some(note) = &task.note { " Done by hand: " (note) }
        }
        @if let Some(connector) = waits_for(ask, task) { (attention::paused_notice(connector, 1, is_admin)) }
        @if !task.steps.is_empty() { (scroll(&task.name, html! { table {
            thead { tr { th scope="col" { "Step" } th scope="col" { "Result" } th scope="col" { "What it says" } th scope="col" { "Undo" } } }
            tbody { @for step in &task.steps { tr {
                th scope="row" { (step.title()) }
                td { (outcome(&step.outcome)) }
                td.wide { (step.explain()) }
                td.wide { (step.undo.as_deref().unwrap_or("–")) }
            } } }
        } })) }
        @if is_admin && matches!(task.state, TaskState::Waiting | TaskState::NeedsAttention) {
            details { summary { "Settle this by hand" }
                form.card method="post" action={ (address) "/retry" } {
                    (csrf(ask)) input type="hidden" name="task" value=(task.id);
                    label { span { "Account id (optional)" } input name="account" maxlength=(MAX_ACCOUNT_CHARACTERS) autocomplete="off" spellcheck="false"; small { "The tool's own id, when several or no accounts were found." } }
                    button type="submit" { "Try again now" }
                }
                form.card method="post" action={ (address) "/done" } {
                    (csrf(ask)) input type="hidden" name="task" value=(task.id);
                    label { span { "How it was done" } input name="note" required maxlength=(MAX_NOTE_CHARACTERS) autocomplete="off"; }
                    button type="submit" { "Mark as done by hand" }
                }
            }
        }
    } }
}

pub(in crate::ui) async fn act(ask: &Ask<'_>, id: &str, action: &str) -> Answer {
    let right = ask.visit.administering()?;
    let parsed = id.parse().map_err(|_| missing("Offboarding", id))?;
    let task = match ask.form.get("task") {
        "" => None,
        task => Some(task.parse().map_err(|_| missing("Task", task))?),
    };
    let command = match action {
        "retry" => Command::Retry { id: parsed, task, account: account(ask.form.get("account"), task)? },
        "done" => {
            let note = note("note", ask.form.get("note"))?;
            let (task, note) =
                task.zip(note).ok_or_else(|| Failure::Bad("note: say how it was done.".into()))?;
            let known = right.who().snapshot.task(task).is_some_and(|task| task.offboarding == parsed);
            if !known {
                return Err(missing("Task", task));
            }
            Command::MarkDone { task, note }
        }
        _ => Command::CancelOffboarding { id: parsed },
    };
    let id = right.offboarding(command).await?;
    let done = if action == "retry" { "?done=retried" } else { "" };
    Ok(see_other(&format!("/app/offboardings/{id}{done}")))
}
