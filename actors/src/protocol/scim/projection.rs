//! `attributes` and `excludedAttributes` (RFC 7644 §3.9, RFC 7643 §7 `returned`).
//!
//! 1. `returned: always` is in every answer, `never` in none.
//! 2. With `attributes`, nothing else is returned but what it names.
//! 3. With `excludedAttributes`, what it names is left out.
//! 4. With both, `excludedAttributes` is not looked at (the RFC forbids both; refusing helps nobody).
//! 5. Names that no schema knows are ignored.
//! 6. A value of which nothing is left is left out.
use serde_json::Value;

use super::{
    Object,
    path::{AttributePath, FilterLimits},
    schema::{Attribute, ResourceType, Returned, is_urn},
};

/// What of a resource is returned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Projection {
    only: Vec<Name>,
    without: Vec<Name>,
    kind: Option<&'static ResourceType>,
}

#[derive(Debug, Clone, PartialEq)]
struct Name {
    /// Key of the extension object; none for the top level.
    extension: Option<String>,
    /// None for a whole extension.
    attribute: Option<String>,
    sub: Option<String>,
}

impl Projection {
    /// Reads both parameters; empty ones count as absent.
    pub fn parse(
        attributes: &[&str],
        excluded: &[&str],
        kind: &'static ResourceType,
        limits: &FilterLimits,
    ) -> Self {
        let names = |list: &[&str]| {
            list.iter().filter_map(|text| Name::parse(text.trim(), kind, limits)).collect::<Vec<_>>()
        };
        // A list of nothing but unknown names still asks for nothing else.
        let only = names(attributes);
        let asked = attributes.iter().any(|name| !name.trim().is_empty());
        let only = if asked && only.is_empty() {
            vec![Name { extension: None, attribute: Some("id".into()), sub: None }]
        } else {
            only
        };
        let without = if asked { Vec::new() } else { names(excluded) }; // (4)
        Self { only, without, kind: Some(kind) }
    }

    /// Whether everything is returned that is returned by default.
    pub fn is_default(&self) -> bool {
        self.only.is_empty() && self.without.is_empty()
    }

    /// Whether a top-level attribute is returned at all: what is not need not be computed.
    pub fn includes(&self, attribute: &str) -> bool {
        let about = |name: &&Name| name.extension.is_none() && name.attribute.as_deref() == Some(attribute);
        match self.only.is_empty() {
            true => !self.without.iter().any(|name| about(&name) && name.sub.is_none()),
            false => self.only.iter().any(|name| about(&name)),
        }
    }

    /// Leaves out what is not returned.
    pub fn apply(&self, object: Object) -> Object {
        let Some(kind) = self.kind.filter(|_| !self.is_default()) else { return object };
        object
            .into_iter()
            .filter_map(|(key, value)| match kind.attribute(None, &key) {
                Some(located) => self.attribute(located.attribute, value).map(|value| (key, value)),
                None => {
                    let value = self.extension(&key, value)?;
                    Some((key, value))
                }
            })
            .collect()
    }

    fn extension(&self, urn: &str, value: Value) -> Option<Value> {
        let of_it = |name: &&Name| {
            name.extension.as_deref().is_some_and(|extension| extension.eq_ignore_ascii_case(urn))
        };
        if self.only.iter().any(|name| of_it(&name) && name.attribute.is_none()) {
            return Some(value);
        }
        if self.without.iter().any(|name| of_it(&name) && name.attribute.is_none()) {
            return None;
        }
        let Value::Object(inner) = value else { return None };
        let kept: Object = inner
            .into_iter()
            .filter_map(|(key, value)| self.named(Some(urn), &key, value).map(|value| (key, value)))
            .collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    }

    fn attribute(&self, attribute: &'static Attribute, value: Value) -> Option<Value> {
        match attribute.returned {
            Returned::Always => Some(value), // (1)
            Returned::Never => None,         // (1)
            Returned::Default | Returned::Request => self.named(None, attribute.name, value),
        }
    }

    fn named(&self, extension: Option<&str>, key: &str, value: Value) -> Option<Value> {
        let about = |name: &&Name| name.is_about(extension, key);
        if self.only.is_empty() {
            let named: Vec<_> = self.without.iter().filter(about).collect();
            if named.iter().any(|name| name.sub.is_none()) {
                return None; // (3)
            }
            let subs: Vec<_> = named.iter().filter_map(|name| name.sub.as_deref()).collect();
            if subs.is_empty() {
                return Some(value);
            }
            return keep_parts(value, |part| !subs.iter().any(|sub| sub.eq_ignore_ascii_case(part)));
        }
        let named: Vec<_> = self.only.iter().filter(about).collect();
        if named.is_empty() {
            return None; // (2)
        }
        if named.iter().any(|name| name.sub.is_none()) {
            return Some(value);
        }
        let subs: Vec<_> = named.iter().filter_map(|name| name.sub.as_deref()).collect();
        keep_parts(value, |part| subs.iter().any(|sub| sub.eq_ignore_ascii_case(part)))
    }
}

impl Name {
    fn parse(text: &str, kind: &'static ResourceType, limits: &FilterLimits) -> Option<Self> {
        if let Some(schema) = kind.extension(text) {
            return Some(Self { extension: Some(schema.id.into()), attribute: None, sub: None });
        }
        let path = AttributePath::parse(text, limits).ok()?;
        match kind.attribute(path.schema.as_deref(), &path.attribute) {
            Some(located) => Some(Self {
                extension: located.extension.map(str::to_owned),
                attribute: Some(located.attribute.name.to_owned()),
                sub: path.sub_attribute,
            }),
            // A custom extension: only the resource can tell whether this names it or a part of it.
            None if is_urn(text) => {
                Some(Self { extension: Some(text.to_owned()), attribute: None, sub: None })
            }
            None => None, // (5)
        }
    }

    /// Whether it names an attribute, or a part of it, at the top level or in an extension.
    fn is_about(&self, extension: Option<&str>, key: &str) -> bool {
        match (self.extension.as_deref(), self.attribute.as_deref(), extension) {
            (None, Some(own), None) => own.eq_ignore_ascii_case(key),
            (Some(urn), Some(own), Some(extension)) => {
                urn.eq_ignore_ascii_case(extension) && own.eq_ignore_ascii_case(key)
            }
            (Some(custom), None, Some(extension)) => custom.rsplit_once(':').is_some_and(|(urn, own)| {
                urn.eq_ignore_ascii_case(extension) && own.eq_ignore_ascii_case(key)
            }),
            _ => false,
        }
    }
}

/// (6)
fn keep_parts(value: Value, keep: impl Fn(&str) -> bool + Copy) -> Option<Value> {
    match value {
        Value::Object(parts) => {
            let kept: Object = parts.into_iter().filter(|(part, _)| keep(part)).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(values) => {
            let kept: Vec<_> = values.into_iter().filter_map(|value| keep_parts(value, keep)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        simple => Some(simple),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::scim::schema::{ENTERPRISE_USER, USER_TYPE};

    fn projected(attributes: &[&str], excluded: &[&str]) -> Value {
        let user = json!({
            "schemas": [], "id": "1", "userName": "ann", "title": "CEO",
            "emails": [{ "value": "a@x", "type": "work" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D", "costCenter": "7" },
            "urn:custom:1.0:Thing": { "a": 1, "b": 2 },
            "meta": { "resourceType": "User" }
        });
        let limits = FilterLimits { length_bytes: 200, depth: 3 };
        let projection = Projection::parse(attributes, excluded, &USER_TYPE, &limits);
        Value::Object(projection.apply(user.as_object().unwrap().clone()))
    }

    #[test]
    fn returns_only_what_is_asked_for_and_what_is_always_returned() {
        assert_eq!(
            projected(&["USERNAME", "nonsense"], &[]),
            json!({ "schemas": [], "id": "1", "userName": "ann" })
        );
        assert_eq!(
            projected(&["emails.value"], &["id"]),
            json!({ "schemas": [], "id": "1", "emails": [{ "value": "a@x" }] })
        );
        assert_eq!(projected(&["nonsense"], &[]), json!({ "schemas": [], "id": "1" }));
        let department = format!("{}:department", ENTERPRISE_USER.id);
        assert_eq!(
            projected(&[&department], &[]),
            json!({ "schemas": [], "id": "1", ENTERPRISE_USER.id: { "department": "R&D" } })
        );
        assert_eq!(projected(&[ENTERPRISE_USER.id], &[])[ENTERPRISE_USER.id]["costCenter"], "7");
        let custom = |name| projected(&[name], &[])["urn:custom:1.0:Thing"].clone();
        assert_eq!(custom("urn:custom:1.0:thing"), json!({ "a": 1, "b": 2 }));
        assert_eq!(custom("urn:custom:1.0:thing:B"), json!({ "b": 2 }), "a part of it");
        assert_eq!(projected(&["emails.nonsense"], &[]), json!({ "schemas": [], "id": "1" }));
    }

    #[test]
    fn leaves_out_what_is_excluded() {
        let left =
            projected(&[], &["id", "emails.type", "meta", ENTERPRISE_USER.id, "urn:custom:1.0:Thing:b"]);
        assert_eq!(
            left,
            json!({ "schemas": [], "id": "1", "userName": "ann", "title": "CEO", "emails": [{ "value": "a@x" }], "urn:custom:1.0:Thing": { "a": 1 } })
        );
    }
}
