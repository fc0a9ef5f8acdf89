//! Wire protocols as pure functions: no IO, no clock, no async.
pub mod event_stream;
pub mod jose;
pub mod json;
pub mod oidc;
pub mod revocation;
pub mod scim;
pub mod secret;
pub mod security_event;
pub mod signature;
