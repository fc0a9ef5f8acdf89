//! Wire protocols as pure functions: no IO, no clock, no async.
pub mod oidc;
pub mod scim;
pub mod secret;
