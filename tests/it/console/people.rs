use serde_json::json;

use super::support::{Browser, organization, problem, session_of};
use crate::{on_each_database, support::Server};

on_each_database!(people_are_listed_and_promoted, roles_open_what_they_say_and_nothing_more);

async fn people_are_listed_and_promoted(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    // A space in front is a name's own, and part of the place to go on from.
    let names = ["dora", "ann", "carl", "bob", "Éva", " bo", " a"];
    for name in names {
        scim.user(&format!("{name}@acme.example")).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = browser.get(&format!("/api/v1/users?limit=2{cursor}")).await.expect(200);
        assert_eq!(page["total"], names.len());
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|user| user["user_name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        cursor = format!("&cursor={next}");
    }
    let expected: Vec<_> = [" a", " bo", "ann", "bob", "carl", "dora", "Éva"]
        .iter()
        .map(|name| format!("{name}@acme.example"))
        .collect();
    assert_eq!(seen, expected);
    let found = browser.get("/api/v1/users?q=ANN&active=true&role=employee").await.expect(200);
    assert_eq!(found["total"], 1);
    let user = found["items"][0]["id"].as_str().unwrap().to_owned();
    for wrong in ["active=maybe", "role=king", "limit=0", "limit=x"] {
        problem(&browser.get(&format!("/api/v1/users?{wrong}")).await, 400);
    }
    // Promoted, and the promotion survives the next push.
    let path = format!("/api/v1/users/{user}/role");
    assert_eq!(browser.json("PUT", &path, &json!({ "role": "admin" })).await.expect(200)["role"], "admin");
    let body = json!({ "userName": "ann@acme.example", "title": "x", "active": true });
    scim.put(&format!("/Users/{user}"), &body).await.expect(200);
    assert_eq!(browser.get(&format!("/api/v1/users/{user}")).await.expect(200)["role"], "admin");
    assert_eq!(scim.get(&format!("/Users/{user}")).await.expect(200)["roles"][0]["value"], "admin");
    problem(&browser.json("PUT", &path, &json!({ "role": "king" })).await, 400);
    assert_eq!(browser.json("POST", &path, &json!({ "role": "Member" })).await.expect(200)["role"], "member");
    // Of two admins who look at the same page, the later one is told what the earlier one did.
    let seen_long_ago = browser.json("PUT", &path, &json!({ "role": "employee", "seen": "admin" })).await;
    problem(&seen_long_ago, 409);
    assert!(seen_long_ago.text.contains("has become Member"), "{}", seen_long_ago.text);
    problem(&browser.json("PUT", &path, &json!({ "role": "employee", "seen": "king" })).await, 400);
    let page = browser.get(&format!("/app/team/{user}")).await.text;
    assert!(page.contains("<input type=\"hidden\" name=\"seen\" value=\"member\">"), "{page}");
    let form = format!("/app/team/{user}/role");
    let stale = browser.form(&form, &[("role", "employee"), ("seen", "admin")]).await;
    assert!(stale.status == 409 && stale.text.contains("has become Member"), "{}", stale.text);
    let roles = server.audit("acme").iter().filter(|line| line["action"] == "user.role").count();
    assert_eq!(roles, 2);
    assert_eq!(browser.form(&form, &[("role", "employee"), ("seen", "member")]).await.status, 303);
    // The last admin stays one: an organization without a local admin.
    server.json(&["org", "create", "--name", "Globex", "--slug", "globex"]);
    let token = server.json(&["token", "mint", "--org", "globex", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let body = json!({ "userName": "gus", "roles": [{ "value": "admin" }] });
    let gus = scim.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let other = scim.user("gil").await;
    let session = session_of(&server, "globex", &gus).await;
    let path = format!("/api/v1/users/{gus}/role");
    problem(&session.json("PUT", &path, &json!({ "role": "member" })).await, 409);
    let second = format!("/api/v1/users/{other}/role");
    session.json("PUT", &second, &json!({ "role": "admin" })).await.expect(200);
    session.json("PUT", &path, &json!({ "role": "member" })).await.expect(200);
    problem(&session.json("PUT", &path, &json!({ "role": "admin" })).await, 403);
}

async fn roles_open_what_they_say_and_nothing_more(server: Server) {
    organization(&server, "acme");
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let admin = Browser::signed_in(&server, "acme").await;
    let (ann, bob) = (scim.user("ann").await, scim.user("bob").await);
    admin.json("PUT", &format!("/api/v1/users/{bob}/role"), &json!({ "role": "member" })).await.expect(200);
    let employee = session_of(&server, "acme", &ann).await;
    let member = session_of(&server, "acme", &bob).await;
    let admin_session =
        admin.get("/api/v1/me").await.expect(200)["session"]["id"].as_str().unwrap().to_owned();
    for (person, sees_people) in [(&employee, false), (&member, true)] {
        for path in ["/api/v1/sso/scim-tokens", "/api/v1/sso/audit-export"] {
            problem(&person.get(path).await, 403);
        }
        let own = format!("/api/v1/users/{ann}/role");
        problem(&person.json("PUT", &own, &json!({ "role": "admin" })).await, 403);
        problem(&person.json("POST", "/api/v1/sso/scim-tokens", &json!({ "label": "x" })).await, 403);
        problem(&person.delete(&format!("/api/v1/sessions/{admin_session}")).await, 404);
        problem(&person.delete(&format!("/api/v1/users/{bob}/sessions")).await, 403);
        for page in ["/app/sso", "/app/sso/tokens", "/app/audit", "/app/audit/1"] {
            let reply = person.get(page).await;
            assert_eq!(reply.status, 403, "{page}");
            assert!(
                reply.text.contains("Only an admin") && reply.text.contains("request "),
                "{}",
                reply.text
            );
        }
        assert_eq!(person.get("/api/v1/users").await.status, if sees_people { 200 } else { 403 });
        assert_eq!(person.get("/app/team").await.status, if sees_people { 200 } else { 403 });
        assert_eq!(person.get("/app/settings").await.status, 200);
        let home = person.get("/app").await;
        assert_eq!(home.status, 200);
        assert!(!home.text.contains("/app/sso") && home.text.contains("/app/team") == sees_people);
    }
    // A promotion counts at the next request, and so does its end.
    admin.json("PUT", &format!("/api/v1/users/{ann}/role"), &json!({ "role": "admin" })).await.expect(200);
    employee.get("/api/v1/sso/scim-tokens").await.expect(200);
    admin.json("PUT", &format!("/api/v1/users/{ann}/role"), &json!({ "role": "employee" })).await.expect(200);
    problem(&employee.get("/api/v1/sso/scim-tokens").await, 403);
    // An admin ends the sessions of others.
    assert_eq!(admin.delete(&format!("/api/v1/users/{bob}/sessions")).await.status, 204);
    problem(&member.get("/api/v1/me").await, 401);
    employee.get("/api/v1/me").await.expect(200);
}
