//! What is particular to webhooks: signatures, ids and the size of a payload. `connectors.rs` runs the transcripts.
use ceven_actors::connector::webhook::Secret;
use ceven_actors::connector::wire::Body;
use serde_json::{Value, json};

use crate::support::specs::load;
use crate::support::transcript::{NOW_MS, Transcript, all};

fn transcript(name: &str) -> Transcript {
    all().into_iter().find(|transcript| transcript.name == name).unwrap()
}

#[test]
fn webhook_signatures_are_those_of_the_standard() {
    let vectors = load("standard-webhooks-vectors.json");
    assert_eq!(vectors.as_array().unwrap().len(), 2);
    for vector in vectors.as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let secret = Secret::parse("secret", text("secret")).unwrap();
        let signature = secret.sign(text("id"), vector["timestamp"].as_i64().unwrap(), text("body"));
        assert_eq!(signature, text("signature"));
    }
}

#[test]
fn a_webhook_is_the_same_message_in_every_try() {
    let happy = transcript("webhook/happy");
    let headers = |request: &Value| request["headers"].clone();
    let sent = headers(&happy.exchanges()[0]["request"]);
    assert_eq!(sent["webhook-id"], "msg_0195c0de000070008000000000000002_0195c0de000070008000000000000001");
    // A later try tells when it was, and of the same event.
    let mut later = transcript("webhook/happy");
    later.content["leaver"]["since_ms"] = json!(NOW_MS - 3_600_000);
    let request = later.run(later.tool().as_ref(), &[]).request.unwrap();
    let Body::Text(text) = &request.body else { panic!("{request:?} is no delivery") };
    let at = &serde_json::from_str::<Value>(text).unwrap()["timestamp"];
    assert_eq!(at, "2026-11-24T05:00:00Z", "an hour before the try");
    let header = request.headers.iter().find(|(name, _)| *name == "webhook-timestamp").unwrap();
    assert_eq!(header.1, (NOW_MS / 1_000).to_string());
    let rotated = transcript("webhook/happy_rotation");
    let signatures = headers(&rotated.exchanges()[0]["request"])["webhook-signature"].clone();
    let (new, old) = signatures.as_str().unwrap().split_once(' ').unwrap();
    assert_ne!(new, old);
    assert_eq!(json!(old), sent["webhook-signature"], "the previous secret signs second");
}

/// What would be told of the person of a transcript: its length and its data.
fn told(transcript: &Transcript) -> (usize, Value) {
    let request = transcript.run(transcript.tool().as_ref(), &[]).request.unwrap();
    let Body::Text(text) = request.body else { panic!("{request:?} is no delivery") };
    (text.len(), serde_json::from_str::<Value>(&text).unwrap()["data"].take())
}

/// The standard asks for less than 20 kB, however much is known of a person.
#[test]
fn a_payload_is_never_too_large() {
    let mut transcript = transcript("webhook/happy");
    let emails: Vec<String> = (0..1_000).map(|number| format!("ann.{number}@acme.example")).collect();
    transcript.content["leaver"]["emails"] = json!(emails[..100]);
    let (_, data) = told(&transcript);
    assert_eq!((data["emails"].as_array().unwrap().len(), &data["emails_left_out"]), (100, &Value::Null));
    transcript.content["leaver"]["emails"] = json!(emails);
    let (length, data) = told(&transcript);
    assert!(length < 20_000, "{length}");
    assert_eq!(data["emails"], json!(["ann.0@acme.example"]));
    assert_eq!((&data["emails_left_out"], &data["user_name"]), (&json!(999), &json!("ann@acme.example")));
    transcript.content["leaver"]["user_name"] = json!("x".repeat(20_000));
    let ended = transcript.run(transcript.tool().as_ref(), &[]);
    let failed = ended.steps.iter().find(|step| step.name == "deliver").unwrap();
    assert_eq!(json!(failed)["outcome"]["class"], "malformed", "{failed:?}");
    assert!(ended.request.is_none());
}
