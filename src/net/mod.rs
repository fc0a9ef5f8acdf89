//! What Ceven sends to others.
pub mod address;
pub mod client;
pub mod keys;
