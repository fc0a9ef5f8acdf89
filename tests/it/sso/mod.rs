//! What Okta sends: Universal Logout and security events.
mod events;
mod forged;
mod logout;
mod oidc;
mod tenant;
