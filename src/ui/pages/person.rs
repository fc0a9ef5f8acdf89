//! `/app/team/{id}`: one person.
use ceven_actors::domain::{
    role::Role,
    session::{Ending, Person},
    user::User,
};
use maud::{Markup, html};

use super::{audit, offboarding, team};
use crate::{
    http::{api::role_named, right::missing},
    people::Card,
    store::audit_log::AuditFilter,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{copyable, csrf, sessions, time},
        see_other,
    },
};

/// Entries of the log.
const LATEST: u64 = 10;

pub(in crate::ui) async fn show(ask: &Ask<'_>, id: &str) -> Answer {
    let user = ask.visit.seeing()?.person(id)?;
    let snapshot = &ask.visit.who.snapshot;
    let card = Card::of(&user);
    let groups: Vec<_> = snapshot.groups_of(user.id).map(|group| group.display_name.to_string()).collect();
    let is_admin = ask.visit.who.role == Role::Admin;
    let address = format!("/app/team/{}", user.id);
    let main = html! {
        p.crumb { a href="/app/team" { "Team" } }
        div.columns {
            section.card {
                h2 { "Profile" }
                dl {
                    dt { "Status" } dd { (team::status(&user)) }
                    dt { "Email" } dd { @if card.email.is_empty() { "–" } @else { (card.email) } }
                    dt { "User name" } dd { (user.user_name) }
                    dt { "Groups" } dd { @if groups.is_empty() { "–" } @else { (groups.join(", ")) } }
                    @if let Some(external_id) = &user.external_id { dt { "Okta id" } dd { code { (external_id) } } }
                    dt { "Id" } dd { (copyable("user-id", "the id", &user.id.to_string())) }
                    dt { "Created" } dd { (time(user.created_ms)) }
                    dt { "Changed" } dd { (time(user.modified_ms)) }
                }
            }
            (role_card(ask, &user, is_admin))
        }
        @if is_admin {
            section {
                div.heading {
                    h2 { "Sessions" }
                    @if snapshot.sessions_of(Person::User(user.id)).next().is_some() {
                        form method="post" action={ (address) "/sessions" } { (csrf(ask)) button.small.danger type="submit" { "End all sessions" } }
                    }
                }
                (sessions(ask, snapshot.sessions_of(Person::User(user.id)), Some(&format!("{address}/sessions"))))
            }
            (offboardings(ask, &user).await?)
            (history(ask, &user).await?)
        }
    };
    let aside = html! { @if is_admin { a.button.danger href={ (address) "/offboard" } { "Offboard…" } } };
    ok(framed(ask, Place::Team, &card.name, aside, main))
}

fn role_card(ask: &Ask<'_>, user: &User, is_admin: bool) -> Markup {
    let current = user.roles.strongest();
    html! {
        section.card {
            h2 { "Role" }
            @if is_admin {
                form method="post" action={ "/app/team/" (user.id) "/role" } {
                    (csrf(ask))
                    fieldset {
                        legend.hidden { "Role" }
                        @for role in [Role::Employee, Role::Member, Role::Admin] {
                            label.choice {
                                input type="radio" name="role" value=(role.id()) checked[role == current];
                                span { strong { (role.display()) } small { (role.description()) } }
                            }
                        }
                    }
                    button type="submit" { "Save role" }
                    p.meta { "If Okta maps groups to roles, its next change of this person's roles wins." }
                }
            } @else {
                p { (team::role(current)) }
                p.muted { (current.description()) }
            }
        }
    }
}

async fn offboardings(ask: &Ask<'_>, user: &User) -> Result<Markup, crate::http::reply::Failure> {
    let all = ask.visit.seeing()?.offboardings(Some(user.id), LATEST).await?;
    Ok(html! { @if !all.is_empty() { section { h2 { "Offboardings" } (offboarding::table(&all)) } } })
}

async fn history(ask: &Ask<'_>, user: &User) -> Result<Markup, crate::http::reply::Failure> {
    let filter = AuditFilter { resource_ids: Some(vec![user.id.to_string()]), ..AuditFilter::default() };
    let store = &ask.visit.app.store;
    let latest = store.audit_latest(ask.visit.who.organization, &filter, u64::MAX, LATEST).await;
    let latest = latest.map_err(|_| audit::unreadable())?;
    Ok(html! {
        section {
            div.heading { h2 { "History" } a href={ "/app/audit?resource=User/" (user.id) } { "All entries" } }
            (audit::rows(&latest))
        }
    })
}

pub(in crate::ui) async fn set_role(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let user = ask.visit.seeing()?.person(id)?;
    right.set_role(user.id, role_named(ask.form.get("role"))?).await?;
    Ok(see_other(&format!("/app/team/{}?done=role", user.id)))
}

pub(in crate::ui) async fn end_sessions(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let user = ask.visit.seeing()?.person(id)?;
    right.end_sessions(Person::User(user.id)).await?;
    Ok(see_other(&format!("/app/team/{}?done=sessions", user.id)))
}

pub(in crate::ui) async fn end_session(ask: &Ask<'_>, id: &str, session: &str) -> Answer {
    ask.visit.administering()?;
    let user = ask.visit.seeing()?.person(id)?;
    let session = session.parse().map_err(|_| missing("Session", session))?;
    ask.visit.end_session(session, Ending::Revoked).await?;
    Ok(see_other(&format!("/app/team/{}?done=session", user.id)))
}
