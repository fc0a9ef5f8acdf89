//! Organizations, and apart from them the head of each one's log: the row that every write is guarded by
//! and every read asks for stays narrow.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let organizations = Table::create()
            .table(Alias::new("organizations"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("slug").text().not_null().unique_key())
            .col(column("name").text().not_null())
            .col(column("domains").text().not_null())
            .col(column("created_ms").big_integer().not_null())
            .to_owned();
        manager.create_table(organizations).await?;
        let heads = Table::create()
            .table(Alias::new("organization_heads"))
            .col(column("org_id").uuid().not_null().primary_key())
            .col(column("seq").big_integer().not_null())
            .col(column("audit_seq").big_integer().not_null())
            .col(column("hash").binary().not_null())
            .to_owned();
        manager.create_table(heads).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["organizations", "organization_heads"]).await
    }
}
