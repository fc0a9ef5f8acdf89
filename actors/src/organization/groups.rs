//! Commands on groups. A change of members is a difference: in memory, in rows and in the audit log.
use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    decide::{Decision, not_found, shown},
    message::{Answer, OrganizationError},
    state::Snapshot,
};
use crate::{
    domain::{
        audit::Draft,
        caller::Stamp,
        change::Change,
        group::Group,
        id::{GroupId, UserId},
    },
    protocol::scim::{
        Object, ScimError, ScimType,
        patch::{self, MembershipChange, Operation},
        schema::GROUP_TYPE,
    },
};

type Decided = Result<Decision, OrganizationError>;
/// Who comes in (true) and who goes (false).
type Delta = BTreeMap<UserId, bool>;

pub(super) fn create(state: &Snapshot, attributes: &Object, members: &[String], stamp: Stamp) -> Decided {
    let group = Group::from_attributes(GroupId(stamp.new_id), stamp.at_ms, stamp.at_ms, attributes)?;
    let delta = add(state, members)?;
    let mut after = shown(group.id, group.object());
    note_members(&mut after, &delta, delta.len());
    Ok(written(
        Draft {
            action: "group.create",
            resource_type: "Group",
            resource_id: group.id.to_string(),
            before: Value::Null,
            after,
        },
        group,
        delta,
        true,
    ))
}

pub(super) fn replace(
    state: &Snapshot,
    id: GroupId,
    attributes: &Object,
    members: &[String],
    stamp: Stamp,
) -> Decided {
    let steps = [MembershipChange::Replace(members.to_vec())];
    change(state, find(state, id)?, "group.replace", attributes.clone(), &steps, stamp)
}

pub(super) fn patch(state: &Snapshot, id: GroupId, operations: &[Operation], stamp: Stamp) -> Decided {
    let old = find(state, id)?;
    let (steps, rest) = patch::split(operations)?;
    let mut attributes = old.object();
    patch::apply(&GROUP_TYPE, &mut attributes, &rest)?;
    change(state, old, "group.patch", attributes, &steps, stamp)
}

pub(super) fn delete(state: &Snapshot, id: GroupId) -> Decided {
    let old = find(state, id)?;
    let mut before = shown(id, old.object());
    before["members_count"] = state.member_count(id).into();
    let draft = Draft {
        action: "group.delete",
        resource_type: "Group",
        resource_id: id.to_string(),
        before,
        after: Value::Null,
    };
    Ok(Decision { changes: vec![Change::GroupDeleted(id)], drafts: vec![draft], answer: Answer::Deleted })
}

fn find(state: &Snapshot, id: GroupId) -> Result<&Arc<Group>, OrganizationError> {
    state.group(id).ok_or_else(|| not_found("Group", id))
}

fn change(
    state: &Snapshot,
    old: &Arc<Group>,
    action: &'static str,
    attributes: Object,
    steps: &[MembershipChange],
    stamp: Stamp,
) -> Decided {
    let delta = delta(state, old.id, steps)?;
    let new = old.with(&attributes, stamp.at_ms)?;
    let renamed = old.object() != attributes;
    if !renamed && delta.is_empty() {
        return Ok(Decision::nothing(Answer::Group { id: old.id, created: false }));
    }
    let (mut before, mut after) = match renamed {
        true => (shown(old.id, old.object()), shown(old.id, attributes)),
        false => (json!({ "id": old.id }), json!({ "id": old.id })),
    };
    if !delta.is_empty() {
        let count = state.member_count(old.id);
        let came = delta.values().filter(|present| **present).count();
        before["members_count"] = count.into();
        note_members(&mut after, &delta, count + came - (delta.len() - came));
    }
    Ok(written(
        Draft { action, resource_type: "Group", resource_id: old.id.to_string(), before, after },
        new,
        delta,
        false,
    ))
}

fn written(draft: Draft, group: Group, delta: Delta, created: bool) -> Decision {
    let id = group.id;
    let memberships =
        delta.into_iter().map(|(user, present)| Change::Membership { group: id, user, present });
    let changes = std::iter::once(Change::Group(Arc::new(group))).chain(memberships).collect();
    Decision { changes, drafts: vec![draft], answer: Answer::Group { id, created } }
}

fn note_members(after: &mut Value, delta: &Delta, count: usize) {
    let ids = |wanted: bool| {
        delta.iter().filter(|(_, present)| **present == wanted).map(|(id, _)| json!(id)).collect::<Vec<_>>()
    };
    after["members_added"] = ids(true).into();
    after["members_removed"] = ids(false).into();
    after["members_count"] = count.into();
}

fn add(state: &Snapshot, ids: &[String]) -> Result<Delta, OrganizationError> {
    ids.iter().map(|id| member(state, id).map(|id| (id, true))).collect()
}

fn member(state: &Snapshot, id: &str) -> Result<UserId, OrganizationError> {
    let user = id.parse().ok().filter(|id| state.user(*id).is_some());
    user.ok_or_else(|| {
        ScimError::bad(ScimType::InvalidValue, format!("members: {id} is no user of this organization."))
            .into()
    })
}

/// What the steps come to. Only a replacement looks at the members there are: the last one, since it leaves nothing of
/// what came before it.
fn delta(state: &Snapshot, group: GroupId, steps: &[MembershipChange]) -> Result<Delta, OrganizationError> {
    let mut delta = Delta::new();
    let last = steps.iter().rposition(|step| matches!(step, MembershipChange::Replace(_)));
    let (undone, steps) = steps.split_at(last.unwrap_or_default());
    for step in undone {
        if let MembershipChange::Add(ids) | MembershipChange::Replace(ids) = step {
            add(state, ids)?;
        }
    }
    for step in steps {
        match step {
            MembershipChange::Add(ids) => delta.extend(add(state, ids)?),
            // Who is not there, or not known, need not be removed.
            MembershipChange::Remove(ids) => {
                delta.extend(ids.iter().filter_map(|id| id.parse().ok()).map(|id| (id, false)))
            }
            MembershipChange::Replace(ids) => {
                delta.extend(state.members(group).map(|user| (user.id, false)));
                delta.extend(add(state, ids)?);
            }
        }
    }
    delta.retain(|user, present| state.is_member(group, *user) != *present);
    Ok(delta)
}
