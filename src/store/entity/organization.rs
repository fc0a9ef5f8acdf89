//! Organizations.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Short name.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// JSON array of mail domains.
    #[sea_orm(column_type = "Text")]
    pub domains: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

super::no_relations!();
