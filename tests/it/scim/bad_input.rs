use serde_json::{Value, json};

use crate::{
    on_each_database,
    support::{Scim, Server},
};

on_each_database!(bad_input_is_refused_in_the_dialect_and_changes_nothing);

async fn raw(scim: &Scim, method: &str, path: &str, media_type: &str, body: String) -> crate::support::Reply {
    scim.send(scim.request(method, path).header("content-type", media_type).body(body)).await
}

async fn bad_input_is_refused_in_the_dialect_and_changes_nothing(server: Server) {
    let scim = server.organization("acme");
    let id = scim.user("ann").await;
    let path = format!("/Users/{id}");
    let entries = server.audit("acme").len();
    for body in [
        "{",
        "[]",
        "5",
        "",
        r#"{"userName":"a","userName":"b"}"#,
        &format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000)),
    ] {
        raw(&scim, "POST", "/Users", "application/json", body.to_owned())
            .await
            .refused(400, Some("invalidSyntax"));
    }
    raw(&scim, "POST", "/Users", "text/xml", "{}".into()).await.refused(415, None);
    raw(&scim, "POST", "/Users", "application/json", format!(r#"{{"userName":"{}"}}"#, "x".repeat(1 << 20)))
        .await
        .refused(413, None);
    let large = format!(r#"{{"displayName":"{}"}}"#, "x".repeat(2 << 20));
    raw(&scim, "POST", "/Groups", "application/json", large).await.refused(400, Some("invalidValue"));
    for (body, scim_type) in [
        (json!({}), "invalidValue"),
        (json!({ "userName": 7 }), "invalidValue"),
        (json!({ "userName": "b", "active": "perhaps" }), "invalidValue"),
        (json!({ "userName": "b", "roles": [{ "value": "emperor" }] }), "invalidValue"),
        (json!({ "userName": "b", "schemas": ["urn:x"] }), "invalidValue"),
    ] {
        scim.post("/Users", &body).await.refused(400, Some(scim_type));
    }
    for (filter, status) in [
        ("shoe eq 5", 400),
        ("userName eq", 400),
        ("active gt true", 400),
        (&*"(".repeat(200), 400),
        (&*format!("userName eq \"{}\"", "x".repeat(5000)), 400),
    ] {
        let reply = scim.send(scim.request("GET", "/Users").query(&[("filter", filter)])).await;
        reply.refused(status, Some("invalidFilter"));
    }
    for (operations, scim_type) in [
        (json!([{ "op": "replace", "path": "shoe", "value": 1 }]), "invalidPath"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), "mutability"),
        (json!([{ "op": "replace", "path": "emails[shoe eq 1].value", "value": "x" }]), "invalidFilter"),
        (Value::Array(vec![json!({ "op": "replace", "path": "title", "value": "x" }); 10_000]), "tooMany"),
        (
            json!([{ "op": "add", "path": "title", "value": "x" }, { "op": "add", "path": "active", "value": 7 }]),
            "invalidValue",
        ),
    ] {
        scim.patch(&path, &operations).await.refused(400, Some(scim_type));
    }
    scim.get("/Users?count=many").await.refused(400, Some("invalidValue"));
    scim.get("/Users?sortBy=shoe").await.refused(400, Some("invalidPath"));
    assert_eq!(server.audit("acme").len(), entries, "what was refused is not in the chain");
    assert!(scim.get(&path).await.expect(200).get("title").is_none());
    // Unknown attributes in a resource are ignored, as Okta echoes what it read.
    scim.put(&path, &json!({ "userName": "ann", "shoeSize": 42 })).await.expect(200);
}
