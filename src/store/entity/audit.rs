//! The audit log.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// Number of the entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// Id of the entry.
    pub id: Uuid,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `noun.verb`.
    pub action: String,
    /// Who did it.
    pub actor_id: String,
    /// Type of the resource.
    pub resource_type: String,
    /// Id of the resource.
    pub resource_id: String,
    /// The exported line.
    #[sea_orm(column_type = "Text")]
    pub line: String,
}

super::no_relations!();
