//! Our own accept loop: warp's has no time-outs, no cap on connections and no bounded drain.
//!
//! What hyper lets through and HTTP does not is refused before it is looked at:
//!
//! 1. A target without a path, as CONNECT has it, is nothing that is here (RFC 9110 §9.3.6); warp panics on it.
//! 2. A request of HTTP/1.1 has exactly one Host (RFC 9112 §3.2).
//! 3. A body in another transfer coding than chunked would be read as what it is not (RFC 9112 §6.1).
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, ready};
use http::{
    HeaderMap, Request, StatusCode, Version,
    header::{HOST, TRANSFER_ENCODING},
};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use warp::{Filter as _, filters::BoxedFilter, reply::Response};

use super::{
    reply,
    unread::{Discard, Unread},
};

/// How connections are held.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// At the same time.
    pub connections: usize,
    /// To send the headers of a request, and between two requests.
    pub header_read: Duration,
    /// For requests in progress when the server stops.
    pub drain: Duration,
    /// What is still read of a request after its answer.
    pub discard: Discard,
}

impl ServerLimits {
    /// For what only this machine reaches, such as a simulated tool.
    pub const LOOPBACK: Self = Self {
        connections: 1_000,
        header_read: Duration::from_secs(10),
        drain: Duration::from_secs(1),
        discard: Discard { bytes: 1024 * 1024, time: Duration::from_secs(1) },
    };
}

/// What a server answers by.
pub struct Routes {
    filter: BoxedFilter<(Response,)>,
    takes_whole: bool,
}

impl From<BoxedFilter<(Response,)>> for Routes {
    fn from(filter: BoxedFilter<(Response,)>) -> Self {
        Self { filter, takes_whole: false }
    }
}

impl Routes {
    /// One answer to everything, which gets each request whole, with the other end of its connection: warp's own filters
    /// copy every header and box every body.
    pub fn whole<A, F>(answer: A) -> Self
    where
        A: Fn(Request<Unread>, SocketAddr) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response> + Send,
    {
        let filter = warp::ext::get::<Handed>().then(move |handed: Handed| match handed.take() {
            Some((request, peer)) => Either::Left(answer(request, peer)),
            None => Either::Right(ready(reply::problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The request was taken twice.",
            ))),
        });
        Self { filter: filter.boxed(), takes_whole: true }
    }
}

/// A request, for one taker.
#[derive(Clone)]
struct Handed(Arc<Mutex<Option<Request<Unread>>>>, SocketAddr);

impl Handed {
    fn wrap(request: Request<Unread>, peer: SocketAddr) -> Request<Unread> {
        let mut wrapper = Request::new(Unread::default());
        wrapper.extensions_mut().insert(Self(Arc::new(Mutex::new(Some(request))), peer));
        wrapper
    }

    /// Nothing the second time.
    fn take(self) -> Option<(Request<Unread>, SocketAddr)> {
        let request = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((request, self.1))
    }
}

/// Bytes of a request's headers.
const HEADER_BYTES: usize = 64 * 1024;
/// After a failed accept (usually: no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`, then lets requests in progress finish. Returns whether all of them did.
pub async fn serve(
    listener: TcpListener,
    routes: impl Into<Routes>,
    limits: ServerLimits,
    stop: CancellationToken,
) -> bool {
    let Routes { filter, takes_whole } = routes.into();
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => tokio::select! {
                    () = stop.cancelled() => break,
                    accepted = listener.accept() => accepted.map(|(stream, peer)| (stream, peer, place)),
                },
                Err(_) => break,
            },
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = warp::service(filter.clone());
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let malformed = malformed(request.uri().path(), request.version(), request.headers());
            let request = Unread::guard(request, limits.discard);
            let request = if takes_whole { Handed::wrap(request, peer) } else { request };
            match malformed {
                Some((status, detail)) => Either::Left(ready(Ok(reply::problem(status, detail)))),
                None => {
                    let service = TowerToHyperService::new(service.clone());
                    Either::Right(hyper::service::Service::call(&service, request))
                }
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_ok()
}

/// Why a request is refused whatever it asks for.
fn malformed(path: &str, version: Version, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let is_chunked = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !path.starts_with('/') && path != "*" {
        return Some((StatusCode::BAD_REQUEST, "The target of the request has no path.")); // (1)
    }
    if version == Version::HTTP_11 && headers.get_all(HOST).iter().count() != 1 {
        return Some((StatusCode::BAD_REQUEST, "A request of HTTP/1.1 has exactly one Host header.")); // (2)
    }
    if !headers.get_all(TRANSFER_ENCODING).iter().all(is_chunked) {
        let detail = "The only transfer coding that is understood is chunked.";
        return Some((StatusCode::NOT_IMPLEMENTED, detail)); // (3)
    }
    None
}
