use ceven::dev::{Sim, github::GitHub};
use serde_json::{Value, json};

use super::*;

async fn organization() -> (Sim<GitHub>, Client) {
    let sim = start(GitHub::new().unwrap()).await;
    sim.seed(&dana());
    sim.seed(&priya());
    let client = Client::new(sim.url());
    (sim, client)
}

fn app_jwt(sim: &Sim<GitHub>, exp: i64) -> String {
    let (pem, id) = sim.with(|github| (github.private_key_pem().to_owned(), github.app_id.clone()));
    jwt(&pem, &json!({ "iat": now() - 60, "exp": exp, "iss": id }))
}

async fn installed(sim: &Sim<GitHub>, client: &Client, body: Value) -> Client {
    let app = client.bearer(&app_jwt(sim, now() + 540));
    let id = app.get("/orgs/acme/installation").await.expect(200)["id"].clone();
    let made = app.post(&format!("/app/installations/{id}/access_tokens"), body).await.expect(201);
    client.bearer(made["token"].as_str().unwrap())
}

#[tokio::test]
async fn an_offboarding_runs_and_reads_back() {
    let (sim, client) = organization().await;
    let api = installed(&sim, &client, json!({})).await;
    let query = "query($org: String!, $name: String!) { organization(login: $org) { samlIdentityProvider { \
                 externalIdentities(first: 2, userName: $name) { totalCount nodes { guid user { login databaseId } } } } } }";
    let variables = json!({ "org": "acme", "name": "Dana@acme.test" });
    let found = api.post("/graphql", json!({ "query": query, "variables": variables })).await.expect(200);
    let found = &found["data"]["organization"]["samlIdentityProvider"]["externalIdentities"];
    assert_eq!((&found["totalCount"], &found["nodes"][0]["user"]["login"]), (&json!(1), &json!("dana-lee")));
    let number = &found["nodes"][0]["user"]["databaseId"];
    assert_eq!(api.get(&format!("/user/{number}")).await.expect(200)["login"], "dana-lee");
    let membership = "/orgs/acme/memberships/dana-lee";
    let place = api.get(membership).await.expect(200);
    assert_eq!((&place["state"], &place["direct_membership"]), (&json!("active"), &json!(true)));
    let outside = "/orgs/acme/outside_collaborators/dana-lee";
    api.delete(outside).await.expect(422);
    api.call("POST", "/orgs/acme/credential-authorizations/dana-lee/revoke", Body::None).await.expect(202);
    assert_eq!(api.get("/orgs/acme/credential-authorizations?login=dana-lee").await.expect(200), json!([]));
    let pats = api.get("/orgs/acme/personal-access-tokens?owner[]=dana-lee").await.expect(200);
    let revoke = json!({ "action": "revoke", "pat_ids": [pats[0]["id"]] });
    api.post("/orgs/acme/personal-access-tokens", revoke).await.expect(202);
    api.delete(membership).await.expect(204);
    api.get(membership).await.expect(404);
    api.delete(membership).await.expect(404);
    api.delete(outside).await.expect(204);
    let got = api.get("/orgs/acme/members?per_page=1").await;
    assert_eq!(got.expect(200)[0]["login"], "priya-rao");
    assert_eq!(got.header("x-ratelimit-resource"), "core");
    assert!(got.header("x-ratelimit-remaining").parse::<u32>().unwrap() < 15_000);
}

#[tokio::test]
async fn an_enterprise_team_keeps_a_person_in() {
    let (sim, client) = organization().await;
    sim.with(|github| {
        let place = github.accounts[0].membership.as_mut().unwrap();
        place.enterprise_teams.push("ent:justice-league".into());
    });
    let api = installed(&sim, &client, json!({})).await;
    api.delete("/orgs/acme/memberships/dana-lee").await.expect(204);
    let place = api.get("/orgs/acme/memberships/dana-lee").await.expect(200);
    assert_eq!(place["direct_membership"], false);
    let (enterprise, user) = sim.with(|github| (github.enterprise_id.clone(), github.accounts[0].id));
    let mutation = "mutation($input: RemoveEnterpriseMemberInput!) { removeEnterpriseMember(input: $input) { user { id } } }";
    let input = json!({ "enterpriseId": enterprise, "userId": format!("U_{user}") });
    let body = json!({ "query": mutation, "variables": { "input": input } });
    let refused = api.post("/graphql", body.clone()).await.expect(200);
    assert_eq!(refused["errors"][0]["type"], "FORBIDDEN", "an application of the organization may not");
    let owner = client.bearer(&sim.with(|github| github.enterprise_token.clone()));
    assert_eq!(owner.post("/graphql", body).await.expect(200).get("errors"), None);
    api.get("/orgs/acme/memberships/dana-lee").await.expect(404);
}

#[tokio::test]
async fn scim_removes_from_the_organization() {
    let (sim, client) = organization().await;
    let api = installed(&sim, &client, json!({})).await;
    let users = "/scim/v2/organizations/acme/Users";
    let found = api.get(&format!("{users}?filter=userName%20eq%20%22dana%40acme.test%22")).await.expect(200);
    let user = format!("{users}/{}", found["Resources"][0]["id"].as_str().unwrap());
    let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }] });
    api.call("PATCH", &user, Body::Json(patch)).await.expect(200);
    assert_eq!(api.get(&user).await.expect(404)["status"], "404");
    api.get("/orgs/acme/memberships/dana-lee").await.expect(404);
}

#[tokio::test]
async fn refusals_are_githubs() {
    let (sim, client) = organization().await;
    let member = "/orgs/acme/memberships/dana-lee";
    assert_eq!(client.get(member).await.expect(401)["message"], "Bad credentials");
    client.bearer(&app_jwt(&sim, now() + 3600)).get("/app").await.expect(401);
    client.bearer(&app_jwt(&sim, now() - 1)).get("/app").await.expect(401);
    client.bearer(&app_jwt(&sim, now() + 540)).get(member).await.expect(401);
    let reader = installed(&sim, &client, json!({ "permissions": { "members": "read" } })).await;
    reader.get(member).await.expect(200);
    let refused = reader.delete(member).await;
    refused.expect(403);
    assert_eq!(refused.header("x-accepted-github-permissions"), "members=write");
    let app = client.bearer(&app_jwt(&sim, now() + 540));
    let too_much = json!({ "permissions": { "contents": "write" } });
    app.post("/app/installations/48200117/access_tokens", too_much).await.expect(422);
    assert_eq!(reader.get("/orgs/other/memberships/dana-lee").await.status, 404);
    assert_eq!(reader.get("/search/users?q=dana").await.expect(404)["status"], "404");
    assert_eq!(reader.call("PUT", member, Body::None).await.status, 405);
}

#[tokio::test]
async fn single_credentials_and_invitations_end() {
    let (sim, client) = organization().await;
    sim.with(|github| github.invitations.push(json!({ "id": 77, "email": "new@acme.test", "login": null })));
    let api = installed(&sim, &client, json!({})).await;
    for (list, id) in [("credential-authorizations", "credential_id"), ("invitations", "id")] {
        let before = api.get(&format!("/orgs/acme/{list}")).await.expect(200);
        let one = format!("/orgs/acme/{list}/{}", before[0][id]);
        api.delete(&one).await.expect(204);
        api.delete(&one).await.expect(404);
        let after = api.get(&format!("/orgs/acme/{list}")).await.expect(200);
        assert_eq!(after.as_array().unwrap().len() + 1, before.as_array().unwrap().len());
    }
}
