//! Sign-ins on their way from the callback's host to the console's.
use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_handovers")]
pub struct Model {
    /// SHA-256 of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_digest: Vec<u8>,
    /// What the code is good for.
    pub step: String,
    /// SHA-256 of the cookie that the callback's host knows the browser by.
    pub browser_digest: Vec<u8>,
    /// SHA-256 of the cookie that the console's host knows it by, once there is one.
    pub console_digest: Option<Vec<u8>>,
    /// The organization that what is handed over is sealed for.
    pub org_id: Uuid,
    /// What is handed over, encrypted.
    pub sealed: String,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
}

super::no_relations!();
