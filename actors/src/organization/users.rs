//! Commands on users.
//!
//! 1. A POST whose external id or user name belongs to an inactive or deleted user restores that user,
//!    with the same id; one that belongs to an active user is a conflict. Who is to stay inactive is not reactivated.
//! 2. `active` and `roles` stay as they are when a PUT does not mention them.
//! 3. A DELETE deactivates and hides; memberships and roles go, so a later restore grants nothing by itself.
//! 4. No two users that are not deleted share a user name (without case) or an external id (with case).
//! 5. A POST that does not mention `active` makes an active user.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    decide::{Decision, not_found, shown},
    message::{Answer, OrganizationError},
    state::Snapshot,
};
use crate::{
    domain::{audit::Draft, caller::Stamp, change::Change, id::UserId, role::Role, user::User},
    protocol::scim::{
        Object,
        patch::{self, Operation},
        schema::USER_TYPE,
    },
};

type Decided = Result<Decision, OrganizationError>;

pub(super) fn create(state: &Snapshot, attributes: &Object, stamp: Stamp) -> Decided {
    let mut attributes = attributes.clone();
    attributes.entry("active").or_insert(true.into()); // (5)
    let (new, attributes) = User::resolved(UserId(stamp.new_id), stamp.at_ms, stamp.at_ms, attributes)?;
    let by_external_id = |find: fn(&'_ Snapshot, &str) -> Option<Arc<User>>| {
        new.external_id.as_deref().and_then(|id| find(state, id))
    };
    let known = by_external_id(|state, id| state.user_by_external_id(id).cloned())
        .or_else(|| state.user_by_name(&new.user_name).cloned())
        .or_else(|| by_external_id(|state, id| state.former_user_by_external_id(id).cloned()))
        .or_else(|| state.former_user_by_name(&new.user_name).cloned());
    match known {
        None => Ok(written("user.create", None, (new, attributes), true)),
        Some(known) if known.active => Err(taken(&known, &new)), // (1)
        Some(known) => {
            let (restored, attributes) = known.with(attributes, stamp.at_ms)?; // (1)
            unique(state, &restored)?;
            let before = known.object();
            if !known.deleted && before == attributes {
                return Ok(Decision::nothing(Answer::User { id: known.id, created: true }));
            }
            let action = if restored.active { "user.reactivate" } else { "user.replace" };
            Ok(written(action, Some(before), (restored, attributes), true))
        }
    }
}

pub(super) fn replace(
    state: &Snapshot,
    id: UserId,
    attributes: &Object,
    mentions_roles: bool,
    stamp: Stamp,
) -> Decided {
    let old = find(state, id)?;
    let held = old.object();
    let mut attributes = attributes.clone();
    let keep = |attributes: &mut Object, name: &str| {
        if let Some(value) = held.get(name) {
            attributes.insert(name.to_owned(), value.clone());
        }
    };
    if !attributes.contains_key("active") {
        keep(&mut attributes, "active"); // (2)
    }
    if !mentions_roles {
        keep(&mut attributes, "roles"); // (2)
    }
    change(state, (old, held), "user.replace", attributes, stamp)
}

pub(super) fn patch(state: &Snapshot, id: UserId, operations: &[Operation], stamp: Stamp) -> Decided {
    let old = find(state, id)?;
    let before = old.object();
    let mut attributes = before.clone();
    patch::apply(&USER_TYPE, &mut attributes, operations)?;
    change(state, (old, before), "user.patch", attributes, stamp)
}

pub(super) fn delete(state: &Snapshot, id: UserId, stamp: Stamp) -> Decided {
    let old = find(state, id)?;
    let before = old.object();
    let mut attributes = before.clone();
    attributes.shift_remove("roles"); // (3)
    attributes.insert("active".into(), false.into()); // (3)
    let gone = User { deleted: true, ..old.with(attributes, stamp.at_ms)?.0 };
    let left: Vec<_> = state.groups_of(id).map(|group| group.id).collect();
    let after = json!({ "id": id, "active": false, "deleted": true, "groups_left": left });
    let draft = Draft {
        action: "user.delete",
        resource_type: "User",
        resource_id: id.to_string(),
        before: shown(id, before),
        after,
    };
    let memberships = left.iter().map(|group| Change::Membership { group: *group, user: id, present: false }); // (3)
    let changes = std::iter::once(Change::User(Arc::new(gone))).chain(memberships).collect();
    Ok(Decision { changes, drafts: vec![draft], answer: Answer::Deleted })
}

fn find(state: &Snapshot, id: UserId) -> Result<&Arc<User>, OrganizationError> {
    state.user(id).ok_or_else(|| not_found("User", id))
}

fn change(
    state: &Snapshot,
    (old, before): (&Arc<User>, Object),
    action: &'static str,
    attributes: Object,
    stamp: Stamp,
) -> Decided {
    let (new, after) = old.with(attributes, stamp.at_ms)?;
    if before == after {
        return Ok(Decision::nothing(Answer::User { id: old.id, created: false }));
    }
    unique(state, &new)?;
    let only_roles = old.roles != new.roles && are_alike_but_for_roles(&before, &after);
    let action = match (old.active, new.active) {
        (true, false) => "user.deactivate",
        (false, true) => "user.reactivate",
        _ if only_roles => "user.role",
        _ => action,
    };
    Ok(written(action, Some(before), (new, after), false))
}

/// Takes a user's access away; what follows from it is seen to where every command ends.
pub(super) fn deactivate(old: &Arc<User>, stamp: Stamp) -> Decided {
    let before = old.object();
    let mut attributes = before.clone();
    attributes.insert("active".into(), false.into());
    Ok(written("user.deactivate", Some(before), old.with(attributes, stamp.at_ms)?, false))
}

/// One role instead of those there are.
pub(super) fn set_role(old: &Arc<User>, role: Role, stamp: Stamp) -> Decided {
    let before = old.object();
    let mut attributes = before.clone();
    attributes
        .insert("roles".into(), json!([{ "value": role.id(), "display": role.display(), "primary": true }]));
    let (new, attributes) = old.with(attributes, stamp.at_ms)?;
    if old.roles == new.roles {
        return Ok(Decision::nothing(Answer::User { id: old.id, created: false }));
    }
    Ok(written("user.role", Some(before), (new, attributes), false))
}

fn are_alike_but_for_roles(before: &Object, after: &Object) -> bool {
    fn others(object: &Object) -> impl Iterator<Item = (&String, &Value)> {
        object.iter().filter(|(name, _)| *name != "roles")
    }
    others(before).count() == others(after).count()
        && others(before).all(|(name, value)| after.get(name) == Some(value))
}

fn written(
    action: &'static str,
    before: Option<Object>,
    (new, after): (User, Object),
    created: bool,
) -> Decision {
    let draft = Draft {
        action,
        resource_type: "User",
        resource_id: new.id.to_string(),
        before: before.map_or(Value::Null, |before| shown(new.id, before)),
        after: shown(new.id, after),
    };
    let answer = Answer::User { id: new.id, created };
    Decision { changes: vec![Change::User(Arc::new(new))], drafts: vec![draft], answer }
}

fn unique(state: &Snapshot, new: &User) -> Result<(), OrganizationError> {
    let by_name = state.user_by_name(&new.user_name);
    let by_external_id = new.external_id.as_deref().and_then(|id| state.user_by_external_id(id));
    match by_name.into_iter().chain(by_external_id).find(|other| other.id != new.id) {
        Some(other) => Err(taken(other, new)), // (4)
        None => Ok(()),
    }
}

fn taken(other: &User, new: &User) -> OrganizationError {
    OrganizationError::Conflict(if other.name_key() == new.name_key() {
        format!("Another user has the userName {}.", new.user_name)
    } else {
        format!("Another user has the externalId {}.", new.external_id.as_deref().unwrap_or_default())
    })
}
