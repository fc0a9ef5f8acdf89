//! The frame around every page.
use ceven_actors::domain::{audit::Mode, role::Role};
use http::StatusCode;
use maud::{Markup, html};

use super::{Ask, assets, icon::Icon, parts::csrf};

/// A page's place in the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `/app`
    Dashboard,
    /// `/app/team`
    Team,
    /// `/app/sso`
    Sso,
    /// `/app/offboardings`
    Offboardings,
    /// `/app/connectors`
    Connectors,
    /// `/app/audit`
    Audit,
    /// `/app/settings`
    Settings,
}

/// Place, address, words, icon, and who sees it.
const RAIL: [(Place, &str, &str, Icon, Role); 7] = [
    (Place::Dashboard, "/app", "Dashboard", Icon::Dashboard, Role::Employee),
    (Place::Team, "/app/team", "Team", Icon::Team, Role::Member),
    (Place::Offboardings, "/app/offboardings", "Offboardings", Icon::Leave, Role::Member),
    (Place::Connectors, "/app/connectors", "Tools", Icon::Tool, Role::Admin),
    (Place::Sso, "/app/sso", "Single sign-on", Icon::Key, Role::Admin),
    (Place::Audit, "/app/audit", "Audit log", Icon::Log, Role::Admin),
    (Place::Settings, "/app/settings", "Settings", Icon::Settings, Role::Employee),
];

/// With a stripe where people and tools are simulated, so that nobody takes them for real.
fn document(mode: Mode, title: &str, body: Markup) -> Markup {
    let head = html! {
        meta name="color-scheme" content="light dark";
        link rel="icon" type="image/svg+xml" href=(assets::address("icon.svg"));
        link rel="stylesheet" href=(assets::address("style.css"));
        script type="module" src=(assets::address("app.js")) {}
    };
    let body = html! {
        @if mode == Mode::Dev { p.stripe role="note" { "Simulated: these people and tools are not real." } }
        (body)
    };
    let prefix = if mode == Mode::Dev { "[DEV] " } else { "" };
    crate::html::document(&format!("{prefix}{title} · Ceven"), head, body)
}

/// A page of the console. `aside` stands beside the heading: at most one primary button.
pub(super) fn framed(ask: &Ask<'_>, place: Place, title: &str, aside: Markup, main: Markup) -> Markup {
    let who = &ask.visit.who;
    let profile = who.snapshot.profile();
    let body = html! {
        a.skip href="#main" { "Skip to content" }
        div.frame {
            header.rail {
                a.brand href="/app" {
                    img src=(assets::address("icon.svg")) alt="" width="24" height="24";
                    span { strong { "Ceven" } small { (profile.name) } }
                }
                nav aria-label="Main" {
                    @for (this, address, words, icon, role) in RAIL {
                        @if who.role >= role {
                            a href=(address) aria-current=[(this == place).then_some("page")] { (icon.draw()) span { (words) } }
                        }
                    }
                }
                form.me method="post" action="/logout" {
                    (csrf(ask))
                    span.who { span.name title=(who.card.name) { (who.card.name) } small { (who.role.display()) } }
                    button.quiet type="submit" { "Sign out" }
                }
            }
            div.page {
                main id="main" tabindex="-1" {
                    div.heading { h1 { (title) } (aside) }
                    (done(ask))
                    (main)
                }
                footer {
                    span { "Ceven " (env!("CARGO_PKG_VERSION")) }
                    span { "Times are UTC" }
                    a href="/app/api" { "API" }
                    span { "Request " code { (ask.visit.request_id) } }
                }
            }
        }
    };
    document(profile.mode, title, body)
}

/// What a form has just done: words from here, never from the address.
fn done(ask: &Ask<'_>) -> Markup {
    let words = match ask.parameter("done").as_deref() {
        Some("role") => "The role was changed.",
        Some("session") => "The session was ended.",
        Some("sessions") => "All sessions of this person were ended.",
        Some("saved") => "The settings were saved.",
        Some("looking") => "Everyone is being looked up in the background.",
        Some("retried") => "It is being tried again.",
        Some("released") => "The tools are being told.",
        Some("connected") => {
            "The tool was connected. Run the check to see whether everything it needs is there."
        }
        Some("disconnected") => "Disconnected.",
        Some("revoked") => "The token was revoked. It is refused from now on.",
        _ => return html! {},
    };
    html! { div.notice.ok role="status" { span.glyph aria-hidden="true" { "✓" } p { (words) } } }
}

/// A page that moves on by itself.
pub(super) fn onward(title: &str, address: &str, main: Markup) -> Markup {
    let head = html! { meta http-equiv="refresh" content={ "0;url=" (address) }; };
    crate::html::document(&format!("{title} · Ceven"), head, main)
}

/// A page without the rail: signing in, and what went wrong.
pub(super) fn bare(mode: Mode, title: &str, main: Markup) -> Markup {
    let body = html! {
        div.bare {
            main id="main" {
                p.brand { img src=(assets::address("icon.svg")) alt="" width="28" height="28"; strong { "Ceven" } }
                (main)
            }
        }
    };
    document(mode, title, body)
}

/// For a form of an earlier session, or of somebody else's page: nothing is wrong with whoever has sent it.
pub(super) fn stale(mode: Mode, here: &str, request_id: &str) -> Markup {
    let main = html! {
        section.card data-keep-typed {
            h1 { "This page is from an earlier sign-in" }
            p { "Nothing was changed. You have signed in anew since it was opened; open it again, and send it once more." }
            p.meta { "For support: request " code { (request_id) } }
            p { a.button.primary href=(here) { "Open the page again" } }
        }
    };
    bare(mode, "This page is from an earlier sign-in", main)
}

/// A page for a request that is not answered with what it asked for.
pub(super) fn error(mode: Mode, status: StatusCode, detail: &str, request_id: Option<&str>) -> Markup {
    let (title, next) = match status.as_u16() {
        403 => ("You may not do this", "Ask an admin of your organization, or sign in as one."),
        404 => ("Not found", "It may have been removed, or belong to another organization."),
        409 => ("That is not possible now", "Nothing was changed."),
        429 => ("Too many requests", "Wait a moment, then try again."),
        503 => ("Not available at the moment", "Try again in a few seconds."),
        400..=499 => ("That did not work", "Nothing was changed."),
        _ => ("Something went wrong", "The cause is in the server's log."),
    };
    bare(
        mode,
        title,
        html! {
            section.card {
                h1 { (title) }
                p { (detail) }
                p.muted { (next) }
                @if let Some(id) = request_id {
                    p.meta { "For support: request " code { (id) } }
                }
                p { a.button href="/app" { "To the dashboard" } }
            }
        },
    )
}
