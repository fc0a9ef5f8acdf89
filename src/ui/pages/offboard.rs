//! `/app/team/{id}/offboard`: what will happen, and the word that makes it happen.
use std::sync::Arc;

use ceven_actors::{
    clock::rfc3339,
    connector::{ConfigError, pass::Step},
    domain::{offboarding::Status, user::User},
    organization::message::OffboardOptions,
};
use http::StatusCode;
use maud::{Markup, html};

use super::connectors::outcome;
use crate::{
    http::{
        api::{MAX_NOTE_CHARACTERS, note, time_ms},
        reply::Failure,
    },
    preview::{Preview, still_so},
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok, page,
        parts::{Tone, Wrong, again, csrf, notice, pill, planned, scroll},
        see_other,
    },
};

pub(in crate::ui) async fn show(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let user = ask.visit.seeing()?.person(id)?;
    let preview = right.preview(&user).await;
    ok(form_page(ask, &user, &preview, None))
}

/// What people call the fields.
fn title(field: &str) -> Option<&'static str> {
    match field {
        "reason" => Some("Reason"),
        "ticket" => Some("Ticket"),
        "run_at" => Some("Day and time"),
        _ => None,
    }
}

fn form_page(ask: &Ask<'_>, user: &Arc<User>, preview: &Preview, wrong: Option<&Wrong>) -> Markup {
    let Preview { tools, sessions, .. } = preview;
    let main = html! {
        p.crumb { a href="/app/team" { "Team" } " / " a href={ "/app/team/" (user.id) } { (user.user_name) } }
        p.lead { "This is what will happen. The tools were asked just now; nothing has been changed." }
        @for one in ask.visit.who.snapshot.offboardings().filter(|one| one.user == user.id && one.status == Status::Scheduled) {
            (notice(Tone::Warn, html! { "An offboarding is scheduled already" },
                html! { @if let Some(at_ms) = one.run_at_ms { "It begins at " (planned(at_ms)) ". " } "A new one takes its place." },
                html! { a.button href={ "/app/offboardings/" (one.id) } { "See it" } }))
        }
        (scroll("What will happen", html! { table {
            thead { tr { th scope="col" { "Step" } th scope="col" { "Result" } th scope="col" { "What it says" } } }
            tbody {
                (place("Ceven", Some(&*user.user_name)))
                tr { td { "deactivate" }
                    td { @if user.active { (pill(Tone::Plain, "Planned")) } @else { (pill(Tone::Ok, "Already so")) } }
                    td.wide { (sessions) @if *sessions == 1 { " session ends" } @else { " sessions end" } } }
            }
            @for tool in tools { tbody {
                (place(&tool.connector.name, tool.matched.as_ref().map(|found| &*found.label)))
                @for step in &tool.steps { (row(step)) }
            } }
        } }))
        @if tools.is_empty() { p.muted { "No tools are connected: access to Ceven ends, and nothing else. " a href="/app/connectors" { "Connect a tool" } "." } }
        form.card method="post" action={ "/app/team/" (user.id) "/offboard" } {
            (csrf(ask))
            input type="hidden" name="preview" value=(preview.receipt(ask.visit.app));
            @if let Some(wrong) = wrong { (wrong.alert(title)) }
            label { span { "Reason (optional)" } input name="reason" maxlength=(MAX_NOTE_CHARACTERS) value=(ask.form.get("reason")) autocomplete="off" aria-invalid=[Wrong::is_about(wrong, "reason")]; }
            label { span { "Ticket (optional)" } input name="ticket" maxlength=(MAX_NOTE_CHARACTERS) value=(ask.form.get("ticket")) autocomplete="off" spellcheck="false" aria-invalid=[Wrong::is_about(wrong, "ticket")]; }
            label { span { "Type " code { (user.user_name) } " to confirm" }
                input name="confirm" required autocomplete="off" spellcheck="false" autocapitalize="none"; }
            button.danger type="submit" { "Offboard now" }
            (later(ask, wrong))
        }
    };
    framed(ask, Place::Team, &format!("Offboard {}", user.user_name), html! {}, main)
}

/// The same, at a time that is named in UTC; where there is a script it says which that is for the reader.
fn later(ask: &Ask<'_>, wrong: Option<&Wrong>) -> Markup {
    let typed = ask.form.get("run_at");
    let now = rfc3339(ask.visit.app.clock.now_ms());
    html! { details open[!typed.is_empty() || Wrong::is_about(wrong, "run_at").is_some()] {
        summary { "At a later time" }
        label { span { "Day and time, in UTC" }
            input type="datetime-local" name="run_at" min=(now[..16]) value=(typed) data-utc aria-invalid=[Wrong::is_about(wrong, "run_at")];
            small { "It is " (now[11..16]) " UTC now. Until then nothing changes, and it can be cancelled." }
            small data-local {}
        }
        button type="submit" name="when" value="later" { "Schedule the offboarding" }
    } }
}

/// When it is to begin: only when that button was pressed, and never because of a date that is past.
fn run_at(ask: &Ask<'_>) -> Result<Option<i64>, Failure> {
    let wrong = |reason: &str| Failure::Field(ConfigError::new("run_at", reason));
    let typed = ask.form.get("run_at");
    match (ask.form.get("when"), typed) {
        ("later", "") => Err(wrong("must be given")),
        ("later", _) => {
            // Browsers leave the seconds out, when they are none.
            let seconds = if typed.len() == 16 { ":00" } else { "" };
            let at_ms = time_ms(&format!("{typed}{seconds}Z")).ok_or_else(|| wrong("is no day and time"))?;
            let is_ahead = at_ms > ask.visit.app.clock.now_ms();
            is_ahead.then_some(Some(at_ms)).ok_or_else(|| wrong("is past, in UTC: nothing was changed"))
        }
        (_, "") => Ok(None),
        _ => Err(wrong("is filled in: schedule the offboarding, or empty it to offboard now")),
    }
}

/// What the rows below it are about: where, and whose account.
fn place(name: &str, account: Option<&str>) -> Markup {
    html! { tr.place { th scope="rowgroup" colspan="3" { (name) @if let Some(account) = account { " " span { (account) } } } } }
}

fn row(step: &Step) -> Markup {
    html! { tr {
        td.step { (step.title()) }
        td { (outcome(&step.outcome)) }
        td.wide { (step.explain()) }
    } }
}

fn options(ask: &Ask<'_>) -> Result<OffboardOptions, Failure> {
    let note = |name: &str| note(name, ask.form.get(name));
    Ok(OffboardOptions { reason: note("reason")?, ticket: note("ticket")?, run_at_ms: run_at(ask)? })
}

pub(in crate::ui) async fn begin(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let user = ask.visit.seeing()?.person(id)?;
    if ask.form.get("confirm").trim() != &*user.user_name {
        let wrong = Wrong::new("The user name does not match: nothing was changed.");
        let preview = right.preview(&user).await;
        return Ok(page(StatusCode::BAD_REQUEST, form_page(ask, &user, &preview, Some(&wrong))));
    }
    let options = match options(ask) {
        Ok(options) => options,
        Err(failure) => {
            let preview = right.preview(&user).await;
            return again(failure, |wrong| form_page(ask, &user, &preview, Some(wrong)));
        }
    };
    let (app, snapshot) = (ask.visit.app, &right.who().snapshot);
    if let Err((stale, looked)) = still_so(app, snapshot, &user, ask.form.get("preview")).await {
        let preview = match looked {
            Some(preview) => preview,
            None => right.preview(&user).await,
        };
        let wrong = Wrong::new(format!("Nothing was changed. {stale} This is the new one."));
        return Ok(page(StatusCode::CONFLICT, form_page(ask, &user, &preview, Some(&wrong))));
    }
    let offboarding = right.offboard(user.id, options).await?;
    Ok(see_other(&format!("/app/offboardings/{offboarding}")))
}
