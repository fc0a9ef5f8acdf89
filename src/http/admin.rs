//! The admin listener: `/healthz` says that the process lives, `/readyz` that it can do its work, `/metrics` what it
//! has done, and `/log` how much of it is logged. It listens before the node has started, to say so.
use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use ceven_actors::{clock::Clock, protocol::scim::ScimError};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use warp::reply::Response;

use super::{
    body::read_json,
    reply::{self, Failure},
    server::Routes,
    unread::Unread,
};
use crate::{app::App, logs::Logs, metrics, store::DatabaseError};

const BODY_BYTES: usize = 4 * 1_024;
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time for which another filter may count.
const LONGEST_SECS: u64 = 24 * 3_600;

/// A node, from before it starts until after it has stopped.
pub struct Node {
    /// Nothing while it starts.
    pub app: OnceLock<Weak<App>>,
    /// Once it has been told to stop.
    pub stop: CancellationToken,
    /// Its log.
    pub logs: Logs,
    /// For how long another filter counts when nobody says.
    pub raised: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

type Answer = Result<Response, Failure>;

/// Everything the admin listener answers.
pub fn routes(node: Arc<Node>) -> Routes {
    Routes::whole(move |request, _| {
        let node = node.clone();
        async move { node.answer(request).await.unwrap_or_else(|failure| reply::failure(&failure)) }
    })
}

impl Node {
    async fn answer(&self, request: Request<Unread>) -> Answer {
        let (head, body) = request.into_parts();
        match (head.method.as_str(), head.uri.path()) {
            ("GET" | "HEAD", "/healthz") => Ok(text("ok\n")),
            ("GET" | "HEAD", "/readyz") => Ok(match self.ready().await {
                Ok(()) => text("ready\n"),
                Err(reason) => reply::problem(StatusCode::SERVICE_UNAVAILABLE, reason),
            }),
            ("GET" | "HEAD", "/metrics") => Ok(self.metrics().await),
            ("GET" | "HEAD", "/log") => Ok(reply::json(StatusCode::OK, &self.logs.view())),
            ("PUT", "/log") => self.raise_log(&head.headers, body).await,
            ("DELETE", "/log") => {
                self.logs.restore();
                Ok(reply::json(StatusCode::OK, &self.logs.view()))
            }
            (_, "/healthz" | "/readyz" | "/metrics") => Err(Failure::MethodNotAllowed("GET, HEAD")),
            (_, "/log") => Err(Failure::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
            _ => Err(Failure::Nowhere),
        }
    }

    fn app(&self) -> Option<Arc<App>> {
        self.app.get()?.upgrade()
    }

    /// Why it cannot do its work, if it cannot.
    async fn ready(&self) -> Result<(), &'static str> {
        if self.stop.is_cancelled() {
            return Err("The server is stopping: it finishes the requests in progress and takes no more.");
        }
        let app = self.app().ok_or("The server is starting.")?;
        match tokio::time::timeout(app.settings.database_timeout(), app.store.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(DatabaseError::ReadOnly)) => Err("The database takes no writes."),
            _ => Err("The database does not answer."),
        }
    }

    async fn metrics(&self) -> Response {
        let Some(app) = self.app() else {
            return reply::problem(StatusCode::SERVICE_UNAVAILABLE, "The server is starting.");
        };
        match metrics::scrape(&app).await {
            Ok(answer) => {
                let mut response = Response::new(answer.into());
                let media_type = HeaderValue::from_static(metrics::MEDIA_TYPE);
                response.headers_mut().insert(header::CONTENT_TYPE, media_type);
                response
            }
            Err(_) => reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "The numbers could not be written."),
        }
    }

    /// `{"filter": "debug", "for_secs": 600}`.
    async fn raise_log(&self, headers: &HeaderMap, body: Unread) -> Answer {
        let body = read_json(headers, body, BODY_BYTES, BODY_TIMEOUT).await?;
        let filter = body["filter"].as_str().ok_or_else(|| Failure::Bad("filter must be a text.".into()))?;
        let lasting = match &body["for_secs"] {
            Value::Null => self.raised,
            value => match value.as_u64() {
                Some(secs @ 1..=LONGEST_SECS) => Duration::from_secs(secs),
                _ => return Err(Failure::Bad(format!("for_secs must be 1 to {LONGEST_SECS}."))),
            },
        };
        let raised = self.logs.raise(&self.clock, filter, lasting);
        raised.map_err(|error| ScimError::new(400, format!("filter: {error}.")))?;
        Ok(reply::json(StatusCode::OK, &self.logs.view()))
    }
}

fn text(text: &'static str) -> Response {
    let mut response = Response::new(text.into());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
