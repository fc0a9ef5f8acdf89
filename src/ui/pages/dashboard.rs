//! `/app`.
use std::sync::Arc;

use ceven_actors::{
    domain::{
        offboarding::{Offboarding, Status},
        role::Role,
        session::Person,
        token::TokenKind,
    },
    organization::state::Snapshot,
};
use maud::{Markup, html};

use super::{attention, audit::rows};
use crate::{
    http::reply::Failure,
    store::{
        audit_log::AuditFilter,
        days::{self, Entries, ScimDay},
    },
    tokens::DAY_MS,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{Tone, notice, pill, sessions},
        plot::{self, Series},
    },
};

/// Tokens that end within this time are pointed out.
const SOON_MS: i64 = 14 * DAY_MS;
/// Entries of the log.
const LATEST: u64 = 10;
/// Days that are plotted.
const DAYS: i64 = 30;
/// Leavers who are named.
const NAMED: usize = 4;

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let main = match ask.visit.who.role {
        Role::Admin => admin(ask).await?,
        Role::Member => html! { (numbers(ask)) (own(ask)) },
        Role::Employee => own(ask),
    };
    ok(framed(ask, Place::Dashboard, "Dashboard", html! {}, main))
}

async fn admin(ask: &Ask<'_>) -> Result<Markup, Failure> {
    let who = &ask.visit.who;
    let (store, all) = (&ask.visit.app.store, AuditFilter::default());
    let latest = store.audit_latest(who.organization, &all, u64::MAX, LATEST).await;
    let latest = latest.map_err(|_| super::audit::unreadable())?;
    Ok(html! {
        (checklist(ask))
        (needs_you(ask))
        (numbers(ask))
        (plots(ask).await?)
        section {
            div.heading { h2 { "Latest activity" } a href="/app/audit" { "Audit log" } }
            (rows(ask, &latest))
        }
    })
}

/// What is still to be set up; gone when all of it is done.
fn checklist(ask: &Ask<'_>) -> Markup {
    let snapshot = &ask.visit.who.snapshot;
    let now_ms = ask.visit.app.clock.now_ms();
    let has_token = snapshot.tokens().any(|token| token.kind == TokenKind::Scim && token.is_live(now_ms));
    let steps = [
        (has_token, "Mint a SCIM token", "Okta signs in to Ceven with it.", "/app/sso/tokens"),
        (
            snapshot.user_count() > 0,
            "Let Okta push its people",
            "Paste base URL and token into the Okta app, then assign people to it.",
            "/app/sso",
        ),
        (
            has_admin(snapshot),
            "Make someone an admin",
            "The local admin is for emergencies: give the role to people who sign in with Okta.",
            "/app/team",
        ),
    ];
    if steps.iter().all(|(is_done, ..)| *is_done) {
        return html! {};
    }
    let count = steps.iter().filter(|(is_done, ..)| *is_done).count();
    html! {
        section.card.checklist {
            div.heading { h2 { "Set up Ceven" } span.muted { (count) " of " (steps.len()) " done" } }
            ol { @for (is_done, title, words, address) in steps {
                li.done[is_done] {
                    span.glyph aria-hidden="true" { (if is_done { "✓" } else { "○" }) }
                    div { a href=(address) { (title) } @if is_done { span.hidden { " (done)" } } p.muted { (words) } }
                }
            } }
        }
    }
}

fn has_admin(snapshot: &Snapshot) -> bool {
    snapshot.users(0).any(|user| user.active && user.roles.contains(Role::Admin))
}

fn needs_you(ask: &Ask<'_>) -> Markup {
    let now_ms = ask.visit.app.clock.now_ms();
    let ending = ask.visit.who.snapshot.tokens().filter(|token| {
        token.is_live(now_ms) && token.expires_ms.is_some_and(|expires| expires < now_ms + SOON_MS)
    });
    let ending: Vec<_> = ending.collect();
    let snapshot = &ask.visit.who.snapshot;
    let stuck: Vec<_> = snapshot.offboardings().filter(|one| one.status == Status::NeedsAttention).collect();
    if ending.is_empty() && stuck.is_empty() && !attention::is_any(ask) {
        return html! {};
    }
    html! {
        section {
            h2 { "Needs you" }
            (attention::held_notice(ask, html! { a.button href="/app/offboardings" { "Look at them" } }))
            @if !stuck.is_empty() { (unfinished(&stuck)) }
            (attention::paused(ask))
            @for token in ending {
                (notice(Tone::Warn, html! { "The token " (token.label) " ends soon" },
                    html! { @match token.kind {
                        TokenKind::Scim => "Okta's pushes fail from then on. Rotate it, and paste the new one into Okta.",
                        TokenKind::Audit => "Whatever exports the audit log with it fails from then on.",
                    } },
                    html! { a.button href={ "/app/sso/tokens/" (token.id) "/rotate" } { "Rotate" } }))
            }
        }
    }
}

/// Leavers who still have an account somewhere.
fn unfinished(stuck: &[&Arc<Offboarding>]) -> Markup {
    let rest = stuck.len().saturating_sub(NAMED);
    notice(
        Tone::Bad,
        html! { (stuck.len()) @if stuck.len() == 1 { " offboarding needs" } @else { " offboardings need" } " someone" },
        html! {
            "A tool has refused, or could not tell who was meant: "
            @for (number, one) in stuck.iter().rev().take(NAMED).enumerate() {
                @if number > 0 { ", " }
                a href={ "/app/offboardings/" (one.id) } { (one.user_name) }
            }
            @if rest > 0 { " and " (rest) " more" } "."
        },
        html! { a.button href="/app/offboardings" { "Offboardings" } },
    )
}

/// The last days: counts that are kept or indexed, so they cost the same in a long log.
async fn plots(ask: &Ask<'_>) -> Result<Markup, Failure> {
    let (app, organization) = (ask.visit.app, ask.visit.who.organization);
    let today = app.clock.now_ms() / days::DAY_MS;
    let since = today + 1 - DAYS;
    let requests = app.store.scim_days(organization, since).await.map_err(|_| super::audit::unreadable())?;
    let entries = app.store.audit_days(organization, since).await.map_err(|_| super::audit::unreadable())?;
    let asked = |of: fn(&ScimDay) -> i64| {
        let count = |day| requests.iter().find(|row| row.day == day).map_or(0, of);
        (since..=today).map(count).collect::<Vec<_>>()
    };
    let told = |of: fn(&Entries) -> i64| (since..=today).map(|day| entries.get(&day).map_or(0, of)).collect();
    let series = |name, class, counts| Series { name, class, counts };
    Ok(html! {
        section {
            h2 { "The last " (DAYS) " days" }
            div.plots {
                (plot::days("Requests from Okta", today, &[
                    series("accepted", "done", asked(|day| day.accepted)),
                    series("refused", "failed", asked(|day| day.refused)),
                ]))
                (plot::days("Sign-ins", today, &[series("sign-ins", "done", told(|day| day.sign_ins))]))
                (plot::days("Deactivations", today, &[series("deactivations", "done", told(|day| day.offboardings))]))
            }
        }
    })
}

fn numbers(ask: &Ask<'_>) -> Markup {
    let snapshot = &ask.visit.who.snapshot;
    let active = snapshot.users(0).filter(|user| user.active).count();
    let now_ms = ask.visit.app.clock.now_ms();
    let live = snapshot.sessions().filter(|session| session.is_live(now_ms)).count();
    let tile = |words: &str, number: usize, address: &str| {
        html! { a.tile href=(address) { span.number { (number) } span { (words) } } }
    };
    html! {
        section.tiles aria-label="Numbers" {
            (tile("active people", active, "/app/team?active=true"))
            (tile("deactivated", snapshot.user_count() - active, "/app/team?active=false"))
            (tile("groups", snapshot.group_count(), "/app/team"))
            (tile("live sessions", live, "/app/settings"))
        }
    }
}

fn own(ask: &Ask<'_>) -> Markup {
    let who = &ask.visit.who;
    let person = who.session.person;
    let groups: Vec<_> = match person {
        Person::User(id) => who.snapshot.groups_of(id).map(|group| group.display_name.to_string()).collect(),
        Person::Admin(_) => Vec::new(),
    };
    html! {
        section.card {
            h2 { "You" }
            dl {
                dt { "Name" } dd { (who.card.name) }
                dt { "Email" } dd { @if who.card.email.is_empty() { "–" } @else { (who.card.email) } }
                dt { "Role" } dd { (pill(Tone::Plain, who.role.display())) " " span.muted { (who.role.description()) } }
                dt { "Groups" } dd { @if groups.is_empty() { "–" } @else { (groups.join(", ")) } }
            }
        }
        section {
            h2 { "Your sessions" }
            (sessions(ask, who.snapshot.sessions_of(person), Some("/app/settings/sessions")))
        }
    }
}
