//! What Okta asks for: Universal Logout and security events.
//!
//! 1. A token counts once. The organization's log decides which of several copies was first: two nodes cannot both
//!    write their claim on the same state.
//! 2. Every verified token is used up, whatever comes of it, and leaves a line in the audit log; a verification with a
//!    wrong state is not used up: it is refused each time.
//! 3. Several users that fit are nobody: none is touched.
//! 4. Whoever is inactive already is out: no second pass.
//! 5. The organization says whether the person is deactivated or only signed out.
//! 6. A security event that was taken before is taken again without effect (RFC 8935 §2).
//! 7. An ordinary sign-out also sends `session-revoked`, so it ends sessions and never deactivates.
//! 8. Who is out already does not stand in the way of the one who has access: an identity provider keeps the records of
//!    former contractors, under the address that they have as employees now.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    decide::Decision,
    message::{Answer, OrganizationError, Verdict},
    offboarding, sessions,
    state::Snapshot,
    users,
};
use crate::{
    domain::{
        audit::Draft,
        caller::Stamp,
        change::Change,
        id::UserId,
        okta::{Identity, LogoutEffect, OktaConnection, UsedToken},
        session::{Ending, Person},
        user::User,
    },
    protocol::{
        revocation::Subject,
        security_event::{EventKind, SecurityEvent},
    },
};

type Decided = Result<Decision, OrganizationError>;

pub(super) fn log_out(state: &Snapshot, subject: Option<&Subject>, used: UsedToken, stamp: Stamp) -> Decided {
    let Some(okta) = state.okta() else { return Err(OrganizationError::Forbidden) };
    if state.is_used(&used) {
        return Err(OrganizationError::Replayed); // (1)
    }
    let found = match subject {
        _ if !okta.universal_logout => Err(Verdict::SwitchedOff),
        None => Err(Verdict::Malformed),
        Some(subject) => find(state, okta, subject),
    };
    let mut decision = Decision::nothing(Answer::Noted);
    let verdict = match &found {
        Err(verdict) => *verdict,
        Ok(user) => end_access(state, &mut decision, user, okta.effect, stamp)?, // (5)
    };
    let action = match verdict {
        Verdict::Ended | Verdict::Already => "universal_logout.accept",
        _ => "universal_logout.refuse",
    };
    let after = json!({
        "subject": subject.map(Subject::to_json),
        "user": found.as_ref().ok().map(|user| user.id),
        "verdict": name(verdict),
        "effect": okta.effect,
    });
    Ok(claimed(decision, action, after, verdict, used))
}

pub(super) fn take_event(
    state: &Snapshot,
    event: &Arc<SecurityEvent>,
    used: UsedToken,
    stamp: Stamp,
) -> Decided {
    let Some(okta) = state.okta() else { return Err(OrganizationError::Forbidden) };
    if state.is_used(&used) {
        return Ok(Decision::nothing(Answer::Judged(Verdict::Nothing))); // (6)
    }
    let mut decision = Decision::nothing(Answer::Noted);
    let found = event.subject.as_ref().and_then(|subject| find(state, okta, subject).ok());
    let verdict = match (&event.kind, &found) {
        (EventKind::Verification { state: said }, _) => verified(&mut decision, okta, said.as_deref(), stamp),
        (EventKind::SessionRevoked | EventKind::CredentialChange, Some(user)) => {
            end_access(state, &mut decision, user, LogoutEffect::Sessions, stamp)? // (7)
        }
        (EventKind::AccountDisabled, Some(user)) => {
            end_access(state, &mut decision, user, LogoutEffect::Deactivate, stamp)?
        }
        (EventKind::Other, _) => Verdict::Nothing,
        (_, None) => Verdict::Unknown,
    };
    let after = json!({
        "event": event.event_type,
        "subject": event.subject.as_ref().map(Subject::to_json),
        "user": found.map(|user| user.id),
        "verdict": name(verdict),
    });
    Ok(claimed(decision, "security_event.accept", after, verdict, used))
}

/// (2)
fn claimed(
    mut decision: Decision,
    action: &'static str,
    after: Value,
    verdict: Verdict,
    used: UsedToken,
) -> Decision {
    let draft = Draft {
        action,
        resource_type: "User",
        resource_id: after["user"].as_str().unwrap_or("unknown").to_owned(),
        before: Value::Null,
        after,
    };
    decision.drafts.insert(0, draft);
    // One that is refused is refused again (RFC 8935 section 2.4).
    if verdict != Verdict::WrongState {
        decision.changes.push(Change::Used(used));
    }
    decision.answer = Answer::Judged(verdict);
    decision
}

fn end_access(
    state: &Snapshot,
    decision: &mut Decision,
    user: &Arc<User>,
    effect: LogoutEffect,
    stamp: Stamp,
) -> Result<Verdict, OrganizationError> {
    let person = Person::User(user.id);
    if !user.active {
        // (4), but what the guard holds goes on: it never holds Okta's own word.
        let is_let_go = offboarding::release_of(state, decision, user.id, stamp);
        return Ok(if is_let_go { Verdict::Ended } else { Verdict::Already });
    }
    match effect {
        LogoutEffect::Deactivate => *decision = users::deactivate(user, stamp)?,
        LogoutEffect::Sessions => {
            if state.sessions_of(person).next().is_none() {
                return Ok(Verdict::Already);
            }
            sessions::end_every(state, decision, person, Ending::Revoked, stamp);
        }
    }
    Ok(Verdict::Ended)
}

/// A verification tells that the stream works, if it brings the state that was asked for, or none at all.
fn verified(
    decision: &mut Decision,
    okta: &Arc<OktaConnection>,
    said: Option<&str>,
    stamp: Stamp,
) -> Verdict {
    let asked = okta.stream.as_ref().and_then(|stream| stream.asked.as_deref());
    if said.is_some() && said != asked {
        return Verdict::WrongState;
    }
    let Some(mut stream) = okta.stream.clone() else { return Verdict::Nothing };
    stream.verified_ms = Some(stamp.at_ms);
    if said.is_some() {
        stream.asked = None;
    }
    let okta = OktaConnection { stream: Some(stream), ..(**okta).clone() };
    decision.changes.push(Change::Okta(Arc::new(okta)));
    Verdict::Nothing
}

fn find<'a>(state: &'a Snapshot, okta: &OktaConnection, subject: &Subject) -> Result<&'a Arc<User>, Verdict> {
    match subject {
        Subject::Email(email) => {
            let (active, out): (Vec<_>, Vec<_>) =
                state.users_by_email(email).into_iter().partition(|user| user.active);
            match active.as_slice() {
                [user] => Ok(user), // (8)
                [] => {
                    let is_held = |user: &&&Arc<User>| state.held().any(|held| held.user == user.id);
                    let user = out.iter().find(is_held).or(out.first());
                    user.copied().ok_or(Verdict::Unknown) // (4)
                }
                _ => Err(Verdict::Ambiguous), // (3)
            }
        }
        Subject::IssSub { iss, .. } if iss != okta.issuer() => Err(Verdict::Malformed),
        Subject::IssSub { sub: id, .. } | Subject::Opaque(id) => {
            by_id(state, okta, id).ok_or(Verdict::Unknown)
        }
    }
}

/// By the id at Okta that a sign-in has told, Ceven's own, or the one that Okta gave over SCIM.
fn by_id<'a>(state: &'a Snapshot, okta: &OktaConnection, id: &str) -> Option<&'a Arc<User>> {
    let identity = Identity { issuer: okta.issuer().into(), subject: id.into() };
    state
        .user_by_identity(&identity)
        .or_else(|| id.parse::<UserId>().ok().and_then(|id| state.user(id)))
        .or_else(|| state.user_by_external_id(id))
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ended => "ended",
        Verdict::Already => "already_out",
        Verdict::Unknown => "unknown_subject",
        Verdict::Ambiguous => "ambiguous_subject",
        Verdict::Malformed => "malformed_subject",
        Verdict::SwitchedOff => "switched_off",
        Verdict::Nothing => "nothing_to_do",
        Verdict::WrongState => "wrong_state",
    }
}
