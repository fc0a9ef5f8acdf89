use serde_json::{Value, json};

use crate::{
    on_each_database,
    support::{Scim, Server},
};

on_each_database!(lists_page_filter_sort_and_project);

async fn names(scim: &Scim, query: &[(&str, &str)]) -> (Value, Vec<String>) {
    let list = scim.send(scim.request("GET", "/Users").query(query)).await.expect(200);
    let names = list["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["userName"].as_str().unwrap().to_owned())
        .collect();
    (list["totalResults"].clone(), names)
}

async fn lists_page_filter_sort_and_project(server: Server) {
    let scim = server.organization("acme");
    for (index, name) in ["Dora", "ann", "Carl", "bob", "eve"].iter().enumerate() {
        let body = json!({
            "userName": name, "externalId": format!("00u{index}"), "active": index % 2 == 0, "title": if index < 2 { json!("CEO") } else { Value::Null },
            "emails": [{ "value": format!("{name}@work"), "type": "work", "primary": true }, { "value": format!("{name}@home"), "type": "home" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "employeeNumber": index.to_string() }
        });
        scim.post("/Users", &body).await.expect(201);
    }
    let all = names(&scim, &[]).await;
    assert_eq!(all, (json!(5), ["Dora", "ann", "Carl", "bob", "eve"].map(str::to_owned).to_vec()));
    assert_eq!(names(&scim, &[("startIndex", "2"), ("count", "2")]).await.1, ["ann", "Carl"]);
    assert_eq!(names(&scim, &[("startIndex", "6")]).await, (json!(5), vec![]));
    assert_eq!(names(&scim, &[("startIndex", "-1"), ("count", "0")]).await, (json!(5), vec![]));
    assert_eq!(names(&scim, &[("sortBy", "userName")]).await.1, ["ann", "bob", "Carl", "Dora", "eve"]);
    assert_eq!(
        names(
            &scim,
            &[("sortBy", "userName"), ("sortOrder", "descending"), ("startIndex", "2"), ("count", "2")]
        )
        .await
        .1,
        ["Dora", "Carl"]
    );
    for (filter, expected) in [
        (r#"userName eq "ANN""#, vec!["ann"]),
        (r#"userName eq "ANN" and active eq true"#, vec![]),
        (r#"externalId eq "00u3""#, vec!["bob"]),
        (r#"externalId eq "00U3""#, vec![]),
        (r#"id eq "nobody""#, vec![]),
        (r#"title pr"#, vec!["Dora", "ann"]),
        (r#"not (title pr) and active eq true"#, vec!["Carl", "eve"]),
        (r#"emails[type eq "home" and value sw "E"]"#, vec!["eve"]),
        (r#"userName co "A" or userName ew "b""#, vec!["Dora", "ann", "Carl", "bob"]),
        (r#"userName ne "ann""#, vec!["Dora", "Carl", "bob", "eve"]),
        (r#"userName gt "carl""#, vec!["Dora", "eve"]),
        (r#"userName le "bob""#, vec!["ann", "bob"]),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "2""#, vec!["Carl"]),
        (
            r#"meta.created gt "2001-01-01T00:00:00Z" and meta.lastModified ge "2001-01-01T00:00:00Z" and userName lt "b""#,
            vec!["ann"],
        ),
    ] {
        let (total, found) = names(&scim, &[("filter", filter)]).await;
        assert_eq!(
            (total, found),
            (json!(expected.len()), expected.iter().map(|name| (*name).to_owned()).collect()),
            "{filter}"
        );
    }
    let only = scim.get("/Users?attributes=userName&count=1").await.expect(200)["Resources"][0].clone();
    assert_eq!(only.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "schemas", "userName"]);
    let without =
        scim.get("/Users?excludedAttributes=emails,meta&count=1").await.expect(200)["Resources"][0].clone();
    assert!(
        without.get("emails").is_none() && without.get("meta").is_none() && without.get("title").is_some()
    );
    let made = scim
        .post(
            "/Users?attributes=emails.value",
            &json!({ "userName": "z", "emails": [{ "value": "z@z", "type": "work" }] }),
        )
        .await
        .expect(201);
    assert_eq!(made["emails"], json!([{ "value": "z@z" }]));
    let path = format!("/Users/{}?excludedAttributes=emails", made["id"].as_str().unwrap());
    for reply in [
        scim.get(&path).await,
        scim.put(&path, &json!({ "userName": "z", "emails": [{ "value": "y@y" }] })).await,
        scim.patch(&path, &json!([{ "op": "add", "path": "title", "value": "x" }])).await,
    ] {
        assert!(reply.expect(200).get("emails").is_none());
    }
    let everything = scim.get("/?count=4&startIndex=5").await.expect(200);
    assert_eq!(
        (&everything["totalResults"], everything["Resources"].as_array().unwrap().len()),
        (&json!(9), 4)
    );
}
