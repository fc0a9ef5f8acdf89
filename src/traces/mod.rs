//! Traces for a collector (OTLP over HTTP), in builds with the feature `otlp`; without it everything here does nothing.
//!
//! 1. One request is one trace: the request, its command's decision in the organization's mailbox, what was sent for it.
//! 2. What outlives its request, or serves many, is a trace of its own that links to those it serves: a transaction of the
//!    journal, a tool's part of an offboarding.
//! 3. Spans hold routes, kinds and ids of requests and tasks. What is logged does not enter them.
//! 4. Somebody else's `traceparent` (W3C Trace Context) is taken over, and ours sent to tools, only where the settings say so.
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "otlp")]
pub use otlp::{Exporter, request, start, traceparent};

#[cfg(not(feature = "otlp"))]
mod off;
#[cfg(not(feature = "otlp"))]
pub use off::{Exporter, request, start, traceparent};

/// Traces that cannot be sent, in words for whoever configured them.
#[derive(Debug, thiserror::Error)]
#[error("traces.endpoint: {0}")]
pub struct TraceError(String);
