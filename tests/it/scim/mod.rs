//! `/api/v1/scim/v2`.
mod bad_input;
mod endpoints;
mod groups;
mod lists;
mod replay;
mod tokens;
