//! Commands on offboardings, and what follows from anyone's losing access.
//!
//! 1. Whoever loses access, by whichever command, loses every session and is removed from every connected tool, in the
//!    same unit. No command can forget it, because it is seen to where all of them end.
//! 2. Whoever gets access back is no longer removed from where it has not happened yet; nothing is granted anywhere.
//! 3. A person has at most one offboarding that is not finished; a scheduled one is overtaken by one that begins.
//! 4. A report counts for the try it belongs to, once. What a try had done when its task was closed is written down, and
//!    the try is told that it is over.
//! 5. An offboarding is done when no tool's part is left; when none goes on by itself, it needs attention.
//! 6. Refused credentials pause the tool: its tasks wait, and nobody is locked out by trying on.
//! 7. A day after it began, or was told to try again, a task is not tried by itself any more.
//! 8. Where the organization guards against mass deactivation, those of SCIM beyond so many in a while are held: access
//!    to Ceven ends as ever, and the tools are told when an admin lets it go on. What Okta's Universal Logout and the
//!    console ask for is never held.
//! 9. A time that is long past is a slip, not an order to begin at once; one that has just passed begins.
//! 10. Trying again where every tool that is meant is paused is refused with what mends it: it would come to nothing.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    connectors,
    decide::{Decision, not_found},
    message::{Answer, OffboardOptions, OrganizationError, Report},
    state::Snapshot,
    users,
};
use crate::clock::rfc3339;
use crate::domain::{
    audit::Draft,
    caller::{Caller, Stamp},
    change::Change,
    id::{OffboardingId, TaskId, UserId},
    offboarding::{Offboarding, Status, Task, TaskState, verdict},
    step::{Failure, Match, Step},
};

mod begin;

use begin::{asked_for, begin, close, fresh, numbered, unfinished};
pub(super) use begin::{follow, release, release_of};

type Decided = Result<Decision, OrganizationError>;

/// (9)
const SLIP_MS: i64 = 24 * 3_600_000;
/// (7)
const GIVE_UP_MS: i64 = 24 * 3_600_000;

pub(super) fn offboard(
    state: &Snapshot,
    id: UserId,
    options: &OffboardOptions,
    caller: &Caller,
    stamp: Stamp,
) -> Decided {
    let user = state.user_even_deleted(id).ok_or_else(|| not_found("User", id))?;
    let offboarding = OffboardingId(numbered(stamp, 1));
    if let Some(running) =
        unfinished(state, id).find(|one| !matches!(one.status, Status::Scheduled | Status::Held))
    {
        let text = format!("{} is being offboarded already ({}).", user.user_name, running.id);
        return Err(OrganizationError::Conflict(text)); // (3)
    }
    if let Some(at_ms) = options.run_at_ms.filter(|at_ms| *at_ms < stamp.at_ms - SLIP_MS) {
        let text = format!("{} is long past: leave the time out to offboard at once.", rfc3339(at_ms));
        return Err(OrganizationError::Conflict(text)); // (9)
    }
    let is_last_admin =
        user.active && user.roles.contains(crate::domain::role::Role::Admin) && !state.has_admin_besides(id);
    if is_last_admin {
        return Err(OrganizationError::Conflict(
            "This is the last admin: make someone else an admin first.".into(),
        ));
    }
    let answer = Answer::Offboarding(offboarding);
    let new = fresh(user, asked_for(caller), options, caller, stamp);
    let mut decision = Decision::nothing(answer);
    if new.run_at_ms.is_some() {
        for other in unfinished(state, id) {
            close(state, &mut decision, other, stamp); // (3)
        }
        decision.drafts.push(draft("offboarding.schedule", &new, Value::Null));
        decision.changes.push(Change::Offboarding(Arc::new(new)));
    } else if user.active && !user.deleted {
        decision = Decision { answer, ..users::deactivate(user, stamp)? };
    } else {
        begin(state, &mut decision, new, stamp);
    }
    Ok(decision)
}

pub(super) fn begin_scheduled(state: &Snapshot, id: OffboardingId, stamp: Stamp) -> Decided {
    let answer = Answer::Offboarding(id);
    let due = state.offboarding(id).filter(|one| {
        one.status == Status::Scheduled && one.run_at_ms.is_none_or(|at_ms| at_ms <= stamp.at_ms)
    });
    let Some(due) = due else { return Ok(Decision::nothing(answer)) };
    let Some(user) = state.user_even_deleted(due.user) else { return Ok(Decision::nothing(answer)) };
    if user.active && !user.deleted {
        return Ok(Decision { answer, ..users::deactivate(user, stamp)? });
    }
    let mut decision = Decision::nothing(answer);
    begin(state, &mut decision, (**due).clone(), stamp);
    Ok(decision)
}

pub(super) fn cancel(state: &Snapshot, id: OffboardingId, stamp: Stamp) -> Decided {
    let offboarding = state.offboarding(id).ok_or_else(|| not_found("Offboarding", id))?;
    let mut decision = Decision::nothing(Answer::Offboarding(id));
    close(state, &mut decision, offboarding, stamp);
    Ok(decision)
}

pub(super) fn retry(
    state: &Snapshot,
    id: OffboardingId,
    only: Option<TaskId>,
    account: Option<&Match>,
    stamp: Stamp,
) -> Decided {
    let mut decision = Decision::nothing(Answer::Offboarding(id));
    let tasks =
        state.tasks().filter(|task| task.offboarding == id && only.is_none_or(|only| only == task.id));
    let tasks: Vec<_> = tasks.cloned().collect();
    if tasks.is_empty() {
        return Err(not_found("Offboarding", id));
    }
    if let Some(text) = paused_everywhere(state, &tasks) {
        return Err(OrganizationError::Conflict(text)); // (10)
    }
    for task in tasks {
        let again = Task {
            state: TaskState::Waiting,
            not_before_ms: stamp.at_ms,
            trying_since_ms: stamp.at_ms,
            finished_ms: None,
            matched: account.cloned().or_else(|| task.matched.clone()),
            ..(*task).clone()
        };
        let after = json!({ "task": task.id, "connector": task.name, "account": account });
        decision.drafts.push(noted("deprovision.retry", &task, after));
        settle(state, &mut decision, again, stamp);
    }
    Ok(decision)
}

/// What mends it, when every tool that is meant is paused.
fn paused_everywhere(state: &Snapshot, tasks: &[Arc<Task>]) -> Option<String> {
    let reason = |task: &Arc<Task>| {
        let paused = state.connector(task.connector)?.paused.as_ref()?;
        Some(format!("{} is paused, because it refuses its credentials: {}.", task.name, paused.reason))
    };
    let mut reasons = tasks.iter().map(reason).collect::<Option<Vec<_>>>()?;
    reasons.push(
        "Save its settings again with credentials that work; what waits there then goes on by itself.".into(),
    );
    Some(reasons.join(" "))
}

pub(super) fn mark_done(state: &Snapshot, id: TaskId, note: &str, stamp: Stamp) -> Decided {
    let task = state.task(id).ok_or_else(|| not_found("Task", id))?;
    let done = Task {
        state: TaskState::DoneByHand,
        note: Some(note.into()),
        finished_ms: Some(stamp.at_ms),
        ..(**task).clone()
    };
    let mut decision = Decision::nothing(Answer::Offboarding(task.offboarding));
    let after = json!({ "task": id, "connector": task.name, "note": note });
    decision.drafts.push(noted("deprovision.done_by_hand", task, after));
    settle(state, &mut decision, done, stamp);
    Ok(decision)
}

pub(super) fn report(state: &Snapshot, report: &Report, stamp: Stamp) -> Decided {
    let open = state.task(report.task).filter(|task| task.state.is_open());
    let known = open.or_else(|| state.closed_task(report.task));
    let Some(known) = known.filter(|task| task.attempt == report.attempt) else {
        return Ok(Decision::nothing(Answer::Over)); // (4)
    };
    let mut decision = Decision::nothing(if open.is_some() { Answer::Noted } else { Answer::Over });
    let mut task = (**known).clone();
    if let Some(found) = &report.matched {
        task.matched = Some(found.clone());
    }
    let changed = task.merge(&report.steps);
    decision.drafts.extend(changed.iter().map(|step| step_draft(&task, step)));
    if open.is_none() {
        if !changed.is_empty() {
            decision.changes.push(Change::Task(Arc::new(task)));
        }
    } else if let Some((one, next_ms)) = &report.ended {
        task.attempt += 1; // (4)
        task.note_try(one.clone());
        let failure = verdict(&report.steps);
        let is_old = stamp.at_ms - task.trying_since_ms > GIVE_UP_MS;
        match failure {
            None => {
                task.forget_failures();
                finish(&mut task, TaskState::Done, stamp);
            }
            Some(Failure::Auth { detail }) => {
                task.not_before_ms = stamp.at_ms;
                if let Some(connector) = state.connector(task.connector).filter(|one| one.paused.is_none()) {
                    connectors::pause(&mut decision, connector, detail, stamp); // (6)
                }
            }
            Some(failure) if failure.is_retryable() && !is_old => task.not_before_ms = *next_ms, // (7)
            Some(_) => finish(&mut task, TaskState::NeedsAttention, stamp),
        }
        settle(state, &mut decision, task, stamp);
    } else if task != **known {
        decision.changes.push(Change::Task(Arc::new(task)));
    }
    Ok(decision)
}

fn finish(task: &mut Task, state: TaskState, stamp: Stamp) {
    task.state = state;
    task.finished_ms = Some(stamp.at_ms);
}

/// Writes a task that stands otherwise than before, and what that makes of its offboarding (5).
pub(super) fn settle(state: &Snapshot, decision: &mut Decision, task: Task, stamp: Stamp) {
    let id = task.offboarding;
    decision.changes.push(Change::Task(Arc::new(task)));
    let Some(old) = state.offboarding(id) else { return };
    // The latest word on each task: what this decision says, else what stands.
    let said = |id: TaskId| {
        decision.changes.iter().rev().find_map(|change| match change {
            Change::Task(task) if task.id == id => Some(task.state),
            _ => None,
        })
    };
    let of_it = state.tasks().filter(|task| task.offboarding == id);
    let states: Vec<_> = of_it.map(|task| said(task.id).unwrap_or(task.state)).collect();
    let status = if states.iter().any(|state| state.is_open()) {
        Status::Running
    } else if states.contains(&TaskState::NeedsAttention) {
        Status::NeedsAttention
    } else {
        Status::Done
    };
    let before = decision.changes.iter().rev().find_map(|change| match change {
        Change::Offboarding(said) if said.id == id => Some(said.status),
        _ => None,
    });
    if status == before.unwrap_or(old.status) {
        return;
    }
    let finished_ms = (status != Status::Running).then_some(stamp.at_ms);
    let new = Offboarding { status, finished_ms, ..(**old).clone() };
    if finished_ms.is_some() {
        decision.drafts.push(draft("offboarding.finish", &new, old.view()));
    }
    decision.changes.push(Change::Offboarding(Arc::new(new)));
}

fn draft(action: &'static str, offboarding: &Offboarding, before: Value) -> Draft {
    Draft {
        action,
        resource_type: "Offboarding",
        resource_id: offboarding.id.to_string(),
        before,
        after: offboarding.view(),
    }
}

fn step_draft(task: &Task, step: &Step) -> Draft {
    let after = json!({
        "offboarding": task.offboarding,
        "connector": { "id": task.connector, "kind": task.kind, "name": task.name },
        "account": task.matched,
        "attempt": task.attempt + 1,
        "step": step,
    });
    noted("deprovision.step", task, after)
}

fn noted(action: &'static str, task: &Task, after: Value) -> Draft {
    Draft { action, resource_type: "User", resource_id: task.user.to_string(), before: Value::Null, after }
}
