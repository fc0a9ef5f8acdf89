//! After the database has come back from a backup.
//!
//! 1. A session that was ended after the backup would be alive again: every session ends.
//! 2. The log says where it goes on from, so that whoever holds a later export sees why the same numbers come again.
use serde_json::{Value, json};

use super::{
    decide::Decision,
    message::{Answer, OrganizationError},
    sessions,
    state::Snapshot,
};
use crate::domain::{
    audit::{Draft, hex},
    caller::Stamp,
    session::Ending,
};

pub(super) fn note(state: &Snapshot, stamp: Stamp) -> Result<Decision, OrganizationError> {
    let head = state.head();
    let mut decision = Decision::nothing(Answer::Noted);
    decision.drafts.push(Draft {
        action: "database.restore",
        resource_type: "Organization",
        resource_id: state.profile().id.to_string(),
        before: Value::Null,
        after: json!({
            "goes_on_after": { "seq": head.audit_seq, "hash": hex(&head.hash) }, // (2)
            "sessions_ended": state.sessions().count(),
        }),
    });
    for session in state.sessions() {
        sessions::end_one(&mut decision, session, Ending::Restored, stamp); // (1)
    }
    Ok(decision)
}
