//! PATCH (RFC 7644 §3.5.2): operations read and resolved once (`parse`), then applied to a copy (`apply`).
//! A group's members go a way of their own (`membership`), because their number must not matter.
mod apply;
mod membership;
mod parse;

pub use apply::apply;
pub use membership::{MembershipChange, split};
pub use parse::parse;
use serde_json::Value;

use super::{
    Object,
    evaluate::BoundFilter,
    filter::{Comparison, Filter, FilterLimits, Literal},
    resource::ValueLimits,
    schema::{Attribute, Schema},
};

/// URN of a PATCH body.
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// How large a PATCH may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchLimits {
    /// Operations in one request.
    pub operations: usize,
    /// Paths and their filters.
    pub filter: FilterLimits,
    /// Values.
    pub values: ValueLimits,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Adds to what is there (§3.5.2.1).
    Add,
    /// Takes away (§3.5.2.2).
    Remove,
    /// Puts in place of what is there (§3.5.2.3).
    Replace,
}

/// One operation with its place resolved.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    pub(super) place: Place,
    pub(super) value: Value,
    pub(super) limits: ValueLimits,
}

/// Where an operation works.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// An attribute, some of its values, or a part of them.
    Attribute {
        extension: Option<&'static str>,
        attribute: &'static Attribute,
        filter: Option<ValueFilter>,
        sub: Option<&'static Attribute>,
    },
    /// A whole extension that Ceven knows.
    Extension(&'static Schema),
    /// A custom extension, or an attribute in one: only the resource can tell.
    Custom(String),
}

/// Which values of a multi-valued attribute.
#[derive(Debug, Clone)]
pub(super) struct ValueFilter {
    pub bound: BoundFilter,
    pub written: Filter,
}

impl ValueFilter {
    /// A value that fits, when the filter is nothing but `eq` joined by `and`: Entra ID expects
    /// `emails[type eq "work"].value` to make the value it names.
    fn template(&self) -> Option<Object> {
        let parts = match &self.written {
            Filter::And(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        parts
            .iter()
            .map(|part| match part {
                Filter::Compare { path, op: Comparison::Eq, value } if path.sub_attribute.is_none() => {
                    let value = match value {
                        Literal::String(text) => Value::from(text.as_str()),
                        Literal::Boolean(flag) => Value::from(*flag),
                        Literal::Number(number) => Value::Number(number.clone()),
                        Literal::Null => return None,
                    };
                    Some((path.attribute.clone(), value))
                }
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
