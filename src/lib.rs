//! Everything in Ceven that touches the world: the database, HTTP, the command line.
pub mod app;
pub mod boot;
pub mod cli;
pub mod config;
pub mod http;
pub mod secret;
pub mod store;
