//! What an organization has decided for itself, and the way to its offboardings by time: a guard counts those of the
//! last day, a report those of a quarter.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let policies = Table::create()
            .table(Alias::new("policies"))
            .col(column("org_id").uuid().not_null().primary_key())
            .col(column("data").text().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(policies).await?;
        let index = Index::create()
            .name("offboardings_asked")
            .table(Alias::new("offboardings"))
            .col(Alias::new("org_id"))
            .col(Alias::new("asked_ms"))
            .col(Alias::new("id"))
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(Index::drop().name("offboardings_asked").table(Alias::new("offboardings")).to_owned())
            .await?;
        drop_tables(manager, &["policies"]).await
    }
}
