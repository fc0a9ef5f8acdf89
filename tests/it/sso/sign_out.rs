//! Signing out of a session that began at Okta.
use std::collections::HashMap;

use serde_json::Value;

use super::{
    tenant::{CLIENT, Tenant, TokenSays},
    visitor::{Visitor, at, connect},
};
use crate::{on_each_database, support::Server};

on_each_database!(signing_out_ends_the_session_at_okta_as_well, the_id_token_goes_to_its_issuer_or_nowhere,);

const START: &str = "/api/v1/sso/okta/oidc/start?org=acme";

/// A browser that has signed in; the ID token it did that with, and the session's CSRF token.
async fn signed_in(server: &Server, tenant: &Tenant) -> (Visitor, String, String) {
    let mut visitor = Visitor::new();
    visitor.sign_in(tenant, &at(server, "127.0.0.1", START), "00u1", "ada@acme.example").await;
    let me = visitor.me(&at(server, "127.0.0.1", "")).await;
    let TokenSays::IdToken(token) = tenant.says.lock().unwrap().clone() else { panic!("no token") };
    (visitor, token, me["csrf_token"].as_str().unwrap().to_owned())
}

/// The parameters of an address at which Okta ends a session.
fn at_okta(tenant: &Tenant, url: &str) -> HashMap<String, String> {
    let (endpoint, query) = url.split_once('?').unwrap_or_else(|| panic!("{url}"));
    assert_eq!(endpoint, format!("{}/oauth2/v1/logout", tenant.issuer));
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn signing_out_ends_the_session_at_okta_as_well(server: Server) {
    let tenant = Tenant::start().await;
    connect(&server, "acme", &tenant, CLIENT);
    let base = at(&server, "127.0.0.1", "");
    let (mut visitor, token, csrf) = signed_in(&server, &tenant).await;
    assert_eq!(server.rows("sessions", "id_token LIKE 'v1.%'").await, 1, "kept encrypted");
    // Without the token of the session nobody is signed out.
    assert_eq!(visitor.post(&format!("{base}/logout"), "forged").await.status, 403);
    // A form may not lead to another host: the page moves on by itself.
    let page = visitor.post(&format!("{base}/logout"), &csrf).await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{}", page.text);
    assert!(page.header("content-security-policy").contains("form-action 'self'"));
    let (_, rest) = page.text.split_once("http-equiv=\"refresh\" content=\"0;url=").unwrap();
    let sent = at_okta(&tenant, &rest.split('"').next().unwrap().replace("&amp;", "&"));
    assert_eq!(sent["id_token_hint"], token);
    assert_eq!(sent["post_logout_redirect_uri"], format!("{base}/login"));
    assert_eq!(visitor.me(&base).await["status"], 401, "the session here is over");
    assert_eq!(server.rows("sessions", "id_token IS NOT NULL").await, 0, "and its token gone");
    // Back from Okta: only what this browser was sent with says something.
    let forged = visitor.get(&format!("{base}/login?state=forged")).await;
    assert!(!forged.text.contains("signed out"), "{}", forged.text);
    let back = format!("{base}/login?state={}", sent["state"]);
    assert!(visitor.get(&back).await.text.contains("and the one at Okta with it"));
    assert!(!visitor.get(&back).await.text.contains("signed out"), "once");
    // A script is told where to go.
    let (mut visitor, token, csrf) = signed_in(&server, &tenant).await;
    let answer = visitor.post(&format!("{base}/api/v1/auth/logout"), &csrf).await.expect(200);
    assert_eq!(at_okta(&tenant, answer["next"].as_str().unwrap())["id_token_hint"], token);
    assert_eq!(visitor.me(&base).await["status"], 401);
    let log = server.audit("acme");
    let ends: Vec<&Value> = log.iter().filter(|line| line["action"] == "session.end").collect();
    assert_eq!(ends.len(), 2);
    for end in ends {
        assert_eq!((&end["after"]["reason"], &end["after"]["at_okta"]), (&"signed_out".into(), &true.into()));
    }
    for secret in token.split('.').skip(1) {
        assert!(!format!("{log:?}").contains(secret) && !server.log_text().contains(secret));
    }
}

async fn the_id_token_goes_to_its_issuer_or_nowhere(mut server: Server) {
    let (tenant, other) = (Tenant::start().await, Tenant::start().await);
    connect(&server, "acme", &tenant, CLIENT);
    let local = |server: &Server| at(server, "127.0.0.1", "/login?reason=signed_out");
    for (issuer, client) in [(&tenant.issuer, "0oanother"), (&other.issuer, CLIENT)] {
        server.json(&["okta", "set", "--org", "acme", "--issuer", &tenant.issuer, "--client-id", CLIENT]);
        let (mut visitor, _, csrf) = signed_in(&server, &tenant).await;
        server.json(&["okta", "set", "--org", "acme", "--issuer", issuer, "--client-id", client]);
        let page = visitor.post(&at(&server, "127.0.0.1", "/logout"), &csrf).await;
        assert_eq!((page.status, page.header("location")), (303, "/login?reason=signed_out"));
    }
    server.json(&["okta", "set", "--org", "acme", "--issuer", &tenant.issuer, "--client-id", CLIENT]);
    // Too long for an address: not kept.
    server.restart_with(&[("CEVEN_SESSION__ID_TOKEN_BYTES", "100")]).await;
    let (mut visitor, _, csrf) = signed_in(&server, &tenant).await;
    assert_eq!(server.rows("sessions", "id_token IS NOT NULL").await, 0);
    let answer = visitor.post(&at(&server, "127.0.0.1", "/api/v1/auth/logout"), &csrf).await.expect(200);
    assert_eq!(answer["next"], local(&server));
    let log = server.audit("acme");
    let ends = log.iter().filter(|line| line["action"] == "session.end");
    assert!(ends.map(|line| &line["after"]["at_okta"]).all(|at_okta| *at_okta == false));
}
