use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::scim::{
    error::{ScimError, ScimType},
    schema::{ENTERPRISE_USER, GROUP_TYPE, USER_TYPE},
};

const LIMITS: PatchLimits = PatchLimits {
    operations: 100,
    filter: FilterLimits { length_bytes: 1000, depth: 10 },
    values: ValueLimits { text_bytes: 1000, values: 100, depth: 8, resource_bytes: 100_000 },
};

fn body(operations: Value) -> Value {
    json!({ "schemas": [PATCH_URN], "Operations": operations })
}

fn start() -> Object {
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann", "active": true,
        "name": { "givenName": "Ann", "familyName": "Lee" },
        "emails": [{ "value": "a@work", "type": "work", "primary": true }, { "value": "a@home", "type": "home" }]
    });
    user.as_object().unwrap().clone()
}

fn patch(operations: Value) -> Result<(Value, bool), ScimError> {
    let mut user = start();
    let operations = parse(&USER_TYPE, &body(operations), &LIMITS, &mut Vec::new())?;
    let changed = apply(&USER_TYPE, &mut user, &operations)?;
    Ok((Value::Object(user), changed))
}

#[test]
fn what_okta_and_entra_send() {
    let urn = ENTERPRISE_USER.id;
    for (operations, pointer, expected) in [
        (json!([{ "op": "replace", "value": { "active": false } }]), "/active", json!(false)),
        (json!([{ "op": "Replace", "path": "active", "value": "False" }]), "/active", json!(false)),
        (
            json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "n@work" }]),
            "/emails/0/value",
            json!("n@work"),
        ),
        (
            json!([{ "op": "Add", "path": "emails[type eq \"other\"].value", "value": "o@x" }]),
            "/emails/2",
            json!({ "type": "other", "value": "o@x" }),
        ),
        (
            json!([{ "op": "Add", "path": format!("{urn}:department"), "value": "R&D" }]),
            &*format!("/{urn}/department"),
            json!("R&D"),
        ),
        (
            json!([{ "op": "Add", "path": format!("{urn}:manager"), "value": "7" }]),
            &*format!("/{urn}/manager/value"),
            json!("7"),
        ),
        (
            json!([{ "op": "replace", "value": { "name.givenName": "Anna", format!("{urn}:department"): "X" } }]),
            "/name",
            json!({ "givenName": "Anna", "familyName": "Lee" }),
        ),
        (
            json!([{ "op": "add", "value": { urn: { "costCenter": "9" } } }]),
            &*format!("/{urn}/costCenter"),
            json!("9"),
        ),
        (json!([{ "op": "add", "path": urn, "value": { "costCenter": "9" } }]), "/schemas/1", json!(urn)),
        (
            json!([{ "op": "replace", "path": "name", "value": { "familyName": "Ray" } }]),
            "/name/givenName",
            json!("Ann"),
        ),
        (
            json!([{ "op": "add", "path": "emails", "value": [{ "value": "c@x", "primary": true }] }]),
            "/emails/0/primary",
            json!(false),
        ),
        (
            json!([{ "op": "replace", "path": "emails", "value": [{ "value": "c@x" }] }]),
            "/emails",
            json!([{ "value": "c@x" }]),
        ),
        (
            json!([{ "op": "replace", "path": "emails[type eq \"home\"]", "value": { "primary": true } }]),
            "/emails/0/primary",
            json!(false),
        ),
        (
            json!([{ "op": "remove", "path": "emails", "value": [{ "value": "A@WORK" }] }]),
            "/emails",
            json!([{ "value": "a@home", "type": "home" }]),
        ),
        (
            json!([{ "op": "remove", "path": "emails[type eq \"work\"].primary" }]),
            "/emails/0",
            json!({ "value": "a@work", "type": "work" }),
        ),
        (
            json!([{ "op": "add", "path": "urn:x:1.0:Thing", "value": { "a": 1 } }, { "op": "add", "path": "urn:x:1.0:Thing:b", "value": 2 }]),
            "/urn:x:1.0:Thing",
            json!({ "a": 1, "b": 2 }),
        ),
        (
            json!([{ "op": "replace", "value": { "id": "x", "meta": {}, "schemas": [], "title": "CEO" } }]),
            "/title",
            json!("CEO"),
        ),
    ] {
        let (user, changed) =
            patch(operations.clone()).unwrap_or_else(|error| panic!("{operations}: {error}"));
        assert!(changed, "{operations}");
        assert_eq!(user.pointer(pointer), Some(&expected), "{operations}: {user}");
    }
}

#[test]
fn what_is_there_already_changes_nothing() {
    for operations in [
        json!([{ "op": "add", "path": "emails", "value": [{ "value": "A@work", "type": "work" }] }]),
        json!([{ "op": "replace", "value": { "active": true } }]),
        json!([{ "op": "replace", "path": "active", "value": "True" }]),
        json!([{ "op": "remove", "path": "title" }]),
        json!([{ "op": "remove", "path": "emails[type eq \"other\"]" }]),
        json!([{ "op": "replace", "path": "name.givenName", "value": "Ann" }]),
    ] {
        let value = patch(operations.clone()).unwrap();
        // "A@work" is "a@work" without case, but its spelling is new.
        assert!(!value.1 || operations[0]["op"] == "add", "{operations}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (operations, kind) in [
        (json!([{ "op": "remove" }]), ScimType::NoTarget),
        (
            json!([{ "op": "replace", "path": "emails[type co \"fax\"].value", "value": "x" }]),
            ScimType::NoTarget,
        ),
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), ScimType::Mutability),
        (json!([{ "op": "replace", "path": "groups", "value": [] }]), ScimType::Mutability),
        (json!([{ "op": "remove", "path": "userName" }]), ScimType::Mutability),
        (json!([{ "op": "replace", "path": "shoeSize", "value": 1 }]), ScimType::InvalidPath),
        (json!([{ "op": "replace", "path": "name.shoeSize", "value": 1 }]), ScimType::InvalidPath),
        (json!([{ "op": "replace", "path": "userName[a eq 1]", "value": 1 }]), ScimType::InvalidPath),
        (json!([{ "op": "replace", "path": "emails[shoe eq 1]", "value": 1 }]), ScimType::InvalidFilter),
        (json!([{ "op": "replace", "path": "emails[", "value": 1 }]), ScimType::InvalidPath),
        (json!([{ "op": "move", "path": "title" }]), ScimType::InvalidSyntax),
        (json!([{ "op": "add", "path": "title" }]), ScimType::InvalidValue),
        (json!([{ "op": "add", "path": "title", "value": 5 }]), ScimType::InvalidValue),
        (json!([{ "op": "add", "value": 5 }]), ScimType::InvalidValue),
        (json!([]), ScimType::InvalidSyntax),
        (json!(vec![json!({ "op": "add", "path": "title", "value": "x" }); 101]), ScimType::TooMany),
    ] {
        assert_eq!(patch(operations.clone()).unwrap_err().scim_type, Some(kind), "{operations}");
    }
}

#[test]
fn a_failing_operation_undoes_those_before_it() {
    let mut user = start();
    let operations =
        body(json!([{ "op": "add", "path": "title", "value": "x" }, { "op": "remove", "path": "userName" }]));
    let operations = parse(&USER_TYPE, &operations, &LIMITS, &mut Vec::new()).unwrap();
    assert!(apply(&USER_TYPE, &mut user, &operations).is_err());
    assert_eq!(user, start());
}

#[test]
fn members_become_differences() {
    let read = |operations| split(&parse(&GROUP_TYPE, &body(operations), &LIMITS, &mut Vec::new()).unwrap());
    let (changes, rest) = read(json!([
        { "op": "replace", "value": { "id": "g", "displayName": "New" } },
        { "op": "remove", "path": "members[value eq \"1\"]" },
        { "op": "Add", "path": "members", "value": [{ "value": "2", "display": "x", "$ref": null }, "3"] },
        { "op": "Remove", "path": "members", "value": [{ "value": "4" }] },
        { "op": "remove", "path": "members[value eq \"5\" or value eq \"6\"]" },
        { "op": "add", "value": { "members": { "value": "7" } } },
        { "op": "replace", "path": "members", "value": null },
        { "op": "remove", "path": "members" }
    ]))
    .unwrap();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        changes,
        [
            MembershipChange::Remove(ids(&["1"])),
            MembershipChange::Add(ids(&["2", "3"])),
            MembershipChange::Remove(ids(&["4"])),
            MembershipChange::Remove(ids(&["5", "6"])),
            MembershipChange::Add(ids(&["7"])),
            MembershipChange::Replace(vec![]),
            MembershipChange::Replace(vec![]),
        ]
    );
    assert_eq!(rest.len(), 1);
    assert!(read(json!([{ "op": "remove", "path": "members[type sw \"x\"]" }])).is_err());
    assert!(
        read(json!([{ "op": "replace", "path": "members[value eq \"1\"].value", "value": "2" }])).is_err()
    );
}

fn any_operation() -> impl Strategy<Value = Value> {
    let text = "[a-c]{1,2}";
    let verb = prop::sample::select(vec!["add", "replace", "remove"]);
    let place = prop_oneof![
        Just(("title".to_owned(), false)),
        Just(("name.givenName".to_owned(), false)),
        text.prop_map(|kind| (format!("emails[type eq \"{kind}\"].value"), false)),
        Just(("emails".to_owned(), true)),
        Just((format!("{}:department", ENTERPRISE_USER.id), false)),
    ];
    (verb, place, text, any::<bool>()).prop_map(|(verb, (path, list), text, primary)| {
        let value =
            if list { json!([{ "value": text, "type": text, "primary": primary }]) } else { json!(text) };
        json!({ "op": verb, "path": path, "value": value })
    })
}

proptest! {
    #[test]
    fn twice_is_once_and_primary_stays_single(operation in any_operation()) {
        let operations = parse(&USER_TYPE, &body(json!([operation])), &LIMITS, &mut Vec::new()).unwrap();
        let mut user = start();
        apply(&USER_TYPE, &mut user, &operations).unwrap();
        let once = user.clone();
        prop_assert!(!apply(&USER_TYPE, &mut user, &operations).unwrap());
        prop_assert_eq!(&user, &once);
        let primaries = user.get("emails").and_then(Value::as_array).into_iter().flatten().filter(|email| email["primary"] == true).count();
        prop_assert!(primaries <= 1);
    }
}
