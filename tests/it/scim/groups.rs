use serde_json::{Value, json};

use crate::{on_each_database, support::Server};

on_each_database!(one_member_of_a_large_group_costs_one_line);

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
