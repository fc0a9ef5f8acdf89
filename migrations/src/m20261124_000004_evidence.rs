//! The audit log: `line` is what is exported; the other columns only find it.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let audit_log = Table::create()
            .table(Alias::new("audit_log"))
            .col(column("org_id").uuid().not_null())
            .col(column("seq").big_integer().not_null())
            .col(column("id").uuid().not_null())
            .col(column("at_ms").big_integer().not_null())
            .col(column("action").text().not_null())
            .col(column("actor_id").text().not_null())
            .col(column("resource_type").text().not_null())
            .col(column("resource_id").text().not_null())
            .col(column("line").text().not_null())
            .primary_key(Index::create().col(Alias::new("org_id")).col(Alias::new("seq")))
            .to_owned();
        manager.create_table(audit_log).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["audit_log"]).await
    }
}
