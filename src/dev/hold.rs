//! A request stopped on its way, so that a test can end the caller at that very moment.
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::watch;

/// Where a request is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The tool has not done anything yet.
    Before,
    /// The tool has done it, and its answer is not under way yet.
    After,
}

#[derive(Debug)]
pub(super) struct Stop {
    nth: u32,
    moment: Moment,
    seen: AtomicU32,
    reached: watch::Sender<bool>,
    open: watch::Sender<bool>,
}

impl Stop {
    /// Counts a request; true when it is the one to stop.
    pub(super) fn is_next(&self) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.nth
    }

    /// Waits, where it is the moment, until it is let go.
    pub(super) async fn wait(&self, moment: Moment) {
        if moment == self.moment {
            self.reached.send_replace(true);
            // The sender lives as long as this.
            let _ = self.open.subscribe().wait_for(|open| *open).await;
        }
    }
}

/// Holds one request of a simulator; lets it go when dropped.
#[derive(Debug)]
pub struct Hold(Arc<Stop>);

impl Hold {
    pub(super) fn new(nth: u32, moment: Moment) -> Self {
        let (seen, reached, open) = (AtomicU32::new(0), watch::Sender::new(false), watch::Sender::new(false));
        Self(Arc::new(Stop { nth, moment, seen, reached, open }))
    }

    pub(super) fn stop(&self) -> Arc<Stop> {
        self.0.clone()
    }

    /// Waits until the request is there.
    pub async fn reached(&self) {
        // The sender lives as long as this.
        let _ = self.0.reached.subscribe().wait_for(|reached| *reached).await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.open.send_replace(true);
    }
}
