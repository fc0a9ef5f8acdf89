//! Everything in Ceven that decides: protocols, domain, plans and actors.
//!
//! Layers, downward only: [`protocol`] (pure) ← [`domain`] (pure) ← [`connector`] (pure plans) ← [`ports`] (traits) ←
//! [`organization`] and [`directory`] (ractor). Nothing in this crate does IO.
pub mod clock;
pub mod connection;
pub mod connector;
pub mod directory;
pub mod domain;
pub mod meter;
pub mod organization;
pub mod ports;
pub mod protocol;
pub mod request;
pub mod revocation;
