//! Commands on tokens and local admins. Neither secrets nor their verifiers enter the audit log.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    decide::{Decision, not_found},
    message::{Answer, OrganizationError},
    state::Snapshot,
};
use crate::{
    clock::rfc3339,
    domain::{
        audit::Draft,
        caller::Stamp,
        change::Change,
        id::TokenId,
        token::{Admin, Token},
    },
};

type Decided = Result<Decision, OrganizationError>;

pub(super) fn mint(token: &Arc<Token>) -> Decided {
    Ok(Decision {
        changes: vec![Change::Token(token.clone())],
        drafts: vec![draft("scim_token.mint", token.id, Value::Null, view(token))],
        answer: Answer::Token(token.id),
    })
}

pub(super) fn rotate(
    state: &Snapshot,
    id: TokenId,
    successor: &Arc<Token>,
    ends_ms: i64,
    stamp: Stamp,
) -> Decided {
    let old = find(state, id)?;
    if !old.is_live(stamp.at_ms) {
        return Err(OrganizationError::Conflict(format!(
            "The token {} is revoked or expired; mint a new one.",
            old.label
        )));
    }
    let ends_ms = old.expires_ms.map_or(ends_ms, |expires| expires.min(ends_ms));
    let ending = Arc::new(Token { expires_ms: Some(ends_ms), ..(**old).clone() });
    let mut after = view(successor);
    after["rotated_from"] = json!(id);
    after["overlap_ends_at"] = json!(rfc3339(ends_ms));
    Ok(Decision {
        changes: vec![Change::Token(ending), Change::Token(successor.clone())],
        drafts: vec![draft("scim_token.rotate", successor.id, view(old), after)],
        answer: Answer::Token(successor.id),
    })
}

pub(super) fn revoke(state: &Snapshot, id: TokenId, stamp: Stamp) -> Decided {
    let old = find(state, id)?;
    if old.revoked_ms.is_some() {
        return Ok(Decision::nothing(Answer::Token(id)));
    }
    let revoked = Arc::new(Token { revoked_ms: Some(stamp.at_ms), ..(**old).clone() });
    let draft = draft("scim_token.revoke", id, view(old), view(&revoked));
    Ok(Decision { changes: vec![Change::Token(revoked)], drafts: vec![draft], answer: Answer::Token(id) })
}

pub(super) fn create_admin(state: &Snapshot, admin: &Arc<Admin>) -> Decided {
    if state.admin_by_email(&admin.email).is_some() {
        return Err(OrganizationError::Conflict(format!(
            "There is an admin with the address {} already.",
            admin.email
        )));
    }
    let draft = Draft {
        action: "admin.create",
        resource_type: "Admin",
        resource_id: admin.id.to_string(),
        before: Value::Null,
        after: json!({ "id": admin.id, "email": admin.email }),
    };
    Ok(Decision {
        changes: vec![Change::Admin(admin.clone())],
        drafts: vec![draft],
        answer: Answer::Admin(admin.id),
    })
}

fn find(state: &Snapshot, id: TokenId) -> Result<&Arc<Token>, OrganizationError> {
    state.token(id).ok_or_else(|| not_found("Token", id))
}

fn draft(action: &'static str, id: TokenId, before: Value, after: Value) -> Draft {
    Draft { action, resource_type: "ScimToken", resource_id: id.to_string(), before, after }
}

fn view(token: &Token) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "kind": token.kind.name(),
        "expires_at": token.expires_ms.map(rfc3339),
        "revoked_at": token.revoked_ms.map(rfc3339),
    })
}
