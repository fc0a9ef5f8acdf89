//! Who has no account at a tool: part of the tools' pages.
use ceven_actors::domain::connector::Connector;
use maud::{Markup, html};

use crate::{
    coverage::{Coverage, WITHOUT_ACCOUNTS},
    ui::{
        Answer, Ask,
        parts::{ago, csrf},
        see_other,
    },
};

/// In the list of tools.
pub(in crate::ui) fn summary(ask: &Ask<'_>, connector: &Connector, found: Option<&Coverage>) -> Markup {
    let now_ms = ask.visit.app.clock.now_ms();
    html! {
        @if let Some(going) = ask.visit.app.coverage.of(connector.id) { (going.done) " of " (going.of) " looked up" }
        @else if let Some(found) = found { (found.matched) " of " (found.people) ", " (ago(found.ended_ms, now_ms)) }
        @else { "–" }
    }
}

/// What is known, and the form that begins a run.
pub(in crate::ui) fn card(ask: &Ask<'_>, connector: &Connector, found: Option<&Coverage>) -> Markup {
    if &*connector.kind == WITHOUT_ACCOUNTS {
        return html! {};
    }
    let now_ms = ask.visit.app.clock.now_ms();
    html! { section.card {
        h2 { "Accounts" }
        p { "Looks up every active person at the tool, as an offboarding would, and says whom it would not find. Nothing is changed there." }
        @if let Some(found) = found {
            dl {
                dt { "Looked up" } dd { (found.people) " people, " (ago(found.ended_ms, now_ms)) }
                dt { "One account" } dd { (found.matched) }
                dt { "No account" } dd { (found.missing) }
                dt { "Several fit" } dd { (found.ambiguous) }
                @if found.unknown > 0 { dt { "No answer" } dd { (found.unknown) } }
            }
            @if let Some(why) = &found.stopped { p.error { "It ended early: " (why) "." } }
        }
        @match ask.visit.app.coverage.of(connector.id) {
            Some(going) => { p.meta role="status" { (going.done) " of " (going.of) " people looked up. " a href={ "/app/connectors/" (connector.id) } { "See how far it is" } } }
            None => { form method="post" action={ "/app/connectors/" (connector.id) "/coverage" } { (csrf(ask)) button type="submit" { "Look everyone up" } } }
        }
    } }
}

/// Who is not matched.
pub(in crate::ui) fn gaps(found: &Coverage) -> Markup {
    if found.gaps.is_empty() {
        return html! {};
    }
    let all = found.missing + found.ambiguous + found.unknown;
    html! { section {
        h2 { "Not found at this tool" }
        div.scroll { table {
            thead { tr { th scope="col" { "Person" } th scope="col" { "Why" } } }
            tbody { @for gap in &found.gaps { tr {
                th scope="row" { a href={ "/app/team/" (gap.user) } { (gap.user_name) } }
                td.wide { (gap.why) }
            } } }
        } }
        @if all > found.gaps.len() { p.meta { "And " (all - found.gaps.len()) " more." } }
    } }
}

pub(in crate::ui) async fn begin(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let connector = right.connector(id)?;
    right.begin_coverage(&connector)?;
    Ok(see_other(&format!("/app/connectors/{}?done=looking", connector.id)))
}
