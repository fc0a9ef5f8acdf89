//! What becomes of a person's account at a tool, step by step.
use serde::{Deserialize, Serialize};

/// An account at a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The tool's unchanging id.
    pub external_id: String,
    /// What an admin recognizes: a login or an address.
    pub label: String,
    /// By what it was found: `link` (an admin chose it), `identity` (it has signed in to Ceven), `external_id`, `email`, `user_name`, `saml`, `attribute`.
    pub matched_by: String,
}

impl Match {
    /// An account that an admin has chosen, by the tool's own id.
    pub fn chosen(external_id: &str) -> Self {
        Self {
            external_id: external_id.to_owned(),
            label: external_id.to_owned(),
            matched_by: "link".to_owned(),
        }
    }
}

/// Why a step failed, and what it means for the next try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Failure {
    /// May well go better later: try again with back-off.
    Transient {
        /// What happened.
        detail: String,
    },
    /// The tool says when.
    RateLimited {
        /// Not before this, in milliseconds since 1970; absent when it did not say.
        until_ms: Option<i64>,
    },
    /// The tool does not accept the connector's credentials: the connector pauses until someone mends it.
    Auth {
        /// What it said.
        detail: String,
    },
    /// The credentials lack a right.
    Permission {
        /// Which, as the tool names it.
        missing: String,
    },
    /// A person that no program may remove: the last owner, a super admin, the connector's own admin.
    Protected {
        /// Why.
        detail: String,
    },
    /// Several accounts fit: a person must choose.
    Ambiguous {
        /// How many at least.
        count: usize,
    },
    /// The tool's state does not allow it.
    Conflict {
        /// What it said.
        detail: String,
    },
    /// The customer's plan at the tool does not include it.
    PlanUnavailable {
        /// What it said.
        detail: String,
    },
    /// The tool said yes, and reading back says no.
    NotRemoved {
        /// What is still there.
        detail: String,
    },
    /// An answer that makes no sense.
    Malformed {
        /// What was wrong.
        detail: String,
    },
}

impl Failure {
    /// Whether trying again by itself makes sense.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::RateLimited { .. } | Self::NotRemoved { .. })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RateLimited { .. } => formatter.write_str("the tool wants fewer requests"),
            Self::Permission { missing } => write!(formatter, "a right is missing: {missing}"),
            Self::Ambiguous { count } => write!(formatter, "{count} accounts fit: choose one"),
            Self::NotRemoved { detail } => {
                write!(formatter, "reading back says it is still there: {detail}")
            }
            Self::Transient { detail }
            | Self::Auth { detail }
            | Self::Protected { detail }
            | Self::Conflict { detail }
            | Self::PlanUnavailable { detail }
            | Self::Malformed { detail } => formatter.write_str(detail),
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// It has been done in this try.
    Done,
    /// It was so already.
    Already,
    /// Not needed, or not wanted.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It would be done (previews).
    Planned,
    /// The tool has taken it on and will do it later.
    Pending {
        /// The tool's word for it.
        reference: String,
    },
    /// It was not done.
    Failed(Failure),
}

impl Outcome {
    /// Not needed, or not wanted.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped { reason: reason.into() }
    }

    /// For people.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Already => "Already so",
            Self::Planned => "Planned",
            Self::Skipped { .. } => "Skipped",
            Self::Pending { .. } => "Taken on",
            Self::Failed(failure) if failure.is_retryable() => "Not yet",
            Self::Failed(_) => "Failed",
        }
    }
}

/// One step of a pass, or one rung of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `snake_case`, unique in the pass: `resolve`, `suspend`, `verify`.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// One sentence for people: what was there before, what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How it can be undone, when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

impl Step {
    /// What people call it.
    pub fn title(&self) -> String {
        match self.name.as_str() {
            "resolve" => "find the account".to_owned(),
            "verify" => "read back".to_owned(),
            name => name.replace('_', " "),
        }
    }

    /// What there is to say besides how it ended, for people.
    pub fn explain(&self) -> String {
        let reason = match &self.outcome {
            Outcome::Skipped { reason } => Some(reason.clone()),
            Outcome::Pending { reference } => Some(format!("the tool's word for it: {reference}")),
            Outcome::Failed(failure) => Some(failure.to_string()),
            Outcome::Done | Outcome::Already | Outcome::Planned => None,
        };
        reason.into_iter().chain(self.detail.clone()).collect::<Vec<_>>().join("; ")
    }
}
