//! What sentences are made of.
use std::sync::Arc;

use crate::domain::{
    connector::Connector,
    id::TaskId,
    offboarding::Try,
    step::{Match, Step},
};

/// How a person is offboarded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OffboardOptions {
    /// Why.
    pub reason: Option<Box<str>>,
    /// Where it was asked for.
    pub ticket: Option<Box<str>>,
    /// When to begin, in milliseconds since 1970; at once when absent or past.
    pub run_at_ms: Option<i64>,
}

/// A connected tool as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolChange {
    /// The record.
    pub connector: Arc<Connector>,
    /// The record that it was made from; nothing for a new tool.
    pub seen: Option<Arc<Connector>>,
}

impl ToolChange {
    /// A new tool.
    pub fn added(connector: impl Into<Arc<Connector>>) -> Self {
        Self { connector: connector.into(), seen: None }
    }
}

/// What has become of a tool's part, as far as a try has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub task: TaskId,
    /// Tries that had ended when this one began: a report of a try that was overtaken changes nothing.
    pub attempt: u32,
    /// Steps that have ended.
    pub steps: Vec<Step>,
    /// The account, once found.
    pub matched: Option<Match>,
    /// When this try has ended: the try, and when to begin the next if there is to be one.
    pub ended: Option<(Try, i64)>,
}

/// Why someone whom Okta has signed in is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefused {
    /// The user is deactivated or removed.
    Deactivated,
    /// Okta has not verified the address, and the organization wants that.
    EmailUnverified,
    /// There is a user of that address whom this identity may not be linked to.
    NotLinked,
}

/// What came of a request by Okta to end someone's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Access has ended.
    Ended,
    /// There was none any more.
    Already,
    /// Nobody of that description.
    Unknown,
    /// Several fit; nobody was touched.
    Ambiguous,
    /// The description is not understood.
    Malformed,
    /// Universal Logout is switched off.
    SwitchedOff,
    /// It asks for nothing that Ceven does, or was taken before.
    Nothing,
    /// Not the state that was asked for.
    WrongState,
}
