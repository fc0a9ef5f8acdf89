//! Connected tools, offboardings, tools' parts of them, and which node works at which tool. The columns besides `data`
//! are what queries ask for.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables, index_changes};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connectors = Table::create()
            .table(Alias::new("connectors"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("removed").boolean().not_null())
            .col(column("data").text().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(connectors).await?;
        index_changes(manager, "connectors").await?;
        let offboardings = Table::create()
            .table(Alias::new("offboardings"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("user_id").uuid().not_null())
            .col(column("status").text().not_null())
            .col(column("run_at_ms").big_integer())
            .col(column("asked_ms").big_integer().not_null())
            .col(column("data").text().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(offboardings).await?;
        index_changes(manager, "offboardings").await?;
        let tasks = Table::create()
            .table(Alias::new("deprovision_tasks"))
            .col(column("id").uuid().not_null().primary_key())
            .col(column("org_id").uuid().not_null())
            .col(column("offboarding_id").uuid().not_null())
            .col(column("connector_id").uuid().not_null())
            .col(column("state").text().not_null())
            .col(column("data").text().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .to_owned();
        manager.create_table(tasks).await?;
        index_changes(manager, "deprovision_tasks").await?;
        for (table, columns) in [
            ("offboardings", ["status", "org_id"]),
            ("deprovision_tasks", ["state", "org_id"]),
            ("deprovision_tasks", ["offboarding_id", "id"]),
        ] {
            let index = Index::create()
                .name(format!("{table}_{}", columns[0]))
                .table(Alias::new(table))
                .col(Alias::new(columns[0]))
                .col(Alias::new(columns[1]))
                .to_owned();
            manager.create_index(index).await?;
        }
        let leases = Table::create()
            .table(Alias::new("connector_leases"))
            .col(column("connector_id").uuid().not_null().primary_key())
            .col(column("owner").uuid().not_null())
            .col(column("until_ms").big_integer().not_null())
            .to_owned();
        manager.create_table(leases).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["connectors", "offboardings", "deprovision_tasks", "connector_leases"]).await
    }
}
