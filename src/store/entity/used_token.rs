//! Tokens that were obeyed once.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "used_tokens")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// SHA-256 of what it was for, its issuer and its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    /// Milliseconds since 1970 until which it is remembered.
    pub until_ms: i64,
    /// Milliseconds since 1970.
    pub used_ms: i64,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
