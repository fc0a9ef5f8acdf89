//! When tokens were last used.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "token_uses")]
pub struct Model {
    /// The token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Address of the client.
    pub ip: String,
    /// What the client calls itself.
    pub user_agent: String,
}

super::no_relations!();
