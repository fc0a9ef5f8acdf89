//! Faults that a person or a test asks of a simulator.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::wire::Request;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// The tool answers with this status. 429 says when it listens again; the others are a broken gateway's.
    Status {
        /// From 400 to 599.
        status: u16,
        /// Seconds until the tool listens again; 1 when absent.
        #[serde(default)]
        reset_secs: Option<u32>,
    },
    /// The tool does what it was asked, but says so this much later: the caller cannot know.
    Hang {
        /// Seconds.
        secs: u32,
    },
    /// The tool takes the credentials for wrong ones.
    WrongCredentials,
    /// The tool says yes and changes nothing, so reading back says no.
    AcceptButKeep,
    /// The tool says yes, and shows the old state to this many reads.
    DelayReadBack {
        /// Reads.
        reads: u32,
    },
}

impl Kind {
    /// Its name in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Hang { .. } => "hang",
            Self::WrongCredentials => "wrong_credentials",
            Self::AcceptButKeep => "accept_but_keep",
            Self::DelayReadBack { .. } => "delay_read_back",
        }
    }

    /// How much later the answer comes.
    pub fn delay(&self) -> Option<Duration> {
        match self {
            Self::Hang { secs } => Some(Duration::from_secs((*secs).into())),
            _ => None,
        }
    }

    /// Whether it means something only where the request changes state.
    fn needs_change(&self) -> bool {
        matches!(self, Self::AcceptButKeep | Self::DelayReadBack { .. })
    }
}

/// A fault: where, how often, what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The path begins so; every path when empty.
    #[serde(default)]
    pub path: String,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// So many requests, then no more.
    #[serde(default = "once")]
    pub times: u32,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: Kind,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// The next request, whatever it is.
    pub fn once(kind: Kind) -> Self {
        Self { path: String::new(), method: None, times: 1, kind }
    }

    /// Only where the path begins so.
    pub fn at(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Only this method.
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// So many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// Faults that wait for their request, in order.
#[derive(Debug, Clone, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Puts others in their place.
    pub fn set(&mut self, faults: Vec<Fault>) {
        self.0 = faults;
    }

    /// One more.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Those that still wait.
    pub fn waiting(&self) -> &[Fault] {
        &self.0
    }

    /// The first that fits; it counts down. `changes`: the request asks for a change of the tool's state.
    pub fn take(&mut self, request: &Request, changes: bool) -> Option<Kind> {
        let at = self.0.iter().position(|fault| {
            request.path.starts_with(&fault.path)
                && fault.method.as_ref().is_none_or(|method| request.method.as_str() == method)
                && (changes || !fault.kind.needs_change())
                && fault.times > 0
        })?;
        let fault = &mut self.0[at];
        fault.times -= 1;
        let kind = fault.kind;
        self.0.retain(|fault| fault.times > 0);
        Some(kind)
    }
}
