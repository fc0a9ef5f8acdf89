//! A build with traces.
use std::collections::HashMap;

use http::HeaderMap;
use opentelemetry::{
    KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::TraceError;
use crate::config::Traces;

/// Sends spans in batches, from a thread of its own.
#[derive(Clone)]
pub struct Exporter(Option<SdkTracerProvider>);

/// Starts sending, where an endpoint is configured.
///
/// # Errors
/// When the endpoint is of no use.
pub fn start(settings: &Traces) -> Result<Exporter, TraceError> {
    if settings.endpoint.is_empty() {
        return Ok(Exporter(None));
    }
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpJson);
    let exporter = exporter.with_endpoint(&settings.endpoint).build();
    let exporter = exporter.map_err(|error| TraceError(error.to_string()))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let sampled = Sampler::TraceIdRatioBased(f64::from(settings.percent.min(100)) / 100.0);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(sampled)))
        .with_resource(Resource::builder().with_service_name("ceven").with_attribute(version).build())
        .build();
    Ok(Exporter(Some(provider)))
}

impl Exporter {
    /// Whether anybody follows requests.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Spans of Ceven itself become spans of traces; events stay in the log, where secrets are blotted out.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let is_ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("ceven"));
        self.0.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("ceven"));
            layer.with_location(false).with_threads(false).with_filter(is_ours)
        })
    }

    /// Sends what waits.
    pub fn end(&self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// A request by its id and its route, as part of the trace that these headers say it belongs to elsewhere.
pub fn request(id: &str, route: &'static str, parent: Option<&HeaderMap>) -> Span {
    let span = tracing::error_span!("request", request_id = id, route);
    if let Some(headers) = parent.filter(|headers| headers.contains_key("traceparent")) {
        // Before anything happens in it. A span that is not traced has no place in a trace.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
    span
}

/// Where we are, as another service reads it.
pub fn traceparent() -> Option<String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.remove("traceparent")
}
