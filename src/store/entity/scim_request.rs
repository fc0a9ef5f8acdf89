//! The log of SCIM requests.
use sea_orm::entity::prelude::*;

/// One row: one request, or many alike of one minute.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scim_requests")]
pub struct Model {
    /// UUIDv7 of a request; of many alike, their minute followed by a digest of what they share. Ascends with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Organization; nothing when no token told it.
    pub org_id: Option<Uuid>,
    /// The token that it came with.
    pub token_id: Option<Uuid>,
    /// Milliseconds since 1970, of the last one.
    pub at_ms: i64,
    /// Address of the client.
    pub ip: String,
    /// HTTP method.
    pub method: String,
    /// Path after the base of SCIM; ids read `{id}` where the row stands for many.
    pub path: String,
    /// HTTP status.
    pub status: i16,
    /// Why it was refused, or which attributes were ignored.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    /// Id of the request, where the row stands for one: the audit log has the same.
    pub request_id: Option<String>,
    /// Microseconds, of all of them together.
    pub duration_us: i64,
    /// How many.
    pub requests: i64,
}

super::no_relations!();
