//! The shape of Ceven's tables. One migration a noun; times are milliseconds since 1970 as BIGINT, so that
//! both databases keep and compare the same values.
pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261124_000001_organization;
mod m20261124_000002_user;
mod m20261124_000003_access;
mod m20261124_000004_evidence;
mod m20261124_000006_session;
mod m20261124_000007_scim_request;
mod m20261124_000008_okta;
mod m20261124_000009_offboarding;
mod m20261124_000010_sign_in;
mod m20261124_000011_instance;
mod m20261126_000012_policy;
mod m20261126_000013_session_id_token;
mod m20261126_000014_handover;
mod m20261126_000015_days;
mod m20261126_000016_coverage;
mod m20261126_000017_scim_request_age;

/// All migrations, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_organization::Migration),
            Box::new(m20261124_000002_user::Migration),
            Box::new(m20261124_000003_access::Migration),
            Box::new(m20261124_000004_evidence::Migration),
            Box::new(m20261124_000006_session::Migration),
            Box::new(m20261124_000007_scim_request::Migration),
            Box::new(m20261124_000008_okta::Migration),
            Box::new(m20261124_000009_offboarding::Migration),
            Box::new(m20261124_000010_sign_in::Migration),
            Box::new(m20261124_000011_instance::Migration),
            Box::new(m20261126_000012_policy::Migration),
            Box::new(m20261126_000013_session_id_token::Migration),
            Box::new(m20261126_000014_handover::Migration),
            Box::new(m20261126_000015_days::Migration),
            Box::new(m20261126_000016_coverage::Migration),
            Box::new(m20261126_000017_scim_request_age::Migration),
        ]
    }
}

/// A column named so.
fn column(name: &str) -> ColumnDef {
    ColumnDef::new(Alias::new(name))
}

/// `changed_seq` of a table finds what a node has not seen yet.
async fn index_changes(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let index = Index::create()
        .name(format!("{table}_changes"))
        .table(Alias::new(table))
        .col(Alias::new("org_id"))
        .col(Alias::new("changed_seq"))
        .to_owned();
    manager.create_index(index).await
}

/// Drops tables, the last one first.
async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    for table in tables.iter().rev() {
        manager.drop_table(Table::drop().table(Alias::new(*table)).to_owned()).await?;
    }
    Ok(())
}
