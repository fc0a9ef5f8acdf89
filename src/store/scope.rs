//! The only way to begin a query on an organization's rows: with the organization.
use std::{sync::Arc, time::Duration};

use ceven_actors::{
    domain::{change::Change, id::OrganizationId, policy::LONGEST_WINDOW_MS},
    ports::StoreError,
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait, QueryFilter as _, QuerySelect as _, Select,
};

use super::{entity, rows, unread, within};

/// A table whose rows belong to organizations.
pub trait Scoped: EntityTrait {
    /// The column that says to which one.
    const ORGANIZATION: Self::Column;
    /// The column that says which unit wrote the row last.
    const CHANGED: Self::Column;

    /// Leaves out what means nothing to whoever has never seen it.
    fn standing(rows: Select<Self>) -> Select<Self> {
        rows
    }
}

macro_rules! scoped {
    ($($table:ident by $changed:ident $(while $standing:expr)?),* $(,)?) => {$(
        impl Scoped for entity::$table::Entity {
            const ORGANIZATION: Self::Column = entity::$table::Column::OrgId;
            const CHANGED: Self::Column = entity::$table::Column::$changed;

            $(fn standing(rows: Select<Self>) -> Select<Self> {
                rows.filter($standing)
            })?
        }
    )*};
}

scoped!(
    user by ChangedSeq,
    group by ChangedSeq while entity::group::Column::Deleted.eq(false),
    membership by ChangedSeq while entity::membership::Column::Present.eq(true),
    token by ChangedSeq,
    admin by ChangedSeq,
    session by ChangedSeq while entity::session::Column::EndedMs.is_null(),
    okta_connection by ChangedSeq while entity::okta_connection::Column::Data.is_not_null(),
    identity by ChangedSeq,
    used_token by ChangedSeq,
    connector by ChangedSeq while entity::connector::Column::Removed.eq(false),
    offboarding by ChangedSeq while entity::offboarding::Column::Status.is_in(["scheduled", "running", "needs_attention", "held"]),
    task by ChangedSeq while entity::task::Column::State.is_in(["waiting", "needs_attention"]),
    policy by ChangedSeq,
    head by Seq,
    audit by Seq,
);

/// The rows of one organization.
pub fn in_organization<E: Scoped>(organization: OrganizationId) -> Select<E> {
    E::find().filter(E::ORGANIZATION.eq(organization.0))
}

/// The rows of one organization that changed after unit `seq`.
pub fn changed_since<E: Scoped>(organization: OrganizationId, seq: i64) -> Select<E> {
    in_organization::<E>(organization).filter(E::CHANGED.gt(seq))
}

/// Rows of one organization at one instant: all that stand, or all that changed.
pub(super) struct Scope<'a> {
    pub(super) transaction: &'a DatabaseTransaction,
    pub(super) organization: OrganizationId,
    pub(super) since: Option<u64>,
    pub(super) patience: Duration,
}

impl Scope<'_> {
    pub(super) async fn read_offboarding(&self, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        for row in self.all::<entity::okta_connection::Entity>().await? {
            changes.push(rows::okta(&row)?);
        }
        // Of several links of one user the latest counts.
        let mut links = self.all::<entity::identity::Entity>().await?;
        links.sort_by_key(|row| row.changed_seq);
        changes.extend(links.into_iter().map(rows::identity));
        for row in self.all::<entity::used_token::Entity>().await? {
            changes.push(rows::used_token(&row)?);
        }
        for row in self.all::<entity::connector::Entity>().await? {
            changes.push(rows::connector(&row)?);
        }
        for row in self.all::<entity::offboarding::Entity>().await? {
            changes.push(Change::Offboarding(Arc::new(rows::offboarding(&row)?)));
        }
        self.read_exits(changes).await?;
        for row in self.all::<entity::policy::Entity>().await? {
            changes.push(rows::policy(&row)?);
        }
        for row in self.all::<entity::task::Entity>().await? {
            changes.push(Change::Task(Arc::new(rows::task(&row)?)));
        }
        Ok(())
    }

    /// Offboardings that are finished, as far back from the latest one as a guard may look: what has changed brings
    /// them anyway, what stands does not.
    async fn read_exits(&self, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        use entity::offboarding::{Column, Entity};
        if self.since.is_some() {
            return Ok(());
        }
        let latest = in_organization::<Entity>(self.organization)
            .select_only()
            .column_as(Column::AskedMs.max(), "latest")
            .into_tuple::<Option<i64>>();
        let latest = within(self.patience, latest.one(self.transaction)).await.map_err(unread)?;
        let Some(latest_ms) = latest.flatten() else { return Ok(()) };
        let finished = in_organization::<Entity>(self.organization)
            .filter(Column::AskedMs.gt(latest_ms - LONGEST_WINDOW_MS))
            .filter(Column::Status.is_in(["done", "cancelled"]));
        let finished = within(self.patience, finished.all(self.transaction)).await.map_err(unread)?;
        for row in &finished {
            changes.push(Change::Offboarding(Arc::new(rows::offboarding(row)?)));
        }
        Ok(())
    }

    pub(super) async fn all<E: Scoped>(&self) -> Result<Vec<E::Model>, StoreError> {
        let query = match self.since {
            None => E::standing(in_organization::<E>(self.organization)),
            Some(seq) => changed_since::<E>(self.organization, seq as i64),
        };
        within(self.patience, query.all(self.transaction)).await.map_err(unread)
    }
}
