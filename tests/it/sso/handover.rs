//! The console on another host than the API: no cookie of the one reaches the other.
use serde_json::json;

use super::{
    tenant::{CLIENT, Tenant},
    visitor::{Visitor, at, connect, provision, refused},
};
use crate::{
    console::support::{EMAIL, PASSWORD, admin},
    on_each_database,
    support::Server,
};

on_each_database!(
    a_sign_in_goes_over_to_the_console,
    codes_are_worth_nothing_in_another_browser,
    codes_are_used_once_in_their_order_and_in_time,
    what_happens_on_the_way_counts,
    the_master_key_is_exchanged_on_the_way,
    the_console_asks_and_signs_out_on_its_own_host,
);

const API: &str = "127.0.0.1";
const CONSOLE: &str = "localhost";
const START: &str = "/api/v1/sso/okta/oidc/start?org=acme";

async fn split(server: &mut Server, more: &[(&str, &str)]) {
    let (api, console) = (at(server, API, ""), at(server, CONSOLE, ""));
    let own = [("CEVEN_SERVER__PUBLIC_URL", api.as_str()), ("CEVEN_SERVER__CONSOLE_URL", console.as_str())];
    server.restart_with(&[&own, more].concat()).await;
}

async fn place(server: &mut Server) -> Tenant {
    let tenant = Tenant::start().await;
    connect(server, "acme", &tenant, CLIENT);
    split(server, &[]).await;
    tenant
}

/// A browser that comes back from Okta: to this address of the console, with the first code.
async fn back(server: &Server, tenant: &Tenant) -> (Visitor, String) {
    let mut visitor = Visitor::new();
    let sent = visitor.depart(tenant, &at(server, API, START)).await;
    let bind = visitor.step(&Visitor::known(tenant, &sent, "00u1", "ada@acme.example")).await;
    assert!(bind.starts_with(&at(server, CONSOLE, "/login/bind?code=")), "{bind}");
    (visitor, bind)
}

async fn a_sign_in_goes_over_to_the_console(mut server: Server) {
    let tenant = place(&mut server).await;
    let (api, console) = (at(&server, API, ""), at(&server, CONSOLE, ""));
    // From the login page, which leads to the API's host by itself.
    let mut ada = Visitor::new();
    let page = ada.get(&format!("{console}/login?okta=acme&next=%2Fapp%2Fsettings")).await;
    assert!(page.text.contains(&format!("0;url={api}{START}&amp;next=")), "{}", page.text);
    let start = format!("{api}{START}&next=%2Fapp%2Fsettings");
    let (url, page) = ada.sign_in(&tenant, &start, "00u1", "ada@acme.example").await;
    assert_eq!((url, page.status), (format!("{console}/app/settings"), 200));
    assert_eq!(ada.me(&console).await["email"], "ada@acme.example");
    assert_eq!(ada.me(&api).await["status"], 401, "the API's host has no cookie of the console");
    assert_eq!(ada.jar[API].len(), 0, "{:?}", ada.jar);
    assert_eq!(ada.jar[CONSOLE].keys().collect::<Vec<_>>(), ["ceven_session"]);
    assert_eq!(server.rows("sign_in_handovers", "1 = 1").await, 0);
    // From Okta's tile.
    let tile = at(&server, API, &format!("/api/v1/sso/okta/oidc/start?iss={}", tenant.issuer));
    let (url, _) = Visitor::new().sign_in(&tenant, &tile, "00u1", "ada@acme.example").await;
    assert_eq!(url, format!("{console}/app"));
    // What is refused is told on the console.
    let mut eve = Visitor::new();
    let sent = eve.depart(&tenant, &at(&server, API, START)).await;
    refused(&eve.follow(&Visitor::denied(&sent)).await, &console, "access_denied");
    // With a password, the console needs nobody.
    admin(&server, "acme", EMAIL);
    let mut local = Visitor::new();
    let form = [("org", "acme"), ("email", EMAIL), ("password", PASSWORD)];
    assert_eq!(local.post_form(&format!("{console}/login"), &form).await.status, 303);
    assert_eq!(local.me(&console).await["kind"], "admin");
    let log = server.audit("acme");
    assert_eq!(log.iter().filter(|line| line["action"] == "session.start").count(), 3);
}

async fn codes_are_worth_nothing_in_another_browser(mut server: Server) {
    let tenant = place(&mut server).await;
    let console = at(&server, CONSOLE, "");
    // Stolen on its way to the first step, to the second, to the third: the thief stays out, and so does the victim.
    for stolen_at in 0..3 {
        let (mut ada, mut url) = back(&server, &tenant).await;
        for _ in 0..stolen_at {
            url = ada.step(&url).await;
        }
        let mut thief = Visitor::new();
        // The thief's browser has cookies of every kind, of a sign-in of its own.
        let (own, mut own_url) = back(&server, &tenant).await;
        thief.jar = own.jar;
        for _ in 0..stolen_at {
            own_url = thief.step(&own_url).await;
        }
        refused(&thief.follow(&url).await, &console, "expired");
        refused(&ada.follow(&url).await, &console, "expired");
        assert_eq!(
            (thief.me(&console).await["status"].clone(), ada.me(&console).await["status"].clone()),
            (401.into(), 401.into())
        );
    }
    // A code of the attacker's own sign-in, put into the victim's browser, signs nobody in.
    for planted_at in 0..3 {
        let (mut attacker, mut url) = back(&server, &tenant).await;
        for _ in 0..planted_at {
            url = attacker.step(&url).await;
        }
        let (mut victim, _) = back(&server, &tenant).await;
        refused(&victim.follow(&url).await, &console, "expired");
        assert_eq!(victim.me(&console).await["status"], 401);
    }
    assert!(server.audit("acme").iter().all(|line| line["action"] != "session.start"));
}

async fn codes_are_used_once_in_their_order_and_in_time(mut server: Server) {
    let tenant = place(&mut server).await;
    let console = at(&server, CONSOLE, "");
    // Kept as hashes, beside nothing that can be read; a restart changes nothing.
    let (mut ada, bind) = back(&server, &tenant).await;
    let code = bind.split_once("code=").unwrap().1.to_owned();
    assert_eq!(
        server.rows("sign_in_handovers", "sealed LIKE 'v1.%' AND sealed NOT LIKE '%ada@acme%'").await,
        1
    );
    assert_eq!(server.rows("sign_in_handovers", &format!("sealed LIKE '%{code}%'")).await, 0);
    split(&mut server, &[]).await;
    let prove = ada.step(&bind).await;
    split(&mut server, &[]).await;
    let open = ada.step(&prove).await;
    // Whoever only looks does not use it up.
    assert_eq!(ada.head(&open).await, 405);
    // Fifty at once: one session.
    let copies = (0..50).map(|_| {
        let (mut copy, open) = (ada.clone(), open.clone());
        async move { copy.get(&open).await.header("location").to_owned() }
    });
    let ends = futures_util::future::join_all(copies).await;
    assert_eq!(ends.iter().filter(|end| *end == "/app").count(), 1, "{ends:?}");
    assert_eq!(server.audit("acme").iter().filter(|line| line["action"] == "session.start").count(), 1);
    for used in [&bind, &prove, &open] {
        refused(&ada.follow(used).await, &console, "expired");
    }
    // A code of one step opens no other; missing, overlong and strange ones none at all.
    let paths = ["/login/bind", "/api/v1/sso/okta/oidc/handover", "/login/handover", "/login/organization"];
    for (step, wrong) in [(0, 1), (0, 2), (0, 3), (1, 0), (1, 2), (2, 0), (2, 1), (2, 3)] {
        let (mut ada, mut url) = back(&server, &tenant).await;
        for _ in 0..step {
            url = ada.step(&url).await;
        }
        let code = url.split_once("code=").unwrap().1;
        let host = if wrong == 1 { API } else { CONSOLE };
        let path = format!("{}?code={code}", paths[wrong]);
        refused(&ada.follow(&at(&server, host, &path)).await, &console, "expired");
    }
    for code in [
        "",
        "?code=",
        "?code=x&code=y",
        "?code=%00%0d%0a%3Cscript%3E",
        &format!("?code={}", "0".repeat(4_000)),
    ] {
        for path in paths {
            refused(
                &Visitor::new().follow(&at(&server, CONSOLE, &format!("{path}{code}"))).await,
                &console,
                "expired",
            );
        }
    }
    // Its time is over.
    split(&mut server, &[("CEVEN_SIGN_IN__HANDOVER_MS", "0")]).await;
    let (mut ada, bind) = back(&server, &tenant).await;
    refused(&ada.follow(&bind).await, &console, "expired");
}

async fn what_happens_on_the_way_counts(mut server: Server) {
    let tenant = place(&mut server).await;
    let console = at(&server, CONSOLE, "");
    let scim = provision(&server, "acme", "ada@acme.example", "00u1", true).await;
    let (mut ada, bind) = back(&server, &tenant).await;
    let prove = ada.step(&bind).await;
    let open = ada.step(&prove).await;
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    scim.0.patch(&format!("/Users/{}", scim.1), &off).await.expect(200);
    refused(&ada.follow(&open).await, &console, "user_deactivated");
    let on = json!([{ "op": "replace", "value": { "active": true } }]);
    scim.0.patch(&format!("/Users/{}", scim.1), &on).await.expect(200);
    // Another client meanwhile: what the old one proved is nothing to it.
    let (mut ada, bind) = back(&server, &tenant).await;
    server.json(&["okta", "set", "--org", "acme", "--issuer", &tenant.issuer, "--client-id", "0onew"]);
    refused(&ada.follow(&bind).await, &console, "failed");
    assert_eq!(ada.me(&console).await["status"], 401);
}

async fn the_master_key_is_exchanged_on_the_way(mut server: Server) {
    const NEW_KEY: &str = "YSBuZXcga2V5LCB0aGlydHktdHdvIGJ5dGVzIGxvbmc=";
    const PATIENT: (&str, &str) = ("CEVEN_SIGN_IN__HANDOVER_MS", "600000");
    let tenant = place(&mut server).await;
    let console = at(&server, CONSOLE, "");
    split(&mut server, &[PATIENT]).await;
    let (mut ada, bind) = back(&server, &tenant).await;
    let new = ("CEVEN_SECURITY__MASTER_KEY", NEW_KEY);
    let old = ("CEVEN_SECURITY__OLD_MASTER_KEYS", crate::support::MASTER_KEY);
    split(&mut server, &[PATIENT, new, old]).await;
    let key = format!("sealed LIKE 'v1.{}.%'", server.json(&["keys", "rotate"])["key"].as_str().unwrap());
    assert_eq!(server.rows("sign_in_handovers", &key).await, 1);
    // A server that has not heard of the new key seals under the old one; the next step seals anew.
    split(&mut server, &[PATIENT, (new.0, old.1), (old.0, new.1)]).await;
    let (mut late, late_bind) = back(&server, &tenant).await;
    split(&mut server, &[PATIENT, new, old]).await;
    let prove = late.step(&late_bind).await;
    assert_eq!(server.rows("sign_in_handovers", &key).await, 2);
    split(&mut server, &[PATIENT, new]).await;
    for (browser, url) in [(&mut ada, &bind), (&mut late, &prove)] {
        assert_eq!(browser.follow(url).await.0, format!("{console}/app"));
        assert_eq!(browser.me(&console).await["email"], "ada@acme.example");
    }
}

async fn the_console_asks_and_signs_out_on_its_own_host(mut server: Server) {
    let tenant = place(&mut server).await;
    connect(&server, "globex", &tenant, "0oglobex");
    let console = at(&server, CONSOLE, "");
    for slug in ["acme", "globex"] {
        provision(&server, slug, "ada", "00u1", true).await;
    }
    let tile = at(&server, API, &format!("/api/v1/sso/okta/oidc/start?iss={}", tenant.issuer));
    let mut ada = Visitor::new();
    let (url, page) = ada.sign_in(&tenant, &tile, "00u1", "ada@else.example").await;
    assert!(url.starts_with(&format!("{console}/login/organization?code=")), "{url}");
    assert!(page.text.contains(&at(&server, API, "/api/v1/sso/okta/oidc/start?org=globex")), "{}", page.text);
    refused(&Visitor::new().follow(&url).await, &console, "expired");
    let globex = at(&server, API, "/api/v1/sso/okta/oidc/start?org=globex");
    ada.sign_in(&tenant, &globex, "00u1", "ada@else.example").await;
    let me = ada.me(&console).await;
    assert_eq!(me["organization"]["slug"], "globex");
    let page = ada.post(&format!("{console}/logout"), me["csrf_token"].as_str().unwrap()).await;
    let login: String = form_urlencoded::byte_serialize(format!("{console}/login").as_bytes()).collect();
    assert!(page.text.contains(&format!("post_logout_redirect_uri={login}&amp;")), "{}", page.text);
}
