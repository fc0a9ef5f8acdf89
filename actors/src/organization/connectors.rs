//! Commands on connected tools.
//!
//! 1. No two connected tools have the same name.
//! 2. Setting a tool ends its pause: whoever changes the settings has mended them. For what waits there the day of
//!    tries begins anew, however long the pause was.
//! 3. What was still to be done at a tool that is disconnected is cancelled, and visible as such.
//! 4. A record is made from the one that was seen: where another admin was first, the later one is told, and a tool that was
//!    disconnected stays so.
use std::sync::Arc;

use serde_json::Value;

use super::{
    decide::{Decision, not_found},
    message::{Answer, OrganizationError, ToolChange},
    offboarding,
    state::Snapshot,
};
use crate::domain::{
    audit::Draft,
    caller::Stamp,
    change::Change,
    connector::Connector,
    id::ConnectorId,
    offboarding::{Task, TaskState},
};

type Decided = Result<Decision, OrganizationError>;

pub(super) fn set(state: &Snapshot, ToolChange { connector, seen }: &ToolChange, stamp: Stamp) -> Decided {
    let name = connector.name.to_lowercase();
    if state.connectors().any(|other| other.id != connector.id && other.name.to_lowercase() == name) {
        return Err(OrganizationError::Conflict(format!("Another tool is called {}.", connector.name))); // (1)
    }
    let old = state.connector(connector.id);
    match (seen, old) {
        (None, None) => {}
        (Some(seen), Some(old)) if is_same(seen, old) => {}
        (_, None) => return Err(not_found("Connector", connector.id)), // (4)
        (_, Some(old)) => {
            let text = format!("{} has been changed meanwhile: look again.", old.name);
            return Err(OrganizationError::Conflict(text)); // (4)
        }
    }
    let new = Connector { paused: None, ..(**connector).clone() }; // (2)
    let action = if old.is_some() { "connector.change" } else { "connector.add" };
    let waiting = state.tasks().filter(|task| task.connector == connector.id);
    let renewed = waiting.filter(|task| task.state.is_open()).map(|task| {
        Change::Task(Arc::new(Task { trying_since_ms: stamp.at_ms, ..(**task).clone() })) // (2)
    });
    let drafts = vec![draft(action, &new, old.map(|old| old.view()), new.view())];
    let changes = std::iter::once(Change::Connector(Arc::new(new))).chain(renewed).collect();
    Ok(Decision { drafts, changes, answer: Answer::Connector(connector.id) })
}

/// Whether nobody has changed it; a pause is the tool's doing.
fn is_same(one: &Connector, other: &Connector) -> bool {
    let of_admins = |connector: &Connector| Connector { paused: None, ..connector.clone() };
    of_admins(one) == of_admins(other)
}

pub(super) fn remove(state: &Snapshot, id: ConnectorId, stamp: Stamp) -> Decided {
    let old = state.connector(id).ok_or_else(|| not_found("Connector", id))?;
    let gone = Connector { removed: true, sealed: None, ..(**old).clone() };
    let mut decision = Decision {
        drafts: vec![draft("connector.remove", old, Some(old.view()), Value::Null)],
        changes: vec![Change::Connector(Arc::new(gone))],
        answer: Answer::Connector(id),
    };
    let waiting: Vec<_> = state.tasks().filter(|task| task.connector == id).cloned().collect();
    for task in waiting {
        let cancelled =
            Task { state: TaskState::Cancelled, finished_ms: Some(stamp.at_ms), ..(*task).clone() };
        offboarding::settle(state, &mut decision, cancelled, stamp); // (3)
    }
    Ok(decision)
}

/// The tool no longer takes its credentials: it is not used until someone mends them. One entry a pause, however many
/// people were to be removed there.
pub(super) fn pause(decision: &mut Decision, old: &Arc<Connector>, reason: &str, stamp: Stamp) {
    let paused = crate::domain::connector::Paused { reason: reason.into(), since_ms: stamp.at_ms };
    let new = Connector { paused: Some(paused), ..(**old).clone() };
    decision.drafts.push(draft("connector.pause", &new, Some(old.view()), new.view()));
    decision.changes.push(Change::Connector(Arc::new(new)));
}

fn draft(action: &'static str, connector: &Connector, before: Option<Value>, after: Value) -> Draft {
    Draft {
        action,
        resource_type: "Connector",
        resource_id: connector.id.to_string(),
        before: before.unwrap_or_default(),
        after,
    }
}
