//! One page, one file: what it shows, and what its forms do.
pub(super) mod api;
pub(super) mod audit;
pub(super) mod audit_entry;
pub(super) mod connectors;
pub(super) mod dashboard;
pub(super) mod event_stream;
pub(super) mod handover;
pub(super) mod login;
pub(super) mod offboard;
pub(super) mod offboarding;
pub(super) mod okta;
pub(super) mod person;
pub(super) mod requests;
pub(super) mod settings;
pub(super) mod sso;
pub(super) mod team;
pub(super) mod tokens;
