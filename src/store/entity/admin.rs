//! Local break-glass admins.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "admins")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// Name at sign-in.
    pub email: String,
    /// argon2id PHC string.
    pub verifier: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
