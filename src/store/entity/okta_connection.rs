//! Connections to Okta; a row without data is one that was removed.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "okta_connections")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// Okta's issuer.
    pub issuer: Option<String>,
    /// Ceven's client id there.
    pub client_id: Option<String>,
    /// The record as JSON.
    pub data: Option<String>,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
