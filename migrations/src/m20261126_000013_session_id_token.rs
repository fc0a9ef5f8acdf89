//! The ID token that a session began with, encrypted: it ends the session at the issuer as well.
use sea_orm_migration::prelude::*;

use crate::column;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(sessions().add_column(column("id_token").text()).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(sessions().drop_column(Alias::new("id_token")).to_owned()).await
    }
}

fn sessions() -> TableAlterStatement {
    Table::alter().table(Alias::new("sessions")).to_owned()
}
