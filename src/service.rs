//! What a service manager wants to hear (sd_notify(3)): one datagram a sentence, to the socket that it names.
use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

/// The way to the service manager, if there is one.
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// As this process's environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` when it wants to hear now and then.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let is_ours = text("WATCHDOG_PID").is_none_or(|id| id == std::process::id().to_string());
        let usec = text("WATCHDOG_USEC").and_then(|text| text.parse().ok()).filter(|_| is_ours);
        Self {
            socket: text("NOTIFY_SOCKET").and_then(|name| open(&name)),
            watchdog: usec.map(Duration::from_micros),
        }
    }

    /// Says a sentence, such as `READY=1`. Whether anyone listens is no concern of the server's.
    pub fn say(&self, sentence: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(sentence.as_bytes(), address) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }

    /// Says twice in each period that the process still works, for as long as it does.
    pub async fn reassure(&self) {
        let Some(period) = self.watchdog.filter(|_| self.socket.is_some()) else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval((period / 2).max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            self.say("WATCHDOG=1");
        }
    }
}

fn open(name: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    };
    Some((UnixDatagram::unbound().ok()?, address.ok()?))
}
