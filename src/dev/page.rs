//! Pages of the simulators: what an admin of each would see, and the panel that breaks it. They work without a script;
//! with one they stay up to date.
use crate::html::scroll;
use ceven_actors::clock::rfc3339;
use maud::{Markup, html};

use super::{
    account::AccountView,
    faults::{Fault, Kind},
    sim::{Received, Tool, World},
    wire::Request,
};

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("live.js");
/// Requests on the page.
const SHOWN: usize = 30;

/// Value, words, and what its number means.
const FAULTS: [(&str, &str); 6] = [
    ("429", "429, listens again after N seconds"),
    ("502", "502 bad gateway"),
    ("hang", "does it, answers N seconds late"),
    ("wrong_credentials", "takes the credentials for wrong"),
    ("accept_but_keep", "says yes, changes nothing"),
    ("delay_read_back", "shows the old state for N reads"),
];

/// A simulator's name for people.
pub(super) fn title(name: &str) -> &str {
    match name {
        "console" => "Console",
        "okta" => "Okta",
        "google_workspace" => "Google Workspace",
        "github" => "GitHub",
        "onepassword" => "1Password",
        "slack" => "Slack",
        "atlassian" => "Atlassian",
        "salesforce" => "Salesforce",
        "scim" => "Wiki (SCIM)",
        "webhook" => "HR system (webhook)",
        other => other,
    }
}

/// A page with a heading and nothing of a tool.
pub(super) fn frame(title: &str, body: Markup) -> Markup {
    let head = html! {
        meta name="color-scheme" content="light dark";
        link rel="stylesheet" href="/_sim/style.css";
    };
    let body = html! {
        p.stripe role="note" { "Simulated: these people and tools are not real." }
        main { h1 { (title) } (body) }
    };
    crate::html::document(&format!("[DEV] {title}"), head, body)
}

/// What a form asked for was not possible.
pub(super) fn refused(name: &str, why: &str) -> Markup {
    let body = html! { p role="alert" { "That did not work: " (why) "." } p { a href="/_sim" { "Back" } } };
    frame(&format!("Simulated {}", title(name)), body)
}

/// The page of a tool.
pub(super) fn whole<T: Tool>(world: &World<T>, base: &str, request: &Request) -> Markup {
    let done = match request.parameter("done") {
        Some("fault") => Some("The fault waits for its request."),
        Some("reset") => Some("No more faults."),
        Some(_) => Some("Done."),
        None => None,
    };
    let body = html! {
        p.lead { "At " code { (base) } "." }
        @if !world.links.is_empty() {
            nav aria-label="Simulators" {
                @for (name, url) in &world.links {
                    a href=(url) aria-current=[(*name == T::NAME).then_some("page")] { (title(name)) }
                }
            }
        }
        @if let Some(words) = done { p.done role="status" { (words) } }
        (tool_buttons(&world.tool))
        (fault_panel())
        div #live { (live(world)) }
        script src="/_sim/live.js" defer {}
    };
    frame(&format!("Simulated {}", title(T::NAME)), body)
}

/// What changes by itself.
pub(super) fn live<T: Tool>(world: &World<T>) -> Markup {
    let accounts = world.tool.accounts();
    let state = serde_json::to_string_pretty(&world.tool.state()).unwrap_or_default();
    html! {
        @if !accounts.is_empty() {
            h2 { "People" }
            (scroll("People", html! { table {
                thead { tr { th { "Person" } th { "State" } th { "Sessions" } th { "Tokens" } th { span.hidden { "Actions" } } } }
                tbody { @for account in &accounts { (person(&world.tool, account)) } }
            } }))
        }
        h2 { "Faults that wait" }
        @if world.faults.waiting().is_empty() { p.muted { "None." } } @else {
            ul { @for fault in world.faults.waiting() { li { (fault.times) " × " (waiting(fault)) } } }
        }
        h2 { "Last requests" }
        @if world.journal.is_empty() { p.muted { "None yet." } } @else {
            (scroll("Last requests", html! { table {
                thead { tr { th { "At" } th { "Request" } th { "Status" } th { "Fault" } } }
                tbody { @for received in world.journal.iter().rev().take(SHOWN) { (request_row(received)) } }
            } }))
        }
        @if !world.sent.is_empty() {
            h2 { "Calls to others" }
            ul { @for sent in world.sent.iter().rev().take(SHOWN) {
                li { code { (sent.url) } " " @match sent.status { Some(status) => (status), None => "no answer" } }
            } }
        }
        details { summary { "Everything it knows" } pre { (state) } }
    }
}

fn waiting(fault: &Fault) -> Markup {
    let words = match fault.kind {
        Kind::Status { status, .. } => status.to_string(),
        Kind::Hang { secs } => format!("{secs} s late"),
        Kind::DelayReadBack { reads } => format!("the old state for {reads} reads"),
        Kind::WrongCredentials | Kind::AcceptButKeep => fault.kind.name().replace('_', " "),
    };
    html! {
        (words)
        @if fault.method.is_some() || !fault.path.is_empty() {
            ", only " code { (fault.method.as_deref().unwrap_or_default()) " " (fault.path) }
        }
    }
}

fn person<T: Tool>(tool: &T, account: &AccountView) -> Markup {
    html! {
        tr {
            td { (account.email) }
            td { span.pill.ok[account.is_open].bad[!account.is_open] { (account.state) } }
            td { (account.sessions) }
            td { (account.tokens) }
            td.buttons { @for (control, words) in tool.buttons(account) {
                form method="post" action={ "/_sim/do/" (control) } {
                    input type="hidden" name="email" value=(account.email);
                    button type="submit" { (words) span.hidden { " " (account.email) } }
                }
            } }
        }
    }
}

fn tool_buttons<T: Tool>(tool: &T) -> Markup {
    html! {
        @if !tool.tool_buttons().is_empty() {
            div.buttons { @for (control, words) in tool.tool_buttons() {
                form method="post" action={ "/_sim/do/" (control) } { button type="submit" { (words) } }
            } }
        }
    }
}

fn fault_panel() -> Markup {
    html! {
        section.panel {
            h2 { "Break it" }
            form.fields method="post" action="/_sim/faults" {
                label { span { "Fault" } select name="kind" { @for (value, words) in FAULTS { option value=(value) { (words) } } } }
                label { span { "N" } input name="number" inputmode="numeric" size="4" placeholder="1"; }
                label { span { "Times" } input name="times" inputmode="numeric" size="4" placeholder="1"; }
                label { span { "Only method" } input name="method" size="7" placeholder="any"; }
                label { span { "Only paths that begin" } input name="path" size="20" placeholder="any"; }
                button type="submit" { "Set" }
            }
            form method="post" action="/_sim/faults" {
                input type="hidden" name="kind" value="clear";
                button type="submit" { "Reset all" }
            }
        }
    }
}

fn request_row(received: &Received) -> Markup {
    html! {
        tr {
            td { (rfc3339(received.at_ms)) }
            td { code { (received.method) " " (received.path) } }
            td { span.pill.ok[received.status < 400].bad[received.status >= 400] { (received.status) } }
            td { (received.fault.unwrap_or_default().replace('_', " ")) }
        }
    }
}
