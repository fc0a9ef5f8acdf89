//! What Okta sends: Universal Logout and security events.
mod attacks;
mod events;
mod forged;
mod logout;
mod oidc;
mod processes;
mod stream;
mod tenant;
