//! How an offboarding begins, is held, and is taken back. Rules by number: [`super`].
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{Decided, draft};
use crate::{
    domain::{
        caller::{Authority, Caller, Stamp},
        change::Change,
        id::{OffboardingId, TaskId, UserId},
        offboarding::{Cause, Offboarding, Status, Task, TaskState},
        session::{Ending, Person},
        user::User,
    },
    organization::{
        decide::{Decision, not_found},
        message::{Answer, Command, OffboardOptions},
        sessions,
        state::Snapshot,
    },
};

/// Held offboardings that one unit lets go: with nine tools, some thousand rows.
const RELEASED: usize = 200;

/// What follows from who has access after a command (1) (2).
pub(in crate::organization) fn follow(
    state: &Snapshot,
    decision: &mut Decision,
    command: &Command,
    caller: &Caller,
    stamp: Stamp,
) {
    let users = decision.changes.iter().filter_map(|change| match change {
        Change::User(user) => Some(user.clone()),
        _ => None,
    });
    for user in users.collect::<Vec<_>>() {
        let had_access = state.user(user.id).is_some_and(|old| old.active);
        match (had_access, user.active && !user.deleted) {
            (true, false) => {
                sessions::end_every(state, decision, Person::User(user.id), Ending::Deactivated, stamp); // (1)
                let begun = match command {
                    Command::BeginScheduled { id } => state.offboarding(*id),
                    _ => None,
                };
                let nothing = OffboardOptions::default();
                let options = match command {
                    Command::Offboard { options, .. } => options,
                    _ => &nothing,
                };
                let fresh = || fresh(&user, cause(command, caller), options, caller, stamp);
                let new = begun.map_or_else(fresh, |begun| (**begun).clone());
                match is_held(state, new.cause, stamp) {
                    true => hold(state, decision, new, stamp), // (8)
                    false => begin(state, decision, new, stamp),
                }
            }
            (false, true) => cancel_of(state, decision, user.id, stamp), // (2)
            _ => {}
        }
    }
}

fn cause(command: &Command, caller: &Caller) -> Cause {
    match command {
        Command::LogOut { .. } => Cause::UniversalLogout,
        Command::TakeEvent { .. } => Cause::SecurityEvent,
        Command::DeleteUser { .. } => Cause::ScimDelete,
        Command::Offboard { .. } => asked_for(caller),
        Command::BeginScheduled { .. } => Cause::Scheduled,
        _ => Cause::ScimDeactivate,
    }
}

pub(super) fn asked_for(caller: &Caller) -> Cause {
    match caller.authority {
        Authority::Operator => Cause::CommandLine,
        _ => Cause::Console,
    }
}

pub(super) fn fresh(
    user: &User,
    cause: Cause,
    options: &OffboardOptions,
    caller: &Caller,
    stamp: Stamp,
) -> Offboarding {
    Offboarding {
        id: OffboardingId(numbered(stamp, 1)),
        user: user.id,
        user_name: user.user_name.clone(),
        cause,
        reason: options.reason.clone(),
        ticket: options.ticket.clone(),
        asked_by: caller.actor.label.as_str().into(),
        asked_ms: stamp.at_ms,
        run_at_ms: options.run_at_ms.filter(|at_ms| *at_ms > stamp.at_ms),
        begun_ms: None,
        finished_ms: None,
        status: Status::Scheduled,
        tasks: 0,
    }
}

/// Ids of what a command makes besides its main thing.
pub(super) fn numbered(stamp: Stamp, number: u128) -> Uuid {
    Uuid::from_u128(stamp.new_id.as_u128().wrapping_add(number))
}

/// Begins an offboarding. Other unfinished ones of the person are overtaken (3).
pub(super) fn begin(state: &Snapshot, decision: &mut Decision, offboarding: Offboarding, stamp: Stamp) {
    overtake(state, decision, &offboarding, stamp);
    let begun = Offboarding { begun_ms: Some(stamp.at_ms), ..offboarding };
    let urgent = begun.cause.is_urgent();
    tell_tools(state, decision, begun, ("offboarding.start", Value::Null, urgent), stamp);
}

/// A task for each connected tool.
fn tell_tools(
    state: &Snapshot,
    decision: &mut Decision,
    offboarding: Offboarding,
    (action, before, urgent): (&'static str, Value, bool),
    stamp: Stamp,
) {
    let (id, user) = (offboarding.id, offboarding.user);
    // Several may be told of in one unit: what has been made so far has taken its ids.
    let taken = decision.changes.iter().filter(|change| matches!(change, Change::Task(_))).count();
    let tasks: Vec<_> = state
        .connectors()
        .enumerate()
        .map(|(number, connector)| Task {
            id: TaskId(numbered(stamp, 2 + (taken + number) as u128)),
            offboarding: id,
            user,
            connector: connector.id,
            name: connector.name.clone(),
            kind: connector.kind.clone(),
            urgent,
            state: TaskState::Waiting,
            attempt: 0,
            not_before_ms: stamp.at_ms,
            created_ms: stamp.at_ms,
            trying_since_ms: stamp.at_ms,
            finished_ms: None,
            matched: None,
            steps: Vec::new(),
            tries: Vec::new(),
            note: None,
        })
        .collect();
    let is_done = tasks.is_empty();
    let told = Offboarding {
        finished_ms: is_done.then_some(stamp.at_ms),
        status: if is_done { Status::Done } else { Status::Running }, // (5)
        tasks: tasks.len() as u32,
        ..offboarding
    };
    decision.drafts.push(draft(action, &told, before));
    decision.changes.push(Change::Offboarding(Arc::new(told)));
    decision.changes.extend(tasks.into_iter().map(|task| Change::Task(Arc::new(task))));
}

fn overtake(state: &Snapshot, decision: &mut Decision, offboarding: &Offboarding, stamp: Stamp) {
    for other in unfinished(state, offboarding.user).filter(|other| other.id != offboarding.id) {
        close(state, decision, other, stamp); // (3)
    }
}

/// Whether SCIM has taken access away so often of late that the organization wants to look first (8).
fn is_held(state: &Snapshot, cause: Cause, stamp: Stamp) -> bool {
    let is_scim = matches!(cause, Cause::ScimDeactivate | Cause::ScimDelete);
    let is_exceeded = state.policy().guard.is_some_and(|guard| {
        state.exits_since(stamp.at_ms - guard.window_ms()) >= guard.deactivations as usize
    });
    is_scim && is_exceeded && state.connectors().next().is_some()
}

/// Access has ended; the tools wait for an admin's word (8).
fn hold(state: &Snapshot, decision: &mut Decision, offboarding: Offboarding, stamp: Stamp) {
    overtake(state, decision, &offboarding, stamp);
    let held = Offboarding { begun_ms: Some(stamp.at_ms), status: Status::Held, ..offboarding };
    decision.drafts.push(draft("offboarding.hold", &held, Value::Null));
    decision.changes.push(Change::Offboarding(Arc::new(held)));
}

fn let_go(state: &Snapshot, decision: &mut Decision, held: &Offboarding, urgent: bool, stamp: Stamp) {
    tell_tools(state, decision, held.clone(), ("offboarding.release", held.view(), urgent), stamp);
}

/// An admin's word on what is held: those named, or everything, the oldest first and so many at a time.
pub(in crate::organization) fn release(
    state: &Snapshot,
    only: Option<OffboardingId>,
    stamp: Stamp,
) -> Decided {
    let is_meant = |one: &&Arc<Offboarding>| only.is_none_or(|only| one.id == only);
    let held: Vec<_> = state.held().filter(is_meant).take(RELEASED).cloned().collect();
    if let (Some(id), true) = (only, held.is_empty()) {
        return Err(not_found("Held offboarding", id));
    }
    let mut decision = Decision::nothing(Answer::Released(held.len()));
    held.iter().for_each(|held| let_go(state, &mut decision, held, false, stamp));
    Ok(decision)
}

/// Okta's own word on someone who is held settles it; whether there was anything to settle.
pub(in crate::organization) fn release_of(
    state: &Snapshot,
    decision: &mut Decision,
    user: UserId,
    stamp: Stamp,
) -> bool {
    let held = unfinished(state, user).find(|one| one.status == Status::Held);
    if let Some(held) = held {
        let_go(state, decision, held, true, stamp);
    }
    held.is_some()
}

pub(super) fn unfinished(state: &Snapshot, user: UserId) -> impl Iterator<Item = &Arc<Offboarding>> {
    state.offboardings().filter(move |one| one.user == user)
}

/// Ends an offboarding before it is done.
pub(super) fn close(state: &Snapshot, decision: &mut Decision, old: &Arc<Offboarding>, stamp: Stamp) {
    for task in state.tasks().filter(|task| task.offboarding == old.id) {
        let cancelled =
            Task { state: TaskState::Cancelled, finished_ms: Some(stamp.at_ms), ..(**task).clone() };
        decision.changes.push(Change::Task(Arc::new(cancelled)));
    }
    let new = Offboarding { status: Status::Cancelled, finished_ms: Some(stamp.at_ms), ..(**old).clone() };
    decision.drafts.push(draft("offboarding.cancel", &new, old.view()));
    decision.changes.push(Change::Offboarding(Arc::new(new)));
}

/// (2)
pub(super) fn cancel_of(state: &Snapshot, decision: &mut Decision, user: UserId, stamp: Stamp) {
    for offboarding in unfinished(state, user) {
        close(state, decision, offboarding, stamp);
    }
}
