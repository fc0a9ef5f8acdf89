use serde_json::json;

use crate::{on_each_database, support::Server};

on_each_database!(
    every_endpoint_keeps_the_manners_of_http,
    one_organization_never_sees_another,
    the_whole_life_of_a_user
);

async fn every_endpoint_keeps_the_manners_of_http(server: Server) {
    let scim = server.organization("acme");
    let id = scim.user("ann").await;
    for path in [
        "",
        "/",
        "/Users",
        "/Users/",
        "/Groups",
        "/Roles",
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        &format!("/Users/{id}/"),
    ] {
        let reply = scim.get(path).await;
        reply.expect(200);
        assert!(reply.header("content-type").starts_with("application/scim+json"), "{path}");
        let head = scim.call("HEAD", path, None).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "HEAD {path}");
    }
    for (method, path, allow) in [
        ("PUT", "/Users", "GET, HEAD, POST"),
        ("POST", "/ServiceProviderConfig", "GET, HEAD"),
        ("POST", "/Schemas", "GET, HEAD"),
        ("DELETE", "/Roles/admin", "GET, HEAD"),
        ("POST", "/Users/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/.search", "POST"),
    ] {
        let reply = scim.call(method, path, None).await;
        reply.refused(405, None);
        assert_eq!(reply.header("allow"), allow, "{method} {path}");
    }
    scim.get("/Nothing").await.refused(404, None);
    scim.get("/Users/not-a-uuid").await.refused(404, None);
    scim.get("/Schemas?filter=id%20pr").await.refused(403, None);
    for urn in [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn%3Aietf%3Aparams%3Ascim%3Aschemas%3Acore%3A2.0%3AGroup",
    ] {
        scim.get(&format!("/Schemas/{urn}")).await.expect(200);
    }
    let roles = scim.get("/Roles?count=1&startIndex=1").await.expect(200);
    assert_eq!((&roles["itemsPerPage"], &roles["totalResults"]), (&json!(1), &json!(3)));
    for path in ["/.search", "/Users/.search", "/Groups/.search", "/Roles/.search"] {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "id pr", "count": 1 });
        scim.post(path, &body).await.expect(200);
    }
}

async fn one_organization_never_sees_another(server: Server) {
    let (acme, globex) = (server.organization("acme"), server.organization("globex"));
    let user = acme.user("ann").await;
    let group = acme.post("/Groups", &json!({ "displayName": "G" })).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({ "userName": "x", "displayName": "x" });
    for (kind, id) in [("Users", &user), ("Groups", &group)] {
        let path = format!("/{kind}/{id}");
        globex.get(&path).await.refused(404, None);
        globex.put(&path, &body).await.refused(404, None);
        globex
            .patch(&path, &json!([{ "op": "replace", "path": "externalId", "value": "x" }]))
            .await
            .refused(404, None);
        globex.delete(&path).await.refused(404, None);
    }
    let foreign = json!({ "displayName": "H", "members": [{ "value": user }] });
    globex.post("/Groups", &foreign).await.refused(400, Some("invalidValue"));
    assert_eq!(globex.get("/Users").await.expect(200)["totalResults"], 0);
}

async fn the_whole_life_of_a_user(server: Server) {
    let scim = server.organization("acme");
    let body = json!({ "userName": "Ann@x", "externalId": "00u1", "password": "p4ss", "roles": [{ "value": "Admin" }], "urn:custom:1.0:X": { "a": 1 } });
    let created = scim.post("/Users", &body).await;
    let user = created.expect(201);
    let id = user["id"].as_str().unwrap();
    let path = format!("/Users/{id}");
    assert_eq!(created.header("location"), user["meta"]["location"].as_str().unwrap());
    assert!(created.header("location").ends_with(&path));
    assert_eq!(
        (&user["active"], &user["roles"][0]["value"], &user["urn:custom:1.0:X"]["a"]),
        (&json!(true), &json!("admin"), &json!(1))
    );
    assert!(user.get("password").is_none());
    scim.post("/Users", &json!({ "userName": "ann@X" })).await.refused(409, Some("uniqueness"));
    scim.post("/Users", &json!({ "userName": "other", "externalId": "00u1" }))
        .await
        .refused(409, Some("uniqueness"));

    // A PUT without roles keeps them; with an empty array it clears them.
    let put = scim.put(&path, &json!({ "userName": "ann@x", "externalId": "00u1" })).await.expect(200);
    assert_eq!(put["roles"][0]["value"], "admin");
    assert!(put.get("urn:custom:1.0:X").is_none());
    let put =
        scim.put(&path, &json!({ "userName": "ann@x", "externalId": "00u1", "roles": [] })).await.expect(200);
    assert!(put.get("roles").is_none());
    let before = scim.get(&path).await.expect(200)["meta"]["lastModified"].clone();
    let same =
        scim.patch(&path, &json!([{ "op": "replace", "value": { "active": true } }])).await.expect(200);
    assert_eq!(same["meta"]["lastModified"], before, "a change of nothing changes nothing");

    let off = scim
        .patch(&path, &json!([{ "op": "Replace", "path": "active", "value": "False" }]))
        .await
        .expect(200);
    assert_eq!(off["active"], false);
    // Silence does not bring a leaver back.
    assert_eq!(
        scim.put(&path, &json!({ "userName": "ann@x", "externalId": "00u1" })).await.expect(200)["active"],
        false
    );
    let again = scim.post("/Users", &json!({ "userName": "ann@x", "externalId": "00u1" })).await.expect(201);
    assert_eq!((&again["id"], &again["active"]), (&json!(id), &json!(true)));

    let group =
        scim.post("/Groups", &json!({ "displayName": "G", "members": [{ "value": id }] })).await.expect(201);
    assert_eq!(scim.get(&path).await.expect(200)["groups"][0]["value"], group["id"]);
    assert_eq!(scim.delete(&path).await.status, 204);
    scim.get(&path).await.refused(404, None);
    scim.delete(&path).await.refused(404, None);
    assert_eq!(scim.get("/Users").await.expect(200)["totalResults"], 0);
    let restored = scim.post("/Users", &json!({ "userName": "ANN@x" })).await.expect(201);
    assert_eq!(restored["id"], id);
    assert!(restored.get("groups").is_none(), "a restored user is in no group");

    let actions: Vec<_> =
        server.audit("acme").iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        actions,
        [
            "organization.create",
            "scim_token.mint",
            "user.create",
            "user.replace",
            "user.role",
            "user.deactivate",
            "offboarding.start",
            "user.reactivate",
            "group.create",
            "user.delete",
            "offboarding.start",
            "user.reactivate"
        ]
    );
}
