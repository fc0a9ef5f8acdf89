//! An export of the audit log, page by page, in the same memory however long it is.
//!
//! 1. What is written while an export runs is not in it, so it ends.
//! 2. Its last line is the signed head.
use ceven_actors::{
    domain::{
        audit::{
            Report, Verifier,
            statement::{Scope, Tally},
        },
        id::OrganizationId,
    },
    organization::state::Snapshot,
    protocol::signature::SigningKey,
};

use crate::store::{DatabaseError, SqlStore, audit_log::AuditFilter};

/// Lines read at a time.
const PAGE: u64 = 500;

/// An export on its way.
pub struct Export {
    organization: OrganizationId,
    filter: AuditFilter,
    scope: Scope,
    reached_seq: u64,
    tally: Tally,
    is_over: bool,
}

impl Export {
    /// What `snapshot` knows of, after `after_seq`, as far as the filter lets it through.
    pub fn new(snapshot: &Snapshot, filter: AuditFilter, after_seq: u64, at_ms: i64) -> Self {
        let profile = snapshot.profile();
        let scope = Scope {
            organization: profile.slug.clone(),
            mode: profile.mode,
            head: snapshot.head(), // (1)
            after_seq,
            filtered: !filter.is_empty(),
            at_ms,
        };
        let tally = Tally::default();
        Self { organization: profile.id, filter, scope, reached_seq: after_seq, tally, is_over: false }
    }

    /// The next lines, each with its line feed; nothing after the last one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next(
        &mut self,
        store: &SqlStore,
        key: &SigningKey,
    ) -> Result<Option<String>, DatabaseError> {
        if self.is_over {
            return Ok(None);
        }
        let through_seq = self.scope.head.audit_seq;
        let lines =
            store.audit_page(self.organization, &self.filter, self.reached_seq, through_seq, PAGE).await?;
        let Some((last, _)) = lines.last() else {
            self.is_over = true;
            return Ok(Some(self.scope.head_line(key, &self.tally) + "\n")); // (2)
        };
        self.reached_seq = *last;
        lines.iter().for_each(|(_, line)| self.tally.add(line));
        Ok(Some(lines.into_iter().flat_map(|(_, line)| [line, "\n".to_owned()]).collect()))
    }

    /// All of it at once, for what is known to be short.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn whole(mut self, store: &SqlStore, key: &SigningKey) -> Result<String, DatabaseError> {
        let mut whole = String::new();
        while let Some(lines) = self.next(store, key).await? {
            whole.push_str(&lines);
        }
        Ok(whole)
    }
}

/// Verifies a log where it lies, as far as `snapshot` knows of it. Its end is there: the snapshot says where it must be.
///
/// # Errors
/// When the database does not answer.
pub async fn verify_log(store: &SqlStore, snapshot: &Snapshot) -> Result<Report, DatabaseError> {
    let (organization, head) = (snapshot.profile().id, snapshot.head());
    let (mut verifier, all, mut reached_seq) = (Verifier::of_log(head), AuditFilter::default(), 0);
    loop {
        let lines = store.audit_page(organization, &all, reached_seq, head.audit_seq, PAGE).await?;
        let Some((last, _)) = lines.last() else { return Ok(verifier.finish()) };
        reached_seq = *last;
        lines.iter().for_each(|(_, line)| verifier.line(line));
    }
}
