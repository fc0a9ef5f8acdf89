//! Which node works at a tool.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connector_leases")]
pub struct Model {
    /// Which tool.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connector_id: Uuid,
    /// Which node.
    pub owner: Uuid,
    /// Milliseconds since 1970 on the database's clock.
    pub until_ms: i64,
}

super::no_relations!();
