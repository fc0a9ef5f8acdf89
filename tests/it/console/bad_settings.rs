//! What an admin may mistype when a tool is connected or changed, by form and by JSON. The table is the kinds' own list of
//! fields: a new field is covered by itself.
use ceven_actors::connector::{Field, KINDS, Kind, Shape};
use serde_json::{Map, Value, json};

use super::support::{Browser, organization, problem};
use crate::{
    offboarding::world::{PRIYA, simulators},
    on_each_database,
    support::{Reply, Server},
};

on_each_database!(
    every_field_of_every_tool_is_judged,
    a_body_that_is_no_tool_is_refused,
    secrets_stay_go_and_follow_nobody,
);

pub const EVIL: &str = "<script>alert(1)</script>\"'&";

/// Something typed in a field. What need not be refused is harmless text: it is kept, and shown as text.
#[derive(Clone)]
struct Slip {
    words: &'static str,
    value: String,
    is_refused: bool,
}

fn slips(field: &Field, is_used: bool) -> Vec<Slip> {
    let slip = |words, value: &str, is_refused| Slip { words, value: value.to_owned(), is_refused };
    let head = match field.shape {
        Shape::Address => "https://tool.example/",
        Shape::Email => "ada@",
        Shape::Text | Shape::File => "",
    };
    let is_free = field.options.is_empty();
    let mut slips = vec![
        slip("too long", &format!("{head}{}", "x".repeat(field.max_characters() + 1)), true),
        slip("a control character", "a\u{1}b", true),
        slip("a NUL", "a\0b", true),
    ];
    slips.extend(match field.shape {
        Shape::Address => ["tool.example", "javascript:alert(1)", "ftp://tool.example", "https://a b", EVIL]
            .map(|value| slip("no address", value, true))
            .to_vec(),
        Shape::Email => {
            ["ada", "ada@", "ada @b", EVIL].map(|value| slip("no e-mail address", value, true)).to_vec()
        }
        Shape::File => ["junk-of-a-key", EVIL].map(|value| slip("no key", value, is_used)).to_vec(),
        Shape::Text => vec![slip("markup", EVIL, !is_free)],
    });
    if field.secret && field.shape == Shape::Text {
        slips.push(slip("two words", "xoxp 1234", true));
    }
    if field.required {
        slips.push(slip("nothing", " ", true));
    }
    slips
}

/// One kind of tool at one server.
struct Stand<'a> {
    browser: &'a Browser,
    kind: &'static Kind,
    valid: Map<String, Value>,
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Stand<'_> {
    fn with(&self, name: &str, value: impl Into<Value>) -> Map<String, Value> {
        let mut settings = self.valid.clone();
        settings.insert(name.to_owned(), value.into());
        settings
    }

    /// No answer holds a secret, as it was typed or as a page would write it; and no page runs what was typed.
    fn keeps_quiet(&self, reply: &Reply, settings: &Map<String, Value>, what: &str) {
        assert!(!reply.text.contains("<script>"), "{what}: {}", reply.text);
        for field in self.kind.fields.iter().filter(|field| field.secret) {
            let typed = settings.get(field.name).and_then(Value::as_str).unwrap_or_default();
            // Of a key file one line of its body will do.
            let line = typed.lines().max_by_key(|line| line.len()).unwrap_or_default();
            for told in [line.to_owned(), escaped(line)].iter().filter(|told| told.len() > 3) {
                assert!(
                    !reply.text.contains(told.as_str()),
                    "{what}: {} is told: {}",
                    field.name,
                    reply.text
                );
            }
        }
    }

    async fn form(&self, path: &str, name: &str, settings: &Map<String, Value>) -> Reply {
        let mut fields = vec![("name", name)];
        fields.extend(settings.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("true"))));
        self.browser.form(path, &fields).await
    }

    async fn all(&self) -> Value {
        self.browser.get("/api/v1/connectors").await.expect(200)["connectors"].clone()
    }

    /// A form that is shown again, and says above it which field is meant.
    async fn form_is_refused(&self, path: &str, field: &Field, slip: &Slip) {
        let settings = self.with(field.name, slip.value.as_str());
        let what = format!("{path}: {} is {}", field.name, slip.words);
        let before = self.all().await;
        let reply = self.form(path, "Tool", &settings).await;
        if !slip.is_refused && reply.status == 303 {
            return self.is_harmless(reply.header("location"), field, (&settings, &before), &what).await;
        }
        assert_eq!(reply.status, 400, "{what}: {}", reply.text);
        let alert = match reply.text.split_once("role=\"alert\">") {
            Some((_, rest)) => rest.split("</p>").next().unwrap(),
            None => reply.text.split_once("<h1>That did not work</h1>").unwrap_or_else(|| panic!("{what}")).1,
        };
        assert!(alert.contains(field.title) || alert.contains(field.name), "{what}: {alert}");
        self.keeps_quiet(&reply, &settings, &what);
        assert_eq!(self.all().await, before, "{what}: something is kept");
    }

    /// What was taken is shown as text, a secret not at all; then it is put back.
    async fn is_harmless(
        &self,
        place: &str,
        field: &Field,
        (settings, before): (&Map<String, Value>, &Value),
        what: &str,
    ) {
        let page = self.browser.get(place).await;
        assert_eq!(page.status, 200, "{what}");
        self.keeps_quiet(&page, settings, what);
        let typed = settings[field.name].as_str().unwrap();
        assert_eq!(page.text.contains(&escaped(typed)), !field.secret, "{what}: {}", page.text);
        let id = place.trim_start_matches("/app/connectors/").split('?').next().unwrap();
        let path = format!("/api/v1/connectors/{id}");
        match before.as_array().unwrap().iter().find(|one| one["id"] == id) {
            None => assert_eq!(self.browser.delete(&path).await.status, 204),
            Some(old) => {
                let body = json!({ "name": old["name"], "settings": self.valid });
                self.browser.json("PUT", &path, &body).await.expect(200);
            }
        }
    }

    async fn json_is_refused(&self, (method, path): (&str, &str), field: &Field, value: &Value, what: &str) {
        let settings = self.with(field.name, value.clone());
        let before = self.all().await;
        let body = json!({ "kind": self.kind.id, "name": "Tool", "settings": settings });
        let reply = self.browser.json(method, path, &body).await;
        let what = format!("{method} {path}: {} is {what}", field.name);
        assert_eq!(reply.status, 400, "{what}: {}", reply.text);
        problem(&reply, 400);
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(field.name), "{what}: {detail}");
        self.keeps_quiet(&reply, &settings, &what);
        assert_eq!(self.all().await, before, "{what}: something is kept");
    }

    /// `path` and `api` add a tool, or change the one that is there.
    async fn judge(&self, field: &Field, path: &str, api: (&str, &str)) {
        let is_change = api.0 == "PUT";
        for slip in slips(field, self.valid.contains_key(field.name)) {
            // The secret that there is stays when none is typed.
            if is_change && field.secret && slip.value.trim().is_empty() {
                continue;
            }
            self.form_is_refused(path, field, &slip).await;
            if slip.is_refused {
                self.json_is_refused(api, field, &slip.value.clone().into(), slip.words).await;
            }
        }
        let is_switch = field.options == ["false", "true"];
        for value in [json!(7), json!(["a"]), json!({ "a": 1 }), json!(true)] {
            if value != true || !is_switch {
                self.json_is_refused(api, field, &value, "no text").await;
            }
        }
    }
}

async fn every_field_of_every_tool_is_judged(server: Server) {
    // Their keys take a while to make, longer than a server keeps an idle connection.
    let simulators = simulators().await;
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let connections = simulators.connections(PRIYA);
    for kind in KINDS {
        let valid = connections.iter().find(|(id, ..)| *id == kind.id);
        let (_, _, valid) = valid.unwrap_or_else(|| panic!("no valid settings for {}", kind.id));
        let stand = Stand { browser: &browser, kind, valid: valid.as_object().unwrap().clone() };
        let new = format!("/app/connectors/new/{}", kind.id);
        for field in kind.fields {
            stand.judge(field, &new, ("POST", "/api/v1/connectors")).await;
        }
        assert_eq!(stand.all().await.as_array().unwrap().len(), 0, "{}: nothing is kept", kind.id);
        let entries = server.rows("audit_log", "action LIKE 'connector.%'").await;
        let page = browser.get(&new).await.text;
        for field in kind.fields {
            assert!(page.contains(&format!("name=\"{}\"", field.name)), "{}: no input", field.name);
        }
        let added = stand.form(&new, "<i>a tool</i>", &stand.valid).await;
        assert_eq!(added.status, 303, "{}: {}", kind.id, added.text);
        assert_eq!(server.rows("audit_log", "action LIKE 'connector.%'").await, entries + 1);
        let place = added.header("location").split('?').next().unwrap().to_owned();
        let shown = browser.get(&place).await;
        assert!(
            shown.text.contains(&escaped("<i>a tool</i>")) && !shown.text.contains("<i>"),
            "{}",
            shown.text
        );
        stand.keeps_quiet(&shown, &stand.valid, kind.id);
        let api = place.replace("/app", "/api/v1");
        for field in kind.fields {
            stand.judge(field, &place, ("PUT", &api)).await;
        }
        assert_eq!(stand.form(&place, kind.title, &stand.valid).await.status, 303);
        assert_eq!(browser.delete(&api).await.status, 204);
    }
}

async fn a_body_that_is_no_tool_is_refused(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let settings = json!({ "base_url": "http://127.0.0.1:9/scim", "token": "secret-of-the-tool" });
    let long = "x".repeat(101);
    for (body, named) in [
        (json!([]), "object"),
        (json!({ "settings": settings }), "kind"),
        (json!({ "kind": 7, "settings": settings }), "kind"),
        (json!({ "kind": "abacus", "settings": settings }), "kind"),
        (json!({ "kind": "scim", "settings": "all" }), "settings"),
        (
            json!({ "kind": "scim", "settings": { "base_url": "http://127.0.0.1:9", "token": "secret-of-the-tool", "shoe": "42" } }),
            "shoe",
        ),
        (
            json!({ "kind": "scim", "settings": { "base_url": "http://192.0.2.1/", "token": "secret-of-the-tool" } }),
            "base_url",
        ),
        (
            json!({ "kind": "slack", "settings": { "token": "secret-of-the-tool", "web_api_url": "https://slack.com.example" } }),
            "web_api_url",
        ),
        (json!({ "kind": "scim", "name": 7, "settings": settings }), "name"),
        (json!({ "kind": "scim", "name": " ", "settings": settings }), "name"),
        (json!({ "kind": "scim", "name": long, "settings": settings }), "name"),
        (json!({ "kind": "scim", "name": "a\nb", "settings": settings }), "name"),
        (json!({ "kind": "scim", "name": "a\u{0}b", "settings": settings }), "name"),
    ] {
        let reply = browser.json("POST", "/api/v1/connectors", &body).await;
        problem(&reply, 400);
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named) && !reply.text.contains("secret-of-the-tool"), "{body}: {detail}");
    }
    let fields = [("base_url", "http://127.0.0.1:9/scim"), ("token", "secret-of-the-tool")];
    for name in ["", " ", &long, "a\nb", "a\0b"] {
        let reply =
            browser.form("/app/connectors/new/scim", &[&fields[..], &[("name", name)]].concat()).await;
        assert_eq!(reply.status, 400, "{name:?}: {}", reply.text);
        let said =
            reply.text.contains("<strong>Name</strong>") || reply.text.contains("name must hold no NUL");
        assert!(said && !reply.text.contains("secret-of-the-tool"), "{}", reply.text);
    }
    assert_eq!(browser.form("/app/connectors/new/abacus", &fields).await.status, 404);
    assert_eq!(server.rows("connectors", "1 = 1").await, 0);
}

/// A secret stays when none is typed, goes when that is said, and never to another host.
async fn secrets_stay_go_and_follow_nobody(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let secret = |letter: &str| format!("whsec_{}", letter.repeat(40));
    let settings =
        json!({ "url": "http://127.0.0.1:9/a", "secret": secret("a"), "previous_secret": secret("b") });
    let body = json!({ "kind": "webhook", "name": "HR", "settings": settings });
    let added = browser.json("POST", "/api/v1/connectors", &body).await.expect(201);
    let api = format!("/api/v1/connectors/{}", added["id"].as_str().unwrap());
    let page = api.replace("/api/v1", "/app");
    let kept = async || browser.get(&api).await.expect(200)["secrets"].clone();
    // A new name changes nothing else.
    let renamed = browser.json("PUT", &api, &json!({ "name": "HR system" })).await.expect(200);
    assert_eq!((&renamed["settings"], &renamed["secrets"]), (&added["settings"], &added["secrets"]));
    let shown = browser.get(&page).await.text;
    let box_of = |name: &str| format!("name=\"forget\" value=\"{name}\"");
    assert!(shown.contains(&box_of("previous_secret")) && !shown.contains(&box_of("secret")), "{shown}");
    let same = [("name", "HR"), ("url", "http://127.0.0.1:9/b")];
    assert_eq!(browser.form(&page, &same).await.status, 303);
    assert_eq!(kept().await, json!(["secret", "previous_secret"]));
    assert_eq!(
        browser.form(&page, &[&same[..], &[("forget", "previous_secret")]].concat()).await.status,
        303
    );
    assert_eq!(kept().await, json!(["secret"]));
    // The last one cannot go, and none goes elsewhere.
    let body = json!({ "settings": { "url": "http://127.0.0.1:9/b", "secret": null } });
    let reply = browser.json("PUT", &api, &body).await;
    problem(&reply, 400);
    assert!(reply.text.contains("secret: must be given"), "{}", reply.text);
    let reply = browser.json("PUT", &api, &json!({ "settings": { "url": "http://127.0.0.1:10/b" } })).await;
    problem(&reply, 400);
    assert!(reply.text.contains("secret: must be given"), "{}", reply.text);
    // Another way in: the token makes room for the app.
    let token = json!({ "base_url": "http://127.0.0.1:9", "effect": "suspend", "api_token": "00secret" });
    let body = json!({ "kind": "okta", "name": "Okta", "settings": token });
    let okta = browser.json("POST", "/api/v1/connectors", &body).await.expect(201);
    let settings = json!({ "base_url": "http://127.0.0.1:9", "effect": "suspend", "client_id": "0oa1",
        "private_key": include_str!("../../golden/keys/test-rsa.pem") });
    let path = format!("/api/v1/connectors/{}", okta["id"].as_str().unwrap());
    let changed = browser.json("PUT", &path, &json!({ "settings": settings })).await.expect(200);
    assert_eq!(changed["secrets"], json!(["private_key"]));
}
