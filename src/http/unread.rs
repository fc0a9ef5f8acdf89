//! What is left of a body when its request is answered early.
//!
//! A connection that is closed while bytes wait on it is reset, and the reset overtakes the answer: the client never
//! reads why it was refused, and a proxy says 502 in its place (RFC 9112 section 9.6). So a refused body is read on,
//! within limits, and thrown away.
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http::{Request, header::EXPECT};
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// How much is thrown away before the connection is cut.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard {
    /// Of one body.
    pub bytes: u64,
    /// After the answer.
    pub time: Duration,
}

/// A request's body as it comes in, whose rest is read by itself once nobody wants it. The default has none.
#[derive(Default)]
pub struct Unread {
    body: Option<Incoming>,
    discard: Discard,
    /// Nothing was sent: who asked before sending waits for a "go on", which comes with the first look at the body.
    is_held_back: bool,
}

impl Unread {
    /// Puts a request's body under guard.
    pub fn guard(request: Request<Incoming>, discard: Discard) -> Request<Self> {
        let is_held_back = request.headers().contains_key(EXPECT);
        request.map(|body| Self { body: Some(body), discard, is_held_back })
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_held_back = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, hyper::Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            let frame = std::task::ready!(self.as_mut().poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Some(Ok(Err(_))) => {} // trailers
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        if body.is_end_stream() || self.is_held_back {
            return;
        }
        // Without a runtime the process is ending, and the connection with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(self.discard.time, read_off(body, self.discard.bytes)));
        }
    }
}

async fn read_off(mut body: Incoming, limit_bytes: u64) {
    let mut left = limit_bytes;
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        left = left.saturating_sub(bytes);
        if left == 0 {
            return;
        }
    }
}
