//! Commands on sessions and on who may administer.
//!
//! 1. A session belongs to someone who may sign in: a local admin, or a user who is active.
//! 2. A person has at most so many sessions: the oldest make room.
//! 3. Sessions whose time is over are cleared away when another begins, a few at a time.
//! 4. A session that has ended stays ended; ending it again changes nothing.
//! 5. A role is changed only while someone is left who may administer.
//! 6. People end their own sessions; only admins end those of others.
//! 7. A role is changed from what was seen: of two admins with the same page open, the later one is told.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    decide::{Decision, not_found},
    message::{Answer, OrganizationError},
    state::Snapshot,
    users,
};
use crate::{
    clock::rfc3339,
    domain::{
        audit::Draft,
        caller::{Authority, Caller, Stamp},
        change::Change,
        id::{SessionId, UserId},
        role::Role,
        session::{Ending, Person, Refusals, Session},
    },
};

type Decided = Result<Decision, OrganizationError>;

/// Sessions cleared away at one sign-in.
const CLEARED: usize = 32;

pub(super) fn start(state: &Snapshot, session: &Arc<Session>, limit: usize, stamp: Stamp) -> Decided {
    if state.role_of(session.person).is_none() {
        return Err(OrganizationError::Forbidden); // (1)
    }
    Ok(begin(state, session, limit, stamp))
}

/// Begins a session of someone who may sign in.
pub(super) fn begin(state: &Snapshot, session: &Arc<Session>, limit: usize, stamp: Stamp) -> Decision {
    let over = state.sessions().take_while(|old| old.expires_ms <= stamp.at_ms).take(CLEARED);
    let mut endings: Vec<_> = over.map(|old| (old.clone(), Ending::Expired)).collect(); // (3)
    let live: Vec<_> =
        state.sessions_of(session.person).filter(|old| old.expires_ms > stamp.at_ms).cloned().collect();
    let surplus = (live.len() + 1).saturating_sub(limit.max(1));
    endings.extend(live.into_iter().take(surplus).map(|old| (old, Ending::Limit))); // (2)
    let mut decision = Decision {
        changes: vec![Change::Session(session.clone())],
        drafts: vec![draft("session.start", session.id, Value::Null, view(session))],
        answer: Answer::Session(session.id),
    };
    for (old, ending) in endings {
        end_one(&mut decision, &old, ending, stamp);
    }
    decision
}

pub(super) fn end(state: &Snapshot, id: SessionId, ending: Ending, caller: &Caller, stamp: Stamp) -> Decided {
    let session = state.session(id).filter(|session| may_end(state, caller, session)); // (6)
    let Some(session) = session else { return Err(not_found("Session", id)) }; // (4)
    let mut decision = Decision::nothing(Answer::Session(id));
    end_one(&mut decision, session, ending, stamp);
    Ok(decision)
}

pub(super) fn end_all(
    state: &Snapshot,
    person: Person,
    ending: Ending,
    caller: &Caller,
    stamp: Stamp,
) -> Decided {
    let mut decision = Decision::nothing(Answer::Deleted);
    for session in state.sessions_of(person).filter(|session| may_end(state, caller, session)) {
        end_one(&mut decision, session, ending, stamp); // (4) (6)
    }
    Ok(decision)
}

/// Sessions of others are not there for someone who may not administer.
fn may_end(state: &Snapshot, caller: &Caller, session: &Session) -> bool {
    match caller.authority {
        Authority::Session(id) => state.session(id).is_some_and(|own| {
            own.person == session.person || state.role_of(own.person) == Some(Role::Admin)
        }),
        _ => true,
    }
}

/// Adds the end of whatever sessions someone has to a decision that takes their access away.
pub(super) fn end_every(
    state: &Snapshot,
    decision: &mut Decision,
    person: Person,
    ending: Ending,
    stamp: Stamp,
) {
    for session in state.sessions_of(person) {
        end_one(decision, session, ending, stamp);
    }
}

pub(super) fn end_one(decision: &mut Decision, session: &Arc<Session>, ending: Ending, stamp: Stamp) {
    let ended = Session { ended_ms: Some(stamp.at_ms), id_token: None, ..(**session).clone() };
    let mut after = view(&ended);
    after["reason"] = ending.name().into();
    if let Ending::SignedOut { at_okta } = ending {
        after["at_okta"] = at_okta.into();
    }
    decision.drafts.push(draft("session.end", session.id, view(session), after));
    decision.changes.push(Change::Session(Arc::new(ended)));
}

pub(super) fn note_refusals(refusals: &Refusals) -> Decided {
    let account = refusals.account.map(|id| id.to_string());
    let after = json!({
        "account": account,
        "count": refusals.count,
        "rate_limited": refusals.limited,
        "first_at": rfc3339(refusals.from_ms),
        "last_at": rfc3339(refusals.until_ms),
    });
    let draft = Draft {
        action: "session.refuse",
        resource_type: "Admin",
        resource_id: account.unwrap_or_else(|| "unknown".into()),
        before: Value::Null,
        after,
    };
    Ok(Decision { changes: Vec::new(), drafts: vec![draft], answer: Answer::Noted })
}

pub(super) fn set_role(
    state: &Snapshot,
    id: UserId,
    role: Role,
    seen: Option<Role>,
    stamp: Stamp,
) -> Decided {
    let user = state.user(id).ok_or_else(|| not_found("User", id))?;
    let current = user.roles.strongest();
    if seen.is_some_and(|seen| seen != current) && role != current {
        return Err(OrganizationError::Conflict(format!(
            "The role has become {} meanwhile: look again.",
            current.display()
        ))); // (7)
    }
    let is_admin = user.active && user.roles.contains(Role::Admin);
    if is_admin && role != Role::Admin && !state.has_admin_besides(id) {
        return Err(OrganizationError::Conflict(
            "This is the last admin: make someone else an admin first.".into(),
        )); // (5)
    }
    users::set_role(user, role, stamp)
}

fn draft(action: &'static str, id: SessionId, before: Value, after: Value) -> Draft {
    Draft { action, resource_type: "Session", resource_id: id.to_string(), before, after }
}

fn view(session: &Session) -> Value {
    json!({
        "id": session.id,
        "person": { "kind": session.person.kind(), "id": session.person.uuid() },
        "expires_at": rfc3339(session.expires_ms),
        "ended_at": session.ended_ms.map(rfc3339),
        "ip": session.ip,
        "user_agent": session.user_agent,
    })
}
