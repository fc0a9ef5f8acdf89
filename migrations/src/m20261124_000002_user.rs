//! Users, groups and who is in which. Deleted users keep their row, so that they can be restored; deleted
//! groups and ended memberships keep a tombstone, so that other nodes learn of the end.
//!
//! User names are not unique here: the guard on the organization's head makes its actor the only judge,
//! and the actor knows which rows are deleted.
use sea_orm_migration::prelude::*;

use crate::{column, drop_tables, index_changes};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table(Alias::new("users"))
            .col(column("org_id").uuid().not_null())
            .col(column("id").uuid().not_null())
            .col(column("deleted").boolean().not_null())
            .col(column("attributes").text().not_null())
            .col(column("created_ms").big_integer().not_null())
            .col(column("modified_ms").big_integer().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .primary_key(Index::create().col(Alias::new("org_id")).col(Alias::new("id")))
            .to_owned();
        manager.create_table(users).await?;
        index_changes(manager, "users").await?;
        let groups = Table::create()
            .table(Alias::new("groups"))
            .col(column("org_id").uuid().not_null())
            .col(column("id").uuid().not_null())
            .col(column("deleted").boolean().not_null())
            .col(column("attributes").text().not_null())
            .col(column("created_ms").big_integer().not_null())
            .col(column("modified_ms").big_integer().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .primary_key(Index::create().col(Alias::new("org_id")).col(Alias::new("id")))
            .to_owned();
        manager.create_table(groups).await?;
        index_changes(manager, "groups").await?;
        let memberships = Table::create()
            .table(Alias::new("memberships"))
            .col(column("org_id").uuid().not_null())
            .col(column("group_id").uuid().not_null())
            .col(column("user_id").uuid().not_null())
            .col(column("present").boolean().not_null())
            .col(column("changed_seq").big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(Alias::new("org_id"))
                    .col(Alias::new("group_id"))
                    .col(Alias::new("user_id")),
            )
            .to_owned();
        manager.create_table(memberships).await?;
        index_changes(manager, "memberships").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["users", "groups", "memberships"]).await
    }
}
