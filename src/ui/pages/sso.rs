//! `/app/sso`: the setup guide. Every value stands under the name that Okta's field has, and every step ticks by itself
//! as Okta calls: the page follows `/app/sso/events`.
use std::{sync::Arc, time::Duration};

use ceven_actors::{domain::role::Role, organization::state::Snapshot};
use maud::{Markup, html};

use crate::{
    app::App,
    http::stream::{Look, Watcher, events},
    setup::{self, Seen, Setup},
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        pages::requests::remedy,
        parts::{Tone, ago, copyable, pill},
    },
};

/// The page's tabs; `here` is the address of the one that is shown.
pub(in crate::ui) fn tabs(here: &str) -> Markup {
    let tabs = [
        ("/app/sso", "Setup guide"),
        ("/app/sso/okta", "Okta connection"),
        ("/app/sso/tokens", "SCIM Tokens"),
        ("/app/sso/requests", "SCIM requests"),
    ];
    html! {
        nav.tabs aria-label="Single sign-on" {
            @for (address, words) in tabs {
                a href=(address) aria-current=[(address == here).then_some("page")] { (words) }
            }
        }
    }
}

/// How far a step is.
enum Stage {
    /// An admin has to do something.
    ToDo,
    /// Okta has to call.
    Waiting,
    /// Done, or seen.
    Done,
}

/// To do, then waiting for Okta, then done.
fn stage(is_ready: bool, is_done: bool) -> Stage {
    match (is_ready, is_done) {
        (_, true) => Stage::Done,
        (true, false) => Stage::Waiting,
        (false, false) => Stage::ToDo,
    }
}

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let setup = ask.visit.administering()?.setup().await?;
    let app = ask.visit.app;
    let now_ms = app.clock.now_ms();
    let api = format!("{}/api/v1/sso/okta", app.public_url);
    let main = html! {
        (tabs("/app/sso"))
        p.lead { "Connect your Okta tenant in about five minutes. You need a Super Admin of Okta." }
        ol.steps data-live="/app/sso/events" {
            (step("Install Ceven in Okta", None, html! {
                p { "In the Okta admin console, open " strong { "Applications → Browse App Catalog" }
                    ", search for " strong { "Ceven" } ", then " strong { "Add Integration → Done" } ". "
                    "While the listing is pending, create an " strong { "OIDC – Web Application" } " and paste the addresses of step 4." }
            }))
            (step("Get a SCIM token", Some(if setup.has_token { Stage::Done } else { Stage::ToDo }), html! {
                p { "It is shown once, has 64 characters and opens this organization only." }
                p { a.button href="/app/sso/tokens" { "SCIM Tokens" } }
            }))
            (step("Paste it into Okta's SCIM config", Some(stage(setup.has_token, setup.pushed > 0)), html! {
                p { "In the Okta app, open " strong { "Provisioning → Integration" } ", click " strong { "Edit" }
                    ", enable " strong { "API Integration" } " and fill in:" }
                (fields(&[
                    ("SCIM connector base URL", &app.scim_url),
                    ("Unique identifier field for users", "userName"),
                    ("Supported provisioning actions", "Push New Users, Push Profile Updates, Push Groups, Import Users"),
                    ("Authentication Mode", "HTTP Header"),
                    ("Authorization", "Bearer <token from step 2>"),
                ]))
                p { "Click " strong { "Test API Credentials" } ", then " strong { "Save" } ", and assign people. Okta's calls appear here as they come:" }
                (calls(&setup, now_ms))
            }))
            (step("Turn on OIDC sign-in", Some(stage(setup.is_connected, setup.signed_in > 0)), html! {
                p { "From the catalog these are filled in already. Check them on the " strong { "General" } " and " strong { "Sign On" } " tabs:" }
                (fields(&[
                    ("Sign-in redirect URIs", &format!("{api}/oidc/callback")),
                    ("Initiate login URI", &format!("{api}/oidc/start")),
                    ("Sign-out redirect URIs", &format!("{}/login", app.console_url)),
                    ("Grant type", "Authorization Code"),
                    ("Scopes", "openid email profile"),
                    ("Login initiated by", "Either Okta or App"),
                ]))
                p { "Enter the tenant's issuer and the app's client under " a href="/app/sso/okta" { "Okta connection" } "." }
                p.muted { "People who sign in for the first time become employees. Promote them under " a href="/app/team" { "Team" } "." }
                (ladder("sign-in-seen", html! { (rung(setup.signed_in > 0, html! { "First sign-in with Okta" }, html! {
                    @if setup.signed_in > 0 { (setup.signed_in) @if setup.signed_in == 1 { " person has" } @else { " people have" } " signed in" }
                    @else { "Waiting: open Ceven's tile in Okta" }
                })) }))
            }))
            (step("Enable Universal Logout", Some(stage(setup.takes_logout, setup.logout.is_some())), html! {
                p { "In the Okta app, open " strong { "General → Universal Logout" } " (or " strong { "Authentication → Logout" } ", “Okta system or admin initiates logout”) and enter:" }
                (fields(&[
                    ("Logout Endpoint URL", &format!("{api}/universal-logout")),
                    ("Authentication", "Signed JWT"),
                    ("Subject format", "Email, or Issuer and Subject Identifier"),
                ]))
                (ladder("logout-seen", html! { (rung(setup.logout.is_some(), html! { "First Universal Logout" }, html! {
                    @match &setup.logout {
                        Some(seen) => (told(seen, now_ms)),
                        None => "Waiting: in Okta, clear the sessions of a test person, logout enabled apps included",
                    }
                })) }))
            }))
            (step("Map Okta groups to roles", setup.roles().map(|_| Stage::Done), html! {
                p { "Optional. Okta's Entitlement Management finds the roles "
                    code { "admin" } ", " code { "member" } " and " code { "employee" } " at:" }
                (fields(&[("Roles endpoint", &format!("{}/Roles", app.scim_url))]))
            }))
        }
    };
    ok(framed(ask, Place::Sso, "Single sign-on", html! {}, main))
}

/// Between two looks at what Okta has asked.
const LOOK: Duration = Duration::from_secs(1);

/// Tells the page when to look again.
pub(in crate::ui) fn follow(ask: &Ask<'_>) -> Answer {
    ask.visit.administering()?;
    let look = |app: Arc<App>, organization, snapshot: Arc<Snapshot>| async move {
        let text = setup::mark(&app, organization, &snapshot).await.ok()?;
        Some(Look { text, is_last: false })
    };
    Ok(events(Watcher::new(&ask.visit, Role::Admin), LOOK, look))
}

/// A step; no stage where this page cannot tell.
fn step(title: &str, stage: Option<Stage>, body: Markup) -> Markup {
    let (tone, words) = match stage {
        Some(Stage::Done) => (Tone::Ok, "Done"),
        Some(Stage::Waiting) => (Tone::Warn, "Waiting for Okta"),
        Some(Stage::ToDo) => (Tone::Plain, "To do"),
        None => (Tone::Plain, ""),
    };
    html! {
        li {
            div.heading {
                h2 { (title) }
                span id={ "step-" (slug(title)) } data-part data-say={ (title) ": " (words) } { @if stage.is_some() { (pill(tone, words)) } }
            }
            (body)
        }
    }
}

/// What Okta has called, and the latest refusal with its remedy: the usual slip is in the base URL or the token.
fn calls(setup: &Setup, now_ms: i64) -> Markup {
    ladder(
        "calls",
        html! {
            @for call in &setup.calls {
                @let is_done = call.seen.is_some() || setup.pushed > 0;
                (rung(is_done, html! { code { (call.method) " /" (call.path) } " " span.muted { (call.words) } }, html! {
                    @match &call.seen {
                        Some(seen) => (told(seen, now_ms)),
                        None if is_done => "Earlier",
                        None => "Waiting",
                    }
                }))
            }
            @if let Some(refused) = &setup.refused {
                li.refused {
                    span.glyph aria-hidden="true" { "!" }
                    div {
                        strong { "Refused: " } code { (refused.method) " /" (refused.path) } ", " (refused.status) ", " (ago(refused.at_ms, now_ms))
                        @if let Some(detail) = &refused.detail { p { (detail) } }
                        @if let Some(remedy) = remedy(refused) { p.muted { (remedy) } }
                    }
                }
            }
        },
    )
}

/// Things that tick by themselves.
fn ladder(id: &str, rungs: Markup) -> Markup {
    html! { ul.ladder id=(id) data-part { (rungs) } }
}

fn rung(is_done: bool, what: Markup, state: Markup) -> Markup {
    html! {
        li.done[is_done] {
            span.glyph aria-hidden="true" { (if is_done { "✓" } else { "○" }) }
            span { (what) }
            span.meta { @if is_done { span.hidden { "Done: " } } (state) }
        }
    }
}

fn told(seen: &Seen, now_ms: i64) -> Markup {
    html! { (seen.status) " from " (seen.ip) ", " (ago(seen.at_ms, now_ms)) }
}

fn fields(fields: &[(&str, &str)]) -> Markup {
    html! {
        dl.fields { @for (label, value) in fields {
            dt { (label) } dd { (copyable(&slug(label), label, value)) }
        } }
    }
}

/// An id for an element, from its label.
fn slug(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}
