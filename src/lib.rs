//! Everything in Ceven that touches the world: the database, HTTP, the command line.
pub mod store;
