use serde_json::json;

use super::*;
use crate::protocol::scim::schema::{ENTERPRISE_USER, GROUP_TYPE, USER_TYPE};

const LIMITS: ValueLimits = ValueLimits { text_bytes: 1000, values: 10, depth: 8, resource_bytes: 10_000 };

fn user(body: Value) -> Result<Value, ScimError> {
    normalise(&USER_TYPE, body.as_object().unwrap().clone(), &LIMITS, &mut Vec::new()).map(Value::Object)
}

#[test]
fn okta_and_entra_shapes_come_out_canonical() {
    let made = user(json!({
        "Schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:1.0:Thing"],
        "id": "ignored", "meta": {}, "groups": [], "password": "s3cret", "USERNAME": "ann",
        "name": { "GivenName": "Ann", "nonsense": 1 }, "active": "False", "title": null,
        "emails": { "value": "a@x", "primary": "True" },
        "phoneNumbers": [], "entitlements": ["gold"],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user": { "Department": "R&D", "manager": "7" },
        "urn:ietf:params:scim:schemas:core:2.0:User:nickName": "Annie",
        "urn:x:1.0:Thing": { "a": [1, { "b": null }] }
    }))
    .unwrap();
    assert_eq!(
        made,
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE_USER.id, "urn:x:1.0:Thing"],
            "userName": "ann", "name": { "givenName": "Ann" }, "active": false,
            "emails": [{ "value": "a@x", "primary": true }], "entitlements": [{ "value": "gold" }],
            ENTERPRISE_USER.id: { "department": "R&D", "manager": { "value": "7" } },
            "nickName": "Annie", "urn:x:1.0:Thing": { "a": [1, { "b": null }] }
        })
    );
    assert_eq!(user(made.clone()), Ok(made), "normalising twice is the same as once");
}

#[test]
fn bad_values_are_refused_by_name() {
    for (body, named) in [
        (json!({}), "userName is required"),
        (json!({ "userName": "  " }), "userName is required"),
        (json!({ "userName": 5 }), "userName must be a text"),
        (json!({ "userName": "a", "active": "maybe" }), "active must be true or false"),
        (
            json!({ "userName": "a", "emails": [{ "primary": true, "value": "1" }, { "primary": true, "value": "2" }] }),
            "primary at most once",
        ),
        (json!({ "userName": "a", "emails": [{ "value": 5 }] }), "emails[0].value must be a text"),
        (json!({ "userName": "a", "name": "Ann" }), "name must be an object"),
        (json!({ "userName": "a", "username": "b" }), "there twice"),
        (json!({ "userName": "a", "x509Certificates": [{ "value": "%%%" }] }), "Base64"),
        (json!({ "userName": "a".repeat(1001) }), "at most 1000 bytes"),
        (json!({ "userName": "a", "emails": vec![json!({ "value": "x" }); 11] }), "at most 10 values"),
        (json!({ "userName": "a", "schemas": ["urn:other"] }), "schemas must be"),
    ] {
        let error = user(body.clone()).unwrap_err();
        assert!(error.detail.contains(named), "{body}: {error}");
    }
}

#[test]
fn ignored_names_are_reported() {
    let mut ignored = Vec::new();
    let body = json!({ "userName": "a", "shoeSize": 7, "urn:x:flat": 1 });
    normalise(&USER_TYPE, body.as_object().unwrap().clone(), &LIMITS, &mut ignored).unwrap();
    assert_eq!(ignored, ["shoeSize", "urn:x:flat"]);
}

#[test]
fn members_are_taken_out() {
    let body =
        json!({ "displayName": "G", "members": [{ "value": "1", "display": "x", "$ref": null }, "2"] });
    let mut group =
        normalise(&GROUP_TYPE, body.as_object().unwrap().clone(), &LIMITS, &mut Vec::new()).unwrap();
    assert_eq!(take_members(&mut group), ["1", "2"]);
    assert!(!group.contains_key("members"));
    assert!(mentions(body.as_object().unwrap(), "MEMBERS"));
}
