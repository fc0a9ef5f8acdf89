//! The smaller tools: each one's way through, and its way of saying no.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ceven::dev::{
    atlassian::Atlassian, onepassword::OnePassword, salesforce::Salesforce, scim_server::ScimServer,
    slack::Slack, webhook::Webhook,
};
use serde_json::json;

use super::*;

fn patch(active: bool) -> Body {
    Body::Json(json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": active }] }))
}

#[tokio::test]
async fn onepassword_suspends() {
    let sim = start(OnePassword::new(&SystemClock)).await;
    sim.seed(&priya());
    sim.seed(&dana());
    let (id, secret, account) =
        sim.with(|tool| (tool.client_id.clone(), tool.client_secret.clone(), tool.account_id.clone()));
    let client = Client::new(sim.url());
    let basic = |secret: &str| client.with(&format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))));
    let grant = || vec![("grant_type", "client_credentials".to_owned())];
    let token_path = "/v1beta1/users/oauth2/token";
    assert_eq!(basic("wrong").form(token_path, grant()).await.expect(401)["error"], "invalid_client");
    let got = basic(&secret).form(token_path, grant()).await.expect(200);
    assert_eq!(got["expires_in"], 900);
    let api = client.bearer(got["access_token"].as_str().unwrap());
    let users = format!("/v1beta1/accounts/{account}/users");
    let first = api.get(&format!("{users}?max_page_size=1")).await.expect(200);
    let next = first["next_page_token"].as_str().unwrap();
    let second = api.get(&format!("{users}?max_page_size=1&page_token={next}")).await.expect(200);
    assert_eq!(
        (&second["results"][0]["email"], &second["next_page_token"]),
        (&json!("dana@acme.test"), &json!(""))
    );
    let user = format!("{users}/{}", second["results"][0]["id"].as_str().unwrap());
    for _ in 0..2 {
        let got = api.call("POST", &format!("{user}:suspend"), Body::None).await.expect(200);
        assert_eq!(got["state"], "SUSPENDED");
    }
    assert_eq!(
        api.get(&format!("{users}?filter=user.isSuspended()")).await.expect(200)["results"][0]["state"],
        "SUSPENDED"
    );
    let owner = format!("{users}/{}", first["results"][0]["id"].as_str().unwrap());
    api.call("POST", &format!("{owner}:suspend"), Body::None).await.expect(400);
    assert_eq!(api.get(&format!("{users}?filter=email")).await.expect(400)["code"], 3);
    assert_eq!(client.bearer("x").get(&users).await.expect(401)["code"], 16);
    assert_eq!(api.get("/v1/users").await.expect(404)["code"], 5);
    assert_eq!(api.delete(&user).await.status, 405);
    sim.with(|tool| tool.scopes = vec!["users.list".into()]);
    let less = basic(&secret).form(token_path, grant()).await.expect(200);
    let less = client.bearer(less["access_token"].as_str().unwrap());
    assert_eq!(less.call("POST", &format!("{user}:suspend"), Body::None).await.expect(403)["code"], 7);
}

#[tokio::test]
async fn slack_deactivates_in_both_apis() {
    let sim = start(Slack::new(&SystemClock)).await;
    for person in [priya(), dana(), dana()] {
        sim.seed(&person);
    }
    let api = Client::new(sim.url()).bearer(&sim.with(|tool| tool.token.clone()));
    let found =
        api.get("/scim/v2/Users?filter=email%20eq%20%22dana%40acme.test%22&count=2").await.expect(200);
    assert_eq!(found["totalResults"], 2);
    let id = found["Resources"][0]["id"].as_str().unwrap();
    let user = format!("/scim/v2/Users/{id}");
    assert_eq!(api.call("PATCH", &user, patch(false)).await.expect(200)["active"], false);
    api.delete(&user).await.expect(204);
    assert_eq!(api.get(&user).await.expect(200)["active"], false);
    let other = found["Resources"][1]["id"].clone();
    for method in ["admin.users.session.reset", "admin.users.deactivate"] {
        assert_eq!(
            api.post(&format!("/api/{method}"), json!({ "user_id": other })).await.expect(200)["ok"],
            true
        );
    }
    let owner = json!({ "user_id": sim.with(|tool| tool.members[0].shown["id"].clone()) });
    let refused = api.post("/api/admin.users.session.reset", owner).await.expect(200);
    assert_eq!(refused["error"], "cannot_reset_primary_owner");
    sim.with(|tool| tool.is_enterprise = false);
    let refused = api.post("/api/admin.users.deactivate", json!({ "user_id": id })).await.expect(200);
    assert_eq!(refused["error"], "feature_not_enabled");
    assert_eq!(api.bearer("x").get(&user).await.expect(401)["Errors"]["code"], 401);
    assert_eq!(api.get("/scim/v2/Teams").await.expect(404)["Errors"]["code"], 404);
    assert_eq!(api.call("PATCH", &user, Body::Json(json!({}))).await.expect(400)["Errors"]["code"], 400);
    sim.with(|tool| tool.scopes.retain(|scope| scope != "admin"));
    assert_eq!(api.get(&user).await.expect(403)["Errors"]["description"], "missing_scope");
}

#[tokio::test]
async fn atlassian_closes_both_levels() {
    let sim = start(Atlassian::new(&SystemClock)).await;
    sim.seed(&dana());
    let (org, key) = sim.with(|tool| (tool.org_id.clone(), tool.api_key.clone()));
    let api = Client::new(sim.url()).bearer(&key);
    let directories = format!("/admin/v2/orgs/{org}/directories");
    let search = format!("{directories}/-/users/search");
    let found = api.post(&search, json!({ "emails": ["dana@acme.test"] })).await.expect(200);
    let (id, claim) = (found["data"][0]["accountId"].as_str().unwrap(), &found["data"][0]["claimStatus"]);
    assert_eq!(claim, "managed");
    for directory in api.get(&directories).await.expect(200)["data"].as_array().unwrap() {
        let user = format!("{directories}/{}/users/{id}", directory["directoryId"].as_str().unwrap());
        api.call("POST", &format!("{user}/suspend"), Body::None).await.expect(204);
    }
    let manage = format!("/users/{id}/manage");
    assert_eq!(api.get(&manage).await.expect(200)["lifecycle.enablement"]["allowed"], true);
    let disable = format!("{manage}/lifecycle/disable");
    api.post(&disable, json!({ "message": "left" })).await.expect(204);
    let token = api.get(&format!("{manage}/api-tokens")).await.expect(200)[0]["id"].clone();
    api.delete(&format!("{manage}/api-tokens/{}", token.as_str().unwrap())).await.expect(204);
    let got = api.post(&search, json!({ "accountIds": [id] })).await;
    let row = got.expect(200)["data"][0].clone();
    assert_eq!((&row["membershipStatus"], &row["accountStatus"]), (&json!("suspended"), &json!("inactive")));
    assert!(got.header("x-ratelimit-reset").ends_with('Z'), "the reset is a date");
    sim.with(|tool| tool.accounts[0].is_synced = true);
    assert_eq!(api.post(&disable, json!({})).await.expect(403)["key"], "forbidden.action");
    assert_eq!(api.bearer("x").get(&directories).await.expect(401)["errors"][0]["status"], "401");
    assert_eq!(api.get(&format!("/v1/orgs/{org}/users")).await.status, 404);
    sim.with(|tool| tool.scopes.clear());
    api.get(&directories).await.expect(403);
}

#[tokio::test]
async fn salesforce_freezes_and_deactivates() {
    let sim = start(Salesforce::new(&SystemClock)).await;
    sim.seed(&dana());
    sim.seed(&dana());
    let (id, secret) = sim.with(|tool| (tool.client_id.clone(), tool.client_secret.clone()));
    let client = Client::new(sim.url());
    let grant = |secret: &str| {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", id.clone()),
            ("client_secret", secret.to_owned()),
        ]
    };
    let token_path = "/services/oauth2/token";
    assert_eq!(client.form(token_path, grant("x")).await.expect(400)["error"], "invalid_client");
    let got = client.form(token_path, grant(&secret)).await.expect(200);
    assert_eq!(got["instance_url"], sim.url());
    let api = client.bearer(got["access_token"].as_str().unwrap());
    let query = async |text: &str| {
        let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        api.get(&format!("/services/data/v62.0/query?q={query}")).await
    };
    let found = query("SELECT Id,IsActive FROM User WHERE Email = 'dana@acme.test'").await.expect(200);
    assert_eq!(found["totalSize"], 2, "an address is not unique here");
    let found = query("SELECT Id FROM User WHERE FederationIdentifier='dana@acme.test'").await.expect(200);
    let user = found["records"][0]["Id"].as_str().unwrap().to_owned();
    let login = query(&format!("SELECT Id,IsFrozen FROM UserLogin WHERE UserId='{user}'")).await.expect(200);
    let objects = "/services/data/v62.0/sobjects";
    let login = format!("{objects}/UserLogin/{}", login["records"][0]["Id"].as_str().unwrap());
    api.call("PATCH", &login, Body::Json(json!({ "IsFrozen": true }))).await.expect(204);
    let path = format!("{objects}/User/{user}");
    sim.with(|tool| tool.pinned.push(user.clone()));
    let refused = api.call("PATCH", &path, Body::Json(json!({ "IsActive": false }))).await.expect(400);
    assert_eq!(refused[0]["errorCode"], "FIELD_INTEGRITY_EXCEPTION");
    sim.with(|tool| tool.pinned.clear());
    api.call("PATCH", &path, Body::Json(json!({ "IsActive": false }))).await.expect(204);
    let sessions = query(&format!("SELECT Id FROM AuthSession WHERE UsersId='{user}'")).await.expect(200);
    for session in sessions["records"].as_array().unwrap() {
        api.delete(&format!("{objects}/AuthSession/{}", session["Id"].as_str().unwrap())).await.expect(204);
    }
    let tokens =
        query(&format!("SELECT Id,DeleteToken FROM OauthToken WHERE UserId='{user}'")).await.expect(200);
    let revoke = || vec![("token", tokens["records"][0]["DeleteToken"].as_str().unwrap().to_owned())];
    assert_eq!(client.form("/services/oauth2/revoke", revoke()).await.status, 200);
    assert_eq!(client.form("/services/oauth2/revoke", revoke()).await.expect(400)["error"], "invalid_token");
    let left = query(&format!("SELECT Id FROM AuthSession WHERE UsersId = '{user}' LIMIT 5")).await;
    assert_eq!(left.expect(200)["totalSize"], 0);
    assert!(left.header("sforce-limit-info").starts_with("api-usage="));
    assert_eq!(query("SELECT x FROM User").await.expect(400)[0]["errorCode"], "INVALID_FIELD");
    assert_eq!(
        query("SELECT Id FROM User WHERE Email = 'o'neil'").await.expect(400)[0]["errorCode"],
        "MALFORMED_QUERY"
    );
    assert_eq!(client.bearer("x").get(&path).await.expect(401)[0]["errorCode"], "INVALID_SESSION_ID");
    assert_eq!(api.get("/services/data/v62.0/tooling").await.expect(404)[0]["errorCode"], "NOT_FOUND");
    sim.with(|tool| tool.rights = vec!["api".into()]);
    let less = client.form(token_path, grant(&secret)).await.expect(200);
    let less = client.bearer(less["access_token"].as_str().unwrap());
    let refused = less.call("PATCH", &path, Body::Json(json!({ "IsActive": true }))).await.expect(403);
    assert_eq!(refused[0]["errorCode"], "INSUFFICIENT_ACCESS_OR_READONLY");
}

#[tokio::test]
async fn scim_servers_have_their_oddities() {
    let sim = start(ScimServer::new(&SystemClock)).await;
    sim.seed(&dana());
    sim.seed(&priya());
    let api = Client::new(sim.url()).bearer(&sim.with(|tool| tool.token.clone()));
    let filter = "/scim/v2/Users?filter=externalId%20eq%20%22x%22%20or%20userName%20eq%20%22DANA%40acme.test%22&count=2";
    let found = api.get(filter).await.expect(200);
    assert_eq!(found["totalResults"], 1);
    let user = format!("/scim/v2/Users/{}", found["Resources"][0]["id"].as_str().unwrap());
    let no_path = || {
        Body::Json(json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }] }))
    };
    sim.with(|tool| tool.needs_path = true);
    assert_eq!(api.call("PATCH", &user, no_path()).await.expect(400)["scimType"], "invalidPath");
    assert_eq!(api.call("PATCH", &user, patch(false)).await.expect(200)["active"], false);
    sim.with(|tool| (tool.has_patch, tool.ignores_filters) = (false, true));
    assert_eq!(api.get("/scim/v2/ServiceProviderConfig").await.expect(200)["patch"]["supported"], false);
    api.call("PATCH", &user, patch(true)).await.expect(501);
    let mut body = api.get(&user).await.expect(200);
    body["active"] = true.into();
    assert_eq!(api.call("PUT", &user, Body::Json(body)).await.expect(200)["active"], true);
    assert_eq!(api.get(filter).await.expect(200)["totalResults"], 2, "the filter is ignored");
    api.delete(&user).await.expect(204);
    assert_eq!(api.get(&user).await.expect(404)["status"], "404");
    assert_eq!(api.bearer("x").get(filter).await.header("www-authenticate"), "Bearer");
    api.get("/scim/v2/Nothing").await.expect(404);
    sim.with(|tool| tool.rights = vec!["read".into()]);
    api.delete(&user).await.expect(403);
}

#[tokio::test]
async fn a_webhook_takes_what_is_signed() {
    let sim = start(Webhook::new(&SystemClock)).await;
    let secret = sim.with(|tool| tool.secret.clone());
    let client = Client::new(sim.url());
    let body = json!({ "type": "user.offboarded", "timestamp": "2026-11-24T01:02:03Z", "data": { "email": "d@acme.test" } });
    let sign = |id: &str, at: i64, body: &Value| {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
        let tag = aws_lc_rs::hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    };
    let send = async |id: &str, at: i64, body: &Value, signature: &str| {
        let stamp = at.to_string();
        let headers = [("webhook-id", id), ("webhook-timestamp", &stamp), ("webhook-signature", signature)];
        client.send_with("POST", "/hook", Body::Json(body.clone()), &headers).await.status
    };
    let good = format!("v1,AAAA {}", sign("msg_1", now(), &body));
    assert_eq!(send("msg_1", now(), &body, &good).await, 204);
    assert_eq!(send("msg_1", now(), &body, &sign("msg_1", now(), &body)).await, 204);
    assert_eq!(send("msg_2", now(), &body, &good).await, 401);
    assert_eq!(send("msg_2", now() - 600, &body, &sign("msg_2", now() - 600, &body)).await, 401);
    assert_eq!(send("msg_3", now(), &json!({}), &sign("msg_3", now(), &json!({}))).await, 400);
    sim.with(|tool| {
        assert_eq!((tool.received.len(), tool.repeated), (1, 1));
        tool.is_gone = true;
    });
    assert_eq!(send("msg_4", now(), &body, &sign("msg_4", now(), &body)).await, 410);
    assert_eq!(client.get("/hook").await.status, 405);
    assert_eq!(client.get("/").await.status, 404);
}
