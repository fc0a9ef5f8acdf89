//! What organizations have decided for themselves.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policies")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// The record as JSON.
    pub data: String,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
