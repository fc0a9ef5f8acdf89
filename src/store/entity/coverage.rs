//! Who has an account at which tool, as it was found last.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coverages")]
pub struct Model {
    /// The tool.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connector_id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// Milliseconds since 1970.
    pub ended_ms: i64,
    /// The record as JSON.
    pub data: String,
}

super::no_relations!();
