//! What the dashboard plots: requests counted by day, and an index that holds two actions of the audit log only, so that
//! it costs the others nothing.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Requests that were logged before there were counts.
const COUNT: &str = "INSERT INTO scim_days (org_id, day, accepted, refused) \
    SELECT org_id, at_ms / 86400000, SUM(CASE WHEN status < 400 THEN requests ELSE 0 END), \
    SUM(CASE WHEN status < 400 THEN 0 ELSE requests END) FROM scim_requests WHERE org_id IS NOT NULL GROUP BY 1, 2";
const INDEX: &str = "CREATE INDEX audit_log_days ON audit_log (org_id, action, at_ms) \
    WHERE action IN ('session.start', 'offboarding.start')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let days = Table::create()
            .table(Alias::new("scim_days"))
            .col(column("org_id").uuid().not_null())
            .col(column("day").big_integer().not_null())
            .col(column("accepted").big_integer().not_null())
            .col(column("refused").big_integer().not_null())
            .primary_key(Index::create().col(Alias::new("org_id")).col(Alias::new("day")))
            .to_owned();
        manager.create_table(days).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(COUNT).await?;
        connection.execute_unprepared(INDEX).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX audit_log_days").await?;
        drop_tables(manager, &["scim_days"]).await
    }
}
