//! Domain values from rows, and rows from domain values.
use std::sync::Arc;

use ceven_actors::{
    domain::{
        audit::{Entry, Head, Mode},
        change::Change,
        connector::Connector,
        group::Group,
        id::{AdminId, GroupId, OrganizationId, SessionId, TokenId, UserId},
        offboarding::{Offboarding, Task},
        okta::{Identity, Link, OktaConnection, Sealed, UsedToken},
        policy::Policy,
        session::{Person, Session},
        token::{Admin, Token},
        user::User,
    },
    ports::{Profile, StoreError},
    protocol::scim::Object,
};

use super::entity;

/// A row that this program cannot have written: better no answer than a wrong one.
fn corrupt(what: &str, id: impl std::fmt::Display) -> StoreError {
    tracing::error!(what, %id, "a stored row cannot be read");
    StoreError::Aborted
}

pub(super) fn profile(row: entity::organization::Model, mode: Mode) -> Profile {
    Profile {
        id: OrganizationId(row.id),
        slug: row.slug.into(),
        name: row.name.into(),
        domains: serde_json::from_str(&row.domains).unwrap_or_default(),
        mode,
    }
}

pub(super) fn head(row: &entity::head::Model) -> Result<Head, StoreError> {
    let hash = row.hash.as_slice().try_into().map_err(|_| corrupt("head", row.org_id))?;
    Ok(Head { seq: row.seq as u64, audit_seq: row.audit_seq as u64, hash })
}

pub(super) fn head_row(organization: OrganizationId, head: &Head) -> entity::head::Model {
    let Head { seq, audit_seq, hash } = *head;
    entity::head::Model {
        org_id: organization.0,
        seq: seq as i64,
        audit_seq: audit_seq as i64,
        hash: hash.to_vec(),
    }
}

pub(super) fn user(row: entity::user::Model) -> Result<Change, StoreError> {
    let attributes: Object = serde_json::from_str(&row.attributes).map_err(|_| corrupt("user", row.id))?;
    let user = User::from_attributes(UserId(row.id), row.created_ms, row.modified_ms, attributes);
    let user = user.map_err(|_| corrupt("user", row.id))?;
    Ok(Change::User(Arc::new(User { deleted: row.deleted, ..user })))
}

pub(super) fn user_row(organization: OrganizationId, user: &User, seq: i64) -> entity::user::Model {
    entity::user::Model {
        org_id: organization.0,
        id: user.id.0,
        deleted: user.deleted,
        attributes: user.attributes.to_string(),
        created_ms: user.created_ms,
        modified_ms: user.modified_ms,
        changed_seq: seq,
    }
}

pub(super) fn group(row: entity::group::Model) -> Result<Change, StoreError> {
    let id = GroupId(row.id);
    if row.deleted {
        return Ok(Change::GroupDeleted(id));
    }
    let attributes: Object = serde_json::from_str(&row.attributes).map_err(|_| corrupt("group", id))?;
    let group = Group::from_attributes(id, row.created_ms, row.modified_ms, &attributes);
    Ok(Change::Group(Arc::new(group.map_err(|_| corrupt("group", id))?)))
}

pub(super) fn group_row(organization: OrganizationId, group: &Group, seq: i64) -> entity::group::Model {
    entity::group::Model {
        org_id: organization.0,
        id: group.id.0,
        deleted: false,
        attributes: group.attributes.to_string(),
        created_ms: group.created_ms,
        modified_ms: group.modified_ms,
        changed_seq: seq,
    }
}

pub(super) fn membership(row: &entity::membership::Model) -> Change {
    Change::Membership { group: GroupId(row.group_id), user: UserId(row.user_id), present: row.present }
}

pub(super) fn membership_row(
    organization: OrganizationId,
    (group, user, present): (GroupId, UserId, bool),
    seq: i64,
) -> entity::membership::Model {
    entity::membership::Model {
        org_id: organization.0,
        group_id: group.0,
        user_id: user.0,
        present,
        changed_seq: seq,
    }
}

pub(super) fn token(row: entity::token::Model) -> Result<Change, StoreError> {
    let id = TokenId(row.id);
    Ok(Change::Token(Arc::new(Token {
        id,
        label: row.label.into(),
        kind: row.kind.parse().map_err(|_| corrupt("token", id))?,
        digest: row.digest.as_slice().try_into().map_err(|_| corrupt("token", id))?,
        verifier: row.verifier.into(),
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        revoked_ms: row.revoked_ms,
    })))
}

pub(super) fn token_row(organization: OrganizationId, token: &Token, seq: i64) -> entity::token::Model {
    entity::token::Model {
        id: token.id.0,
        org_id: organization.0,
        label: token.label.to_string(),
        kind: token.kind.name().to_owned(),
        digest: token.digest.to_vec(),
        verifier: token.verifier.to_string(),
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        revoked_ms: token.revoked_ms,
        changed_seq: seq,
    }
}

pub(super) fn admin(row: entity::admin::Model) -> Change {
    Change::Admin(Arc::new(Admin {
        id: AdminId(row.id),
        email: row.email.into(),
        verifier: row.verifier.into(),
        created_ms: row.created_ms,
    }))
}

pub(super) fn admin_row(organization: OrganizationId, admin: &Admin, seq: i64) -> entity::admin::Model {
    entity::admin::Model {
        id: admin.id.0,
        org_id: organization.0,
        email: admin.email.to_string(),
        verifier: admin.verifier.to_string(),
        created_ms: admin.created_ms,
        changed_seq: seq,
    }
}

pub(super) fn session(row: entity::session::Model) -> Result<Change, StoreError> {
    let id = SessionId(row.id);
    let person = match row.person_kind.as_str() {
        "admin" => Person::Admin(AdminId(row.person_id)),
        "user" => Person::User(UserId(row.person_id)),
        _ => return Err(corrupt("session", id)),
    };
    Ok(Change::Session(Arc::new(Session {
        id,
        digest: row.digest.as_slice().try_into().map_err(|_| corrupt("session", id))?,
        person,
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        used_ms: row.used_ms,
        ended_ms: row.ended_ms,
        ip: row.ip.and_then(|ip| ip.parse().ok()),
        user_agent: row.user_agent.into(),
        id_token: row.id_token.map(|sealed| Sealed(sealed.into())),
    })))
}

pub(super) fn session_row(
    organization: OrganizationId,
    session: &Session,
    seq: i64,
) -> entity::session::Model {
    entity::session::Model {
        id: session.id.0,
        org_id: organization.0,
        digest: session.digest.to_vec(),
        person_kind: session.person.kind().to_owned(),
        person_id: session.person.uuid(),
        created_ms: session.created_ms,
        expires_ms: session.expires_ms,
        used_ms: session.used_ms,
        ended_ms: session.ended_ms,
        ip: session.ip.map(|ip| ip.to_string()),
        user_agent: session.user_agent.to_string(),
        id_token: session.id_token.as_ref().map(|sealed| sealed.0.to_string()),
        changed_seq: seq,
    }
}

pub(super) fn audit_row(organization: OrganizationId, entry: &Entry) -> entity::audit::Model {
    entity::audit::Model {
        org_id: organization.0,
        seq: entry.seq as i64,
        id: entry.id,
        at_ms: entry.at_ms,
        action: entry.action.to_owned(),
        actor_id: entry.actor_id.clone(),
        resource_type: entry.resource_type.to_owned(),
        resource_id: entry.resource_id.clone(),
        line: entry.line.to_string(),
    }
}

pub(super) fn okta(row: &entity::okta_connection::Model) -> Result<Change, StoreError> {
    let Some(data) = &row.data else { return Ok(Change::OktaRemoved) };
    record(data, "okta_connection", row.org_id).map(|okta| Change::Okta(Arc::new(okta)))
}

pub(super) fn okta_row(
    organization: OrganizationId,
    okta: Option<&OktaConnection>,
    seq: i64,
) -> entity::okta_connection::Model {
    entity::okta_connection::Model {
        org_id: organization.0,
        issuer: okta.map(|okta| okta.issuer().to_owned()),
        client_id: okta.map(|okta| okta.client_id.clone()),
        data: okta.map(json),
        changed_seq: seq,
    }
}

pub(super) fn identity(row: entity::identity::Model) -> Change {
    Change::Link(Arc::new(Link {
        identity: Identity { issuer: row.issuer.into(), subject: row.subject.into() },
        user: UserId(row.user_id),
        linked_ms: row.linked_ms,
    }))
}

pub(super) fn identity_row(organization: OrganizationId, link: &Link, seq: i64) -> entity::identity::Model {
    entity::identity::Model {
        org_id: organization.0,
        issuer: link.identity.issuer.to_string(),
        subject: link.identity.subject.to_string(),
        user_id: link.user.0,
        linked_ms: link.linked_ms,
        changed_seq: seq,
    }
}

pub(super) fn used_token(row: &entity::used_token::Model) -> Result<Change, StoreError> {
    let key = row.key.as_slice().try_into().map_err(|_| corrupt("used_token", row.org_id))?;
    Ok(Change::Used(UsedToken { key, until_ms: row.until_ms, used_ms: row.used_ms }))
}

pub(super) fn used_token_row(
    organization: OrganizationId,
    used: &UsedToken,
    seq: i64,
) -> entity::used_token::Model {
    entity::used_token::Model {
        org_id: organization.0,
        key: used.key.to_vec(),
        until_ms: used.until_ms,
        used_ms: used.used_ms,
        changed_seq: seq,
    }
}

pub(super) fn policy(row: &entity::policy::Model) -> Result<Change, StoreError> {
    record(&row.data, "policy", row.org_id).map(Change::Policy)
}

pub(super) fn policy_row(organization: OrganizationId, policy: Policy, seq: i64) -> entity::policy::Model {
    entity::policy::Model { org_id: organization.0, data: json(&policy), changed_seq: seq }
}

pub(super) fn connector(row: &entity::connector::Model) -> Result<Change, StoreError> {
    record(&row.data, "connector", row.id).map(|connector| Change::Connector(Arc::new(connector)))
}

pub(super) fn connector_row(
    organization: OrganizationId,
    connector: &Connector,
    seq: i64,
) -> entity::connector::Model {
    entity::connector::Model {
        id: connector.id.0,
        org_id: organization.0,
        removed: connector.removed,
        data: json(connector),
        changed_seq: seq,
    }
}

pub(super) fn offboarding(row: &entity::offboarding::Model) -> Result<Offboarding, StoreError> {
    record(&row.data, "offboarding", row.id)
}

pub(super) fn offboarding_row(
    organization: OrganizationId,
    offboarding: &Offboarding,
    seq: i64,
) -> entity::offboarding::Model {
    entity::offboarding::Model {
        id: offboarding.id.0,
        org_id: organization.0,
        user_id: offboarding.user.0,
        status: offboarding.status.name().to_owned(),
        run_at_ms: offboarding.run_at_ms,
        asked_ms: offboarding.asked_ms,
        data: json(offboarding),
        changed_seq: seq,
    }
}

pub(super) fn task(row: &entity::task::Model) -> Result<Task, StoreError> {
    record(&row.data, "task", row.id)
}

pub(super) fn task_row(organization: OrganizationId, task: &Task, seq: i64) -> entity::task::Model {
    entity::task::Model {
        id: task.id.0,
        org_id: organization.0,
        offboarding_id: task.offboarding.0,
        connector_id: task.connector.0,
        state: task.state.name().to_owned(),
        data: json(task),
        changed_seq: seq,
    }
}

fn record<T: serde::de::DeserializeOwned>(
    data: &str,
    what: &str,
    id: impl std::fmt::Display,
) -> Result<T, StoreError> {
    serde_json::from_str(data).map_err(|_| corrupt(what, id))
}

/// Records have texts as keys and no number that JSON lacks, so this cannot fail.
fn json(record: &impl serde::Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}
