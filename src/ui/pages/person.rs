//! `/app/team/{id}`: one person.
use ceven_actors::domain::{
    role::Role,
    session::{Ending, Person},
    user::User,
};
use maud::{Markup, html};

use super::{audit, offboarding, team};
use crate::{
    http::{api::role_named, reply::Failure, right::missing},
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
                    input type="hidden" name="seen" value=(current.id());
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

async fn offboardings(ask: &Ask<'_>, user: &User) -> Result<Markup, Failure> {
    let all = ask.visit.seeing()?.offboardings(Some(user.id), LATEST).await?;
    Ok(html! { @if !all.is_empty() { section { h2 { "Offboardings" } (offboarding::table(&all)) } } })
}

/// What was done to a person, and how they came and went themselves. Whoever signs in with Okta is to the log who they
/// are there.
async fn history(ask: &Ask<'_>, user: &User) -> Result<Markup, Failure> {
    let identity = ask.visit.who.snapshot.identity_of(user.id);
    let subject = identity.map(|identity| identity.subject.to_string());
    let done_to = AuditFilter { resource_ids: Some(vec![user.id.to_string()]), ..AuditFilter::default() };
    let sessions = AuditFilter {
        action: Some("session".to_owned()),
        actors: Some(subject.clone().into_iter().chain([user.id.to_string()]).collect()),
        ..AuditFilter::default()
    };
    let (store, organization) = (&ask.visit.app.store, ask.visit.who.organization);
    let read = async |filter| store.audit_latest(organization, filter, u64::MAX, LATEST).await;
    let read = tokio::try_join!(read(&done_to), read(&sessions));
    let (mut latest, sessions) = read.map_err(|_| audit::unreadable())?;
    latest.extend(sessions);
    latest.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    latest.truncate(LATEST as usize);
    let sign_ins =
        subject.map(|subject| -> String { form_urlencoded::byte_serialize(subject.as_bytes()).collect() });
    Ok(html! {
        section {
            div.heading {
                h2 { "History" }
                span.links {
                    @if let Some(actor) = sign_ins { a href={ "/app/audit?action=session&actor=" (actor) } { "All sign-ins" } }
                    a href={ "/app/audit?resource=User/" (user.id) } { "All changes" }
                }
            }
            (audit::rows(ask, &latest))
        }
    })
}

pub(in crate::ui) async fn set_role(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let user = ask.visit.seeing()?.person(id)?;
    let seen = Some(ask.form.get("seen")).filter(|seen| !seen.is_empty()).map(role_named).transpose()?;
    right.set_role(user.id, role_named(ask.form.get("role"))?, seen).await?;
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
