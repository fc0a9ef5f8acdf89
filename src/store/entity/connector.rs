//! Connected tools.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connectors")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// Whether it was disconnected.
    pub removed: bool,
    /// The record as JSON, secrets encrypted.
    pub data: String,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
