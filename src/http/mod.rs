//! The route table, one line a URL. Everything after the match is in the room it names.
use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use http::{HeaderMap, Method, StatusCode, header::USER_AGENT};
use warp::{Filter, filters::BoxedFilter, reply::Response};

pub mod api;
pub mod auth;
pub mod body;
pub mod client_ip;
pub mod cookie;
pub mod health;
pub mod reply;
pub mod right;
pub mod scim;
pub mod server;
pub mod session;
pub mod sso;
pub mod stream;

use crate::{app::App, net::address::Range, sign_in::Origin, ui};

/// The other end of a connection, as the accept loop saw it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Bytes of a request's body as they come in.
pub type BodyStream =
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<bytes::Bytes, warp::Error>> + Send + Sync>>;

/// A request taken apart.
pub struct Incoming {
    /// Method.
    pub method: Method,
    /// Path without its first and last slash.
    pub path: String,
    /// Query, still encoded.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Whose request it is.
    pub client_ip: std::net::IpAddr,
    /// Body.
    pub body: BodyStream,
}

impl Incoming {
    /// Where it comes from, under an id.
    pub fn origin(&self, request_id: &str) -> Origin {
        let user_agent = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Origin {
            ip: self.client_ip,
            user_agent: user_agent.unwrap_or_default().to_owned(),
            request_id: request_id.to_owned(),
        }
    }
}

/// Everything the public listener answers. Nothing is rejected: every answer is a reply.
pub fn routes(app: Arc<App>, trusted: Arc<[Range]>) -> BoxedFilter<(Response,)> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::any()
        .and(warp::method())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(
            move |method, path: warp::path::FullPath, query, headers: HeaderMap, peer: Option<Peer>, body| {
                let (app, trusted) = (app.clone(), trusted.clone());
                let body: BodyStream =
                    Box::pin(futures_util::StreamExt::map(body, |part: Result<_, warp::Error>| {
                        part.map(into_bytes)
                    }));
                async move {
                    let peer = peer.map_or(std::net::IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
                    let client_ip = client_ip::client_ip(peer, &headers, &trusted);
                    let path = path.as_str().trim_matches('/').to_owned();
                    answer(&app, Incoming { method, path, query, headers, client_ip, body }).await
                }
            },
        )
        .boxed()
}

fn into_bytes(mut part: impl bytes::Buf) -> bytes::Bytes {
    part.copy_to_bytes(part.remaining())
}

/// Dispatches within the time a request has; a panic becomes a 500 and nothing of it leaves the process.
async fn answer(app: &Arc<App>, incoming: Incoming) -> Response {
    let is_scim = incoming.path.starts_with("api/v1/scim/v2");
    let is_page = ui::is_page(&incoming.path.split('/').collect::<Vec<_>>());
    let limit = Duration::from_millis(app.settings.server.request_timeout_ms);
    let dispatched =
        AssertUnwindSafe(tokio::time::timeout(limit, dispatch(app, incoming))).catch_unwind().await;
    let (status, detail) = match dispatched {
        Ok(Ok(response)) => return response,
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "The request took too long."),
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "The request failed; the cause is in the server's log.")
        }
    };
    match is_scim {
        true => {
            reply::scim_failure(ceven_actors::protocol::scim::ScimError::new(status.as_u16(), detail).into())
                .0
        }
        false if is_page => ui::failed(app.store.mode(), status, detail),
        false => reply::problem(status, detail),
    }
}

async fn dispatch(app: &Arc<App>, incoming: Incoming) -> Response {
    let path = incoming.path.clone();
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["api", "v1", "scim", "v2", rest @ ..] => scim::answer(app, rest, incoming).await,
        ["api", "v1", "sso", "okta", rest @ ..] if !rest.is_empty() => sso::answer(app, rest, incoming).await,
        ["api", "v1", rest @ ..] => api::answer(app, rest, incoming).await,
        page if ui::is_page(page) => ui::answer(app, page, incoming).await,
        _ => reply::problem(StatusCode::NOT_FOUND, "There is nothing at this address."),
    }
}
