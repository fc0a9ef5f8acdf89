//! Sign-in with Okta, and what Okta sends: Universal Logout and security events.
mod attacks;
mod discovery;
mod events;
mod forged;
mod handover;
mod identities;
mod logout;
mod oidc;
mod place;
mod processes;
mod shared_tenant;
mod sign_in_attacks;
mod sign_out;
mod stream;
pub mod tenant;
pub mod visitor;
