//! What waits for an admin: people whom the guard holds, and tools that refuse their credentials.
use ceven_actors::domain::{connector::Connector, offboarding::Offboarding};
use maud::{Markup, html};

use crate::{
    http::right::missing,
    ui::{
        Answer, Ask,
        parts::{csrf, time},
        see_other,
    },
};

/// Held people that a page names.
const HELD: usize = 50;

/// What waits for an admin's word, with the words to give; nothing for whoever may not give them.
pub(in crate::ui) fn held(ask: &Ask<'_>) -> Markup {
    let snapshot = &ask.visit.who.snapshot;
    let count = snapshot.held().count();
    if count == 0 || ask.visit.administering().is_err() {
        return html! {};
    }
    html! { section {
        (held_notice(ask, release_form(ask, None, &if count == 1 { "Let it go on".to_owned() } else { format!("Let all {count} go on") })))
        div.scroll { table {
            thead { tr { th scope="col" { "Held" } th scope="col" { "By" } th scope="col" { "Way" } th scope="col" { "Asked" } th scope="col" { span.hidden { "Actions" } } } }
            tbody { @for one in snapshot.held().take(HELD) { tr {
                th scope="row" { a href={ "/app/offboardings/" (one.id) } { (one.user_name) } }
                td { (one.asked_by) }
                td { (one.cause.words()) }
                td { (time(one.asked_ms)) }
                td.actions { (release_form(ask, Some(one), "Let go on")) }
            } } }
        } }
        @if count > HELD { p.meta { "And " (count - HELD) " more." } }
    } }
}

/// How many people's tools wait, and why. `action` is what to do about it.
pub(in crate::ui) fn held_notice(ask: &Ask<'_>, action: Markup) -> Markup {
    let snapshot = &ask.visit.who.snapshot;
    let count = snapshot.held().count();
    if count == 0 {
        return html! {};
    }
    html! { div.notice.warn {
        span.glyph aria-hidden="true" { "▲" }
        div {
            strong { @if count == 1 { "1 person's tools wait for your word" } @else { (count) " people's tools wait for your word" } }
            p { "SCIM deactivated so many people in a short time that the guard stepped in. Their access to Ceven has ended; the connected tools have not been told. Someone whom Okta activates again is left alone." }
        }
        (action)
    } }
}

pub(in crate::ui) fn release_form(ask: &Ask<'_>, one: Option<&Offboarding>, words: &str) -> Markup {
    html! { form method="post" action="/app/offboardings/release" {
        (csrf(ask))
        @if let Some(one) = one { input type="hidden" name="offboarding" value=(one.id); }
        button.small[one.is_some()] type="submit" { (words) }
    } }
}

pub(in crate::ui) async fn release(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let only = match ask.form.get("offboarding") {
        "" => None,
        id => Some(id.parse().map_err(|_| missing("Offboarding", id))?),
    };
    right.release(only).await?;
    Ok(match only {
        Some(id) => see_other(&format!("/app/offboardings/{id}?done=released")),
        None => see_other("/app/offboardings?done=released"),
    })
}

/// Whether anything of this page's waits.
pub(in crate::ui) fn is_any(ask: &Ask<'_>) -> bool {
    let snapshot = &ask.visit.who.snapshot;
    snapshot.held().next().is_some() || snapshot.connectors().any(|connector| connector.paused.is_some())
}

/// One notice for each tool that is paused, however many people wait for it.
pub(in crate::ui) fn paused(ask: &Ask<'_>) -> Markup {
    let snapshot = &ask.visit.who.snapshot;
    let is_admin = ask.visit.administering().is_ok();
    let waiting = |connector: &Connector| {
        snapshot.tasks().filter(|task| task.connector == connector.id && task.state.is_open()).count()
    };
    html! { @for connector in snapshot.connectors().filter(|connector| connector.paused.is_some()) {
        (paused_notice(connector, waiting(connector), is_admin))
    } }
}

/// Why a tool is paused, how many removals wait, and what mends it.
pub(in crate::ui) fn paused_notice(connector: &Connector, waiting: usize, is_admin: bool) -> Markup {
    let Some(paused) = &connector.paused else { return html! {} };
    html! { div.notice.bad {
        span.glyph aria-hidden="true" { "■" }
        div {
            strong { (connector.name) " is paused: it refuses its credentials" }
            p { "Since " (time(paused.since_ms)) ": " (paused.reason) ". "
                @if waiting == 1 { "1 removal waits" } @else { (waiting) " removals wait" }
                ", and trying again does not help. They go on by themselves as soon as the tool's settings are saved again with credentials that work." }
        }
        @if is_admin { a.button href={ "/app/connectors/" (connector.id) } { "Mend it" } }
    } }
}
