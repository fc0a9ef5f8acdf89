//! Who a person at Okta is to Ceven when accounts are made anew, tenants change their address, and records of former
//! times are still there.
use serde_json::json;

use super::{
    processes,
    tenant::{CLIENT, Tenant, email},
    visitor::{Visitor, at, connect, refused},
};
use crate::{
    on_each_database,
    support::{Scim, Server},
};

const HOST: &str = "127.0.0.1";
const START: &str = "/api/v1/sso/okta/oidc/start?org=acme";

async fn place(server: &Server) -> (Tenant, Scim) {
    let tenant = Tenant::start().await;
    connect(server, "acme", &tenant, CLIENT);
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    (tenant, server.client(token["token"].as_str().unwrap()))
}

/// Signs in; the id of whoever it is, or the address of the refusal.
async fn sign_in(server: &Server, tenant: &Tenant, sub: &str, email: &str) -> Result<String, (String, u16)> {
    let (start, base) = (at(server, HOST, START), at(server, HOST, ""));
    let mut visitor = Visitor::new();
    let (url, page) = visitor.sign_in(tenant, &start, sub, email).await;
    let me = visitor.me(&base).await;
    me["id"].as_str().map(str::to_owned).ok_or((url, page.status))
}

async fn an_account_made_anew_is_the_same_person(mut server: Server) {
    let (tenant, scim) = place(&server).await;
    let attributes = |id: &str| json!({ "userName": "ada@acme.example", "externalId": id, "active": true });
    let ada = scim.post("/Users", &attributes("00u1")).await.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(sign_in(&server, &tenant, "00u1", "ada@acme.example").await.as_ref(), Ok(&ada));
    // Deleted at Okta and hired again: another id there, the same record here.
    scim.delete(&format!("/Users/{ada}")).await;
    let again = scim.post("/Users", &attributes("00u2")).await.expect(201);
    assert_eq!(again["id"], ada.as_str());
    assert_eq!(sign_in(&server, &tenant, "00u2", "ada@acme.example").await.as_ref(), Ok(&ada));
    let log = server.audit("acme");
    let last = log.iter().rfind(|line| line["action"] == "session.start").unwrap();
    assert_eq!(last["after"]["linked_before"]["subject"], "00u1", "{last}");
    // The former account is nobody any more, after a restart as well.
    for _ in 0..2 {
        let former = sign_in(&server, &tenant, "00u1", "ada@acme.example").await;
        assert!(former.as_ref().is_err_and(|(url, _)| url.ends_with("=not_linked")), "{former:?}");
        assert_eq!(sign_in(&server, &tenant, "00u2", "new@acme.example").await.as_ref(), Ok(&ada));
        server.restart_with(&[]).await;
    }
}

async fn a_tenant_with_a_new_address_knows_its_people(server: Server) {
    let (tenant, scim) = place(&server).await;
    let body = json!({ "userName": "ada@acme.example", "externalId": "00u1" });
    let ada = scim.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let first = sign_in(&server, &tenant, "00u1", "ada@acme.example").await;
    let gus = sign_in(&server, &tenant, "00u7", "gus@acme.example").await.unwrap();
    assert_eq!(first.as_ref(), Ok(&ada));
    let moved = Tenant::start().await;
    server.json(&["okta", "set", "--org", "acme", "--issuer", &moved.issuer, "--client-id", CLIENT]);
    assert_eq!(sign_in(&server, &moved, "00u1", "ada@acme.example").await.as_ref(), Ok(&ada));
    assert_eq!(sign_in(&server, &moved, "00u7", "gus@acme.example").await.as_ref(), Ok(&gus));
    // Within one tenant nobody takes over another's record by its address.
    let (start, mut eve) = (at(&server, HOST, START), Visitor::new());
    refused(
        &eve.sign_in(&moved, &start, "00u9", "ada@acme.example").await,
        &at(&server, HOST, ""),
        "not_linked",
    );
}

async fn a_record_of_former_times_stands_in_nobodys_way(server: Server) {
    let (tenant, scim) = place(&server).await;
    let former = json!({ "userName": "jo.ext", "active": false,
        "emails": [{ "value": "jo@acme.example" }] });
    scim.post("/Users", &former).await.expect(201);
    let now = json!({ "userName": "jo@acme.example", "emails": [{ "value": "jo@acme.example" }] });
    let jo = scim.post("/Users", &now).await.expect(201)["id"].as_str().unwrap().to_owned();
    // Not even under the login that the former record has.
    let mut visitor = Visitor::new();
    let sent = visitor.depart(&tenant, &at(&server, HOST, START)).await;
    let claims = json!({ "preferred_username": "jo.ext" });
    visitor.follow(&Visitor::known_as(&tenant, &sent, "00u1", "jo@acme.example", &claims)).await;
    assert_eq!(visitor.me(&at(&server, HOST, "")).await["id"], jo.as_str());
    let body = email("jo@acme.example");
    let send =
        async |jti: &str| processes::send(&server, &processes::token(&server, &tenant, jti), &body).await;
    assert_eq!(send("one").await, Some(204));
    assert_eq!(scim.get(&format!("/Users/{jo}")).await.expect(200)["active"], false);
    assert_eq!(send("two").await, Some(204), "both are out");
    let (start, mut visitor) = (at(&server, HOST, START), Visitor::new());
    let ended = visitor.sign_in(&tenant, &start, "00u1", "jo@acme.example").await;
    refused(&ended, &at(&server, HOST, ""), "user_deactivated");
}

async fn who_signs_in_first_is_found_by_oktas_login(server: Server) {
    let (tenant, scim) = place(&server).await;
    let arrive = async |sub: &str, email: &str, login: &str, is_verified: bool| {
        let mut visitor = Visitor::new();
        let sent = visitor.depart(&tenant, &at(&server, HOST, START)).await;
        let claims = json!({ "preferred_username": login, "email_verified": is_verified });
        visitor.follow(&Visitor::known_as(&tenant, &sent, sub, email, &claims)).await;
        visitor.me(&at(&server, HOST, "")).await
    };
    let ada = arrive("00u1", "ada@acme.example", "alovelace", true).await;
    let found = scim.get("/Users?filter=userName%20eq%20%22alovelace%22").await.expect(200);
    assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &ada["id"]), "{found}");
    assert_eq!(found["Resources"][0]["externalId"], "00u1");
    // A name or an address that somebody has is not taken from them.
    let vic = json!({ "userName": "vic", "emails": [{ "value": "vic@acme.example" }] });
    scim.post("/Users", &vic).await.expect(201);
    for (sub, login) in [("00u2", "vic"), ("00u3", "vic@acme.example")] {
        let email = format!("{sub}@acme.example");
        let other = arrive(sub, &email, login, sub == "00u3").await;
        let path = format!("/Users/{}", other["id"].as_str().unwrap());
        assert_eq!(scim.get(&path).await.expect(200)["userName"], email.as_str());
    }
    // Whoever has left stays out, under another account with the same login as well.
    scim.post("/Users", &json!({ "userName": "gus", "active": false })).await.expect(201);
    let left = ada["id"].as_str().unwrap();
    scim.delete(&format!("/Users/{left}")).await;
    for (sub, email, login) in
        [("00u8", "gus@acme.example", "gus"), ("00u9", "ada@acme.example", "alovelace")]
    {
        assert_eq!(arrive(sub, email, login, true).await["status"], 401, "{login}");
    }
    // An address that is not verified lets in, with a warning.
    let log = server.audit("acme");
    let warnings: Vec<_> = log.iter().filter(|line| line["action"] == "session.start").collect();
    let said = |line: &serde_json::Value| line["after"]["warning"].as_str().map(str::to_owned);
    assert_eq!(
        (said(warnings[0]), said(warnings[1]).as_deref()),
        (None, Some("Okta has not verified the address"))
    );
}

on_each_database!(
    an_account_made_anew_is_the_same_person,
    a_tenant_with_a_new_address_knows_its_people,
    a_record_of_former_times_stands_in_nobodys_way,
    who_signs_in_first_is_found_by_oktas_login,
);
