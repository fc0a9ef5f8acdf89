//! The command on the connection to Okta.
use std::sync::Arc;

use serde_json::Value;

use super::{
    decide::Decision,
    message::{Answer, OrganizationError},
    state::Snapshot,
};
use crate::domain::{audit::Draft, change::Change, okta::OktaConnection};

pub(super) fn set(
    state: &Snapshot,
    connection: Option<&Arc<OktaConnection>>,
) -> Result<Decision, OrganizationError> {
    let change = match (state.okta(), connection) {
        (None, None) => return Ok(Decision::nothing(Answer::Noted)),
        (Some(old), Some(new))
            if OktaConnection { changed_ms: old.changed_ms, ..(**new).clone() } == **old =>
        {
            return Ok(Decision::nothing(Answer::Noted));
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
    Ok(Decision { changes: vec![change], drafts: vec![draft], answer: Answer::Noted })
}
