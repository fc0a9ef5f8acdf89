use ceven::dev::{
    Sim,
    google_workspace::{GoogleWorkspace, SCOPES},
};
use serde_json::{Value, json};

use super::*;

const USERS: &str = "/admin/directory/v1/users";

async fn workspace() -> (Sim<GoogleWorkspace>, Client) {
    let sim = start(GoogleWorkspace::new().unwrap()).await;
    sim.seed(&priya());
    sim.seed(&dana());
    let client = Client::new(sim.url());
    (sim, client)
}

fn claims(sim: &Sim<GoogleWorkspace>, scope: &str) -> Value {
    let file = sim.with(|google| google.service_account("http://unused"));
    json!({ "iss": file["client_email"], "sub": "priya@acme.test", "scope": scope, "iat": now(), "exp": now() + 3600,
        "aud": "https://oauth2.googleapis.com/token" })
}

async fn ask(sim: &Sim<GoogleWorkspace>, client: &Client, claims: &Value) -> Got {
    let file = sim.with(|google| google.service_account(sim_url(client)));
    let assertion = jwt(file["private_key"].as_str().unwrap(), claims);
    let pairs = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
        ("assertion", assertion),
    ];
    client.form(file["token_uri"].as_str().unwrap(), pairs).await
}

fn sim_url(client: &Client) -> &str {
    &client.base
}

async fn signed_in(sim: &Sim<GoogleWorkspace>, client: &Client, scope: &str) -> Client {
    let got = ask(sim, client, &claims(sim, scope)).await.expect(200);
    assert_eq!(got["token_type"], "Bearer");
    client.bearer(got["access_token"].as_str().unwrap())
}

/// A POST of nothing, which says so.
async fn empty(client: &Client, path: &str) -> Got {
    client.send_with("POST", path, Body::None, &[("content-length", "0")]).await
}

#[tokio::test]
async fn an_offboarding_runs_and_reads_back() {
    let (sim, client) = workspace().await;
    let api = signed_in(&sim, &client, &SCOPES.join(" ")).await;
    let by_alias = api.get(&format!("{USERS}/dana.alias@acme.test?fields=id,primaryEmail")).await.expect(200);
    assert_eq!(by_alias.as_object().unwrap().len(), 2);
    let user = format!("{USERS}/{}", by_alias["id"].as_str().unwrap());
    let codes = format!("{user}/verificationCodes/invalidate");
    let refused = api.call("POST", &codes, Body::None).await;
    assert!(refused.status == 411 && refused.text.contains("Length Required"), "{refused:?}");
    empty(&api, &codes).await.expect(204);
    let suspended = api.call("PUT", &user, Body::Json(json!({ "suspended": true }))).await.expect(200);
    assert_eq!((&suspended["suspended"], &suspended["suspensionReason"]), (&true.into(), &"ADMIN".into()));
    empty(&api, &format!("{user}/signOut")).await.expect(204);
    let too_late = empty(&api, &codes).await.expect(400);
    assert_eq!(too_late["error"]["message"], "Invalid Input");
    for (list, id) in [("tokens", "clientId"), ("asps", "codeId")] {
        let items = api.get(&format!("{user}/{list}")).await.expect(200)["items"].clone();
        for item in items.as_array().unwrap() {
            let key = item[id].as_str().map_or_else(|| item[id].to_string(), str::to_owned);
            api.delete(&format!("{user}/{list}/{key}")).await.expect(204);
            let again = api.delete(&format!("{user}/{list}/{key}")).await.expect(404);
            assert_eq!(again["error"]["errors"][0]["reason"], "notFound");
        }
        assert_eq!(api.get(&format!("{user}/{list}")).await.expect(200).get("items"), None);
    }
    let groups = api.get("/admin/directory/v1/groups?userKey=dana@acme.test").await.expect(200);
    let group = groups["groups"][0]["id"].as_str().unwrap();
    api.delete(&format!("/admin/directory/v1/groups/{group}/members/dana@acme.test")).await.expect(204);
    let state = sim.state()["users"][1].clone();
    assert_eq!(
        (&state["sessions"], &state["groups"], &state["backup_codes"]),
        (&json!(0), &json!([]), &json!(0))
    );
    assert!(sim.journal().iter().all(|received| received.fault.is_none()));
}

#[tokio::test]
async fn assertions_are_judged() {
    let (sim, client) = workspace().await;
    let good = claims(&sim, SCOPES[0]);
    for (change, value, status, error) in [
        ("aud", json!("https://evil.test/token"), 400, "invalid_grant"),
        ("iss", json!("other@x.test"), 400, "invalid_grant"),
        ("sub", json!("nobody@acme.test"), 400, "invalid_grant"),
        ("sub", json!("dana@acme.test"), 403, "access_denied"),
        ("exp", json!(now() + 7200), 400, "invalid_grant"),
        ("exp", json!(now() - 1), 400, "invalid_grant"),
        ("scope", json!("https://www.googleapis.com/auth/drive"), 401, "unauthorized_client"),
        ("scope", json!(""), 400, "invalid_scope"),
    ] {
        let mut claims = good.clone();
        claims[change] = value;
        assert_eq!(ask(&sim, &client, &claims).await.expect(status)["error"], error, "{change}");
    }
    let other = ceven::dev::keys::SigningKey::generate("x").unwrap();
    let pairs = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
        ("assertion", jwt(other.pem(), &good)),
    ];
    assert_eq!(client.form("/token", pairs).await.expect(400)["error"], "invalid_grant");
}

#[tokio::test]
async fn refusals_are_googles() {
    let (sim, client) = workspace().await;
    let path = format!("{USERS}/dana@acme.test");
    let refused = client.get(&path).await.expect(401);
    assert_eq!(refused["error"]["errors"][0]["reason"], "authError");
    let reader = signed_in(&sim, &client, SCOPES[1]).await;
    let refused = reader.get(&path).await.expect(403);
    assert_eq!(refused["error"]["errors"][0]["reason"], "insufficientPermissions");
    let api = signed_in(&sim, &client, SCOPES[0]).await;
    assert_eq!(api.get("/admin/directory/v2/users").await.status, 404);
    assert!(api.delete(&path).await.header("allow").contains("PUT"));
    for body in [json!({ "suspended": "yes" }), json!({ "suspend": true }), json!([])] {
        let refused = api.call("PUT", &path, Body::Json(body)).await.expect(400);
        assert_eq!(refused["error"]["errors"][0]["reason"], "invalid");
    }
    let archived = api.call("PUT", &path, Body::Json(json!({ "archived": true }))).await.expect(412);
    assert_eq!(archived["error"]["errors"][0]["reason"], "conditionNotMet");
    sim.revoke_tokens();
    api.get(&path).await.expect(401);
}
