//! Where the log of each organization stands.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organization_heads")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// Units written.
    pub seq: i64,
    /// Entries written.
    pub audit_seq: i64,
    /// Hash of the last entry.
    pub hash: Vec<u8>,
}

super::no_relations!();
