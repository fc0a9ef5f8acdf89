//! Who has an account at which tool, as it was found last.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let coverages = Table::create()
            .table(Alias::new("coverages"))
            .col(column("connector_id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("ended_ms").big_integer().not_null())
            .col(column("data").text().not_null())
            .to_owned();
        manager.create_table(coverages).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["coverages"]).await
    }
}
