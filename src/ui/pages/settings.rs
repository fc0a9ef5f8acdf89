//! `/app/settings`: the organization, what it has decided for itself, and one's own sessions.
use ceven_actors::domain::{
    policy::{Guard, Policy},
    role::Role,
    session::Ending,
};
use http::StatusCode;
use maud::{Markup, html};

use crate::{
    http::right::missing,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok, page,
        parts::{Tone, copyable, csrf, pill, sessions},
        see_other,
    },
};

/// Windows that the form offers, in seconds.
const WINDOWS: [(u32, &str); 5] =
    [(600, "10 minutes"), (3_600, "1 hour"), (14_400, "4 hours"), (43_200, "12 hours"), (86_400, "24 hours")];

pub(in crate::ui) fn show(ask: &Ask<'_>) -> Answer {
    ok(settings_page(ask, None))
}

fn settings_page(ask: &Ask<'_>, error: Option<&str>) -> Markup {
    let who = &ask.visit.who;
    let profile = who.snapshot.profile();
    let limits = &ask.visit.app.settings.session;
    let admins: Vec<_> = who.snapshot.admins().map(|admin| admin.email.to_string()).collect();
    let main = html! {
        div.columns {
            section.card {
                h2 { "Organization" }
                dl {
                    dt { "Name" } dd { (profile.name) }
                    dt { "Slug" } dd { code { (profile.slug) } }
                    dt { "Mail domains" } dd { @if profile.domains.is_empty() { "–" } @else { (profile.domains.join(", ")) } }
                    dt { "Tenant ID" } dd { (copyable("tenant-id", "the tenant ID", &profile.id.to_string())) }
                }
                p.muted { "Give support the tenant ID: it names your organization, and opens nothing." }
            }
            section.card {
                h2 { "Sign-in" }
                dl {
                    dt { "Idle sessions end after" } dd { (minutes(limits.idle_ms)) }
                    dt { "Every session ends after" } dd { (minutes(limits.absolute_ms)) }
                    dt { "Sessions of one person" } dd { "at most " (limits.per_person) }
                    @if who.role == Role::Admin { dt { "Local admins" } dd { (admins.join(", ")) } }
                }
                p.muted { "These are set in the server's configuration." }
            }
        }
        @if who.role == Role::Admin { (guard_form(ask, error)) }
        section {
            h2 { "Your sessions" }
            (sessions(ask, who.snapshot.sessions_of(who.session.person), Some("/app/settings/sessions")))
        }
    };
    let aside = html! {
        @if who.role == Role::Admin { a.button href="/app/settings/doctor" { "Check-up" } }
    };
    framed(ask, Place::Settings, "Settings", aside, main)
}

fn guard_form(ask: &Ask<'_>, error: Option<&str>) -> Markup {
    let guard = ask.visit.who.snapshot.policy().guard;
    let (count, chosen_secs) = guard.map_or((50, 3_600), |guard| (guard.deactivations, guard.window_secs));
    let typed = ask.form.get("deactivations");
    let count = if typed.is_empty() { count.to_string() } else { typed.to_owned() };
    let other = (!WINDOWS.iter().any(|(secs, _)| *secs == chosen_secs)).then_some(chosen_secs);
    html! {
        form.card method="post" action="/app/settings/guard" {
            (csrf(ask))
            div.heading { h2 { "Guard against mass deactivation" }
                @if guard.is_some() { (pill(Tone::Ok, "On")) } @else { (pill(Tone::Plain, "Off")) } }
            p { "When a wrong rule in Okta deactivates half of the company, everyone's access to Ceven ends as asked, but the connected tools are not told before an admin has had a look. Universal Logout and offboardings from the console are never held." }
            @if let Some(error) = error { p.error role="alert" { (error) } }
            label { span { "Deactivations by SCIM that go on by themselves" }
                input name="deactivations" type="number" min="1" max="10000" required value=(count); }
            label { span { "Within" } select name="window_secs" {
                @if let Some(secs) = other { option value=(secs) selected { (secs / 60) " minutes" } }
                @for (secs, words) in WINDOWS { option value=(secs) selected[secs == chosen_secs] { (words) } }
            } }
            div.buttons {
                button.primary type="submit" name="guard" value="on" { @if guard.is_some() { "Save" } @else { "Switch on" } }
                @if guard.is_some() { button type="submit" name="guard" value="off" formnovalidate { "Switch off" } }
            }
        }
    }
}

pub(in crate::ui) async fn set_guard(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let read = || {
        Guard::new(
            ask.form.get("deactivations").trim().parse().ok()?,
            ask.form.get("window_secs").parse().ok()?,
        )
    };
    let guard = match ask.form.get("guard") {
        "off" => None,
        _ => match read() {
            Some(guard) => Some(guard),
            None => {
                let error = "Give a number of people from 1 to 10000, and one of the windows.";
                return Ok(page(StatusCode::BAD_REQUEST, settings_page(ask, Some(error))));
            }
        },
    };
    right.set_policy(Policy { guard }).await?;
    Ok(see_other("/app/settings?done=saved"))
}

fn minutes(ms: i64) -> String {
    match (ms / 3_600_000, ms / 60_000) {
        (hours, minutes) if hours > 0 && minutes % 60 == 0 => format!("{hours} h"),
        (_, minutes) if minutes > 0 => format!("{minutes} min"),
        _ => format!("{} s", ms / 1_000),
    }
}

pub(in crate::ui) async fn end_session(ask: &Ask<'_>, id: &str) -> Answer {
    let id = id.parse().map_err(|_| missing("Session", id))?;
    ask.visit.end_session(id, Ending::Revoked).await?;
    Ok(see_other("/app/settings?done=session"))
}
