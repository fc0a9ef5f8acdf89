//! Simulated receiver of signed webhooks (Standard Webhooks).
use std::collections::HashSet;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ceven_actors::clock::Clock;
use serde_json::{Value, json};

use super::{
    Person,
    access::Limit,
    route::Route,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

/// A timestamp may be this far off.
const TOLERANCE_SECS: i64 = 300;
/// Bytes of a payload.
const LARGEST: usize = 20 * 1024;

/// An endpoint with its secret.
#[derive(Clone)]
pub struct Webhook {
    /// `whsec_…`
    pub secret: String,
    /// Deliveries in order, each id once.
    pub received: Vec<Value>,
    /// Deliveries that came again with a known id.
    pub repeated: u32,
    /// The endpoint is closed: it answers 410.
    pub is_gone: bool,
    ids: HashSet<String>,
}

impl Webhook {
    /// An endpoint with a new secret.
    pub fn new(clock: &dyn Clock) -> Self {
        let mut key = [0; 32];
        clock.fill(&mut key);
        Self {
            secret: format!("whsec_{}", STANDARD.encode(key)),
            received: Vec::new(),
            repeated: 0,
            is_gone: false,
            ids: HashSet::new(),
        }
    }

    fn receive(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let (id, stamp) = (call.request.header("webhook-id"), call.request.header("webhook-timestamp"));
        let at: i64 = stamp.parse().map_err(|_| Refusal::Body("webhook-timestamp is no number".into()))?;
        if id.is_empty() || id.contains('.') {
            return Err(Refusal::Body("webhook-id is missing".into()));
        }
        if call.request.body.len() > LARGEST {
            return Err(Refusal::exact(Answer::json(413, &json!({ "error": "payload too large" }))));
        }
        if (call.now_secs() - at).abs() > TOLERANCE_SECS || !self.is_signed(call.request, id, stamp) {
            return Err(Refusal::Credentials);
        }
        let body = call.request.object()?;
        if !body["type"].is_string() || !body["timestamp"].is_string() || !body["data"].is_object() {
            return Err(Refusal::Body("a payload has type, timestamp and data".into()));
        }
        if self.is_gone {
            return Err(Refusal::exact(Answer::json(410, &json!({ "error": "the endpoint is closed" }))));
        }
        match self.ids.insert(id.to_owned()) {
            true => self.received.push(json!({ "id": id, "payload": body })),
            false => self.repeated += 1,
        }
        Ok(Answer::empty(204))
    }

    fn is_signed(&self, request: &Request, id: &str, stamp: &str) -> bool {
        let secret = self.secret.strip_prefix("whsec_").unwrap_or(&self.secret);
        let Ok(secret) = STANDARD.decode(secret) else { return false };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let content = [id.as_bytes(), b".", stamp.as_bytes(), b".", &request.body].concat();
        let signatures = request.header("webhook-signature").split(' ');
        signatures
            .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
            .any(|signature| hmac::verify(&key, &content, &signature).is_ok())
    }
}

impl Tool for Webhook {
    const NAME: &'static str = "webhook";
    const ROUTES: &'static [Route<Self>] = &[Route::open("POST", "/hook", Self::receive)];

    /// A receiver has no accounts.
    fn seed(&mut self, _person: &Person, _clock: &dyn Clock) {}

    fn authorize(&mut self, _call: &mut Call<'_>, _scopes: &'static [&'static str]) -> Result<(), Refusal> {
        Ok(())
    }

    fn refuse(&self, refusal: &Refusal, _request: &Request) -> Answer {
        let error = |status, why: &str| Answer::json(status, &json!({ "error": why }));
        match refusal {
            Refusal::Address | Refusal::Missing(_) => error(404, "not found"),
            Refusal::Method(allowed) => error(405, "method not allowed").with("allow", allowed),
            Refusal::Body(why) => error(400, why),
            Refusal::Credentials => error(401, "the signature or the time does not fit"),
            Refusal::Right(_) => error(403, "forbidden"),
            Refusal::Limited { .. } => {
                error(429, "too many requests").with("retry-after", refusal.wait_secs().to_string())
            }
            Refusal::Broken(status) => error(*status, "bad gateway"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 1000, window_secs: 60 }
    }

    fn state(&self) -> Value {
        json!({ "received": self.received, "repeated": self.repeated, "is_gone": self.is_gone })
    }
}
