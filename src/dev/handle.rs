//! A simulator that runs, as its owner sees it.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use ceven_actors::clock::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    DevError, Person,
    access::Limit,
    control,
    errand::Sent,
    faults::Fault,
    hold::{Hold, Moment},
    sim::{Received, Shared, Tool},
};
use crate::http::server::{ServerLimits, serve};

/// A simulator's connections.
const LIMITS: ServerLimits =
    ServerLimits { connections: 512, drain: Duration::from_millis(200), ..ServerLimits::LOOPBACK };

/// A running simulator. It stops when this is dropped.
pub struct Sim<T: Tool> {
    shared: Arc<Shared<T>>,
    address: SocketAddr,
    _stop: DropGuard,
}

impl<T: Tool> Sim<T> {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not on the loopback, or is taken.
    pub async fn start(mut tool: T, clock: Arc<dyn Clock>, listen: SocketAddr) -> Result<Self, DevError> {
        if !listen.ip().is_loopback() {
            return Err(DevError::NotLoopback(listen));
        }
        let listener =
            TcpListener::bind(listen).await.map_err(|error| DevError::Listen(listen, error.to_string()))?;
        let address = listener.local_addr().map_err(|error| DevError::Listen(listen, error.to_string()))?;
        let base = format!("http://{address}");
        tool.listening(&base);
        let client = super::client()?;
        let shared = Arc::new(Shared::new(tool, clock, base, client));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, control::routes(shared.clone()), LIMITS, stop.clone()));
        Ok(Self { shared, address, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a last slash.
    pub fn url(&self) -> &str {
        &self.shared.base
    }

    /// A person more; a second time makes a second account.
    pub fn seed(&self, person: &Person) {
        self.shared.world().tool.seed(person, &*self.shared.clock);
    }

    /// Shows the way to the others on its page.
    pub fn set_links(&self, links: &[(&'static str, String)]) {
        self.shared.world().links = links.to_vec();
    }

    /// Requests so far, oldest first.
    pub fn journal(&self) -> Vec<Received> {
        self.shared.world().journal.clone()
    }

    /// Calls to others so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.world().sent.clone()
    }

    /// Puts these faults in the place of those that wait.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.shared.world().faults.set(faults);
    }

    /// Another limit than the vendor's.
    pub fn set_limit(&self, limit: Limit) {
        self.shared.world().limit = Some(limit);
    }

    /// How long each answer takes.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.world().latency = latency;
    }

    /// Stops the `nth` request from now on (1 is the next).
    pub fn hold(&self, nth: u32, moment: Moment) -> Hold {
        let hold = Hold::new(nth, moment);
        self.shared.world().stop = Some(hold.stop());
        hold
    }

    /// What `GET /_sim/state` answers.
    pub fn state(&self) -> Value {
        self.shared.world().tool.state()
    }

    /// Looks at the tool, or changes it as its own admin would. Errands that come of it are sent.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let result = f(&mut self.shared.world().tool);
        self.shared.run_errands();
        result
    }

    /// Every access token that it gave out and has not ended.
    pub fn tokens(&self) -> Vec<String> {
        self.shared.world().access.tokens()
    }

    /// Ends every access token that it gave out.
    pub fn revoke_tokens(&self) {
        self.shared.world().access.revoke_all();
    }
}
