//! Offboardings.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "offboardings")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// Who goes.
    pub user_id: Uuid,
    /// How it stands.
    pub status: String,
    /// Milliseconds since 1970 when it is to begin, if later.
    pub run_at_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub asked_ms: i64,
    /// The record as JSON.
    pub data: String,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
