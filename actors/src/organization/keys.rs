//! The same secrets under another master key.
//!
//! 1. A secret that has been changed meanwhile is left alone: whoever changed it has sealed it.
//! 2. The log says that it was done and under which key, never what.
use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    decide::Decision,
    message::{Answer, OrganizationError},
    state::Snapshot,
};
use crate::domain::{audit::Draft, change::Change, connector::Connector, okta::Sealed, session::Session};

pub(super) fn reseal(
    state: &Snapshot,
    key: &str,
    pairs: &[(Sealed, Sealed)],
) -> Result<Decision, OrganizationError> {
    let known: HashMap<&str, &Sealed> = pairs.iter().map(|(was, now)| (&*was.0, now)).collect();
    let anew = |old: &Option<Sealed>| known.get(&*old.as_ref()?.0).copied().cloned(); // (1)
    let (mut changes, mut count) = (Vec::new(), 0);
    for old in state.connectors() {
        if let Some(sealed) = anew(&old.sealed) {
            count += 1;
            changes.push(Change::Connector(Arc::new(Connector { sealed: Some(sealed), ..(**old).clone() })));
        }
    }
    for old in state.sessions() {
        if let Some(sealed) = anew(&old.id_token) {
            count += 1;
            changes.push(Change::Session(Arc::new(Session { id_token: Some(sealed), ..(**old).clone() })));
        }
    }
    if let Some(old) = state.okta() {
        let mut new = (**old).clone();
        let of_stream = new.stream.as_mut().map(|stream| &mut stream.credentials);
        for place in [Some(&mut new.client_secret), of_stream].into_iter().flatten() {
            if let Some(sealed) = anew(place) {
                *place = Some(sealed);
                count += 1;
            }
        }
        if new != **old {
            changes.push(Change::Okta(Arc::new(new)));
        }
    }
    let mut decision = Decision::nothing(Answer::Resealed(count));
    if !changes.is_empty() {
        decision.drafts.push(Draft {
            action: "keys.rotate",
            resource_type: "Organization",
            resource_id: state.profile().id.to_string(),
            before: Value::Null,
            after: json!({ "key": key, "secrets": count }), // (2)
        });
    }
    decision.changes = changes;
    Ok(decision)
}
