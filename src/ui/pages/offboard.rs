//! `/app/team/{id}/offboard`: what will happen, and the word that makes it happen.
use std::sync::Arc;

use ceven_actors::{connector::pass::Step, domain::user::User, organization::message::OffboardOptions};
use http::StatusCode;
use maud::{Markup, html};

use super::connectors::outcome;
use crate::{
    http::{
        api::{MAX_NOTE_CHARACTERS, note},
        reply::Failure,
    },
    preview::{Preview, still_so},
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok, page,
        parts::{Tone, Wrong, again, csrf, pill, scroll},
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
        _ => None,
    }
}

fn form_page(ask: &Ask<'_>, user: &Arc<User>, preview: &Preview, wrong: Option<&Wrong>) -> Markup {
    let Preview { tools, sessions, .. } = preview;
    let main = html! {
        p.crumb { a href="/app/team" { "Team" } " / " a href={ "/app/team/" (user.id) } { (user.user_name) } }
        p.lead { "This is what will happen. The tools were asked just now; nothing has been changed." }
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
        }
    };
    framed(ask, Place::Team, &format!("Offboard {}", user.user_name), html! {}, main)
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
    Ok(OffboardOptions { reason: note("reason")?, ticket: note("ticket")?, run_at_ms: None })
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
