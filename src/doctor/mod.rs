//! Whether everything that Ceven needs is there: `ceven doctor`, and the same for an admin in the console.
//!
//! 1. Every check looks and changes nothing.
//! 2. They run at the same time, each within its own time: what hangs is a finding, not a hang.
//! 3. A finding says what was found; one that is not well says what to do.
use std::{future::Future, time::Duration};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};

pub mod instance;
pub mod organization;
mod outside;

/// (2)
const TIMEOUT: Duration = Duration::from_secs(30);

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Well,
    /// It works, and somebody should look at it.
    Doubtful,
    /// It does not work.
    Failed,
    /// It could not be looked at, or there is nothing to look at.
    Skipped,
}

impl State {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Doubtful => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What a look at something came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// One sentence.
    pub found: String,
    /// What to do (3).
    pub remedy: Option<String>,
}

impl Finding {
    fn new(name: impl Into<String>, state: State, found: impl Into<String>) -> Self {
        Self { name: name.into(), state, found: found.into(), remedy: None }
    }

    fn well(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Well, found)
    }

    fn skipped(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Skipped, found)
    }

    fn doubtful(name: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(name, State::Doubtful, found) }
    }

    fn failed(name: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(name, State::Failed, found) }
    }

    /// As a script reads it.
    pub fn view(&self) -> Value {
        json!({ "name": self.name, "state": self.state.name(), "found": self.found, "remedy": self.remedy })
    }
}

/// Whether nothing has failed.
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != State::Failed)
}

/// Checks that run together.
#[derive(Default)]
struct Round<'a>(Vec<BoxFuture<'a, Vec<Finding>>>);

impl<'a> Round<'a> {
    /// Adds a check; `name` is what is said to have hung when it does (2).
    fn add(&mut self, name: impl Into<String>, check: impl Future<Output = Vec<Finding>> + Send + 'a) {
        let name = name.into();
        let within = async move {
            let checked = tokio::time::timeout(TIMEOUT, check).await;
            checked.unwrap_or_else(|_| {
                let remedy = "See whether it answers at all from this machine, and how slowly.";
                vec![Finding::failed(
                    name,
                    format!("No answer within {} seconds.", TIMEOUT.as_secs()),
                    remedy,
                )]
            })
        };
        self.0.push(within.boxed());
    }

    /// Findings in the order in which the checks were added.
    async fn findings(self) -> Vec<Finding> {
        futures_util::future::join_all(self.0).await.into_iter().flatten().collect()
    }
}
