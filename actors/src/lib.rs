//! Everything in Ceven that decides: protocols, domain, plans and actors.
//!
//! Layers, downward only: [`protocol`] (pure) ← [`domain`] (pure) ← [`ports`] (traits) ←
//! [`organization`] and [`directory`] (ractor). Nothing in this crate does IO.
pub mod clock;
pub mod directory;
pub mod domain;
pub mod organization;
pub mod ports;
pub mod protocol;
