//! Sign-ins that are under way: from the redirect to the identity provider until its answer.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let attempts = Table::create()
            .table(Alias::new("sign_in_attempts"))
            .col(column("state_digest").binary().not_null().primary_key())
            .col(column("browser_digest").binary().not_null())
            .col(column("org_id").uuid().not_null())
            .col(column("issuer").text().not_null())
            .col(column("nonce").text().not_null())
            .col(column("code_verifier").text().not_null())
            .col(column("target").text().not_null())
            .col(column("expires_ms").big_integer().not_null())
            .to_owned();
        manager.create_table(attempts).await?;
        let expiry = Index::create()
            .name("sign_in_attempts_expiry")
            .table(Alias::new("sign_in_attempts"))
            .col(Alias::new("expires_ms"))
            .to_owned();
        manager.create_index(expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sign_in_attempts"]).await
    }
}
