use serde_json::{Value, json};

use crate::{
    on_each_database,
    support::{Scim, Server},
};

on_each_database!(
    bad_input_is_refused_in_the_dialect_and_changes_nothing,
    what_grows_bit_by_bit_has_the_limits_of_what_comes_at_once,
    the_log_stays_readable_however_deep_a_resource_is
);

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

async fn what_grows_bit_by_bit_has_the_limits_of_what_comes_at_once(server: Server) {
    let scim = server.organization("acme");
    let path = format!("/Users/{}", scim.user("ann").await);
    let add = |from: usize, count: usize| {
        let values: Vec<_> =
            (from..from + count).map(|number| json!({ "value": format!("{number}@x") })).collect();
        json!({ "op": "add", "path": "emails", "value": values })
    };
    scim.patch(&path, &json!([add(0, 150)])).await.expect(200);
    scim.patch(&path, &json!([add(150, 51)])).await.refused(400, Some("invalidValue"));
    let many: Vec<_> = (0..900).map(|number| add(1_000 + number * 20, 20)).collect();
    scim.patch(&path, &Value::Array(many)).await.refused(400, Some("invalidValue"));
    scim.patch(&path, &json!([add(150, 50)])).await.expect(200);
    let made = json!([{ "op": "add", "path": "emails[value eq \"one-more\"].display", "value": "x" }]);
    scim.patch(&path, &made).await.refused(400, Some("invalidValue"));
    assert_eq!(scim.get(&path).await.expect(200)["emails"].as_array().unwrap().len(), 200);

    let part = |name: &str| json!([{ "op": "add", "path": format!("urn:acme:1.0:Big:{name}"), "value": "x".repeat(600_000) }]);
    scim.patch(&path, &part("a")).await.expect(200);
    scim.patch(&path, &part("b")).await.refused(400, Some("invalidValue"));
    let other = json!([{ "op": "remove", "path": "urn:acme:1.0:Big:a" }]);
    assert!(scim.patch(&path, &other).await.expect(200).get("urn:acme:1.0:Big").is_none());
}

async fn the_log_stays_readable_however_deep_a_resource_is(server: Server) {
    let scim = server.organization("acme");
    let path = format!("/Users/{}", scim.user("ann").await);
    let nested = |levels: usize| {
        (0..levels).fold(
            json!(1),
            |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) },
        )
    };
    for (levels, status) in [(30, 200), (40, 400), (110, 400)] {
        let scim_type = (status == 400).then_some("invalidValue");
        let body = json!({ "userName": "ann", "urn:acme:1.0:Deep": { "a": nested(levels) } });
        let put = scim.put(&path, &body).await;
        let operations = [
            json!({ "op": "add", "path": "urn:acme:1.0:Deep:b", "value": nested(levels) }),
            json!({ "op": "add", "value": { "urn:acme:1.0:Deep": { "c": nested(levels) } } }),
        ];
        for operation in operations {
            let patched = scim.patch(&path, &json!([operation])).await;
            for reply in [&put, &patched] {
                match scim_type {
                    None => drop(reply.expect(200)),
                    Some(_) => reply.refused(400, scim_type),
                }
            }
        }
    }
    assert!(server.audit("acme").len() > 4, "an export is verified");
}
