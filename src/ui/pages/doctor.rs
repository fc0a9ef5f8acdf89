//! `/app/settings/doctor`: whether everything that the organization needs is there. It asks the tenant and every tool, so
//! it does so when told to.
use maud::{Markup, html};

use crate::{
    doctor::{Finding, State},
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{Tone, csrf, pill, scroll},
    },
};

const ADDRESS: &str = "/app/settings/doctor";

pub(in crate::ui) fn show(ask: &Ask<'_>) -> Answer {
    ask.visit.administering()?;
    ok(one_page(ask, None))
}

pub(in crate::ui) async fn run(ask: &Ask<'_>) -> Answer {
    let findings = ask.visit.administering()?.examine().await;
    ok(one_page(ask, Some(&findings)))
}

fn one_page(ask: &Ask<'_>, findings: Option<&[Finding]>) -> Markup {
    let words = if findings.is_some() { "Check again" } else { "Check now" };
    let aside = html! {
        form method="post" action=(ADDRESS) { (csrf(ask)) button.primary type="submit" { (words) } }
    };
    let main = html! {
        p.muted {
            "Looks whether the server is well, whether your Okta tenant answers, and whether each connected tool gives the rights that it needs. Nothing is changed anywhere."
        }
        @match findings {
            None => p.empty { "Nothing has been looked at yet. It takes a few seconds." },
            Some(findings) => (list(findings)),
        }
    };
    framed(ask, Place::Settings, "Check-up", aside, main)
}

fn list(findings: &[Finding]) -> Markup {
    html! {
        (scroll("What was found", html! { table {
            thead { tr { th scope="col" { "What" } th scope="col" { "State" } th scope="col" { "Found" } } }
            tbody { @for finding in findings {
                tr {
                    th scope="row" { (finding.name) }
                    td { (state(finding.state)) }
                    td.wide {
                        (finding.found)
                        @if let Some(remedy) = &finding.remedy { br; strong { (commands(remedy)) } }
                    }
                }
            } }
        } }))
    }
}

/// Commands stand between backticks.
fn commands(words: &str) -> Markup {
    html! { @for (number, part) in words.split('`').enumerate() { @if number % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn state(state: State) -> Markup {
    match state {
        State::Well => pill(Tone::Ok, "Well"),
        State::Doubtful => pill(Tone::Warn, "Look at it"),
        State::Failed => pill(Tone::Bad, "Failed"),
        State::Skipped => pill(Tone::Plain, "Not there"),
    }
}
