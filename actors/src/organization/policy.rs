//! The organization's own settings.
use serde_json::json;

use super::{
    decide::Decision,
    message::{Answer, OrganizationError},
    state::Snapshot,
};
use crate::domain::{audit::Draft, change::Change, policy::Policy};

pub(super) fn set(state: &Snapshot, policy: Policy) -> Result<Decision, OrganizationError> {
    let mut decision = Decision::nothing(Answer::Noted);
    let old = state.policy();
    if policy != old {
        decision.drafts.push(Draft {
            action: "organization.policy",
            resource_type: "Organization",
            resource_id: state.profile().id.to_string(),
            before: json!(old),
            after: json!(policy),
        });
        decision.changes.push(Change::Policy(policy));
    }
    Ok(decision)
}
