//! The log on standard error, and how much of it there is at the moment.
//!
//! 1. Every line of a request carries its id, also where the request has been handed to an actor.
//! 2. What looks like a secret is blotted out in every line, whoever wrote it (`mask`).
//! 3. Libraries that log what passes through them (statements with their values, headers) are heard up to `debug` only,
//!    whatever the filter says.
//! 4. Another filter counts for a while, and then the configured one again by itself.
use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{LevelFilter, Targets, filter_fn},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

mod json;
mod mask;
mod pretty;

use crate::{
    config::{Log, LogFormat, Traces},
    traces::{self, Exporter, TraceError},
};

/// What SIGUSR1 turns on.
pub const RAISED: &str = "debug";

/// A filter that cannot be read, in words for whoever wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(String);

/// Why nothing is logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// See [`FilterError`].
    #[error("log.filter: {0}")]
    Filter(#[from] FilterError),
    /// See [`TraceError`].
    #[error(transparent)]
    Traces(#[from] TraceError),
}

/// The way to this process's filter.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    filter: reload::Handle<Targets, Registry>,
    configured: String,
    raised: Mutex<Option<Raised>>,
    traces: Exporter,
}

/// A filter in the configured one's place.
#[derive(Clone)]
struct Raised {
    filter: String,
    until_ms: i64,
}

fn read(filter: &str) -> Result<Targets, FilterError> {
    // A misspelt level would be a module's name, and switch everything else off.
    let is_wrong =
        |part: &&str| !part.is_empty() && !part.contains('=') && part.parse::<LevelFilter>().is_err();
    if let Some(wrong) = filter.split(',').map(str::trim).find(is_wrong) {
        return Err(FilterError(format!("{wrong} is no level: use off, error, warn, info, debug or trace")));
    }
    filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| FilterError(error.to_string()))
}

/// (3)
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::DEBUG || metadata.target().starts_with("ceven")
}

/// Of spans, lines need only those that say what nothing else does: a tool's part of an offboarding.
fn is_needed(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() || (metadata.name() == "tool" && metadata.target().starts_with("ceven"))
}

impl Logs {
    /// Starts logging to standard error, and following requests, once a process.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn start(settings: &Log, traces: &Traces) -> Result<Self, LogError> {
        let traces = traces::start(traces)?;
        let is_followed = traces.is_on();
        let (filter, handle) = reload::Layer::new(read(&settings.filter)?);
        let out = mask::Masked(std::io::stderr);
        let lines = match settings.format {
            LogFormat::Pretty => pretty::layer(out, std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => json::layer(out).boxed(),
        };
        // A filter without a level of its own must lie below the lines: above them it hides that of the first one, and
        // every `debug!` of every library would be asked about each time.
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(filter_fn(move |metadata| is_followed || is_needed(metadata)))
            .with(traces.layer())
            .with(lines.with_filter(filter_fn(|metadata| is_needed(metadata) && is_discreet(metadata))))
            .try_init();
        // The text of a panic may hold what must not be logged: only its place is.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a panic was contained");
        }));
        let inner =
            Inner { filter: handle, configured: settings.filter.clone(), raised: Mutex::new(None), traces };
        Ok(Self(Arc::new(inner)))
    }

    /// Lets another filter count for a while (4).
    ///
    /// # Errors
    /// [`FilterError`]; then nothing has changed.
    pub fn raise(&self, clock: &Arc<dyn Clock>, filter: &str, lasting: Duration) -> Result<(), FilterError> {
        let lasting_ms = i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX / 2);
        let raised = Raised { filter: filter.to_owned(), until_ms: clock.now_ms() + lasting_ms };
        self.put(Some(raised.clone()))?;
        let (logs, clock) = (self.clone(), clock.clone());
        tokio::spawn(async move {
            tokio::time::sleep(lasting).await;
            let counts = logs.raised().is_some_and(|now| now.until_ms <= clock.now_ms());
            if counts {
                logs.restore();
            }
        });
        Ok(())
    }

    /// Sends what is left of traces.
    pub async fn end(self) {
        // It waits for the collector.
        let _ = tokio::task::spawn_blocking(move || self.0.traces.end()).await;
    }

    /// Lets the configured filter count again.
    pub fn restore(&self) {
        if let Err(error) = self.put(None) {
            tracing::error!(%error, "the configured filter could not be set again");
        }
    }

    fn put(&self, raised: Option<Raised>) -> Result<(), FilterError> {
        let text = raised.as_ref().map_or(&self.0.configured, |raised| &raised.filter);
        let filter = read(text)?;
        let mut place = self.0.raised.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.filter.reload(filter).map_err(|error| FilterError(error.to_string()))?;
        tracing::warn!(filter = text, "another filter of the log counts");
        *place = raised;
        Ok(())
    }

    fn raised(&self) -> Option<Raised> {
        self.0.raised.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What counts, and until when.
    pub fn view(&self) -> Value {
        let raised = self.raised();
        json!({
            "filter": raised.as_ref().map_or(&self.0.configured, |raised| &raised.filter),
            "until": raised.as_ref().map(|raised| rfc3339(raised.until_ms)),
            "configured": self.0.configured,
        })
    }

    /// Obeys signals for as long as the process lives: SIGUSR1 turns `debug` on for `lasting`, SIGUSR2 off again.
    pub async fn obey_signals(self, clock: Arc<dyn Clock>, lasting: Duration) {
        use tokio::signal::unix::{SignalKind, signal};
        let more = signal(SignalKind::user_defined1());
        let less = signal(SignalKind::user_defined2());
        let (Ok(mut more), Ok(mut less)) = (more, less) else { return };
        loop {
            tokio::select! {
                _ = more.recv() => {
                    if let Err(error) = self.raise(&clock, RAISED, lasting) {
                        tracing::error!(%error, "the filter could not be set");
                    }
                }
                _ = less.recv() => self.restore(),
            }
        }
    }
}
