//! Answers that are sent as they come into being: parts of a long one, and server-sent events (HTML, "Server-sent
//! events") of what is under way.
//!
//! 1. A stream of events belongs to its session: it ends with it, and with the right to see what it shows.
//! 2. An event is sent when something has changed, the first one at once.
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use ceven_actors::{
    domain::{id::OrganizationId, role::Role, session::Session},
    organization::state::Snapshot,
};
use futures_util::Stream;
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use warp::{Reply as _, reply::Response};

use super::right::Visit;
use crate::app::App;

/// A stream ends after this; browsers come back by themselves.
const LONGEST: Duration = Duration::from_secs(600);
/// Without news a comment tells proxies that the stream is alive.
const QUIET: Duration = Duration::from_secs(15);

/// A part of an answer.
pub type Part = Result<Bytes, std::io::Error>;

/// An answer in parts.
pub struct Parts(pub mpsc::Receiver<Part>);

impl Stream for Parts {
    type Item = Part;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// What a look has found.
pub struct Look {
    /// One line.
    pub text: String,
    /// Nothing will change any more.
    pub is_last: bool,
}

/// Whose stream it is.
pub struct Watcher {
    app: Arc<App>,
    organization: OrganizationId,
    session: Arc<Session>,
    least: Role,
}

impl Watcher {
    /// Someone who may see it as long as they have at least this role.
    pub fn new(visit: &Visit<'_>, least: Role) -> Self {
        let who = &visit.who;
        Self { app: visit.app.clone(), organization: who.organization, session: who.session.clone(), least }
    }

    /// (1) Looking is no use of the session: a page that is only open does not keep it alive.
    async fn snapshot(&self) -> Option<Arc<Snapshot>> {
        let snapshot = self.app.fresh(self.organization).await.ok()?;
        let is_live = snapshot.session(self.session.id)?.is_live(self.app.clock.now_ms());
        let may_see = snapshot.role_of(self.session.person)? >= self.least;
        (is_live && may_see).then_some(snapshot)
    }
}

/// Looks `every` so often and tells what has changed.
pub fn events<L, F>(watcher: Watcher, every: Duration, look: L) -> Response
where
    L: Fn(Arc<App>, OrganizationId, Arc<Snapshot>) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Look>> + Send,
{
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move { send(&watcher, every, look, sender).await });
    let mut response = warp::reply::stream(Parts(receiver)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that wait for a full buffer would hold the events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Ends when the client leaves, when there is nothing more to tell, or with the right to be told.
async fn send<L, F>(watcher: &Watcher, every: Duration, look: L, events: mpsc::Sender<Part>) -> Option<()>
where
    L: Fn(Arc<App>, OrganizationId, Arc<Snapshot>) -> F,
    F: Future<Output = Option<Look>>,
{
    let until = tokio::time::Instant::now() + LONGEST;
    let (mut last, mut told) = (String::new(), tokio::time::Instant::now());
    while tokio::time::Instant::now() < until {
        let snapshot = watcher.snapshot().await?; // (1)
        let found = look(watcher.app.clone(), watcher.organization, snapshot).await?;
        let event = match found.text == last {
            false => Some(format!("data: {}\n\n", found.text)), // (2)
            true => (told.elapsed() >= QUIET).then(|| ": alive\n\n".to_owned()),
        };
        if let Some(event) = event {
            events.send(Ok(event.into())).await.ok()?;
            told = tokio::time::Instant::now();
        }
        if found.is_last {
            return None;
        }
        last = found.text;
        tokio::time::sleep(every).await;
    }
    None
}
