//! What is known of accounts at tools.
use ceven_actors::domain::id::{ConnectorId, OrganizationId};
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, sea_query::OnConflict,
};

use super::{
    SqlStore,
    entity::{connector, coverage},
};
use crate::coverage::Coverage;

impl SqlStore {
    /// Keeps what was found at a tool, instead of what was found before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_coverage(
        &self,
        organization: OrganizationId,
        connector: ConnectorId,
        found: &Coverage,
    ) -> Result<(), DbErr> {
        let row = coverage::Model {
            connector_id: connector.0,
            org_id: organization.0,
            ended_ms: found.ended_ms,
            data: serde_json::to_string(found).map_err(|error| DbErr::Custom(error.to_string()))?,
        };
        coverage::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(coverage::Column::ConnectorId)
                    .update_columns([coverage::Column::EndedMs, coverage::Column::Data])
                    .to_owned(),
            )
            .exec_without_returning(&self.writer)
            .await
            .map(drop)
    }

    /// What was found last at each tool of an organization.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn coverages(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(ConnectorId, Coverage)>, DbErr> {
        let rows = coverage::Entity::find()
            .filter(coverage::Column::OrgId.eq(organization.0))
            .all(&self.reader)
            .await?;
        let read = |row: coverage::Model| {
            Some((ConnectorId(row.connector_id), serde_json::from_str(&row.data).ok()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Whose a tool is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn connector_owner(&self, id: ConnectorId) -> Result<Option<OrganizationId>, DbErr> {
        let row = connector::Entity::find_by_id(id.0).one(&self.reader).await?;
        Ok(row.map(|row| OrganizationId(row.org_id)))
    }
}
