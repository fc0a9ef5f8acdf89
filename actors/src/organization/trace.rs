//! Which request a tool's part of an offboarding goes back to, for those who follow requests.
//!
//! 1. A task outlives whoever asked for it, so its span is no part of that request's but refers to it.
//! 2. A task that is tried again, or begun by another node, has a span that refers to nothing; what it carries is told.
//! 3. Nothing is kept for a task that this node will not begin for the first time any more: it was begun, perhaps by another
//!    node, it has ended, or what would have made it was not written.
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing::Span;

use super::state::Snapshot;
use crate::domain::{change::Change, id::TaskId, offboarding::Task};

/// Spans of tasks that nobody has begun yet.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<HashMap<TaskId, Span>>);

impl Origins {
    /// Follows the tasks that come of a decision from here.
    pub(crate) fn note(&self, changes: &[Change]) {
        for change in changes {
            let Change::Task(task) = change else { continue };
            if is_new(task) {
                self.spans().entry(task.id).or_insert_with(|| {
                    let span = span(task);
                    span.follows_from(Span::current()); // (1)
                    span
                });
            } else {
                self.spans().remove(&task.id); // (3)
            }
        }
    }

    /// Forgets what is not as new as it was (3).
    pub(crate) fn prune(&self, now: &Snapshot) {
        self.spans().retain(|id, _| now.task(*id).is_some_and(|task| is_new(task)));
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans().is_empty()
    }

    /// The span of a task that is begun.
    pub(crate) fn take(&self, task: &Task) -> Span {
        self.spans().remove(&task.id).unwrap_or_else(|| span(task)) // (2)
    }

    fn spans(&self) -> MutexGuard<'_, HashMap<TaskId, Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_new(task: &Task) -> bool {
    task.state.is_open() && task.attempt == 0
}

fn span(task: &Task) -> Span {
    let (kind, attempt) = (&*task.kind, task.attempt);
    tracing::info_span!(parent: None, "tool", kind, attempt, task = %task.id, offboarding = %task.offboarding)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{audit::Mode, id::OrganizationId},
        ports::Profile,
    };

    fn task(attempt: u32) -> Change {
        let task = json!({
            "id": Uuid::from_u128(1), "offboarding": Uuid::from_u128(2), "user": Uuid::from_u128(3),
            "connector": Uuid::from_u128(4), "name": "Slack", "kind": "slack", "urgent": false,
            "state": "waiting", "attempt": attempt, "not_before_ms": 0, "created_ms": 0, "trying_since_ms": 0,
            "finished_ms": null, "matched": null, "steps": [], "tries": [], "note": null,
        });
        Change::Task(Arc::new(serde_json::from_value(task).unwrap()))
    }

    fn state(changes: &[Change]) -> Snapshot {
        let id = OrganizationId(Uuid::nil());
        let (slug, name, domains) = ("acme".into(), "Acme".into(), vec![]);
        let mut state = Snapshot::new(Profile { id, slug, name, domains, mode: Mode::Live });
        changes.iter().for_each(|change| state.apply(change));
        state
    }

    #[test]
    fn nothing_is_kept_for_what_was_not_written_or_begun_elsewhere() {
        let origins = Origins::default();
        origins.note(&[task(0)]);
        origins.prune(&state(&[task(0)]));
        assert!(!origins.is_empty(), "it waits for this node");
        origins.prune(&state(&[task(1)]));
        assert!(origins.is_empty(), "another node has tried it");
        origins.note(&[task(0)]);
        origins.prune(&state(&[]));
        assert!(origins.is_empty(), "it was never written, or is over");
    }
}
