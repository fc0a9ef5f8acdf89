//! Streams of security events, as a transmitter speaks of them: what it says about itself, and what a stream is
//! (OpenID Shared Signals Framework 1.0, "Transmitter Configuration Discovery" and "Management API for SET Event
//! Streams"; developer.okta.com, "SSF Transmitter", which speaks the third implementer's draft).
//!
//! 1. `issuer` is identical to the one that was asked.
//! 2. Every endpoint has the issuer's scheme, host and port: credentials never go elsewhere.
//! 3. The keys are those that Ceven verifies the issuer's tokens with.
//! 4. Events are pushed (RFC 8935), under the method's name or its older one.
//! 5. Okta has a status endpoint and does not name it: it is below that of the configuration.
use serde_json::{Value, json};

use super::{oidc::origin, security_event};

/// Push, by its name (SSF 1.0) and by the one before.
const PUSH: [&str; 2] =
    ["urn:ietf:rfc:8935", "https://schemas.openid.net/secevent/risc/delivery-method/push"];

/// Where a transmitter's endpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmitter {
    /// Streams are created, read and deleted here.
    pub configuration_endpoint: String,
    /// Says whether a stream is enabled.
    pub status_endpoint: String,
    /// Sends a verification event when asked, if the transmitter can.
    pub verification_endpoint: Option<String>,
    delivery: &'static str,
}

/// What a transmitter says and Ceven cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransmitterError {
    /// (1)
    #[error("the transmitter's configuration names another issuer")]
    OtherIssuer,
    /// A member is missing or no text.
    #[error("the transmitter's answer has no {0}")]
    Missing(&'static str),
    /// (2)
    #[error("{0} is not at the issuer's address")]
    Foreign(&'static str),
    /// (3)
    #[error("the transmitter signs with other keys than the issuer's")]
    OtherKeys,
    /// (4)
    #[error("the transmitter does not push events")]
    NoPush,
}

/// Where an issuer says what it is as a transmitter: the path of the issuer follows the well-known one.
pub fn configuration_url(issuer: &str) -> Option<String> {
    let (scheme, authority) = origin(issuer)?;
    let path = issuer.get(scheme.len() + "://".len() + authority.len()..)?.trim_end_matches('/');
    Some(format!("{scheme}://{authority}/.well-known/ssf-configuration{path}"))
}

impl Transmitter {
    /// Reads a transmitter's configuration.
    ///
    /// # Errors
    /// [`TransmitterError`].
    pub fn read(issuer: &str, jwks_uri: &str, document: &Value) -> Result<Self, TransmitterError> {
        if document["issuer"].as_str() != Some(issuer) {
            return Err(TransmitterError::OtherIssuer); // (1)
        }
        let endpoint = |name: &'static str| match document[name].as_str() {
            Some(url) if origin(url).is_some() && origin(url) == origin(issuer) => Ok(Some(url.to_owned())),
            Some(_) => Err(TransmitterError::Foreign(name)), // (2)
            None => Ok(None),
        };
        if document["jwks_uri"].as_str() != Some(jwks_uri) {
            return Err(TransmitterError::OtherKeys); // (3)
        }
        let offers = |method: &&str| match document["delivery_methods_supported"].as_array() {
            Some(methods) => methods.iter().any(|offered| offered == *method),
            None => true,
        };
        let delivery = PUSH.into_iter().find(offers).ok_or(TransmitterError::NoPush)?; // (4)
        let configuration_endpoint = endpoint("configuration_endpoint")?;
        let configuration_endpoint =
            configuration_endpoint.ok_or(TransmitterError::Missing("configuration_endpoint"))?;
        let status_endpoint = endpoint("status_endpoint")?;
        Ok(Self {
            status_endpoint: status_endpoint.unwrap_or_else(|| format!("{configuration_endpoint}/status")), // (5)
            verification_endpoint: endpoint("verification_endpoint")?,
            configuration_endpoint,
            delivery,
        })
    }

    /// What Ceven asks for: everything that it acts on, sent to `endpoint_url`.
    pub fn wanted(&self, endpoint_url: &str) -> Value {
        json!({
            "delivery": { "method": self.delivery, "endpoint_url": endpoint_url },
            "events_requested": security_event::acted_on().collect::<Vec<_>>(),
        })
    }
}

/// A stream at a transmitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfiguration {
    /// The transmitter's id of it.
    pub id: String,
    /// What the transmitter calls the receiver.
    pub audiences: Vec<String>,
    /// Where events are sent.
    pub endpoint_url: String,
    /// Types of the events that are sent.
    pub events: Vec<String>,
}

/// Longest text of a stream that is kept.
const MAX_TEXT_BYTES: usize = 2_048;
/// Audiences and types of a stream that are kept.
const MAX_LIST: usize = 50;

impl StreamConfiguration {
    /// Reads one.
    ///
    /// # Errors
    /// [`TransmitterError`] when it is none, or of another issuer.
    pub fn read(issuer: &str, value: &Value) -> Result<Self, TransmitterError> {
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| !text.is_empty() && text.len() <= MAX_TEXT_BYTES);
            text.map(str::to_owned)
        };
        let list = |value: &Value| match value {
            Value::Array(list) => list.iter().filter_map(text).take(MAX_LIST).collect(),
            single => text(single).into_iter().collect::<Vec<_>>(),
        };
        if value["iss"].as_str().is_some_and(|named| named != issuer) {
            return Err(TransmitterError::OtherIssuer); // (1)
        }
        let delivered = list(&value["events_delivered"]);
        Ok(Self {
            id: text(&value["stream_id"]).ok_or(TransmitterError::Missing("stream_id"))?,
            audiences: list(&value["aud"]),
            endpoint_url: text(&value["delivery"]["endpoint_url"])
                .ok_or(TransmitterError::Missing("delivery.endpoint_url"))?,
            events: if delivered.is_empty() { list(&value["events_requested"]) } else { delivered },
        })
    }

    /// Reads one, or several in a list: transmitters answer with either. What is none is left out.
    pub fn read_all(issuer: &str, value: &Value) -> Vec<Self> {
        let read = |value: &Value| Self::read(issuer, value).ok();
        match value {
            Value::Array(list) => list.iter().filter_map(read).collect(),
            single => read(single).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://acme.okta.com";
    const KEYS: &str = "https://acme.okta.com/oauth2/v1/keys";

    /// The example of Okta's API description.
    fn document() -> Value {
        json!({
            "configuration_endpoint": "https://acme.okta.com/api/v1/ssf/stream",
            "delivery_methods_supported": [PUSH[1], PUSH[0]],
            "issuer": ISSUER,
            "jwks_uri": KEYS,
            "verification_endpoint": "https://acme.okta.com/api/v1/ssf/stream/verification",
            "spec_version": "1_0-ID3",
            "authorization_schemes": [{ "spec_urn": "urn:ietf:rfc:6749" }],
            "default_subjects": "ALL",
        })
    }

    #[test]
    fn a_transmitter_speaks_for_its_issuer_alone() {
        let read = |document: &Value| Transmitter::read(ISSUER, KEYS, document);
        let good = read(&document()).unwrap();
        assert_eq!(good.status_endpoint, "https://acme.okta.com/api/v1/ssf/stream/status");
        assert_eq!(good.wanted("https://x.example")["delivery"]["method"], PUSH[0]);
        for (name, value, error) in [
            ("issuer", json!("https://acme.okta.com/"), TransmitterError::OtherIssuer),
            ("configuration_endpoint", Value::Null, TransmitterError::Missing("configuration_endpoint")),
            (
                "configuration_endpoint",
                json!("https://acme.okta.com.evil.example/x"),
                TransmitterError::Foreign("configuration_endpoint"),
            ),
            (
                "configuration_endpoint",
                json!("http://acme.okta.com/x"),
                TransmitterError::Foreign("configuration_endpoint"),
            ),
            (
                "status_endpoint",
                json!("https://a@acme.okta.com/x"),
                TransmitterError::Foreign("status_endpoint"),
            ),
            ("verification_endpoint", json!("/x"), TransmitterError::Foreign("verification_endpoint")),
            ("jwks_uri", json!("https://acme.okta.com/other"), TransmitterError::OtherKeys),
            ("delivery_methods_supported", json!(["urn:ietf:rfc:8936"]), TransmitterError::NoPush),
        ] {
            let mut changed = document();
            changed[name] = value.clone();
            assert_eq!(read(&changed), Err(error), "{name} {value}");
        }
    }

    #[test]
    fn the_well_known_address_goes_before_the_issuers_path() {
        for (issuer, url) in [
            (ISSUER, "https://acme.okta.com/.well-known/ssf-configuration"),
            ("https://tr.example/issuer1", "https://tr.example/.well-known/ssf-configuration/issuer1"),
        ] {
            assert_eq!(configuration_url(issuer).as_deref(), Some(url));
        }
        assert_eq!(configuration_url("mailto:x"), None);
    }

    #[test]
    fn streams_are_read_alone_and_in_lists() {
        let stream = json!({ "stream_id": "esc1", "iss": ISSUER, "aud": "https://ceven.example",
            "delivery": { "method": PUSH[0], "endpoint_url": "https://ceven.example/x" },
            "events_requested": ["a", "b"], "events_delivered": ["a"] });
        let one = StreamConfiguration::read(ISSUER, &stream).unwrap();
        assert_eq!((one.audiences.len(), one.events.as_slice()), (1, &["a".to_owned()][..]));
        let foreign =
            json!({ "stream_id": "x", "iss": "https://other.example", "delivery": { "endpoint_url": "y" } });
        assert_eq!(StreamConfiguration::read_all(ISSUER, &json!([stream, foreign, 7])), [one]);
    }
}
