//! Who must go from where, and how far it has come.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::id::{OffboardingId, UserId};
use crate::clock::rfc3339;

mod task;

pub use task::{Proof, Task, TaskState, Try, next_try_ms, not_before_ms, verdict};

/// By which way it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An admin, in the console or through its API.
    Console,
    /// The command line.
    CommandLine,
    /// SCIM set `active` to false.
    ScimDeactivate,
    /// SCIM DELETE.
    ScimDelete,
    /// Okta's Universal Logout.
    UniversalLogout,
    /// A security event.
    SecurityEvent,
    /// Its time had come.
    Scheduled,
}

impl Cause {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Console => "Console",
            Self::CommandLine => "Command line",
            Self::ScimDeactivate => "SCIM deactivation",
            Self::ScimDelete => "SCIM deletion",
            Self::UniversalLogout => "Universal Logout",
            Self::SecurityEvent => "Security event",
            Self::Scheduled => "Scheduled",
        }
    }

    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::CommandLine => "command_line",
            Self::ScimDeactivate => "scim_deactivate",
            Self::ScimDelete => "scim_delete",
            Self::UniversalLogout => "universal_logout",
            Self::SecurityEvent => "security_event",
            Self::Scheduled => "scheduled",
        }
    }

    /// Whether a person is waiting for it: their tasks go ahead of the queue.
    pub fn is_urgent(self) -> bool {
        !matches!(self, Self::ScimDeactivate | Self::ScimDelete)
    }
}

/// How an offboarding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its time has not come.
    Scheduled,
    /// Tools are waiting, being worked on, or being tried again.
    Running,
    /// Every tool is done.
    Done,
    /// Nothing more happens by itself, and not every tool is done.
    NeedsAttention,
    /// Taken back before it was done.
    Cancelled,
    /// Access has ended, and the tools wait for an admin's word.
    Held,
}

impl Status {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Done => "done",
            Self::NeedsAttention => "needs_attention",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
        }
    }
}

/// One person's way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offboarding {
    /// Never changes.
    pub id: OffboardingId,
    /// Who goes.
    pub user: UserId,
    /// Their user name at that time.
    pub user_name: Box<str>,
    /// By which way.
    pub cause: Cause,
    /// Why, as the admin wrote.
    pub reason: Option<Box<str>>,
    /// Where it was asked for, as the admin wrote.
    pub ticket: Option<Box<str>>,
    /// Who asked, for people.
    pub asked_by: Box<str>,
    /// Milliseconds since 1970.
    pub asked_ms: i64,
    /// When it is to begin, when that is later.
    pub run_at_ms: Option<i64>,
    /// When access ended: user inactive, sessions over, tools told.
    pub begun_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub finished_ms: Option<i64>,
    /// How it stands.
    pub status: Status,
    /// How many tools.
    pub tasks: u32,
}

impl Offboarding {
    /// How long it took until the person was out everywhere, in milliseconds; nothing when they are not.
    pub fn took_ms(&self) -> Option<i64> {
        Some(self.finished_ms.filter(|_| self.status == Status::Done)? - self.begun_ms?)
    }

    /// As the audit log and the API show it.
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "user": { "id": self.user, "user_name": self.user_name },
            "cause": self.cause,
            "reason": self.reason,
            "ticket": self.ticket,
            "asked_by": self.asked_by,
            "asked_at": rfc3339(self.asked_ms),
            "run_at": self.run_at_ms.map(rfc3339),
            "begun_at": self.begun_ms.map(rfc3339),
            "finished_at": self.finished_ms.map(rfc3339),
            "status": self.status,
            "tasks": self.tasks,
        })
    }
}
