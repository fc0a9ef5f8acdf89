//! Groups, and tombstones of deleted ones.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "groups")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whether only the tombstone is left.
    pub deleted: bool,
    /// JSON text of the SCIM attributes.
    #[sea_orm(column_type = "Text")]
    pub attributes: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub modified_ms: i64,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
