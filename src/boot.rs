//! `ceven serve`, readable from top to bottom: logs → listeners → node → serve → drain.
use std::{sync::Arc, time::Duration};

use ceven_actors::{clock::SystemClock, domain::audit::Mode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    app::{App, Role, StartError},
    config::{LogFormat, Settings},
    http::{
        self,
        server::{ServerLimits, serve},
    },
    net::address::Range,
    offboardings,
};

/// Why the server did not run.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A setting cannot be used.
    #[error("{0}")]
    Config(String),
    /// A listener cannot be opened.
    #[error("cannot listen on {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// The node cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Starts logging to standard error, once a process.
///
/// # Errors
/// When the filter cannot be read.
pub fn start_logging(settings: &Settings) -> Result<(), BootError> {
    let filter = EnvFilter::try_new(&settings.log.filter)
        .map_err(|error| BootError::Config(format!("log.filter: {error}")))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match settings.log.format {
        LogFormat::Pretty => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    // The text of a panic may hold what must not be logged: only its place is.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic was contained");
    }));
    Ok(())
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// [`BootError`].
pub async fn run(settings: Settings) -> Result<(), BootError> {
    let trusted: Vec<Range> = settings
        .security
        .trusted_proxies
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(BootError::Config)?;
    let listener = listen(settings.server.listen).await?;
    let admin_listener = listen(settings.admin.listen).await?;
    let bound = listener.local_addr().unwrap_or(settings.server.listen);
    let limits = ServerLimits {
        connections: settings.server.max_connections,
        header_read: Duration::from_millis(settings.server.header_read_timeout_ms),
        drain: Duration::from_millis(settings.server.drain_timeout_ms),
    };

    let app = Arc::new(App::start(settings, Arc::new(SystemClock), bound, Role::Server(Mode::Live)).await?);
    let stop = CancellationToken::new();
    let admin_stop = CancellationToken::new();
    let admin =
        tokio::spawn(serve(admin_listener, http::health::routes(app.clone()), limits, admin_stop.clone()));
    let public =
        tokio::spawn(serve(listener, http::routes(app.clone(), trusted.into()), limits, stop.clone()));
    let notes_app = app.clone();
    let notes_stop = CancellationToken::new();
    let stopped = notes_stop.clone();
    let notes = tokio::spawn(async move { notes_app.keep_notes(stopped).await });
    let ticks = tokio::spawn(offboardings::tick(app.clone(), notes_stop.clone()));
    tracing::info!(listen = %bound, scim = app.scim_url, "serving");

    stop_signal().await;
    tracing::info!("stopping: finishing the requests in progress");
    stop.cancel();
    let drained = public.await.unwrap_or(false);
    admin_stop.cancel();
    let _ = admin.await;
    notes_stop.cancel();
    let _ = notes.await;
    let _ = ticks.await;
    if let Some(app) = Arc::into_inner(app) {
        app.stop().await;
    }
    tracing::info!(drained, "stopped");
    Ok(())
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, BootError> {
    TcpListener::bind(address).await.map_err(|error| BootError::Listen(address, error))
}

/// Waits for SIGTERM from a supervisor, or SIGINT from a terminal.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
