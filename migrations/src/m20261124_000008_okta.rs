//! The connection to Okta, who users are there, and the tokens of Okta that were obeyed. A removed connection keeps
//! its row without issuer and data, so that other nodes learn of it.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables, index_changes};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connections = Table::create()
            .table(Alias::new("okta_connections"))
            .col(column("org_id").uuid().not_null().primary_key())
            .col(column("issuer").text())
            .col(column("client_id").text())
            .col(column("data").text())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(connections).await?;
        // A token names the issuer and the client, and that must name one organization.
        let client = Index::create()
            .name("okta_connections_client")
            .table(Alias::new("okta_connections"))
            .col(Alias::new("issuer"))
            .col(Alias::new("client_id"))
            .unique()
            .to_owned();
        manager.create_index(client).await?;
        let identities = Table::create()
            .table(Alias::new("identities"))
            .col(column("org_id").uuid().not_null())
            .col(column("issuer").text().not_null())
            .col(column("subject").text().not_null())
            .col(column("user_id").uuid().not_null())
            .col(column("linked_ms").big_integer().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(Alias::new("org_id"))
                    .col(Alias::new("issuer"))
                    .col(Alias::new("subject")),
            )
            .to_owned();
        manager.create_table(identities).await?;
        index_changes(manager, "identities").await?;
        let used_tokens = Table::create()
            .table(Alias::new("used_tokens"))
            .col(column("org_id").uuid().not_null())
            .col(column("key").binary().not_null())
            .col(column("until_ms").big_integer().not_null())
            .col(column("used_ms").big_integer().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .primary_key(Index::create().col(Alias::new("org_id")).col(Alias::new("key")))
            .to_owned();
        manager.create_table(used_tokens).await?;
        index_changes(manager, "used_tokens").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["okta_connections", "identities", "used_tokens"]).await
    }
}
