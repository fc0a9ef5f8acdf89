//! When sessions were last used: written by the connection that writes everything else, but outside units, so
//! that looking at a page moves no organization's `seq`.
use ceven_actors::domain::id::{OrganizationId, SessionId};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, TransactionTrait as _,
    sea_query::Expr,
};

use super::{DatabaseError, SqlStore, entity::session, scope::in_organization, within};

/// A use of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Whose.
    pub organization: OrganizationId,
    /// Which.
    pub session: SessionId,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

impl SqlStore {
    /// Writes uses in one transaction. An older use never overwrites a newer one.
    ///
    /// # Errors
    /// When the database does not answer; then none is written.
    pub async fn note_uses(&self, mut uses: Vec<Used>) -> Result<(), DatabaseError> {
        // Every node locks rows in the order of their ids, as the journal does: so none waits for another in turn.
        uses.sort_by_key(|used| used.session);
        let transaction = within(self.patience, self.writer.begin()).await?;
        for Used { organization, session, at_ms } in uses {
            let noted = session::Entity::update_many()
                .col_expr(session::Column::UsedMs, Expr::value(at_ms))
                .filter(session::Column::OrgId.eq(organization.0))
                .filter(session::Column::Id.eq(session.0))
                .filter(session::Column::UsedMs.lt(at_ms))
                .exec(&transaction);
            within(self.patience, noted).await?;
        }
        Ok(within(self.patience, transaction.commit()).await?)
    }

    /// When a session was last used, as far as any node has written it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_use_ms(
        &self,
        organization: OrganizationId,
        session: SessionId,
    ) -> Result<Option<i64>, DatabaseError> {
        let used = in_organization::<session::Entity>(organization)
            .filter(session::Column::Id.eq(session.0))
            .select_only()
            .column(session::Column::UsedMs)
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(used)
    }
}
