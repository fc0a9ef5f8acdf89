//! Commands on the connection to Okta, and on whoever signs in there.
//!
//! 1. Issuer and subject identify, nothing else: a linked identity is its user, whatever its address says now.
//! 2. An identity is linked to the user whom Okta provisioned under that id (`externalId`). What the user was linked to
//!    before counts no longer: an account that was made anew has another id, a tenant with a domain of its own another
//!    issuer.
//! 3. Or to the one active user of its address, if the organization owns the address's domain and the user has no other
//!    identity at this issuer; to someone with rights, or with an identity elsewhere, only when Okta has verified the
//!    address.
//! 4. Nobody else's address is taken over: what cannot be linked is refused.
//! 5. Whoever is deactivated or removed stays out, and is not created anew.
//! 6. Otherwise the first sign-in creates an employee.
//! 7. An address that Okta has not verified is noted, or refused if the organization wants that.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    connectors,
    decide::Decision,
    message::{Answer, OrganizationError, SignInRefused, ToolChange},
    sessions,
    state::Snapshot,
    users,
};
use crate::{
    domain::{
        audit::Draft,
        caller::Stamp,
        change::Change,
        id::UserId,
        okta::{EmailPolicy, Identity, Link, OktaConnection, Stream, StreamChange},
        role::Role,
        session::{Person, Session},
        token::Digest,
        user::User,
    },
    protocol::{oidc, scim::Object},
};

type Decided = Result<Decision, OrganizationError>;

/// Whose the sign-in is.
enum Found {
    /// Linked already.
    Linked(UserId),
    /// To be linked.
    Linkable(UserId),
    /// Nobody's yet.
    New,
}

pub(super) fn sign_in(
    state: &Snapshot,
    who: &oidc::Identity,
    session: &Arc<Session>,
    limit: usize,
    stamp: Stamp,
) -> Decided {
    if state.okta().is_none() {
        return Err(OrganizationError::Forbidden);
    }
    let identity = identity_of(who);
    let found = match find(state, who, &identity) {
        Ok(found) => found,
        Err(refusal) => return Ok(refused(who, refusal)),
    };
    let mut decision = Decision::nothing(Answer::Noted);
    let (user, is_linked) = match found {
        Found::Linked(user) => (user, true),
        Found::Linkable(user) => (user, false),
        Found::New => {
            decision = users::create(state, &attributes(state, who), stamp)?;
            let Answer::User { id, .. } = decision.answer else { return Err(OrganizationError::Forbidden) };
            (id, false)
        }
    };
    if !is_linked {
        let link = Link { identity, user, linked_ms: stamp.at_ms };
        decision.changes.push(Change::Link(Arc::new(link)));
    }
    let session = Arc::new(Session { person: Person::User(user), ..(**session).clone() });
    let begun = sessions::begin(state, &session, limit, stamp);
    decision.answer = begun.answer;
    decision.changes.extend(begun.changes);
    decision.drafts.extend(begun.drafts.into_iter().map(|mut draft| {
        if draft.action == "session.start" {
            draft.after["identity"] = view(who);
            if !who.email_verified {
                draft.after["warning"] = "Okta has not verified the address".into(); // (7)
            }
            draft.after["linked"] = (!is_linked).into();
            if let Some(old) = state.identity_of(user).filter(|_| !is_linked) {
                draft.after["linked_before"] = json!({ "issuer": old.issuer, "subject": old.subject });
            }
        }
        draft
    }));
    Ok(decision)
}

impl Snapshot {
    /// Whether a sign-in of this person would be let in.
    pub fn admits(&self, who: &oidc::Identity) -> bool {
        self.okta().is_some() && find(self, who, &identity_of(who)).is_ok()
    }

    /// Whether this person may learn that the organization is there: it knows them, by their identity, by the id that
    /// Okta provisioned, or by a verified address of a domain it owns; or it would create them for such an address.
    pub fn offers_itself_to(&self, who: &oidc::Identity) -> bool {
        let owns_address =
            || who.email_verified && who.email.as_deref().is_some_and(|email| owns(self, email));
        self.okta().is_some()
            && match find(self, who, &identity_of(who)) {
                Ok(Found::Linked(_)) => true,
                Ok(_) => self.user_by_external_id(&who.subject).is_some() || owns_address(),
                Err(_) => false,
            }
    }
}

fn identity_of(who: &oidc::Identity) -> Identity {
    Identity { issuer: who.issuer.as_str().into(), subject: who.subject.as_str().into() }
}

fn find(state: &Snapshot, who: &oidc::Identity, identity: &Identity) -> Result<Found, SignInRefused> {
    let needs_verified = state.okta().is_some_and(|okta| okta.email_verified == EmailPolicy::Require);
    if needs_verified && !who.email_verified {
        return Err(SignInRefused::EmailUnverified); // (7)
    }
    if let Some(user) = state.linked_user(identity) {
        return live(user).map(Found::Linked); // (1) (5)
    }
    let by_id = state.user_by_external_id(&who.subject);
    if let Some(user) = by_id.or_else(|| state.former_user_by_external_id(&who.subject)) {
        return live(user).map(Found::Linkable); // (2) (5)
    }
    let names = [&who.email, &who.preferred_username];
    let email = who.email.as_deref().unwrap_or_default();
    let (active, out): (Vec<_>, Vec<_>) =
        state.users_by_email(email).into_iter().partition(|user| user.active);
    match active.as_slice() {
        [] if !out.is_empty() || names.into_iter().flatten().any(|name| has_left(state, name)) => {
            Err(SignInRefused::Deactivated) // (5)
        }
        [] => Ok(Found::New), // (6)
        [user] => {
            let old = state.identity_of(user.id);
            let is_own = owns(state, email) && old.is_none_or(|old| *old.issuer != *who.issuer);
            let is_weak = user.roles.strongest() == Role::Employee && old.is_none();
            match is_own && (who.email_verified || is_weak) {
                true => Ok(Found::Linkable(user.id)),   // (3)
                false => Err(SignInRefused::NotLinked), // (4)
            }
        }
        _ => Err(SignInRefused::NotLinked), // (4)
    }
}

/// Whether it is the user name of someone who is deactivated or removed.
fn has_left(state: &Snapshot, name: &str) -> bool {
    state.user_by_name(name).map_or_else(|| state.former_user_by_name(name).is_some(), |user| !user.active)
}

fn live(user: &User) -> Result<UserId, SignInRefused> {
    if user.active && !user.deleted { Ok(user.id) } else { Err(SignInRefused::Deactivated) }
}

fn owns(state: &Snapshot, email: &str) -> bool {
    let domain = email.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
    state.profile().domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
}

fn attributes(state: &Snapshot, who: &oidc::Identity) -> Object {
    // Okta's login is what it will ask for over SCIM. A name or an address that somebody has is not taken from them.
    let is_free = |name: &&String| state.users_by_email(name).is_empty();
    let name = who.preferred_username.as_ref().filter(is_free).or(who.email.as_ref()).unwrap_or(&who.subject);
    let mut user = json!({ "userName": name, "externalId": who.subject, "active": true });
    if let Some(email) = &who.email {
        user["emails"] = json!([{ "value": email, "primary": true }]);
    }
    if let Some(display) = &who.name {
        user["displayName"] = display.as_str().into();
    }
    for (member, text) in [("givenName", &who.names.0), ("familyName", &who.names.1)] {
        if let Some(text) = text {
            user["name"][member] = text.as_str().into();
        }
    }
    match user {
        Value::Object(user) => user,
        _ => Object::new(),
    }
}

fn refused(who: &oidc::Identity, refusal: SignInRefused) -> Decision {
    let reason = match refusal {
        SignInRefused::Deactivated => "user_deactivated",
        SignInRefused::EmailUnverified => "email_unverified",
        SignInRefused::NotLinked => "not_linked",
    };
    let draft = Draft {
        action: "session.refuse",
        resource_type: "Identity",
        resource_id: who.subject.clone(),
        before: Value::Null,
        after: json!({ "identity": view(who), "reason": reason }),
    };
    Decision { changes: Vec::new(), drafts: vec![draft], answer: Answer::SignInRefused(refusal) }
}

fn view(who: &oidc::Identity) -> Value {
    json!({ "issuer": who.issuer, "subject": who.subject, "email": who.email, "email_verified": who.email_verified })
}

pub(super) fn change_stream(state: &Snapshot, connection: Digest, change: &StreamChange) -> Decided {
    let okta = state.okta().filter(|okta| okta.fingerprint() == connection);
    let okta =
        okta.ok_or_else(|| OrganizationError::Conflict("The connection to Okta has changed.".into()))?;
    let stream = match (change, &okta.stream) {
        (StreamChange::Registered(new), Some(old)) if old.id == new.id => {
            Some(Stream { asked: old.asked.clone(), verified_ms: old.verified_ms, ..new.clone() })
        }
        (StreamChange::Registered(new), _) => Some(new.clone()),
        (StreamChange::Asked(state), Some(old)) => Some(Stream { asked: Some(state.clone()), ..old.clone() }),
        (StreamChange::Asked(_), None) => {
            return Err(OrganizationError::Conflict("There is no event stream.".into()));
        }
        (StreamChange::Removed, _) => None,
    };
    Ok(set_alone(state, Some(&Arc::new(OktaConnection { stream, ..(**okta).clone() }))))
}

/// The connection, and the tenant as a connected tool when that is saved with it: both or neither.
pub(super) fn set(
    state: &Snapshot,
    connection: Option<&Arc<OktaConnection>>,
    tool: Option<&ToolChange>,
    stamp: Stamp,
) -> Decided {
    let mut decision = set_alone(state, connection);
    if let Some(tool) = tool {
        let added = connectors::set(state, tool, stamp)?;
        decision.changes.extend(added.changes);
        decision.drafts.extend(added.drafts);
    }
    Ok(decision)
}

fn set_alone(state: &Snapshot, connection: Option<&Arc<OktaConnection>>) -> Decision {
    let change = match (state.okta(), connection) {
        (None, None) => return Decision::nothing(Answer::Noted),
        (Some(old), Some(new))
            if OktaConnection { changed_ms: old.changed_ms, ..(**new).clone() } == **old =>
        {
            return Decision::nothing(Answer::Noted);
        }
        (_, Some(new)) => Change::Okta(new.clone()),
        (Some(_), None) => Change::OktaRemoved,
    };
    let view = |okta: Option<&Arc<OktaConnection>>| okta.map_or(Value::Null, |okta| okta.view());
    let draft = Draft {
        action: "okta.change",
        resource_type: "OktaConnection",
        resource_id: state.profile().id.to_string(),
        before: view(state.okta()),
        after: view(connection),
    };
    Decision { changes: vec![change], drafts: vec![draft], answer: Answer::Noted }
}
