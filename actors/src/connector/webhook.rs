//! A signed webhook, for tools that Ceven does not know: Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! 1. The id is that of the offboarding and the user, and the payload's time is that of the event: both the same in every
//!    try, so the receiver can drop a second delivery. Only the header has the time of the try.
//! 2. `id.timestamp.body` is signed with HMAC-SHA-256; during a rotation with both secrets, the new one first.
//! 3. 2xx is a receipt. 410 says that the endpoint wants no more: the connector pauses. Anything else is tried again,
//!    not before `Retry-After`.
//! 4. A payload stays below 20 kB. Where a person has more addresses than fit, the first one goes, and a number says how
//!    many do not.
//! 5. The standard has no test message, and one of our own might set a receiver to work. So the check only asks who is
//!    there, with a GET that no receiver takes for a delivery.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::pass::{Failure, Halt, Leaver, Match, Outcome, Pass, retry_after_ms};
use super::sign::hmac_sha256;
use super::step::origins;
use super::wire::{Answer, Body, Method, Request, SendError};
use super::{ConfigError, Field, Kind, Settings, Tool};

/// A signed webhook.
pub const KIND: Kind = Kind {
    id: "webhook",
    title: "Webhook",
    fields: &[
        Field::required("url", "Address", "Receives a POST for everyone who is removed.").address(),
        Field::required("secret", "Signing secret", "whsec_ and 24 to 64 bytes in base64.").secret(),
        Field::optional("previous_secret", "Previous secret", "Signs as well while receivers change over.")
            .secret(),
    ],
    hosts: &[],
    build,
};

/// Bytes of a payload that every receiver takes.
const PAYLOAD_BYTES: usize = 20_000;

/// A signing secret.
pub struct Secret(Vec<u8>);

impl Secret {
    /// From `whsec_…`.
    ///
    /// # Errors
    /// [`ConfigError`] on `field` when it is none.
    pub fn parse(field: &str, text: &str) -> Result<Self, ConfigError> {
        let encoded = text
            .strip_prefix("whsec_")
            .ok_or_else(|| ConfigError::new(field, "does not begin with whsec_"))?;
        let key =
            STANDARD.decode(encoded).map_err(|_| ConfigError::new(field, "is no base64 behind whsec_"))?;
        match key.len() {
            24..=64 => Ok(Self(key)),
            length => Err(ConfigError::new(field, format!("has {length} bytes: 24 to 64 are needed"))),
        }
    }

    /// One signature of the header `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        format!("v1,{}", hmac_sha256(&self.0, format!("{id}.{timestamp}.{body}").as_bytes()))
    }
}

struct Webhook {
    url: String,
    /// The current one first.
    secrets: Vec<Secret>,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let url = settings.required("url")?;
    let mut secrets = vec![Secret::parse("secret", settings.required("secret")?)?];
    if let Some(previous) = settings.get("previous_secret") {
        secrets.push(Secret::parse("previous_secret", previous)?);
    }
    Ok(Box::new(Webhook { url: url.to_owned(), secrets }))
}

impl Tool for Webhook {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        // The receiver knows its own accounts; here there is only the user's id to name.
        let leaver = pass.leaver();
        pass.found(Match {
            external_id: leaver.user_id.to_string(),
            label: leaver.user_name.clone(),
            matched_by: "user_name".into(),
        });
        let Some(request) = self.delivery(pass) else {
            return Err(pass.fail("deliver", too_large()));
        };
        pass.write("deliver", None, request, judge_delivery)?;
        let reason = "a receiver cannot be read back: its answer is the receipt";
        pass.note("verify", Outcome::skipped(reason), None);
        Ok(())
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let secrets = match self.secrets.len() {
            1 => "one secret",
            _ => "two secrets: remove the previous one when every receiver has changed over",
        };
        pass.note("secret", Outcome::Done, secrets.to_owned());
        let answer = pass.ask(Request::read(Method::Get, &self.url))?;
        let (outcome, detail) = judge_endpoint(&answer);
        pass.note("endpoint", outcome, detail);
        Ok(())
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.url])
    }
}

impl Webhook {
    /// Nothing when there is no payload that is small enough.
    fn delivery(&self, pass: &Pass<'_>) -> Option<Request> {
        let leaver = pass.leaver();
        let seconds = pass.now_ms().div_euclid(1_000);
        let body = payload(leaver)?;
        let id = format!("msg_{}_{}", leaver.offboarding_id.simple(), leaver.user_id.simple()); // (1)
        let signatures: Vec<String> =
            self.secrets.iter().map(|secret| secret.sign(&id, seconds, &body)).collect(); // (2)
        let request = Request::write(Method::Post, &self.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures.join(" "));
        Some(Request { body: Body::Text(body), ..request })
    }
}

/// What is told about a person, with all addresses or the first one only (4).
fn payload(leaver: &Leaver) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(leaver.since_ms.div_euclid(1_000));
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let with = |emails: &[String]| {
        let mut body = json!({
            "type": "user.offboarded",
            "timestamp": at.format(&Rfc3339).unwrap_or_default(),
            "data": {
                "offboarding_id": leaver.offboarding_id,
                "user_id": leaver.user_id,
                "user_name": leaver.user_name,
                "external_id": leaver.external_id,
                "emails": emails,
                "display_name": leaver.display_name,
            },
        });
        if emails.len() < leaver.emails.len() {
            body["data"]["emails_left_out"] = json!(leaver.emails.len() - emails.len());
        }
        Some(body.to_string()).filter(|body| body.len() < PAYLOAD_BYTES)
    };
    with(&leaver.emails).or_else(|| with(&leaver.emails[..leaver.emails.len().min(1)]))
}

fn too_large() -> Failure {
    let detail =
        format!("what is known of the person makes more than the {PAYLOAD_BYTES} bytes of a payload");
    Failure::Malformed { detail }
}

/// Whether somebody listens (5). Receivers refuse a GET in many ways, and each of them is an answer.
fn judge_endpoint(answer: &Answer) -> (Outcome, Option<String>) {
    match answer.as_ref().map_or(0, |response| response.status) {
        300..400 => {
            let detail = "the endpoint sends elsewhere, where deliveries do not follow: give that address";
            (Outcome::Failed(Failure::Malformed { detail: detail.into() }), None)
        }
        0 | 410 | 500.. => (judge_delivery(answer), None),
        status => {
            let detail = format!("somebody answers there ({status}); only a delivery shows the rest");
            (Outcome::Done, Some(detail))
        }
    }
}

/// What the answer to a delivery means (3).
fn judge_delivery(answer: &Answer) -> Outcome {
    let response = match answer {
        Ok(response) => response,
        Err(error @ (SendError::Blocked | SendError::TooLarge)) => {
            return Outcome::Failed(Failure::Malformed { detail: error.to_string() });
        }
        Err(error) => return Outcome::Failed(Failure::Transient { detail: error.to_string() }),
    };
    Outcome::Failed(match (response.status, retry_after_ms(response)) {
        (200..300, _) => return Outcome::Done,
        (410, _) => Failure::Auth {
            detail:
                "the endpoint answered 410 Gone: it takes no more deliveries until its address is changed"
                    .into(),
        },
        (_, Some(until)) => Failure::RateLimited { until_ms: Some(until) },
        (429, None) => Failure::RateLimited { until_ms: None },
        (status, None) => Failure::Transient { detail: format!("the endpoint answered {status}") },
    })
}
