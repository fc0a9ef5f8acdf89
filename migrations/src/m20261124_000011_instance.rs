//! What a database says of itself: whether its people are real, and the key that signs evidence.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let instance = Table::create()
            .table(Alias::new("instance"))
            .col(column("name").text().not_null().primary_key())
            .col(column("value").text().not_null())
            .to_owned();
        manager.create_table(instance).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["instance"]).await
    }
}
