//! A tool's part of an offboarding: its tries, how they went, and when the next one is.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    clock::rfc3339,
    domain::{
        id::{ConnectorId, OffboardingId, TaskId, UserId},
        step::{Failure, Match, Outcome, Step},
    },
};

/// How a tool's part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It is to be done, or to be tried again.
    Waiting,
    /// The person is out, or was never in.
    Done,
    /// It is not going on by itself.
    NeedsAttention,
    /// An admin has done it by hand.
    DoneByHand,
    /// No longer wanted.
    Cancelled,
}

impl TaskState {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::NeedsAttention => "needs_attention",
            Self::DoneByHand => "done_by_hand",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether something still happens by itself.
    pub fn is_open(self) -> bool {
        self == Self::Waiting
    }
}

/// What says that a person is out of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The tool was asked again afterwards, and said so.
    ReadBack,
    /// The tool was asked, and knows no such person.
    NoAccount,
    /// The tool took what it was told, and cannot be asked.
    Told,
    /// An admin says so, who has done it by hand.
    Attested,
}

impl Proof {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ReadBack => "read back: the tool was asked again and says so",
            Self::NoAccount => "the tool was asked and has no such account",
            Self::Told => "told: the tool accepted it and cannot be asked again",
            Self::Attested => "attested by hand",
        }
    }
}

/// The step that reads back what became of the account.
const VERIFY: &str = "verify";

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Milliseconds since 1970.
    pub begun_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: i64,
    /// What stood in the way; nothing when nothing did.
    pub failure: Option<Failure>,
}

/// One tool's part of an offboarding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Never changes.
    pub id: TaskId,
    /// Of which offboarding.
    pub offboarding: OffboardingId,
    /// Who goes.
    pub user: UserId,
    /// From where.
    pub connector: ConnectorId,
    /// Name of the connector at that time.
    pub name: Box<str>,
    /// Its kind.
    pub kind: Box<str>,
    /// Goes ahead of the queue.
    pub urgent: bool,
    /// How it stands.
    pub state: TaskState,
    /// Tries that have ended; fences reports of a try that has been overtaken.
    pub attempt: u32,
    /// Not before this, in milliseconds since 1970.
    pub not_before_ms: i64,
    /// When the task was made.
    pub created_ms: i64,
    /// Since when it is tried by itself: since it was made, or since an admin told it to try again.
    pub trying_since_ms: i64,
    /// When it left `waiting`.
    pub finished_ms: Option<i64>,
    /// The account, once found.
    pub matched: Option<Match>,
    /// Steps with their best outcome so far, in the order they were first taken.
    pub steps: Vec<Step>,
    /// The latest tries, oldest first.
    pub tries: Vec<Try>,
    /// What an admin wrote who did it by hand.
    pub note: Option<Box<str>>,
}

/// Tries that a task remembers.
const TRIES: usize = 32;

impl Task {
    /// Since when the person is out, in milliseconds since 1970; a part that ended otherwise has no such time.
    pub fn out_ms(&self) -> Option<i64> {
        self.finished_ms.filter(|_| matches!(self.state, TaskState::Done | TaskState::DoneByHand))
    }

    /// What there is to say that the person is out; nothing while they are not.
    pub fn proof(&self) -> Option<Proof> {
        let ended = |name: &str| self.steps.iter().find(|step| step.name == name).map(|step| &step.outcome);
        match self.state {
            TaskState::DoneByHand => Some(Proof::Attested),
            TaskState::Done => Some(match ended(VERIFY) {
                Some(Outcome::Done | Outcome::Already) => Proof::ReadBack,
                _ if self.matched.is_none() => Proof::NoAccount,
                _ => Proof::Told,
            }),
            TaskState::Waiting | TaskState::NeedsAttention | TaskState::Cancelled => None,
        }
    }

    /// Until when its tool does not listen, in milliseconds since 1970, as far as the latest try was told so.
    pub fn closed_until_ms(&self) -> Option<i64> {
        // Whoever has told it to try again wants it tried.
        let is_told = |last: &&Try| self.state.is_open() && last.ended_ms >= self.trying_since_ms;
        let last = self.tries.last().filter(is_told)?;
        match last.failure {
            Some(Failure::RateLimited { until_ms }) => Some(not_before_ms(last.ended_ms, until_ms)),
            _ => None,
        }
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "connector": { "id": self.connector, "kind": self.kind, "name": self.name },
            "state": self.state,
            "attempt": self.attempt,
            "not_before": rfc3339(self.not_before_ms),
            "created_at": rfc3339(self.created_ms),
            "finished_at": self.finished_ms.map(rfc3339),
            "proof": self.proof(),
            "matched": self.matched,
            "steps": self.steps,
            "tries": self.tries.iter().map(|one| json!({
                "begun_at": rfc3339(one.begun_ms), "ended_at": rfc3339(one.ended_ms), "failure": one.failure,
            })).collect::<Vec<_>>(),
            "note": self.note,
        })
    }

    /// Takes over what a try has come to so far; returns the steps that are new or stand otherwise than before.
    /// A step that was done stays done when a later try finds it so already, or has no reason for it any more.
    pub fn merge(&mut self, steps: &[Step]) -> Vec<Step> {
        let mut changed = Vec::new();
        for step in steps {
            match self.steps.iter_mut().find(|known| known.name == step.name) {
                Some(known) if known == step => {}
                Some(known)
                    if known.outcome == Outcome::Done
                        && matches!(step.outcome, Outcome::Already | Outcome::Skipped { .. }) => {}
                Some(known) => {
                    known.clone_from(step);
                    changed.push(step.clone());
                }
                None => {
                    self.steps.push(step.clone());
                    changed.push(step.clone());
                }
            }
        }
        changed
    }

    /// Forgets steps that only earlier tries have failed at; the tries and the audit log remember them.
    pub fn forget_failures(&mut self) {
        self.steps.retain(|step| !matches!(step.outcome, Outcome::Failed(_)));
    }

    /// Notes a try that has ended.
    pub fn note_try(&mut self, one: Try) {
        if self.tries.len() >= TRIES {
            self.tries.remove(0);
        }
        self.tries.push(one);
    }
}

/// What of a pass matters for the next: the failure that decides, if there is one. Credentials that are refused come
/// first, because nothing else is worth trying; then what may go better by itself; then what a person must settle, of
/// which "still there" is only the consequence.
pub fn verdict(steps: &[Step]) -> Option<&Failure> {
    let rank = |failure: &Failure| match failure {
        Failure::Auth { .. } => 0,
        Failure::Transient { .. } | Failure::RateLimited { .. } => 1,
        Failure::NotRemoved { .. } => 3,
        _ => 2,
    };
    let failures = steps.iter().filter_map(|step| match &step.outcome {
        Outcome::Failed(failure) => Some(failure),
        _ => None,
    });
    failures.min_by_key(|failure| rank(failure))
}

const FIRST_WAIT_MS: i64 = 1_000;
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1_000;

/// When to try again after `attempt` tries (1 is the first): full jitter over a doubling span, never before the time
/// that the tool has named. `random` is drawn anew each time.
pub fn next_try_ms(now_ms: i64, attempt: u32, failure: &Failure, random: u32) -> i64 {
    let span = FIRST_WAIT_MS.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(LONGEST_WAIT_MS);
    let jitter = span * i64::from(random) / i64::from(u32::MAX);
    match failure {
        Failure::RateLimited { until_ms } => {
            // A second of jitter keeps the tasks of one tool from coming back all at once.
            let spread = if until_ms.is_some() { jitter % 1_000 } else { jitter };
            not_before_ms(now_ms, *until_ms) + spread
        }
        _ => now_ms + jitter.max(100),
    }
}

/// When a tool that has had enough may be asked again: at the time it has named, within a day, else in a minute.
pub fn not_before_ms(now_ms: i64, until_ms: Option<i64>) -> i64 {
    until_ms.map_or(now_ms + 60_000, |until_ms| until_ms.clamp(now_ms, now_ms + 24 * 3_600_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, outcome: Outcome) -> Step {
        Step { name: name.into(), outcome, detail: None, undo: None }
    }

    #[test]
    fn waits_longer_each_time_and_never_before_the_tool_allows() {
        let transient = Failure::Transient { detail: String::new() };
        for attempt in 1..40 {
            let longest = next_try_ms(0, attempt, &transient, u32::MAX);
            assert_eq!(longest, (1_000i64 << (attempt - 1).min(10)).min(LONGEST_WAIT_MS), "{attempt}");
            assert_eq!(next_try_ms(0, attempt, &transient, 0), 100);
        }
        let named = Failure::RateLimited { until_ms: Some(50_000) };
        for random in [0, u32::MAX / 2, u32::MAX] {
            let at = next_try_ms(1_000, 1, &named, random);
            assert!((50_000..51_000).contains(&at), "{at}");
        }
        assert_eq!(next_try_ms(60_000, 1, &named, 0), 60_000, "a time that is past is now");
        assert!(next_try_ms(0, 1, &Failure::RateLimited { until_ms: None }, 0) >= 60_000);
    }

    #[test]
    fn the_decisive_failure() {
        let transient = Failure::Transient { detail: "502".into() };
        let auth = Failure::Auth { detail: "401".into() };
        let conflict = Failure::Conflict { detail: "owner".into() };
        let steps = [
            step("a", Outcome::Done),
            step("b", Outcome::Failed(conflict.clone())),
            step("c", Outcome::Failed(transient.clone())),
        ];
        assert_eq!(verdict(&steps), Some(&transient));
        assert_eq!(verdict(&steps[..2]), Some(&conflict));
        let still_there = Failure::NotRemoved { detail: "active".into() };
        let refused = [step("verify", Outcome::Failed(still_there.clone())), steps[1].clone()];
        assert_eq!(verdict(&refused), Some(&conflict), "what a person must settle is not tried again");
        assert_eq!(verdict(&refused[..1]), Some(&still_there));
        assert_eq!(
            verdict(&[steps.to_vec(), vec![step("d", Outcome::Failed(auth.clone()))]].concat()),
            Some(&auth)
        );
        assert_eq!(verdict(&steps[..1]), None);
    }
}
