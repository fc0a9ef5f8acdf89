//! The console and its API, from outside.
mod audit;
mod bad_forms;
mod bad_settings;
mod bad_sign_in;
mod offboarding;
mod pages;
mod people;
mod sessions;
mod sign_in;
pub mod support;
mod tokens;
