//! Sessions.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization.
    pub org_id: Uuid,
    /// SHA-256 of the secret.
    pub digest: Vec<u8>,
    /// `admin` or `user`.
    pub person_kind: String,
    /// Id of the person.
    pub person_id: Uuid,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
    /// Milliseconds since 1970.
    pub used_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Address it was started from.
    pub ip: Option<String>,
    /// What started it.
    pub user_agent: String,
    /// The ID token it began with, encrypted.
    pub id_token: Option<String>,
    /// Unit that wrote the row last.
    pub changed_seq: i64,
}

super::no_relations!();
