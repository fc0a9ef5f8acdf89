//! Okta's Role schema for entitlement discovery (Okta, "Build a SCIM 2.0 server with entitlements").
use super::{Attribute, Schema};

/// A role: `id` is common to all resources.
pub static ROLE: Schema = Schema {
    id: "urn:okta:scim:schemas:core:1.0:Role",
    name: "Role",
    description: "A role that a user can have.",
    attributes: &[
        Attribute::text("displayName", "Name for people.").required().read_only(),
        Attribute::text("description", "What the role may do.").read_only(),
    ],
};
