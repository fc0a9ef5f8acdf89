//! The tenant as a transmitter of security events: its configuration, the streams of service applications, and what it
//! pushes (`/api/v1/ssf/stream`, OAuth scopes `ssf.manage` and `ssf.read`; an SSWS token opens none of it).
use serde_json::{Value, json};

use super::{Okta, SetShape, api_error};
use crate::dev::{
    DevError,
    access::{ALPHANUMERIC, random_id, random_text},
    errand::Errand,
    sim::Call,
    wire::{Answer, Refusal},
};

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const METHODS: [&str; 2] =
    ["https://schemas.openid.net/secevent/risc/delivery-method/push", "urn:ietf:rfc:8935"];
/// Streams of one tenant.
const MOST: usize = 10;
/// Types that a receiver may ask for.
const MOST_EVENTS: usize = 50;

/// A stream of one client.
#[derive(Debug, Clone)]
pub struct Stream {
    /// `esc…`
    pub id: String,
    /// Whose.
    pub client_id: String,
    /// Where events go.
    pub endpoint_url: String,
    /// What the receiver is called in them.
    pub audience: String,
    /// Whether events are sent.
    pub is_enabled: bool,
    method: String,
    requested: Vec<String>,
}

impl Stream {
    fn shown(&self, issuer: &str) -> Value {
        let supported = ["session-revoked", "credential-change"].map(|name| format!("{CAEP}{name}"));
        let delivered: Vec<_> = supported.iter().filter(|event| self.requested.contains(event)).collect();
        json!({
            "stream_id": self.id, "iss": issuer, "aud": self.audience, "format": "iss_sub",
            "delivery": { "method": self.method, "endpoint_url": self.endpoint_url },
            "events_requested": self.requested, "events_delivered": delivered, "events_supported": supported,
            "min_verification_interval": 0,
        })
    }
}

/// `GET /.well-known/ssf-configuration`
pub(super) fn configuration(okta: &mut Okta, _call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let issuer = okta.issuer();
    Ok(Answer::json(
        200,
        &json!({
            "spec_version": "1_0-ID3", "issuer": issuer, "jwks_uri": format!("{issuer}/oauth2/v1/keys"),
            "configuration_endpoint": format!("{issuer}/api/v1/ssf/stream"),
            "verification_endpoint": format!("{issuer}/api/v1/ssf/stream/verification"),
            "delivery_methods_supported": METHODS, "default_subjects": "ALL",
            "authorization_schemes": [{ "spec_urn": "urn:ietf:rfc:6749" }],
        }),
    ))
}

/// The client that asks; an SSWS token is none.
fn client(call: &Call<'_>) -> Result<String, Refusal> {
    match call.subject.as_str() {
        "admin" => Err(Refusal::Right("ssf.manage".into())),
        client => Ok(client.to_owned()),
    }
}

/// The client's stream, which has this id if one is named.
fn place(okta: &Okta, client: &str, id: Option<&str>) -> Result<usize, Refusal> {
    let fits = |stream: &Stream| stream.client_id == client && id.is_none_or(|id| stream.id == id);
    okta.streams.iter().position(fits).ok_or(Refusal::Missing("stream"))
}

/// `GET /api/v1/ssf/stream`
pub(super) fn read(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let client = client(call)?;
    let Some(id) = call.request.parameter("stream_id") else {
        let own = okta.streams.iter().filter(|stream| stream.client_id == client);
        let all: Vec<_> = own.map(|stream| stream.shown(okta.issuer())).collect();
        return Ok(Answer::json(200, &json!(all)));
    };
    let at = place(okta, &client, Some(id))?;
    Ok(Answer::json(200, &okta.streams[at].shown(okta.issuer())))
}

/// `POST /api/v1/ssf/stream`
pub(super) fn create(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let client = client(call)?;
    let body = call.request.object()?;
    let missing = |name: &str| Refusal::Body(format!("{name}: The field cannot be left blank"));
    let requested: Vec<String> =
        serde_json::from_value(body["events_requested"].clone()).map_err(|_| missing("events_requested"))?;
    if requested.is_empty() || requested.len() > MOST_EVENTS {
        return Err(missing("events_requested"));
    }
    let method = body["delivery"]["method"].as_str().filter(|method| METHODS.contains(method));
    let method = method.ok_or_else(|| missing("delivery.method"))?.to_owned();
    let url = body["delivery"]["endpoint_url"].as_str().filter(|url| url.len() <= 2_048);
    let url = url.ok_or_else(|| missing("delivery.endpoint_url"))?;
    if place(okta, &client, None).is_ok() || okta.streams.len() >= MOST {
        return Err(Refusal::exact(api_error(&*okta.clock, 409, "E0000195", None)));
    }
    let audience = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    okta.streams.push(Stream {
        id: random_id(&*okta.clock, "esc", 17, ALPHANUMERIC),
        client_id: client,
        endpoint_url: url.to_owned(),
        audience,
        is_enabled: true,
        method,
        requested,
    });
    Ok(Answer::json(201, &okta.streams[okta.streams.len() - 1].shown(okta.issuer())))
}

/// `DELETE /api/v1/ssf/stream`
pub(super) fn delete(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let at = place(okta, &client(call)?, call.request.parameter("stream_id"))?;
    okta.streams.remove(at);
    Ok(Answer::empty(204))
}

/// `GET /api/v1/ssf/stream/status`
pub(super) fn status(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = call.request.parameter("stream_id").unwrap_or_default();
    let stream = &okta.streams[place(okta, &client(call)?, Some(id))?];
    let status = if stream.is_enabled { "enabled" } else { "disabled" };
    Ok(Answer::json(200, &json!({ "stream_id": stream.id, "status": status })))
}

/// `POST /api/v1/ssf/stream/verification`: the event follows the answer.
pub(super) fn verify(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let id = body["stream_id"].as_str().unwrap_or_default();
    let stream = okta.streams[place(okta, &client(call)?, Some(id))?].clone();
    let mut event = json!({});
    if let Some(state) = body["state"].as_str() {
        event["state"] = state.into();
    }
    let claims = json!({
        "iss": okta.issuer(), "jti": random_text(&*okta.clock), "iat": call.now_secs(), "aud": stream.audience,
        "sub_id": { "format": "opaque", "id": stream.id },
        "events": { "https://schemas.openid.net/secevent/ssf/event-type/verification": event },
    });
    okta.push(&stream, &claims).map_err(|_| Refusal::Broken(500))?;
    Ok(Answer::empty(204))
}

impl Okta {
    /// Tells every stream that asked for it about an event of a person; `now` in seconds.
    pub(super) fn send_to_streams(&mut self, user_id: &str, event: &str, now: i64) -> Result<(), DevError> {
        let kind = format!("{CAEP}{event}");
        let wanted = |stream: &&Stream| stream.is_enabled && stream.requested.contains(&kind);
        for stream in self.streams.iter().filter(wanted).cloned().collect::<Vec<_>>() {
            let claims = self.security_event_claims(&stream.audience, user_id, event, SetShape::Okta, now);
            self.push(&stream, &claims)?;
        }
        Ok(())
    }

    fn push(&mut self, stream: &Stream, claims: &Value) -> Result<(), DevError> {
        let body = self.sign("secevent+jwt", claims)?;
        let url = stream.endpoint_url.clone();
        self.outbox.push(Errand { url, media_type: "application/secevent+jwt", bearer: None, body });
        Ok(())
    }
}
