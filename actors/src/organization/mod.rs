//! One organization: one actor, one log, one snapshot.
pub mod message;
pub mod state;
