//! People as the console and its API list them: by name, filtered, a page at a time.
use std::sync::Arc;

use ceven_actors::{
    clock::rfc3339,
    domain::{role::Role, session::Person, user::User},
    organization::state::Snapshot,
    protocol::scim::Object,
};
use serde_json::{Value, json};

/// Which people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// Part of a name or an address, without case.
    pub text: Option<String>,
    /// Active or deactivated.
    pub active: Option<bool>,
    /// With this role as their strongest.
    pub role: Option<Role>,
}

impl PeopleFilter {
    /// Whether it leaves nobody out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn fits(&self, user: &User) -> bool {
        self.active.is_none_or(|active| user.active == active)
            && self.role.is_none_or(|role| user.roles.strongest() == role)
            && self.text.as_deref().is_none_or(|text| mentions(user, text))
    }
}

fn mentions(user: &User, text: &str) -> bool {
    let has = |value: &str| value.to_lowercase().contains(text);
    // Reading every attribute of everyone would be slow: the text as a whole decides who is looked at.
    has(&user.user_name)
        || (has(&user.attributes) && {
            let card = Card::of(user);
            has(&card.name) || has(&card.email)
        })
}

/// A page of people.
#[derive(Debug)]
pub struct PeoplePage {
    /// In the order of their names.
    pub users: Vec<Arc<User>>,
    /// Name to go on after, when there are more.
    pub next: Option<String>,
    /// How many fit the filter, on all pages.
    pub total: usize,
}

/// People after a name, at most `count`. Looks at everyone: call it where that holds nobody up.
pub fn page(snapshot: &Snapshot, filter: &PeopleFilter, after: Option<&str>, count: usize) -> PeoplePage {
    let filter = PeopleFilter { text: filter.text.as_deref().map(str::to_lowercase), ..filter.clone() };
    let mut fitting: Vec<_> =
        snapshot.users(0).filter(|user| filter.fits(user)).map(|user| (user.name_key(), user)).collect();
    let total = fitting.len();
    if let Some(after) = after {
        fitting.retain(|(name, _)| **name > *after);
    }
    if fitting.len() > count {
        fitting.select_nth_unstable_by(count, |(one, _), (other, _)| one.cmp(other));
    }
    let more = fitting.len() > count;
    fitting.truncate(count);
    fitting.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let next = fitting.last().filter(|_| more).map(|(name, _)| name.to_string());
    PeoplePage { users: fitting.into_iter().map(|(_, user)| user.clone()).collect(), next, total }
}

/// What a list shows of a person besides the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Name for people.
    pub name: String,
    /// Primary address; empty when there is none.
    pub email: String,
}

impl Card {
    /// Of a user.
    pub fn of(user: &User) -> Self {
        let object = user.object();
        let name = text(&object, "displayName")
            .or_else(|| formatted(&object))
            .unwrap_or_else(|| user.user_name.to_string());
        let email = email(&object)
            .or_else(|| user.user_name.contains('@').then(|| user.user_name.to_string()))
            .unwrap_or_default();
        Self { name, email }
    }
}

fn text(object: &Object, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn formatted(object: &Object) -> Option<String> {
    let name = object.get("name")?.as_object()?;
    text(name, "formatted").or_else(|| {
        let parts: Vec<_> =
            ["givenName", "familyName"].into_iter().filter_map(|part| text(name, part)).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    })
}

fn email(object: &Object) -> Option<String> {
    let emails = object.get("emails")?.as_array()?;
    let primary = emails.iter().find(|email| email.get("primary").and_then(Value::as_bool) == Some(true));
    primary.or_else(|| emails.first())?.get("value")?.as_str().map(str::to_owned)
}

/// A person's JSON.
pub fn view(snapshot: &Snapshot, user: &User) -> Value {
    let Card { name, email } = Card::of(user);
    let groups: Vec<_> = snapshot
        .groups_of(user.id)
        .map(|group| json!({ "id": group.id, "display_name": group.display_name }))
        .collect();
    json!({
        "id": user.id, "user_name": user.user_name, "display_name": name, "email": email,
        "external_id": user.external_id, "active": user.active, "role": user.roles.strongest().id(),
        "groups": groups, "sessions": snapshot.sessions_of(Person::User(user.id)).count(),
        "created_at": rfc3339(user.created_ms), "modified_at": rfc3339(user.modified_ms),
    })
}
