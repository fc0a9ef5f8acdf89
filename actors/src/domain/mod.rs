//! What an organization is made of, and how it changes: pure values.
pub mod audit;
pub mod caller;
pub mod change;
pub mod connector;
pub mod group;
pub mod id;
pub mod offboarding;
pub mod okta;
pub mod policy;
pub mod role;
pub mod session;
pub mod step;
pub mod token;
pub mod user;
