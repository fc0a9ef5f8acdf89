//! Bearer tokens, found by their digest, and local break-glass admins.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables, index_changes};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tokens = Table::create()
            .table(Alias::new("tokens"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("label").text().not_null())
            .col(column("kind").text().not_null())
            .col(column("digest").binary().not_null().unique_key())
            .col(column("verifier").text().not_null())
            .col(column("created_ms").big_integer().not_null())
            .col(column("expires_ms").big_integer())
            .col(column("revoked_ms").big_integer())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(tokens).await?;
        index_changes(manager, "tokens").await?;
        let admins = Table::create()
            .table(Alias::new("admins"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("email").text().not_null())
            .col(column("verifier").text().not_null())
            .col(column("created_ms").big_integer().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(admins).await?;
        index_changes(manager, "admins").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["tokens", "admins"]).await
    }
}
