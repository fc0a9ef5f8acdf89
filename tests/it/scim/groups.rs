use serde_json::{Value, json};

use crate::{on_each_database, support::Server};

on_each_database!(one_member_of_a_large_group_costs_one_line, a_removal_that_names_nobody_removes_nobody);

const MEMBERS: usize = 5_000;

async fn one_member_of_a_large_group_costs_one_line(server: Server) {
    let scim = server.organization("acme");
    let mut ids = Vec::new();
    for batch in 0..MEMBERS / 50 {
        let names: Vec<String> = (0..50).map(|index| format!("u{batch}-{index}")).collect();
        let made = names.iter().map(|name| scim.user(name));
        ids.extend(futures_util::future::join_all(made).await);
    }
    let last = ids.pop().unwrap();
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let group = scim
        .post("/Groups?excludedAttributes=members", &json!({ "displayName": "All", "members": members }))
        .await
        .expect(201);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let added =
        scim.patch(&path, &json!([{ "op": "add", "path": "members", "value": [{ "value": last }] }])).await;
    assert_eq!(added.status, 204, "a long list is not sent back unasked");
    let log = server.audit("acme");
    let entry = log.last().unwrap();
    assert_eq!(entry["after"]["members_added"], json!([last]));
    assert_eq!(
        (&entry["before"]["members_count"], &entry["after"]["members_count"]),
        (&json!(MEMBERS - 1), &json!(MEMBERS))
    );
    assert!(entry.to_string().len() < 1500);
    assert_eq!(server.rows("memberships", "changed_seq = (SELECT seq FROM organization_heads)").await, 1);
    assert_eq!(scim.get(&path).await.expect(200)["members"].as_array().unwrap().len(), MEMBERS);
    assert_eq!(scim.get(&format!("/Users/{last}")).await.expect(200)["groups"][0]["display"], "All");
    let probe = format!(r#"id eq "{}" and members eq "{last}""#, group["id"].as_str().unwrap());
    let found = scim
        .send(
            scim.request("GET", "/Groups")
                .query(&[("filter", probe.as_str()), ("excludedAttributes", "members")]),
        )
        .await
        .expect(200);
    assert_eq!(found["totalResults"], 1);
    assert!(found["Resources"][0].get("members").is_none());
    // A PUT with one member fewer is a difference too.
    scim.put(&path, &json!({ "displayName": "All", "members": members })).await.expect(200);
    let log = server.audit("acme");
    assert_eq!(log.last().unwrap()["after"]["members_removed"], json!([last]));
    scim.post("/Groups", &json!({ "displayName": "X", "members": [{ "value": "nobody" }] }))
        .await
        .refused(400, Some("invalidValue"));
    assert_eq!(scim.delete(&path).await.status, 204);
    scim.get(&path).await.refused(404, None);
    assert!(scim.get(&format!("/Users/{}", ids[0])).await.expect(200).get("groups").is_none());
}

async fn a_removal_that_names_nobody_removes_nobody(server: Server) {
    let scim = server.organization("acme");
    let (ann, bob) = (scim.user("ann").await, scim.user("bob").await);
    let members = json!([{ "value": ann, "display": "Ann" }, { "value": bob }]);
    let group =
        scim.post("/Groups", &json!({ "displayName": "G", "members": members })).await.expect(201)["id"]
            .clone();
    let path = format!("/Groups/{}", group.as_str().unwrap());
    for unnamed in [json!([{ "display": "Ann" }]), json!([{ "value": null }]), json!([{ "type": "User" }])] {
        for op in ["add", "remove", "replace"] {
            let operation = json!([{ "op": op, "path": "members", "value": unnamed }]);
            scim.patch(&path, &operation).await.refused(400, Some("invalidValue"));
        }
        scim.put(&path, &json!({ "displayName": "G", "members": unnamed }))
            .await
            .refused(400, Some("invalidValue"));
    }
    let operation = json!([{ "op": "remove", "path": "members", "value": [] }]);
    let kept = scim.patch(&path, &operation).await.expect(200);
    assert_eq!(kept["members"].as_array().unwrap().len(), 2);
    let gone = scim.patch(&path, &json!([{ "op": "remove", "path": "members" }])).await.expect(200);
    assert!(gone.get("members").is_none(), "without a value all are meant (RFC 7644 section 3.5.2.2)");
    let user = format!("/Users/{ann}");
    scim.patch(&user, &json!([{ "op": "add", "path": "emails", "value": "ann@x" }])).await.expect(200);
    let operation = json!([{ "op": "remove", "path": "emails", "value": [] }]);
    assert_eq!(scim.patch(&user, &operation).await.expect(200)["emails"][0]["value"], "ann@x");
}
