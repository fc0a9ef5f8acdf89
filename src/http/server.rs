//! Our own accept loop: warp's has no time-outs, no cap on connections and no bounded drain.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Request, request::Parts};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use warp::{filters::BoxedFilter, reply::Response};

use super::unread::{Discard, Unread};

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
    wants_heads: bool,
}

impl From<BoxedFilter<(Response,)>> for Routes {
    fn from(filter: BoxedFilter<(Response,)>) -> Self {
        Self { filter, wants_heads: false }
    }
}

impl Routes {
    /// A filter that gets a request's head as an extension, a [`Head`], and not otherwise: warp's own filters copy
    /// every header.
    pub fn of_heads(filter: BoxedFilter<(Response,)>) -> Self {
        Self { filter, wants_heads: true }
    }
}

/// Everything of a request but its body, for one taker.
#[derive(Clone)]
pub struct Head(Arc<Mutex<Option<Parts>>>, SocketAddr);

impl Head {
    fn split_off(request: Request<Unread>, peer: SocketAddr) -> Request<Unread> {
        let (parts, body) = request.into_parts();
        let mut rest = Request::new(body);
        rest.extensions_mut().insert(Self(Arc::new(Mutex::new(Some(parts))), peer));
        rest
    }

    /// The head, and the other end of the connection as the accept loop saw it; nothing the second time.
    pub fn take(self) -> Option<(Parts, SocketAddr)> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((parts, self.1))
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
    let Routes { filter, wants_heads } = routes.into();
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
            let request = Unread::guard(request, limits.discard);
            let request = if wants_heads { Head::split_off(request, peer) } else { request };
            hyper::service::Service::call(&TowerToHyperService::new(service.clone()), request)
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
