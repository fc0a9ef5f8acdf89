//! Several organizations in one Okta tenant.
use serde_json::json;

use super::{
    tenant::Tenant,
    visitor::{Visitor, at, connect, provision, refused},
};
use crate::{on_each_database, support::Server};

on_each_database!(
    who_belongs_to_one_is_not_asked,
    who_belongs_to_several_is_asked_and_nobody_else_is_named,
    a_client_opens_its_own_organization_only,
);

/// Oldest first.
const SLUGS: [&str; 3] = ["acme", "globex", "initech"];

async fn tenant_of_three(server: &Server) -> (Tenant, String) {
    let tenant = Tenant::start().await;
    for slug in SLUGS {
        connect(server, slug, &tenant, &format!("0o{slug}"));
    }
    let start = at(server, "127.0.0.1", &format!("/api/v1/sso/okta/oidc/start?iss={}", tenant.issuer));
    (tenant, start)
}

async fn who_belongs_to_one_is_not_asked(server: Server) {
    let (tenant, start) = tenant_of_three(&server).await;
    let base = at(&server, "127.0.0.1", "");
    // Whom Okta has assigned to one client only: the others are tried before it.
    let mut ada = Visitor::new();
    let sent = ada.depart(&tenant, &format!("{start}&next=%2Fapp%2Fsettings")).await;
    assert_eq!(sent["client_id"], "0oacme");
    let sent = ada.depart(&tenant, &Visitor::denied(&sent)).await;
    assert_eq!(sent["client_id"], "0oglobex");
    let (url, page) = ada.follow(&Visitor::known(&tenant, &sent, "00u1", "ada@else.example")).await;
    assert_eq!((url, page.status), (format!("{base}/app/settings"), 200));
    assert_eq!(ada.me(&base).await["organization"]["slug"], "globex");
    assert!(server.audit("acme").iter().all(|line| line["action"] != "session.start"));
    // Nobody's: refused by the last.
    let mut stranger = Visitor::new();
    let mut sent = stranger.depart(&tenant, &start).await;
    for _ in 1..SLUGS.len() {
        sent = stranger.depart(&tenant, &Visitor::denied(&sent)).await;
    }
    refused(&stranger.follow(&Visitor::denied(&sent)).await, &base, "access_denied");
    // Deactivated in one and alive in another: there, by that one's own client.
    for (slug, active) in [("acme", false), ("initech", true)] {
        provision(&server, slug, "bob", "00u2", active).await;
    }
    let mut bob = Visitor::new();
    let sent = bob.depart(&tenant, &start).await;
    let sent = bob.depart(&tenant, &Visitor::known(&tenant, &sent, "00u2", "bob@else.example")).await;
    assert_eq!(sent["client_id"], "0oinitech");
    bob.follow(&Visitor::known(&tenant, &sent, "00u2", "bob@else.example")).await;
    assert_eq!(bob.me(&base).await["organization"]["slug"], "initech");
    // Whoever the hint names is sent to the owner of the domain first; so is a start by address alone.
    for query in [format!("iss={}&", tenant.issuer), String::new()] {
        let path = format!("/api/v1/sso/okta/oidc/start?{query}login_hint=x%40initech.example");
        let sent = Visitor::new().depart(&tenant, &at(&server, "127.0.0.1", &path)).await;
        assert_eq!((&*sent["client_id"], &*sent["login_hint"]), ("0oinitech", "x@initech.example"));
    }
}

async fn who_belongs_to_several_is_asked_and_nobody_else_is_named(mut server: Server) {
    let (tenant, start) = tenant_of_three(&server).await;
    let base = at(&server, "127.0.0.1", "");
    for slug in ["acme", "globex"] {
        provision(&server, slug, "ada", "00u1", true).await;
    }
    let mut ada = Visitor::new();
    let back = ada.depart(&tenant, &format!("{start}&next=%2Fapp%2Fsettings")).await;
    let back = Visitor::known(&tenant, &back, "00u1", "ada@else.example");
    // The question survives a restart, and is shown again, to this browser alone.
    let asked = ada.step(&back).await;
    assert!(asked.starts_with(&format!("{base}/login/organization?code=")), "{asked}");
    server.restart_with(&[]).await;
    refused(&Visitor::new().follow(&asked).await, &base, "expired");
    for _ in 0..2 {
        let page = ada.get(&asked).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("org=acme") && page.text.contains("org=globex"), "{}", page.text);
        assert!(!page.text.contains("initech"), "{}", page.text);
    }
    assert_eq!(ada.me(&base).await["status"], 401, "nothing has begun");
    refused(&ada.follow(&format!("{asked}0")).await, &base, "expired");
    // The choice begins anew, with the client of the chosen one.
    let mut ada = Visitor::new();
    let back = ada.depart(&tenant, &format!("{start}&next=%2Fapp%2Fsettings")).await;
    let back = Visitor::known(&tenant, &back, "00u1", "ada@else.example");
    let page = ada.follow(&back).await.1;
    let (_, link) = page.text.split_once(&format!("href=\"{base}/api")).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("org=acme", "org=globex");
    let sent = ada.depart(&tenant, &format!("{base}/api{link}")).await;
    assert_eq!(sent["client_id"], "0oglobex");
    let (url, _) = ada.follow(&Visitor::known(&tenant, &sent, "00u1", "ada@else.example")).await;
    assert_eq!(url, format!("{base}/app/settings"));
    assert_eq!(ada.me(&base).await["organization"]["slug"], "globex");
    // An address of a domain that one owns names it only when it is verified.
    for (is_verified, names) in [(false, false), (true, true)] {
        let mut eve = Visitor::new();
        let sent = eve.depart(&tenant, &start).await;
        let claims = json!({ "email_verified": is_verified });
        let back = Visitor::known_as(&tenant, &sent, "00u9", "eve@initech.example", &claims);
        let (url, page) = eve.follow(&back).await;
        assert_eq!(page.text.contains("initech</small>"), names, "{url}");
    }
}

async fn a_client_opens_its_own_organization_only(server: Server) {
    let (tenant, start) = tenant_of_three(&server).await;
    let base = at(&server, "127.0.0.1", "");
    provision(&server, "globex", "ada", "00u1", true).await;
    // A token for one client is nothing to another.
    let mut ada = Visitor::new();
    let mut sent =
        ada.depart(&tenant, &at(&server, "127.0.0.1", "/api/v1/sso/okta/oidc/start?org=globex")).await;
    sent.insert("client_id".into(), "0oacme".into());
    refused(&ada.follow(&Visitor::known(&tenant, &sent, "00u1", "ada@else.example")).await, &base, "failed");
    // An issuer that is not the organization's own leads nowhere.
    for iss in ["https%3A%2F%2Fother.okta.com", &format!("{}/", tenant.issuer)] {
        let start = at(&server, "127.0.0.1", &format!("/api/v1/sso/okta/oidc/start?org=acme&iss={iss}"));
        refused(&Visitor::new().follow(&start).await, &base, "unknown_organization");
    }
    let own = format!("{start}&org=globex");
    assert_eq!(Visitor::new().depart(&tenant, &own).await["client_id"], "0oglobex");
}
