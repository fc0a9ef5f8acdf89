use std::time::{Duration, Instant};

use ceven::dev::{Fault, Kind, scim_server::ScimServer};
use serde_json::json;

use super::*;

struct World {
    sim: Sim<ScimServer>,
    api: Client,
    user: String,
}

async fn world() -> World {
    let sim = start(ScimServer::new(&SystemClock)).await;
    sim.seed(&dana());
    let (token, user) =
        sim.with(|scim| (scim.token.clone(), scim.users[0]["id"].as_str().unwrap().to_owned()));
    let api = Client::new(sim.url()).bearer(&token);
    World { sim, api, user: format!("/scim/v2/Users/{user}") }
}

impl World {
    async fn deactivate(&self) -> Got {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": false }] });
        self.api.call("PATCH", &self.user, Body::Json(body)).await
    }

    async fn is_active(&self) -> bool {
        self.api.get(&self.user).await.expect(200)["active"].as_bool().unwrap()
    }
}

#[tokio::test]
async fn too_many_requests_tells_when() {
    let world = world().await;
    world.sim.set_faults(vec![Fault::once(Kind::Status { status: 429, reset_secs: Some(7) }).on("PATCH")]);
    assert!(world.is_active().await);
    let refused = world.deactivate().await;
    refused.expect(429);
    assert_eq!(refused.header("retry-after"), "7");
    world.deactivate().await.expect(200);
    let journal = world.sim.journal();
    let faults: Vec<_> = journal.iter().map(|received| (received.status, received.fault)).collect();
    assert_eq!(faults, [(200, None), (429, Some("status")), (200, None)]);
}

#[tokio::test]
async fn a_gateway_fails_twice_then_works() {
    let world = world().await;
    let faults = json!([{ "path": "/scim/v2", "times": 2, "kind": "status", "status": 502 }]);
    world.api.post("/_sim/faults", faults).await.expect(204);
    assert_eq!(world.deactivate().await.status, 502);
    assert_eq!(world.deactivate().await.status, 502);
    world.deactivate().await.expect(200);
    assert_eq!(world.api.get("/_sim/faults").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_late_answer_was_done_all_the_same() {
    let world = world().await;
    world.sim.set_faults(vec![Fault::once(Kind::Hang { secs: 1 })]);
    let begun = Instant::now();
    world.deactivate().await.expect(200);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    world.sim.with(|scim| scim.users[0]["active"] = true.into());
    world.sim.set_faults(vec![Fault::once(Kind::Hang { secs: 60 }).on("PATCH")]);
    assert!(tokio::time::timeout(Duration::from_millis(500), world.deactivate()).await.is_err());
    assert!(!world.is_active().await);
}

#[tokio::test]
async fn credentials_go_wrong() {
    let world = world().await;
    world.sim.set_faults(vec![Fault::once(Kind::WrongCredentials).at("/scim/v2/Users")]);
    world.deactivate().await.expect(401);
    world.deactivate().await.expect(200);
}

#[tokio::test]
async fn a_yes_that_changes_nothing() {
    let world = world().await;
    world.sim.set_faults(vec![Fault::once(Kind::AcceptButKeep)]);
    assert!(world.is_active().await);
    assert_eq!(world.deactivate().await.expect(200)["active"], false);
    assert!(world.is_active().await);
    world.deactivate().await.expect(200);
    assert!(!world.is_active().await);
}

#[tokio::test]
async fn reading_back_comes_late() {
    let world = world().await;
    world.sim.set_faults(vec![Fault::once(Kind::DelayReadBack { reads: 2 })]);
    assert_eq!(world.deactivate().await.expect(200)["active"], false);
    assert!(world.is_active().await);
    assert!(world.is_active().await);
    assert!(!world.is_active().await);
}

#[tokio::test]
async fn faults_are_set_on_the_page_and_checked() {
    let world = world().await;
    let pairs = vec![("kind", "429".to_owned()), ("number", "3".to_owned()), ("method", "patch".to_owned())];
    assert_eq!(world.api.form("/_sim/faults", pairs).await.status, 303);
    assert_eq!(world.deactivate().await.header("retry-after"), "3");
    for bad in [json!([{ "kind": "status", "status": 200 }]), json!([{ "kind": "explode" }]), json!({})] {
        assert_eq!(world.api.post("/_sim/faults", bad).await.status, 400);
    }
    let person = serde_json::to_value(dana()).unwrap();
    world.api.post("/_sim/seed", person).await.expect(204);
    assert_eq!(world.api.get("/_sim/state").await.expect(200)["users"].as_array().unwrap().len(), 2);
    assert_eq!(world.api.get("/_sim/journal").await.expect(200).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_tools_own_limit_counts() {
    let world = world().await;
    let mut last = 0;
    for _ in 0..1001 {
        last = world.api.get("/scim/v2/ServiceProviderConfig").await.status;
    }
    assert_eq!(last, 429);
}
