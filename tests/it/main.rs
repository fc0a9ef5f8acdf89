//! Tests from outside: the real binary, real databases, HTTP. The tree mirrors the URL tree.
mod console;
mod faults;
mod layers;
mod model;
mod scim;
mod supervision;
mod support;
