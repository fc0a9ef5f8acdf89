//! Sign-ins on their way to the console's host, and organizations that a sign-in may be for besides.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(attempts().add_column(column("others").text()).to_owned()).await?;
        let handovers = Table::create()
            .table(Alias::new("sign_in_handovers"))
            .col(column("code_digest").binary().not_null().primary_key())
            .col(column("step").text().not_null())
            .col(column("browser_digest").binary().not_null())
            .col(column("console_digest").binary())
            .col(column("org_id").uuid().not_null())
            .col(column("sealed").text().not_null())
            .col(column("expires_ms").big_integer().not_null())
            .to_owned();
        manager.create_table(handovers).await?;
        let expiry = Index::create()
            .name("sign_in_handovers_expiry")
            .table(Alias::new("sign_in_handovers"))
            .col(Alias::new("expires_ms"))
            .to_owned();
        manager.create_index(expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sign_in_handovers"]).await?;
        manager.alter_table(attempts().drop_column(Alias::new("others")).to_owned()).await
    }
}

fn attempts() -> TableAlterStatement {
    Table::alter().table(Alias::new("sign_in_attempts")).to_owned()
}
