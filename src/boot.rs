//! `ceven serve`, readable from top to bottom: logs → listeners → node → serve → drain.
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ceven_actors::{
    clock::{Clock, SystemClock},
    domain::audit::Mode,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Role, StartError},
    config::Settings,
    http::{
        self,
        admin::Node,
        server::{ServerLimits, serve},
        unread::Discard,
    },
    logs::Logs,
    offboardings,
    service::Manager,
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
pub fn start_logging(settings: &Settings) -> Result<Logs, BootError> {
    Logs::start(&settings.log, &settings.traces).map_err(|error| BootError::Config(error.to_string()))
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// [`BootError`].
pub async fn run(settings: Settings, logs: Logs) -> Result<(), BootError> {
    let trusted = settings.trusted_proxies().map_err(StartError::from)?;
    let listener = listen(settings.server.listen).await?;
    let admin_listener = listen(settings.admin.listen).await?;
    let bound = listener.local_addr().unwrap_or(settings.server.listen);
    let limits = ServerLimits {
        connections: settings.server.max_connections,
        header_read: Duration::from_millis(settings.server.header_read_timeout_ms),
        drain: Duration::from_millis(settings.server.drain_timeout_ms),
        discard: Discard {
            bytes: settings.server.discard_bytes,
            time: Duration::from_millis(settings.server.discard_timeout_ms),
        },
    };

    let stop_delay = Duration::from_millis(settings.server.stop_delay_ms);
    let [stop, stopping] = [CancellationToken::new(), CancellationToken::new()];
    let admin_stop = CancellationToken::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let raised = Duration::from_millis(settings.log.raised_ms);
    tokio::spawn(logs.clone().obey_signals(clock.clone(), raised));
    let node = Arc::new(Node {
        app: OnceLock::new(),
        stop: stopping.clone(),
        logs: logs.clone(),
        raised,
        clock: clock.clone(),
    });
    let admin_routes = http::admin::routes(node.clone());
    let admin = tokio::spawn(serve(admin_listener, admin_routes, limits, admin_stop.clone()));
    let manager = Manager::from_environment();
    let app = Arc::new(App::start(settings, clock, bound, Role::Server(Mode::Live)).await?);
    let _ = node.app.set(Arc::downgrade(&app));
    let public =
        tokio::spawn(serve(listener, http::routes(app.clone(), trusted.into()), limits, stop.clone()));
    let notes_app = app.clone();
    let notes_stop = CancellationToken::new();
    let stopped = notes_stop.clone();
    let notes = tokio::spawn(async move { notes_app.keep_notes(stopped).await });
    let ticks = tokio::spawn(offboardings::tick(app.clone(), notes_stop.clone()));
    tracing::info!(listen = %bound, scim = app.scim_url, "serving");

    until_told(&manager, &stopping, stop_delay).await;
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
    logs.end().await;
    Ok(())
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, BootError> {
    TcpListener::bind(address).await.map_err(|error| BootError::Listen(address, error))
}

/// Waits for the word to stop; from then on the server is not ready, and listens for `delay` still.
async fn until_told(manager: &Manager, stopping: &CancellationToken, delay: Duration) {
    manager.say("READY=1");
    tokio::select! {
        () = stop_signal() => {}
        () = manager.reassure() => {}
    }
    manager.say("STOPPING=1");
    stopping.cancel();
    if !delay.is_zero() {
        tracing::info!(?delay, "stopping: not ready any more, and listening for a while");
        tokio::time::sleep(delay).await;
    }
    tracing::info!("stopping: finishing the requests in progress");
}

/// Waits for SIGTERM from a supervisor, SIGINT from a terminal, or SIGHUP from one that is closed.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let of = async |kind: SignalKind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    };
    let may_hang_up = !ignores_hangup();
    tokio::select! {
        () = of(SignalKind::terminate()) => {}
        () = of(SignalKind::hangup()), if may_hang_up => {}
        () = of(SignalKind::interrupt()) => {}
    }
}

/// Whether whoever started the process wants it to outlive the terminal, as `nohup` does (`SigIgn` of proc(5)).
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
