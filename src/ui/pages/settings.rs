//! `/app/settings`: the organization, and one's own sessions.
use ceven_actors::domain::{role::Role, session::Ending};
use maud::html;

use crate::{
    http::right::missing,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{copyable, sessions},
        see_other,
    },
};

pub(in crate::ui) fn show(ask: &Ask<'_>) -> Answer {
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
        section {
            h2 { "Your sessions" }
            (sessions(ask, who.snapshot.sessions_of(who.session.person), Some("/app/settings/sessions")))
        }
    };
    ok(framed(ask, Place::Settings, "Settings", html! {}, main))
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
