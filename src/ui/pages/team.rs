//! `/app/team`: people, filtered, a page at a time.
use ceven_actors::domain::{role::Role, session::Person, user::User};
use maud::{Markup, html};

use crate::{
    http::api::{exact_parameter, parameter, people_filter},
    people::{Card, PeopleFilter},
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{Tone, pill},
    },
};

/// People of a page.
const PAGE: usize = 50;

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.seeing()?;
    let filter = people_filter(&ask.query)?;
    let page = right.people(filter.clone(), exact_parameter(&ask.query, "cursor"), PAGE).await?;
    let main = html! {
        (form(&filter))
        @if page.users.is_empty() { (empty(ask, &filter)) }
        @else {
            h2 { "Members" }
            p.meta role="status" { (page.total) (if page.total == 1 { " person" } else { " people" }) @if !filter.is_empty() { " match the filter" } }
            div.scroll { table {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Status" }
                    th scope="col" { "Groups" } th scope="col" { "Sessions" }
                } }
                tbody { @for user in &page.users { (row(ask, user)) } }
            } }
            nav.pages aria-label="Pages" {
                @if ask.parameter("cursor").is_some() { a.button href=(address(ask, None)) { "First page" } }
                @if let Some(next) = &page.next { a.button href=(address(ask, Some(next))) { "Next page" } }
            }
        }
    };
    ok(framed(ask, Place::Team, "Team", html! {}, main))
}

fn form(filter: &PeopleFilter) -> Markup {
    let status = [("", "Any status"), ("true", "Active"), ("false", "Deactivated")];
    let chosen = filter.active.map_or(String::new(), |active| active.to_string());
    html! {
        form.filters method="get" action="/app/team" role="search" {
            label { span { "Search" }
                input type="search" name="q" value=(filter.text.as_deref().unwrap_or_default()) placeholder="Name or email" data-search;
            }
            label { span { "Status" }
                select name="active" { @for (value, words) in status { option value=(value) selected[value == chosen] { (words) } } }
            }
            label { span { "Role" }
                select name="role" {
                    option value="" { "Any role" }
                    @for role in Role::ALL { option value=(role.id()) selected[filter.role == Some(role)] { (role.display()) } }
                }
            }
            button type="submit" { "Filter" }
            @if !filter.is_empty() { a.button.quiet href="/app/team" { "Clear filters" } }
        }
    }
}

fn row(ask: &Ask<'_>, user: &User) -> Markup {
    let snapshot = &ask.visit.who.snapshot;
    let card = Card::of(user);
    let groups: Vec<_> = snapshot.groups_of(user.id).map(|group| &*group.display_name).collect();
    html! {
        tr {
            th scope="row" {
                a href={ "/app/team/" (user.id) } { (card.name) }
                @if card.email != card.name { div.meta { (card.email) } }
            }
            td { (role(user.roles.strongest())) }
            td { (status(user)) }
            td.wide title=(groups.join(", ")) {
                @if groups.is_empty() { span.muted { "–" } } @else { (groups[0]) @if groups.len() > 1 { span.muted { " +" (groups.len() - 1) } } }
            }
            td.number { (snapshot.sessions_of(Person::User(user.id)).count()) }
        }
    }
}

/// A role; admins stand out.
pub(in crate::ui) fn role(role: Role) -> Markup {
    html! { span.tag.strong[role == Role::Admin] { (role.display()) } }
}

/// Whether someone has access.
pub(in crate::ui) fn status(user: &User) -> Markup {
    if user.active { pill(Tone::Ok, "Active") } else { pill(Tone::Bad, "Deactivated") }
}

fn empty(ask: &Ask<'_>, filter: &PeopleFilter) -> Markup {
    if !filter.is_empty() || ask.parameter("cursor").is_some() {
        return html! {
            div.empty { p { strong { "Nobody matches the filter." } } p { a.button href="/app/team" { "Clear filters" } } }
        };
    }
    html! {
        div.empty {
            p { strong { "Nobody here yet." } }
            p { "People appear as soon as Okta pushes them." }
            @if ask.visit.who.role == Role::Admin { p { a.button.primary href="/app/sso" { "Connect Okta" } } }
        }
    }
}

/// The page with the same filter and another cursor.
fn address(ask: &Ask<'_>, cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in ["q", "active", "role"] {
        if let Some(value) = parameter(&ask.query, name) {
            query.append_pair(name, &value);
        }
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    format!("/app/team?{}", query.finish())
}
