//! The route table, one line a URL. Everything after the match is in the room it names.
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use ceven_actors::{domain::audit::Mode, protocol::scim::ScimError, request::Request};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::USER_AGENT};
use tracing::Instrument as _;
use uuid::Uuid;
use warp::reply::Response;

pub mod admin;
pub mod api;
pub mod auth;
pub mod body;
pub mod client_ip;
pub mod cookie;
pub mod reply;
pub mod right;
pub mod scim;
pub mod server;
pub mod session;
pub mod sign_out;
pub mod sso;
pub mod stream;
pub mod unread;

use server::Routes;
use unread::Unread;

use crate::{app::App, net::address::Range, sign_in::Origin, traces, ui};

/// Who passed a request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Nobody, as far as can be seen.
    None,
    /// A proxy whose word on its client is taken.
    Believed,
    /// Somebody who speaks for a client and is not trusted.
    Ignored,
}

/// Where SCIM is.
const SCIM: &str = "api/v1/scim/v2";

/// A request taken apart.
pub struct Incoming {
    /// Method.
    pub method: Method,
    /// Path without its first and last slash.
    pub path: Arc<str>,
    /// Query, still encoded.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Whose request it is.
    pub client_ip: std::net::IpAddr,
    /// Whether somebody stands between it and this server.
    pub proxy: Proxy,
    /// Id of the request: in the audit log, in every line of the log, and in the answer.
    pub request_id: String,
    /// When it came in.
    pub begun: Instant,
    /// Body.
    pub body: Unread,
}

impl Incoming {
    /// Where it comes from, under its id.
    pub fn origin(&self) -> Origin {
        let user_agent = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Origin {
            ip: self.client_ip,
            user_agent: user_agent.unwrap_or_default().to_owned(),
            request_id: self.request_id.clone(),
        }
    }
}

/// Everything the public listener answers. Nothing is rejected: every answer is a reply.
pub fn routes(app: Arc<App>, trusted: Arc<[Range]>) -> Routes {
    Routes::whole(move |request, peer| {
        let id = app.clock.new_id();
        let (head, body) = request.into_parts();
        let (client_ip, proxy) = client_ip::client_ip(peer.ip(), &head.headers, &trusted);
        let incoming = Incoming {
            method: head.method,
            path: head.uri.path().trim_matches('/').into(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            client_ip,
            proxy,
            request_id: id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned(),
            begun: Instant::now(),
            body,
        };
        answer(app.clone(), id, Box::new(incoming))
    })
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MODE: HeaderName = HeaderName::from_static("x-ceven-mode");

/// Every line of the log that a request leads to carries its id, and every request is counted and may be followed.
async fn answer(app: Arc<App>, id: Uuid, incoming: Box<Incoming>) -> Response {
    let begun = incoming.begun;
    let route = app.metrics.requests.route(&incoming.method, &incoming.path);
    let pattern = app.metrics.requests.pattern(route);
    let parent = app.settings.traces.accept.then_some(&incoming.headers);
    let span = traces::request(&incoming.request_id, pattern, parent);
    let request_id = HeaderValue::from_str(&incoming.request_id);
    let answering = async {
        let response = within_limits(&app, incoming).instrument(span).await;
        tracing::debug!(status = response.status().as_u16(), took = ?begun.elapsed(), "answered");
        response
    };
    let mut response = Request { id, route: pattern }.serve(answering).await;
    if let Ok(request_id) = request_id {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    // A client that was pointed at the wrong server finds it in every answer.
    if app.store.mode() == Mode::Dev {
        response.headers_mut().insert(MODE, HeaderValue::from_static("dev"));
    }
    app.metrics.requests.note(route, response.status(), begun.elapsed());
    response
}

/// Dispatches within the time a request has; a panic becomes a 500 and nothing of it leaves the process.
async fn within_limits(app: &Arc<App>, incoming: Box<Incoming>) -> Response {
    let path = incoming.path.clone();
    let limit = Duration::from_millis(app.settings.server.request_timeout_ms);
    // A future is as large as the largest of what it may become, and is moved: this one is put aside.
    let dispatched = Box::pin(dispatch(app, &path, incoming));
    let dispatched = AssertUnwindSafe(timeout_unless_ready(limit, dispatched)).catch_unwind().await;
    let (status, detail) = match dispatched {
        Ok(Ok(response)) => return response,
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "The request took too long."),
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "The request failed; the cause is in the server's log.")
        }
    };
    if path.starts_with(SCIM) {
        return reply::scim_failure(ScimError::new(status.as_u16(), detail).into()).0;
    }
    match ui::is_page(&path.split('/').collect::<Vec<_>>()) {
        true => ui::failed(app.store.mode(), status, detail),
        false => reply::problem(status, detail),
    }
}

/// As tokio's time-out, without a timer for what is ready at once, such as a read.
async fn timeout_unless_ready<F: Future + Unpin>(
    limit: Duration,
    mut future: F,
) -> Result<F::Output, tokio::time::error::Elapsed> {
    match futures_util::poll!(&mut future) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => tokio::time::timeout(limit, future).await,
    }
}

/// To the room that answers; each room's future is put aside, too.
async fn dispatch(app: &Arc<App>, path: &str, incoming: Box<Incoming>) -> Response {
    if let Some(rest) = path.strip_prefix(SCIM).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        return scim::answer(app, rest, incoming).await;
    }
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["api", "v1", "sso", "okta", rest @ ..] if !rest.is_empty() => {
            Box::pin(sso::answer(app, rest, *incoming)).await
        }
        ["api", "v1", rest @ ..] => Box::pin(api::answer(app, rest, *incoming)).await,
        page if ui::is_page(page) => Box::pin(ui::answer(app, page, *incoming)).await,
        _ => reply::problem(StatusCode::NOT_FOUND, "There is nothing at this address."),
    }
}
