//! What was asked over SCIM, refusals and reads included, and when each token was last used. Neither belongs to
//! the chain nor moves an organization's `seq`.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let requests = Table::create()
            .table(Alias::new("scim_requests"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid())
            .col(column("token_id").uuid())
            .col(column("at_ms").big_integer().not_null())
            .col(column("ip").text().not_null())
            .col(column("method").text().not_null())
            .col(column("path").text().not_null())
            .col(column("status").small_integer().not_null())
            .col(column("detail").text())
            .col(column("request_id").text())
            .col(column("duration_us").big_integer().not_null())
            .col(column("requests").big_integer().not_null())
            .to_owned();
        manager.create_table(requests).await?;
        for (name, columns) in
            [("scim_requests_organization", &["org_id", "id"][..]), ("scim_requests_age", &["at_ms"][..])]
        {
            let mut index = Index::create().name(name).table(Alias::new("scim_requests")).to_owned();
            columns.iter().for_each(|column| {
                index.col(Alias::new(*column));
            });
            manager.create_index(index).await?;
        }
        let uses = Table::create()
            .table(Alias::new("token_uses"))
            .col(column("token_id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("at_ms").big_integer().not_null())
            .col(column("ip").text().not_null())
            .col(column("user_agent").text().not_null())
            .to_owned();
        manager.create_table(uses).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["scim_requests", "token_uses"]).await
    }
}
