//! Sessions. An ended one keeps its row, so that other nodes learn of the end; `used_ms` is written apart from
//! everything else and moves no `changed_seq`.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables, index_changes};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table(Alias::new("sessions"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("digest").binary().not_null().unique_key())
            .col(column("person_kind").text().not_null())
            .col(column("person_id").uuid().not_null())
            .col(column("created_ms").big_integer().not_null())
            .col(column("expires_ms").big_integer().not_null())
            .col(column("used_ms").big_integer().not_null())
            .col(column("ended_ms").big_integer())
            .col(column("ip").text())
            .col(column("user_agent").text().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(sessions).await?;
        index_changes(manager, "sessions").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sessions"]).await
    }
}
