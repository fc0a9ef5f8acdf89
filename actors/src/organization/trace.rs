//! Which request a tool's part of an offboarding goes back to, for those who follow requests.
//!
//! 1. A task outlives whoever asked for it, so its span is no part of that request's but refers to it.
//! 2. A task that is tried again, or begun by another node, has a span that refers to nothing; what it carries is told.
//! 3. Nothing is kept for a task on which nobody works any more.
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing::Span;

use crate::domain::{change::Change, id::TaskId, offboarding::Task};

/// Spans of tasks that nobody has begun yet.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<HashMap<TaskId, Span>>);

impl Origins {
    /// Follows the tasks that come of a decision from here.
    pub(crate) fn note(&self, changes: &[Change]) {
        for change in changes {
            let Change::Task(task) = change else { continue };
            if task.state.is_open() && task.attempt == 0 {
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

    /// The span of a task that is begun.
    pub(crate) fn take(&self, task: &Task) -> Span {
        self.spans().remove(&task.id).unwrap_or_else(|| span(task)) // (2)
    }

    fn spans(&self) -> MutexGuard<'_, HashMap<TaskId, Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn span(task: &Task) -> Span {
    let (kind, attempt) = (&*task.kind, task.attempt);
    tracing::info_span!(parent: None, "tool", kind, attempt, task = %task.id, offboarding = %task.offboarding)
}
