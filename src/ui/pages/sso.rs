//! `/app/sso`: the setup guide. Every value stands under the name that Okta's field has.
use ceven_actors::domain::token::TokenKind;
use maud::{Markup, html};

use crate::ui::{
    Answer, Ask,
    layout::{Place, framed},
    ok,
    parts::{Tone, copyable, pill},
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

pub(in crate::ui) fn show(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let (app, snapshot) = (ask.visit.app, &right.who().snapshot);
    let now_ms = app.clock.now_ms();
    let has_token = snapshot.tokens().any(|token| token.kind == TokenKind::Scim && token.is_live(now_ms));
    let has_people = snapshot.user_count() > 0;
    let api = format!("{}/api/v1/sso/okta", app.public_url);
    let main = html! {
        (tabs("/app/sso"))
        p.lead { "Connect your Okta tenant in about five minutes. You need a Super Admin of Okta." }
        ol.steps {
            (step("Install Ceven in Okta", None, html! {
                p { "In the Okta admin console, open " strong { "Applications → Browse App Catalog" }
                    ", search for " strong { "Ceven" } ", then " strong { "Add Integration → Done" } ". "
                    "While the listing is pending, create an " strong { "OIDC – Web Application" } " and paste the addresses of step 4." }
            }))
            (step("Get a SCIM token", Some(has_token), html! {
                p { "It is shown once, has 64 characters and opens this organization only." }
                p { a.button href="/app/sso/tokens" { "SCIM Tokens" } }
            }))
            (step("Paste it into Okta's SCIM config", Some(has_people), html! {
                p { "In the Okta app, open " strong { "Provisioning → Integration" } ", click " strong { "Edit" }
                    ", enable " strong { "API Integration" } " and fill in:" }
                (fields(&[
                    ("SCIM connector base URL", &app.scim_url),
                    ("Unique identifier field for users", "userName"),
                    ("Supported provisioning actions", "Push New Users, Push Profile Updates, Push Groups, Import Users"),
                    ("Authentication Mode", "HTTP Header"),
                    ("Authorization", "Bearer <token from step 2>"),
                ]))
                p { "Click " strong { "Test API Credentials" } ", then " strong { "Save" } "." }
            }))
            (step("Turn on OIDC sign-in", Some(snapshot.okta().is_some()), html! {
                p { "From the catalog these are filled in already. Check them on the " strong { "General" } " and " strong { "Sign On" } " tabs:" }
                (fields(&[
                    ("Sign-in redirect URIs", &format!("{api}/oidc/callback")),
                    ("Initiate login URI", &format!("{api}/oidc/start")),
                    ("Sign-out redirect URIs", &format!("{}/login", app.console_url)),
                    ("Grant type", "Authorization Code"),
                    ("Scopes", "openid email profile"),
                    ("Login initiated by", "Either Okta or App"),
                ]))
                p.muted { "People who sign in for the first time become employees. Promote them under " a href="/app/team" { "Team" } "." }
            }))
            (step("Enable Universal Logout", Some(snapshot.okta().is_some_and(|okta| okta.universal_logout)), html! {
                p { "Enter the tenant's issuer and the app's client under " a href="/app/sso/okta" { "Okta connection" } "." }
                p { "In the Okta app, open " strong { "General → Universal Logout" } " (or " strong { "Authentication → Logout" } ", “Okta system or admin initiates logout”) and enter:" }
                (fields(&[
                    ("Logout Endpoint URL", &format!("{api}/universal-logout")),
                    ("Authentication", "Signed JWT"),
                    ("Subject format", "Email, or Issuer and Subject Identifier"),
                ]))
            }))
            (step("Map Okta groups to roles", None, html! {
                p { "Optional. Okta's Entitlement Management finds the roles "
                    code { "admin" } ", " code { "member" } " and " code { "employee" } " at:" }
                (fields(&[("Roles endpoint", &format!("{}/Roles", app.scim_url))]))
            }))
        }
    };
    ok(framed(ask, Place::Sso, "Single sign-on", html! {}, main))
}

/// A step; `done` is nothing where this page cannot tell.
fn step(title: &str, done: Option<bool>, body: Markup) -> Markup {
    html! {
        li {
            div.heading {
                h2 { (title) }
                @match done {
                    Some(true) => (pill(Tone::Ok, "Done")),
                    Some(false) => (pill(Tone::Plain, "To do")),
                    None => {}
                }
            }
            (body)
        }
    }
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
