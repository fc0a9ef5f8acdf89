//! Who is, or was, in which group.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub struct Model {
    /// Organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// Group.
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_id: Uuid,
    /// User.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// Whether the membership stands.
    pub present: bool,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
