//! Ceven's event stream at a transmitter of security events: made or found again, looked at, verified, deleted. The same
//! requests serve every transmitter of SSF 1.0 and Okta (developer.okta.com, "SSF Transmitter").
//!
//! 1. The stream that points at Ceven is Ceven's; another one of the same client is never changed.
//! 2. A stream that is there already is taken over, so an order that broke off half way can be given again.
//! 3. What is gone already is deleted.
use serde_json::json;

use super::{
    answer::{needs, text},
    okta::api::{Dpop, Service, Session, judge},
    pass::{Failure, Halt, Pass},
    wire::{Answer, Method, Request, Response, escape},
};
use crate::protocol::{
    event_stream::{StreamConfiguration, Transmitter, TransmitterError, configuration_url},
    oidc::origin,
};

/// Rights of a service app, at Okta and in the CAEP interoperability profile.
pub const SCOPES: &str = "ssf.manage ssf.read";

/// Who asks.
pub enum Credentials {
    /// An access token (RFC 6750).
    AccessToken(String),
    /// An OAuth service app.
    Service(Box<Service>),
}

/// What it takes to speak to a transmitter about Ceven's stream.
pub struct Plan<'a> {
    issuer: &'a str,
    jwks_uri: &'a str,
    receiver_url: &'a str,
    credentials: &'a Credentials,
    home: String,
}

/// Why an order is not carried out, or not yet.
#[derive(Debug)]
pub enum Stop {
    /// An answer is needed.
    Halt(Halt),
    /// It failed.
    Failed(Failure),
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<TransmitterError> for Stop {
    fn from(error: TransmitterError) -> Self {
        Self::Failed(Failure::Malformed { detail: error.to_string() })
    }
}

/// How a stream stands at the transmitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The stream.
    pub stream: StreamConfiguration,
    /// `enabled`, `paused` or `disabled`.
    pub status: String,
    /// Why, if the transmitter says.
    pub reason: Option<String>,
}

impl<'a> Plan<'a> {
    /// With the issuer and its keys' address as an admin has saved them, and the address that events are sent to.
    /// Nothing for an issuer that is no web address.
    pub fn new(
        (issuer, jwks_uri): (&'a str, &'a str),
        receiver_url: &'a str,
        credentials: &'a Credentials,
    ) -> Option<Self> {
        let (scheme, authority) = origin(issuer)?;
        let home = format!("{scheme}://{authority}");
        Some(Self { issuer, jwks_uri, receiver_url, credentials, home })
    }

    /// The only address that requests go to.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Makes the stream, or finds it again.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn create(&self, pass: &mut Pass<'_>) -> Result<StreamConfiguration, Stop> {
        let transmitter = self.discover(pass)?;
        let session = self.authorize(pass)?;
        let endpoint = self.path(&transmitter.configuration_endpoint);
        let list = session.read(pass, endpoint);
        let listed = pass.find(list, judge)??;
        let all = listed.map(|response| StreamConfiguration::read_all(self.issuer, &response.json()));
        let (own, others): (Vec<_>, Vec<_>) =
            all.unwrap_or_default().into_iter().partition(|stream| stream.endpoint_url == self.receiver_url); // (1)
        if let Some(own) = own.into_iter().next() {
            return Ok(own); // (2)
        }
        let request = session.write(pass, Method::Post, endpoint).json(transmitter.wanted(self.receiver_url));
        let answer = write(pass, request)?;
        if answer.as_ref().is_ok_and(|response| response.status == 409) {
            let other = others.first().map_or("another address", |stream| &stream.endpoint_url);
            let detail = format!(
                "the client has a stream to {other} already: delete that one, or take another client"
            );
            return Err(Failure::Conflict { detail }.into()); // (1)
        }
        Ok(StreamConfiguration::read(self.issuer, &good(answer)?.json())?)
    }

    /// Reads the stream and its status.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn status(&self, pass: &mut Pass<'_>, id: &str) -> Result<Status, Stop> {
        let transmitter = self.discover(pass)?;
        let session = self.authorize(pass)?;
        let gone = || {
            let detail = format!("the transmitter knows no stream {id}: create it again");
            Stop::Failed(Failure::Conflict { detail })
        };
        let read = session.read(pass, &with_id(self.path(&transmitter.configuration_endpoint), id));
        let found = pass.find(read, judge)??.ok_or_else(gone)?;
        let mut streams = StreamConfiguration::read_all(self.issuer, &found.json()).into_iter();
        let stream = streams.find(|stream| stream.id == id).ok_or_else(gone)?;
        let read = session.read(pass, &with_id(self.path(&transmitter.status_endpoint), id));
        let body = pass.fetch(read, judge)??.json();
        let status = text(&body, "status").to_owned();
        if status.is_empty() {
            return Err(TransmitterError::Missing("status").into());
        }
        let reason = body["reason"].as_str().map(|reason| reason.chars().take(200).collect());
        Ok(Status { stream, status, reason })
    }

    /// Asks for a verification event with this state.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn verify(&self, pass: &mut Pass<'_>, id: &str, state: &str) -> Result<(), Stop> {
        let transmitter = self.discover(pass)?;
        let session = self.authorize(pass)?;
        let Some(endpoint) = &transmitter.verification_endpoint else {
            let detail = "the transmitter offers no verification".to_owned();
            return Err(Failure::PlanUnavailable { detail }.into());
        };
        let body = json!({ "stream_id": id, "state": state });
        let request = session.write(pass, Method::Post, self.path(endpoint)).json(body);
        good(write(pass, request)?)?;
        Ok(())
    }

    /// Deletes the stream.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn delete(&self, pass: &mut Pass<'_>, id: &str) -> Result<(), Stop> {
        let transmitter = self.discover(pass)?;
        let session = self.authorize(pass)?;
        let path = with_id(self.path(&transmitter.configuration_endpoint), id);
        let request = session.write(pass, Method::Delete, &path);
        let answer = write(pass, request)?;
        if answer.as_ref().is_ok_and(|response| response.status == 404) {
            return Ok(()); // (3)
        }
        good(answer)?;
        Ok(())
    }

    fn discover(&self, pass: &mut Pass<'_>) -> Result<Transmitter, Stop> {
        let url = configuration_url(self.issuer).ok_or(TransmitterError::OtherIssuer)?;
        let read = Request::read(Method::Get, url).header("accept", "application/json");
        let Some(found) = pass.find(read, judge)?? else {
            let detail = "the tenant sends no security events (no ssf-configuration)".to_owned();
            return Err(Failure::PlanUnavailable { detail }.into());
        };
        Ok(Transmitter::read(self.issuer, self.jwks_uri, &found.json())?)
    }

    fn authorize(&self, pass: &mut Pass<'_>) -> Result<Session<'_>, Stop> {
        let service = match self.credentials {
            Credentials::AccessToken(token) => return Ok(Session::bearer(&self.home, token)),
            Credentials::Service(service) => service,
        };
        let session = service.session(pass, &self.home, "event_stream", SCOPES, &mut Dpop::default())?;
        Ok(session.map_err(|failure| needs(SCOPES, failure))?)
    }

    /// An endpoint below [`Plan::home`]; [`Transmitter::read`] admits no other.
    fn path<'e>(&self, endpoint: &'e str) -> &'e str {
        endpoint.strip_prefix(&self.home).unwrap_or_default()
    }
}

fn with_id(path: &str, id: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}stream_id={}", escape(id))
}

/// An order is never a preview.
fn write(pass: &mut Pass<'_>, request: Request) -> Result<Answer, Stop> {
    let preview = || Failure::Malformed { detail: "nothing is written in a preview".into() };
    Ok(pass.try_write(request)?.ok_or_else(preview)?)
}

fn good(answer: Answer) -> Result<Response, Stop> {
    match (judge(&answer), answer) {
        (None, Ok(response)) => Ok(response),
        (Some(failure), _) => Err(failure.into()),
        (None, Err(error)) => Err(Failure::Transient { detail: error.to_string() }.into()),
    }
}
