//! Everything in Ceven that touches the world: the database, HTTP, the command line.
pub mod activity;
pub mod app;
pub mod boot;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod http;
pub mod net;
pub mod offboardings;
pub mod okta;
pub mod people;
pub mod secret;
pub mod secretbox;
pub mod sign_in;
pub mod store;
pub mod tokens;
pub mod ui;
