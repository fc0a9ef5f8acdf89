//! Previews, and offboardings that rest on one.
use serde_json::{Value, json};

use super::{Receiver, acme, is_done, until};
use crate::{console::support::problem, on_each_database, support::Server};

async fn an_offboarding_holds_to_the_preview_it_names(mut server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    let tool = receiver.connect(&server, "tool");
    let (ada, eva) = (scim.user("ada@acme.example").await, scim.user("eva@acme.example").await);
    let path = |id: &str| format!("/api/v1/users/{id}/offboard");
    let look =
        async |id: &str| browser.json("POST", &path(id), &json!({ "dry_run": true })).await.expect(200);
    let first = look(&ada).await;
    assert_eq!(first["facts"], look(&ada).await["facts"], "the same facts have the same hash");
    assert_ne!(first["facts"], look(&eva).await["facts"]);
    let naming = |preview: &Value| json!({ "preview": preview["preview"], "reason": "left" });
    let refused = async |preview: &Value, status: u16, words: &str| {
        let reply = browser.json("POST", &path(&ada), &naming(preview)).await;
        problem(&reply, status);
        assert!(reply.json()["detail"].as_str().unwrap().contains(words), "{}", reply.text);
        assert_eq!(
            scim.get(&format!("/Users/{ada}")).await.expect(200)["active"],
            true,
            "nothing was changed"
        );
    };
    refused(&json!({ "preview": "x" }), 400, "none of this server's").await;
    refused(&json!({ "preview": 7 }), 400, "text").await;
    let forged = first["preview"].as_str().unwrap();
    let forged = format!("{}A{}", &forged[..40], &forged[41..]);
    refused(&json!({ "preview": forged }), 400, "none of this server's").await;
    refused(&look(&eva).await, 409, "another person").await;

    // The person's record, a tool's settings, a tool more, a tool less.
    let rename = json!([{ "op": "add", "path": "emails", "value": [{ "value": "ada@home.example" }] }]);
    scim.patch(&format!("/Users/{ada}"), &rename).await.expect(200);
    refused(&first, 409, "the person's record").await;
    let second = look(&ada).await;
    let body = json!({ "settings": { "url": format!("{}?x=1", receiver.url) } });
    browser.json("PUT", &format!("/api/v1/connectors/{tool}"), &body).await.expect(200);
    refused(&second, 409, "what is to be done at tool").await;
    let third = look(&ada).await;
    let other = Receiver::start().await.connect(&server, "other");
    refused(&third, 409, "other was connected").await;
    let fourth = look(&ada).await;
    assert_eq!(browser.delete(&format!("/api/v1/connectors/{other}")).await.status, 204);
    refused(&fourth, 409, "a tool was disconnected").await;
    let cli = ["user", "offboard", "ada@acme.example", "--org", "acme", "--preview"];
    let output = server.run(&[&cli[..], &[fourth["preview"].as_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(receiver.got().is_empty());

    // One that still holds is obeyed, on another node too.
    let looked = server.json(&["user", "offboard", "eva@acme.example", "--org", "acme", "--dry-run"]);
    browser.json("POST", &path(&eva), &naming(&looked)).await.expect(202);
    until(&browser, &eva, is_done).await;
    let fifth = look(&ada).await;
    server.restart_with(&[("CEVEN_OFFBOARDING__PREVIEW_MS", "0")]).await;
    refused(&fifth, 409, "too long ago").await;
    server.restart_with(&[]).await;
    browser.json("POST", &path(&ada), &naming(&fifth)).await.expect(202);
    until(&browser, &ada, is_done).await;
}

async fn the_consoles_form_holds_to_what_it_showed(server: Server) {
    let (browser, scim) = acme(&server).await;
    let receiver = Receiver::start().await;
    receiver.connect(&server, "tool");
    let ada = scim.user("ada@acme.example").await;
    let path = format!("/app/team/{ada}/offboard");
    let shown = |text: &str| {
        let (_, rest) = text.split_once("name=\"preview\" value=\"").unwrap_or_else(|| panic!("{text}"));
        rest.split('"').next().unwrap().to_owned()
    };
    let first = shown(&browser.get(&path).await.text);
    Receiver::start().await.connect(&server, "other");
    let send = async |preview: &str| {
        browser.form(&path, &[("confirm", "ada@acme.example"), ("preview", preview)]).await
    };
    for stale in [first.as_str(), "", "<b>"] {
        let page = send(stale).await;
        assert_eq!(page.status, 409, "{stale}");
        assert!(page.text.contains("role=\"alert\"") && page.text.contains("other"), "{}", page.text);
        assert!(!page.text.contains("<b>\""), "{}", page.text);
    }
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["active"], true);
    let page = send(&first).await;
    assert_eq!(send(&shown(&page.text)).await.status, 303, "the new one is in the page that refused");
    until(&browser, &ada, is_done).await;
}

on_each_database!(an_offboarding_holds_to_the_preview_it_names, the_consoles_form_holds_to_what_it_showed);
