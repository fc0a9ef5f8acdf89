//! Everything in Ceven that touches the world: the database, HTTP, the command line.
pub mod activity;
pub mod app;
pub mod boot;
pub mod cli;
pub mod config;
pub mod dev;
pub mod http;
pub mod people;
pub mod secret;
pub mod sign_in;
pub mod store;
pub mod tokens;
pub mod ui;
