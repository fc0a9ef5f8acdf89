//! Tests from outside: the real binary, real databases, HTTP. The tree mirrors the URL tree.
mod backup;
mod cli;
mod console;
mod dev;
mod evidence;
mod faults;
mod keys;
mod layers;
mod ledger;
mod model;
mod offboarding;
mod openapi;
mod ops;
mod scim;
mod sso;
mod supervision;
mod support;
