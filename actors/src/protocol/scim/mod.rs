//! SCIM 2.0 (RFC 7643, RFC 7644) over JSON values, driven by schemas.
//!
//! A resource is a JSON object ([`Object`]) whose keys are spelled as its schema spells them.
//! `resource` brings what a client sends into that form; everything behind it may rely on it.
pub mod discovery;
pub mod error;
pub mod evaluate;
pub mod filter;
mod fold;
pub mod list;
pub mod patch;
pub mod path;
pub mod projection;
pub mod resource;
pub mod schema;
pub mod sort;
mod target;

pub use error::{ScimError, ScimType};
pub use fold::fold;

/// A JSON object: the attributes of a resource or of one complex value.
pub type Object = serde_json::Map<String, serde_json::Value>;
