//! Ceven.
fn main() {}
