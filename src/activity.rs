//! When each session was last used: kept here, written now and then, so that a request costs no write.
use ceven_actors::domain::id::{OrganizationId, SessionId};
use dashmap::DashMap;

use crate::store::session_use::Used;

/// Uses that this process has seen.
#[derive(Default)]
pub struct Activity {
    uses: DashMap<SessionId, Use>,
}

#[derive(Clone, Copy)]
struct Use {
    organization: OrganizationId,
    at_ms: i64,
    is_written: bool,
}

impl Activity {
    /// Notes a use.
    pub fn note(&self, organization: OrganizationId, session: SessionId, at_ms: i64) {
        self.uses.insert(session, Use { organization, at_ms, is_written: false });
    }

    /// When this process saw the session last.
    pub fn last_ms(&self, session: SessionId) -> Option<i64> {
        self.uses.get(&session).map(|used| used.at_ms)
    }

    /// What is not written yet. What is written and older than `before_ms` is forgotten: the store knows it.
    pub fn unwritten(&self, before_ms: i64) -> Vec<Used> {
        self.uses.retain(|_, used| !used.is_written || used.at_ms >= before_ms);
        self.uses
            .iter()
            .filter(|entry| !entry.is_written)
            .map(|entry| Used { organization: entry.organization, session: *entry.key(), at_ms: entry.at_ms })
            .collect()
    }

    /// These are written; a session used again since is not.
    pub fn written(&self, uses: &[Used]) {
        for used in uses {
            if let Some(mut entry) = self.uses.get_mut(&used.session) {
                entry.is_written = entry.at_ms == used.at_ms;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_use_is_written_once_and_one_during_the_write_again() {
        let (activity, organization) = (Activity::default(), OrganizationId(Uuid::from_u128(1)));
        let session = SessionId(Uuid::from_u128(2));
        activity.note(organization, session, 10);
        let first = activity.unwritten(0);
        assert_eq!(first, [Used { organization, session, at_ms: 10 }]);
        activity.note(organization, session, 11);
        activity.written(&first);
        let second = activity.unwritten(0);
        assert_eq!(second[0].at_ms, 11);
        activity.written(&second);
        assert!(activity.unwritten(0).is_empty() && activity.last_ms(session) == Some(11));
        assert!(activity.unwritten(12).is_empty() && activity.last_ms(session).is_none());
    }
}
