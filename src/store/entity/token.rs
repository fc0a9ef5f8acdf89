//! Bearer tokens.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tokens")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// What the admin called it.
    pub label: String,
    /// `scim` or `audit`.
    pub kind: String,
    /// SHA-256 of the token.
    pub digest: Vec<u8>,
    /// argon2id PHC string.
    pub verifier: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub revoked_ms: Option<i64>,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
