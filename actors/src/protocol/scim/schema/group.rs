//! The Group schema (RFC 7643 §4.2 and §8.7.1).
use super::{Attribute, Schema};

/// A group of users. Groups in groups are not supported, and the schema says so.
pub static GROUP: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    description: "A named set of users.",
    attributes: &[
        Attribute::text("displayName", "Name for people.").required(),
        Attribute::complex("members", "Users of the group.", MEMBER).many(),
    ],
};

const MEMBER: &[Attribute] = &[
    Attribute::text("value", "Id of the user.").required().exact().immutable(),
    Attribute::reference("$ref", "Address of the user.", &["User"]).immutable(),
    Attribute::text("type", "Kind of member.").immutable().canonical(&["User"]),
];
