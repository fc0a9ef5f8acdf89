//! Who is the same person, and who is not.
use serde_json::{Value, json};

use crate::{
    on_each_database,
    support::{Scim, Server},
};

on_each_database!(
    a_name_is_the_same_however_it_is_written,
    a_blank_external_id_is_nobodys,
    who_stays_inactive_is_not_reactivated
);

async fn count(scim: &Scim, filter: &str) -> Value {
    let list = scim.send(scim.request("GET", "/Users").query(&[("filter", filter)])).await;
    list.expect(200)["totalResults"].clone()
}

async fn a_name_is_the_same_however_it_is_written(server: Server) {
    let scim = server.organization("acme");
    for (made, others) in [
        // One character, and a letter with an accent behind it, as files from a Mac have it.
        ("\u{c9}mile@x", ["E\u{301}mile@x", "e\u{301}MILE@X"]),
        // As Japanese keyboards write it.
        ("taro@x", ["\u{ff54}\u{ff41}\u{ff52}\u{ff4f}@x", "TARO\u{ff20}x"]),
        ("\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}", ["ΣΊΣΥΦΟΣ", "σίσυφοσ"]),
    ] {
        scim.user(made).await;
        for other in others {
            scim.post("/Users", &json!({ "userName": other })).await.refused(409, Some("uniqueness"));
            for filter in [format!("userName eq \"{other}\""), format!("title pr or userName eq \"{other}\"")]
            {
                assert_eq!(count(&scim, &filter).await, 1, "{filter}");
            }
        }
    }
    // What looks alike and is not the same stays apart.
    scim.user("strasse@x").await;
    scim.user("stra\u{df}e@x").await;
    assert_eq!(count(&scim, "userName sw \"ΣΊΣ\"").await, 1);
    assert_eq!(count(&scim, "userName eq \"STRASSE@X\"").await, 1);
}

async fn a_blank_external_id_is_nobodys(server: Server) {
    let scim = server.organization("acme");
    let ann = scim
        .post("/Users", &json!({ "userName": "ann", "externalId": "", "active": false }))
        .await
        .expect(201);
    assert!(ann.get("externalId").is_none());
    let bob = scim.post("/Users", &json!({ "userName": "bob", "externalId": "" })).await.expect(201);
    assert_ne!(ann["id"], bob["id"], "a leaver does not come back as somebody else");
    scim.post("/Users", &json!({ "userName": "carl", "externalId": " " })).await.expect(201);
    let path = format!("/Users/{}", bob["id"].as_str().unwrap());
    let cleared = json!([{ "op": "replace", "path": "externalId", "value": "" }]);
    scim.patch(&path, &json!([{ "op": "add", "path": "externalId", "value": "00u1" }])).await.expect(200);
    assert!(scim.patch(&path, &cleared).await.expect(200).get("externalId").is_none());
    scim.post("/Users", &json!({ "userName": "dora", "externalId": "00u1" })).await.expect(201);
}

async fn who_stays_inactive_is_not_reactivated(server: Server) {
    let scim = server.organization("acme");
    let ann = scim.user("ann").await;
    let path = format!("/Users/{ann}");
    // Access that is taken away by taking the attribute away is seen as taken away.
    let gone = scim.patch(&path, &json!([{ "op": "remove", "path": "active" }])).await.expect(200);
    assert!(gone.get("active").is_none());
    assert_eq!(count(&scim, "active eq false").await, 1);
    assert_eq!(count(&scim, "active eq true").await, 0);
    scim.post("/Users", &json!({ "userName": "ann", "active": false })).await.expect(201);
    assert_eq!(server.audit("acme").last().unwrap()["action"], "user.replace");
    let entries = server.audit("acme").len();
    let same = scim.post("/Users", &json!({ "userName": "ann", "active": false })).await.expect(201);
    assert_eq!((&same["id"], &same["active"]), (&json!(ann), &json!(false)));
    assert_eq!(server.audit("acme").len(), entries, "nothing has changed");
    let titled = json!({ "userName": "ann", "active": false, "title": "x" });
    assert_eq!(scim.post("/Users", &titled).await.expect(201)["active"], false);
    assert_eq!(server.audit("acme").last().unwrap()["action"], "user.replace");
    scim.post("/Users", &json!({ "userName": "ann" })).await.expect(201);
    assert_eq!(server.audit("acme").last().unwrap()["action"], "user.reactivate");
}
