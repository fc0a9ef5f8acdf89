//! What Okta and Entra ID really send, request by request, from `tests/golden`.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    on_each_database,
    support::{Scim, Server},
};

on_each_database!(okta_wizard_app, okta_catalogue_app, entra_default_profile, entra_standard_profile);

async fn okta_wizard_app(server: Server) {
    replay(&server, include_str!("../../golden/okta/wizard.json")).await;
}

async fn okta_catalogue_app(server: Server) {
    replay(&server, include_str!("../../golden/okta/catalogue.json")).await;
}

async fn entra_default_profile(server: Server) {
    replay(&server, include_str!("../../golden/entra/default.json")).await;
}

async fn entra_standard_profile(server: Server) {
    replay(&server, include_str!("../../golden/entra/standard.json")).await;
}

/// A transcript: `steps` of {name, method, path, body?, merge_into_last?, status, expect?, absent?, keep?}
/// and the `actions` that the audit log must then hold. `{{name}}` stands for what `keep` kept.
async fn replay(server: &Server, transcript: &str) {
    let scim = server.organization("acme");
    let transcript: Value = serde_json::from_str(transcript).unwrap();
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    let mut last = Value::Null;
    for step in transcript["steps"].as_array().unwrap() {
        let fill = |text: String| {
            kept.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
        };
        let step: Value = serde_json::from_str(&fill(step.to_string())).unwrap();
        last = run(&scim, &step, &last).await;
        for (name, pointer) in step["keep"].as_object().into_iter().flatten() {
            kept.insert(
                name.clone(),
                last.pointer(pointer.as_str().unwrap()).unwrap().as_str().unwrap().to_owned(),
            );
        }
    }
    let log = server.audit("acme");
    let actions: Vec<&Value> = log.iter().skip(2).map(|entry| &entry["action"]).collect();
    assert_eq!(actions, transcript["actions"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert!(
        log.iter().skip(2).all(|entry| entry["actor"]["kind"] == "scim_token" && entry["ip"] == "127.0.0.1")
    );
}

async fn run(scim: &Scim, step: &Value, last: &Value) -> Value {
    let text = |name: &str| step[name].as_str().unwrap();
    // Okta reads a resource, changes what it holds and sends all of it back.
    let body = match step.get("merge_into_last") {
        Some(changes) => {
            let mut whole = last.as_object().unwrap().clone();
            whole.extend(changes.as_object().unwrap().clone());
            Some(Value::Object(whole))
        }
        None => step.get("body").cloned(),
    };
    let (path, query) = text("path").split_once('?').unwrap_or((text("path"), ""));
    let query: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let mut request = scim.request(text("method"), path).query(&query);
    if let Some(body) = &body {
        request =
            request.header("content-type", "application/scim+json; charset=utf-8").body(body.to_string());
    }
    let reply = scim.send(request).await;
    let context = format!("{}: {}", text("name"), reply.text);
    assert_eq!(u64::from(reply.status), step["status"].as_u64().unwrap(), "{context}");
    let answer = if reply.text.is_empty() { Value::Null } else { reply.json() };
    for (pointer, expected) in step["expect"].as_object().into_iter().flatten() {
        assert_eq!(answer.pointer(pointer), Some(expected), "{pointer} of {context}");
    }
    for pointer in step["absent"].as_array().into_iter().flatten() {
        assert_eq!(answer.pointer(pointer.as_str().unwrap()), None, "{context}");
    }
    answer
}
