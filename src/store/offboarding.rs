//! Offboardings as rows: what is due, what has been, and which node works at which tool.
use std::{collections::HashMap, time::Duration};

use ceven_actors::{
    domain::{
        id::{ConnectorId, OffboardingId, OrganizationId, UserId},
        offboarding::{Offboarding, Task},
    },
    ports::{BoxFuture, Leases, Store as _, StoreError},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DbBackend, DbErr, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
};
use uuid::Uuid;

use super::{
    SqlStore,
    entity::{connector_lease, offboarding, task},
    rows,
    scope::in_organization,
    unread, within,
};
use crate::evidence::report::{Leaver, Place, Range};

impl SqlStore {
    /// Organizations whose tools have something to do, and scheduled offboardings whose time has come.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due(
        &self,
        now_ms: i64,
    ) -> Result<(Vec<OrganizationId>, Vec<(OrganizationId, OffboardingId)>), DbErr> {
        let waiting = task::Entity::find()
            .filter(task::Column::State.eq("waiting"))
            .select_only()
            .column(task::Column::OrgId)
            .distinct()
            .into_tuple::<Uuid>();
        let waiting = within(self.patience, waiting.all(&self.reader)).await?;
        let scheduled = offboarding::Entity::find()
            .filter(offboarding::Column::Status.eq("scheduled"))
            .filter(offboarding::Column::RunAtMs.lte(now_ms))
            .select_only()
            .columns([offboarding::Column::OrgId, offboarding::Column::Id])
            .into_tuple::<(Uuid, Uuid)>();
        let scheduled = within(self.patience, scheduled.all(&self.reader)).await?;
        let scheduled = scheduled.into_iter().map(|(org, id)| (OrganizationId(org), OffboardingId(id)));
        Ok((waiting.into_iter().map(OrganizationId).collect(), scheduled.collect()))
    }

    /// Tools' parts that wait or need attention, by kind of tool, of all organizations: how many of each.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_tasks(&self) -> Result<Vec<(String, String, i64)>, DbErr> {
        let backend = self.reader.get_database_backend();
        let data = if backend == DbBackend::Postgres { "data::json" } else { "data" };
        let query = format!(
            "SELECT {data} ->> 'kind', state, count(*) FROM deprovision_tasks \
             WHERE state IN ('waiting', 'needs_attention') GROUP BY 1, 2"
        );
        let rows = self.reader.query_all_raw(Statement::from_string(backend, query)).await?;
        let counts = rows
            .iter()
            .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?)));
        counts.collect()
    }

    /// An offboarding with its tools' parts, finished ones included.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub async fn offboarding(
        &self,
        organization: OrganizationId,
        id: OffboardingId,
    ) -> Result<Option<(Offboarding, Vec<Task>)>, StoreError> {
        let row = in_organization::<offboarding::Entity>(organization)
            .filter(offboarding::Column::Id.eq(id.0))
            .one(&self.reader)
            .await
            .map_err(unread)?;
        let Some(row) = row else { return Ok(None) };
        let tasks = in_organization::<task::Entity>(organization)
            .filter(task::Column::OffboardingId.eq(id.0))
            .order_by_asc(task::Column::Id)
            .all(&self.reader)
            .await
            .map_err(unread)?;
        let tasks = tasks.iter().map(rows::task).collect::<Result<_, _>>()?;
        Ok(Some((rows::offboarding(&row)?, tasks)))
    }

    /// The latest offboardings, newest first, of one user when one is given.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub async fn offboardings(
        &self,
        organization: OrganizationId,
        user: Option<UserId>,
        count: u64,
    ) -> Result<Vec<Offboarding>, StoreError> {
        let mut query = in_organization::<offboarding::Entity>(organization)
            .order_by_desc(offboarding::Column::Id)
            .limit(count);
        if let Some(user) = user {
            query = query.filter(offboarding::Column::UserId.eq(user.0));
        }
        let rows = query.all(&self.reader).await.map_err(unread)?;
        rows.iter().map(rows::offboarding).collect()
    }

    /// Offboardings that were asked for in a range, oldest first, after a place, with their tools' parts.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub async fn leavers(
        &self,
        organization: OrganizationId,
        range: Range,
        after: Option<Place>,
        count: u64,
    ) -> Result<Vec<Leaver>, StoreError> {
        use offboarding::Column;
        let mut query = in_organization::<offboarding::Entity>(organization)
            .filter(Column::AskedMs.gte(range.from_ms))
            .filter(Column::AskedMs.lt(range.to_ms));
        if let Some((asked_ms, id)) = after {
            let later = Column::AskedMs.gt(asked_ms);
            query = query.filter(later.or(Column::AskedMs.eq(asked_ms).and(Column::Id.gt(id.0))));
        }
        let query = query.order_by_asc(Column::AskedMs).order_by_asc(Column::Id).limit(count);
        let rows = query.all(&self.reader).await.map_err(unread)?;
        let tasks = in_organization::<task::Entity>(organization)
            .filter(task::Column::OffboardingId.is_in(rows.iter().map(|row| row.id)))
            .order_by_asc(task::Column::Id)
            .all(&self.reader)
            .await
            .map_err(unread)?;
        let mut parts: HashMap<OffboardingId, Vec<Task>> = HashMap::new();
        for task in &tasks {
            let task = rows::task(task)?;
            parts.entry(task.offboarding).or_default().push(task);
        }
        let leaver = |row: &offboarding::Model| {
            let one = rows::offboarding(row)?;
            let tasks = parts.remove(&one.id).unwrap_or_default();
            Ok(Leaver { one, tasks })
        };
        rows.iter().map(leaver).collect()
    }

    async fn claim_lease(
        &self,
        connector: ConnectorId,
        node: Uuid,
        lasting: Duration,
    ) -> Result<bool, DbErr> {
        let backend = self.writer.get_database_backend();
        // The database's clock, so that nodes whose clocks differ agree on when a lease is over.
        let now = match backend {
            DbBackend::Postgres => "CAST(extract(epoch from clock_timestamp()) * 1000 AS bigint)",
            _ => "CAST(unixepoch('subsec') * 1000 AS integer)",
        };
        let (one, two, three, four) = match backend {
            DbBackend::Postgres => ("$1", "$2", "$3", "$4"),
            _ => ("?1", "?2", "?3", "?4"),
        };
        let text = format!(
            "INSERT INTO connector_leases (connector_id, owner, until_ms) VALUES ({one}, {two}, {now} + {three}) \
             ON CONFLICT (connector_id) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms \
             WHERE connector_leases.owner = {four} OR connector_leases.until_ms < {now}"
        );
        let lasting_ms = i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX);
        let values = [connector.0.into(), node.into(), lasting_ms.into(), node.into()];
        let claimed = self.writer.execute_raw(Statement::from_sql_and_values(backend, text, values)).await?;
        Ok(claimed.rows_affected() == 1)
    }
}

impl Leases for SqlStore {
    fn claim(
        &self,
        organization: OrganizationId,
        connector: ConnectorId,
        node: Uuid,
        lasting: Duration,
    ) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        Box::pin(async move {
            let claimed = within(self.patience, self.claim_lease(connector, node, lasting)).await;
            if !claimed.map_err(unread)? {
                return Ok(None);
            }
            let heads = self.heads(&[organization], &[]).await?;
            Ok(heads.seqs.first().map(|(_, seq)| *seq))
        })
    }

    fn release(&self, connector: ConnectorId, node: Uuid) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let released = connector_lease::Entity::delete_many()
                .filter(connector_lease::Column::ConnectorId.eq(connector.0))
                .filter(connector_lease::Column::Owner.eq(node))
                .exec(&self.writer);
            let released = within(self.patience, released).await;
            if let Err(error) = released {
                tracing::warn!(%connector, %error, "a lease could not be given back; it ends by itself");
            }
        })
    }
}
