//! Ceven.
