//! Requests to others, with everything that keeps them from harm.
//!
//! 1. Only addresses that the guard admits, after resolution: a name that points inward gets nowhere.
//! 2. Without TLS only to addresses that the operator has named.
//! 3. No redirects: a secret is never carried on to another host.
//! 4. A time to connect, a time for everything, and a size.
//! 5. No proxy from the environment, unless the operator runs one as the machine's gateway.
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use ceven_actors::{
    clock::Clock,
    connector::{
        KINDS,
        wire::{Answer, Body, Method, Request, Response, SendError},
    },
    meter::{Histogram, Table},
    ports::{BoxFuture, Outbound},
};
use futures_util::StreamExt as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tracing::Instrument as _;

use super::address::Guard;
use crate::traces;

/// Name of issuers as a service: where they are asked for what they say about themselves, for keys and for tokens.
pub const ISSUER: &str = "issuer";

/// How long, how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// To connect.
    pub connect: Duration,
    /// From the first byte sent to the last byte read.
    pub total: Duration,
    /// Bytes of an answer.
    pub answer_bytes: usize,
    /// Whether they say to which trace they belong.
    pub traceparent: bool,
}

/// What outgoing requests came to: counted for each kind of tool and for issuers.
#[derive(Debug)]
pub struct Sent {
    services: Vec<&'static str>,
    /// By service and outcome.
    pub outcomes: Table,
    times: Vec<Histogram>,
}

/// Times of requests to others reach further than those of work at home, in microseconds.
const REQUEST_US: &[u64] = &[
    10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
    30_000_000,
];

impl Default for Sent {
    fn default() -> Self {
        let services: Vec<_> = KINDS.iter().map(|kind| kind.id).chain([ISSUER]).collect();
        let outcomes = ["2xx", "3xx", "4xx", "429", "5xx", "timeout", "connection", "blocked", "too_large"];
        Self {
            outcomes: Table::new(services.iter().copied(), &outcomes),
            times: services.iter().map(|_| Histogram::new(REQUEST_US)).collect(),
            services,
        }
    }
}

impl Sent {
    fn note(&self, service: &str, answer: &Answer, took: Duration) {
        let outcome = match answer {
            Ok(Response { status: 429, .. }) => "429",
            Ok(response) => match response.status / 100 {
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                5 => "5xx",
                _ => "other",
            },
            Err(SendError::Timeout) => "timeout",
            Err(SendError::Connection) => "connection",
            Err(SendError::Blocked) => "blocked",
            Err(SendError::TooLarge) => "too_large",
        };
        self.outcomes.add(service, outcome);
        if let Some(place) = self.services.iter().position(|name| *name == service) {
            self.times[place].observe_time(took);
        }
    }

    /// How long requests to each service took, in microseconds.
    pub fn times(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.services.iter().copied().zip(&self.times)
    }
}

/// The client of this process.
pub struct Client {
    http: reqwest::Client,
    guard: Arc<Guard>,
    clock: Arc<dyn Clock>,
    limits: ClientLimits,
    sent: Arc<Sent>,
}

/// Leaves out addresses that must not be reached (1).
struct GuardedResolver(Arc<Guard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted: Vec<_> = found.into_iter().filter(|address| guard.admits(address.ip())).collect();
            if admitted.is_empty() {
                return Err("no address that may be reached".into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

impl Client {
    /// Makes a client that counts what it sends.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        guard: Guard,
        clock: Arc<dyn Clock>,
        limits: ClientLimits,
        sent: Arc<Sent>,
    ) -> Result<Self, reqwest::Error> {
        let guard = Arc::new(guard);
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(GuardedResolver(guard.clone())))
            .redirect(reqwest::redirect::Policy::none()) // (3)
            .no_proxy() // (5)
            .connect_timeout(limits.connect) // (4)
            .timeout(limits.total)
            .user_agent(concat!("Ceven/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, guard, clock, limits, sent })
    }

    /// Whether a request to this address may be sent at all (1) (2).
    ///
    /// # Errors
    /// `Blocked`, or `Connection` when the name cannot be resolved.
    pub async fn check(&self, url: &reqwest::Url) -> Result<(), SendError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SendError::Blocked);
        }
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(SendError::Blocked),
        };
        let host = url.host_str().ok_or(SendError::Blocked)?.trim_matches(['[', ']']);
        let fits = |address: IpAddr| match is_tls {
            true => self.guard.admits(address),
            false => self.guard.is_named(address), // (2)
        };
        let addresses: Vec<IpAddr> = match host.parse() {
            Ok(address) => vec![address],
            // Of names with TLS the resolver sees to it.
            Err(_) if is_tls => return Ok(()),
            Err(_) => {
                let found = tokio::net::lookup_host((host, 0)).await.map_err(|_| SendError::Connection)?;
                found.map(|address| address.ip()).collect()
            }
        };
        if addresses.into_iter().all(fits) { Ok(()) } else { Err(SendError::Blocked) }
    }

    async fn exchange(&self, request: &Request) -> Answer {
        let url = reqwest::Url::parse(&request.url).map_err(|_| SendError::Blocked)?;
        self.check(&url).await?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut outgoing = self.http.request(method, url);
        let has_type = request.headers.iter().any(|(name, _)| *name == "content-type");
        let default_type = match &request.body {
            Body::Json(_) => Some("application/json"),
            Body::Form(_) => Some("application/x-www-form-urlencoded"),
            Body::Text(_) | Body::None => None,
        };
        if let Some(media_type) = default_type.filter(|_| !has_type) {
            outgoing = outgoing.header("content-type", media_type);
        }
        for (name, value) in &request.headers {
            outgoing = outgoing.header(*name, value);
        }
        if let Some(traceparent) = traces::traceparent().filter(|_| self.limits.traceparent) {
            outgoing = outgoing.header("traceparent", traceparent);
        }
        outgoing = match &request.body {
            // Google answers 411 to a POST that does not say how long it is (RFC 9110 section 8.6).
            Body::None if matches!(request.method, Method::Post | Method::Put | Method::Patch) => {
                outgoing.header("content-length", "0")
            }
            Body::None => outgoing,
            Body::Json(json) => outgoing.body(json.to_string()),
            Body::Text(text) => outgoing.body(text.clone()),
            Body::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                fields.iter().for_each(|(name, value)| {
                    form.append_pair(name, value);
                });
                outgoing.body(form.finish())
            }
        };
        let answer = outgoing.send().await.map_err(|error| failure(&error))?;
        self.read(answer).await
    }

    async fn read(&self, answer: reqwest::Response) -> Answer {
        let status = answer.status().as_u16();
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut body = Vec::new();
        let mut parts = answer.bytes_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| failure(&error))?;
            if body.len() + part.len() > self.limits.answer_bytes {
                return Err(SendError::TooLarge); // (4)
            }
            body.extend_from_slice(&part);
        }
        Ok(Response { status, headers, body, at_ms: self.clock.now_ms() })
    }
}

impl Outbound for Client {
    fn send<'a>(&'a self, service: &'a str, request: &'a Request) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let begun = Instant::now();
            let exchange = self.exchange(request).instrument(tracing::info_span!("send", service));
            let answer = match tokio::time::timeout(self.limits.total, exchange).await {
                Ok(answer) => answer,
                Err(_) => Err(SendError::Timeout), // (4)
            };
            self.sent.note(service, &answer, begun.elapsed());
            answer
        })
    }
}

fn failure(error: &reqwest::Error) -> SendError {
    if error.is_timeout() { SendError::Timeout } else { SendError::Connection }
}
