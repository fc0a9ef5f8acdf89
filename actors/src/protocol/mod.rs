//! Wire protocols as pure functions: no IO, no clock, no async.
pub mod scim;
pub mod secret;
