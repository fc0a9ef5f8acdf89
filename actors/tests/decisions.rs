//! Whatever a decision changes, its audit entry tells: applied to the state before, the changes give the state
//! that the entry shows as `after`; and what it shows as `before` is how it was.
use std::sync::Arc;

use ceven_actors::{
    domain::{
        audit::{Head, Mode},
        caller::{Actor, Authority, Caller, Stamp},
        id::{OrganizationId, UserId},
    },
    organization::{decide::decide, message::Command, state::Snapshot},
    ports::Profile,
    protocol::scim::{
        Object,
        filter::FilterLimits,
        patch::{self, PatchLimits},
        resource::ValueLimits,
        schema::USER_TYPE,
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

const LIMITS: PatchLimits = PatchLimits {
    operations: 100,
    filter: FilterLimits { length_bytes: 4096, depth: 32 },
    values: ValueLimits { text_bytes: 4096, values: 100, depth: 32, resource_bytes: 1_000_000 },
};

fn operator() -> Caller {
    Caller {
        actor: Actor { kind: "operator", id: "x".into(), label: "x".into() },
        authority: Authority::Operator,
        ip: None,
        request_id: "r".into(),
    }
}

/// A user as the audit log shows one; nothing when there is none.
fn shown(state: &Snapshot, id: &str) -> Value {
    let user = id.parse().ok().and_then(|id: UserId| state.user(id).cloned());
    user.map_or(Value::Null, |user| {
        let mut object = user.object();
        object.shift_remove("schemas"); // It follows from the rest.
        object.shift_insert(0, "id".into(), id.into());
        Value::Object(object)
    })
}

fn attributes() -> impl Strategy<Value = Object> {
    ("[ab]", proptest::option::of("[xy]"), any::<Option<bool>>(), proptest::option::of("[A-C]{1,3}"))
        .prop_map(|(name, external_id, active, title)| {
            let mut object = json!({ "userName": name }).as_object().cloned().unwrap_or_default();
            let mut put = |key: &str, value: Option<Value>| {
                value.map(|value| object.insert(key.to_owned(), value));
            };
            put("externalId", external_id.map(Value::from));
            put("active", active.map(Value::from));
            put("title", title.map(Value::from));
            object
        })
}

fn operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "op": "replace", "value": { "active": "False" } })),
        Just(json!({ "op": "replace", "path": "active", "value": true })),
        Just(json!({ "op": "remove", "path": "title" })),
        "[A-C]{1,2}".prop_map(|text| json!({ "op": "add", "path": "title", "value": text })),
        "[ab]".prop_map(|text| json!({ "op": "replace", "path": "userName", "value": text })),
        Just(json!({ "op": "add", "path": "roles", "value": [{ "value": "admin" }] })),
        Just(json!({ "op": "add", "path": "emails", "value": [{ "value": "a@x", "type": "work" }] })),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Create(Object),
    Replace(usize, Object),
    Patch(usize, Value),
    Delete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        attributes().prop_map(Step::Create),
        (0..3_usize, attributes()).prop_map(|(at, object)| Step::Replace(at, object)),
        (0..3_usize, operation()).prop_map(|(at, operation)| Step::Patch(at, operation)),
        (0..3_usize).prop_map(Step::Delete),
    ]
}

fn command(step: Step) -> Command {
    let id = |at: usize| UserId(Uuid::from_u128(at as u128 + 1));
    match step {
        Step::Create(attributes) => Command::CreateUser { attributes },
        Step::Replace(at, attributes) => {
            Command::ReplaceUser { id: id(at), attributes, mentions_roles: false }
        }
        Step::Patch(at, operation) => {
            let body = json!({ "schemas": [patch::PATCH_URN], "Operations": [operation] });
            let operations = patch::parse(&USER_TYPE, &body, &LIMITS, &mut Vec::new()).expect("operations");
            Command::PatchUser { id: id(at), operations }
        }
        Step::Delete(at) => Command::DeleteUser { id: id(at) },
    }
}

proptest! {
    #[test]
    fn before_and_change_give_after(steps in prop::collection::vec(step(), 1..12)) {
        let profile =
            Profile { id: OrganizationId(Uuid::nil()), slug: "x".into(), name: "X".into(), domains: vec![], mode: Mode::Live };
        let mut state = Snapshot::new(profile);
        for (number, step) in steps.into_iter().enumerate() {
            let number = number as u128 + 1;
            let stamp = Stamp { at_ms: 1, new_id: Uuid::from_u128(number), entry_id: Uuid::nil() };
            let Ok(decision) = decide(&state, &command(step), &operator(), stamp) else { continue };
            let before = state.clone();
            let mut after = state.clone();
            decision.changes.iter().for_each(|change| after.apply(change));
            for draft in decision.drafts.iter().filter(|draft| draft.resource_type == "User") {
                let id = draft.resource_id.as_str();
                // One who comes back after a deletion was not there to be seen.
                if shown(&before, id) != Value::Null {
                    prop_assert_eq!(&draft.before, &shown(&before, id));
                }
                match draft.action {
                    "user.delete" => prop_assert_eq!(shown(&after, id), Value::Null),
                    _ => prop_assert_eq!(&draft.after, &shown(&after, id)),
                }
            }
            prop_assert_eq!(decision.drafts.is_empty(), decision.changes.is_empty());
            // Loading what was written gives the same state as having been there.
            let mut loaded = before.clone();
            loaded.catch_up(&decision.changes, Head::default());
            for user in after.users(0) {
                prop_assert_eq!(loaded.user(user.id).map(Arc::as_ref), Some(user.as_ref()));
                prop_assert_eq!(loaded.user_by_name(&user.user_name).map(|found| found.id), Some(user.id));
            }
            prop_assert_eq!(loaded.user_count(), after.user_count());
            state = after;
        }
    }
}
