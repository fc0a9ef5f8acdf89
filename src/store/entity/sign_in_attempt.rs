//! Sign-ins under way.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_attempts")]
pub struct Model {
    /// SHA-256 of `state`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_digest: Vec<u8>,
    /// SHA-256 of the cookie of the browser that began.
    pub browser_digest: Vec<u8>,
    /// Organization.
    pub org_id: Uuid,
    /// The issuer that the browser was sent to.
    pub issuer: String,
    /// Value that must be in the ID token.
    pub nonce: String,
    /// PKCE secret.
    pub code_verifier: String,
    /// Ids of organizations that it may be for besides, as a JSON array; nothing when it is for this one.
    pub others: Option<String>,
    /// Path of the console to go to.
    pub target: String,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
}

super::no_relations!();
