//! Who users are at their issuer.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// Who says so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub issuer: String,
    /// The id there.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The user.
    pub user_id: Uuid,
    /// Milliseconds since 1970.
    pub linked_ms: i64,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
