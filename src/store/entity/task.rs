//! Tools' parts of offboardings.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deprovision_tasks")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// Of which offboarding.
    pub offboarding_id: Uuid,
    /// At which tool.
    pub connector_id: Uuid,
    /// How it stands.
    pub state: String,
    /// The record as JSON.
    pub data: String,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
