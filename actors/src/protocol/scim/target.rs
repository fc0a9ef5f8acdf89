//! A written attribute path, resolved against a resource type: where a value is, and what it is.
use serde_json::Value;

use super::{
    Object,
    path::AttributePath,
    schema::{Attribute, Kind, ResourceType},
};

/// Where names are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// In a whole resource.
    Resource(&'static ResourceType),
    /// In one value of a multi-valued attribute.
    Element(&'static Attribute),
}

/// A place in a resource, or in one value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// Key of the extension object.
    pub extension: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// The part of it.
    pub sub: Option<&'static Attribute>,
}

impl Target {
    /// Finds the place, or nothing when a name is unknown.
    pub fn resolve(path: &AttributePath, scope: Scope) -> Option<Self> {
        let located = match scope {
            Scope::Resource(kind) => kind.attribute(path.schema.as_deref(), &path.attribute)?,
            Scope::Element(parent) if path.schema.is_none() => {
                super::schema::Located { extension: None, attribute: parent.sub_attribute(&path.attribute)? }
            }
            Scope::Element(_) => return None,
        };
        let sub = match &path.sub_attribute {
            Some(name) => Some(located.attribute.sub_attribute(name)?),
            None => None,
        };
        Some(Self { extension: located.extension, attribute: located.attribute, sub })
    }

    /// The same place down to a simple value: a multi-valued complex attribute stands for its `value`
    /// (RFC 7644 §3.4.2.2). Nothing for a complex attribute that has none.
    pub fn leaf(self) -> Option<Self> {
        match (self.sub, self.attribute.kind) {
            (None, Kind::Complex) if self.attribute.multi_valued => {
                self.attribute.sub_attribute("value").map(|value| Self { sub: Some(value), ..self })
            }
            (None, Kind::Complex) => None,
            _ => Some(self),
        }
    }

    /// What describes the values: the sub-attribute, or the attribute.
    pub fn described(&self) -> &'static Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// Every value there is at this place.
    pub fn values<'a>(&self, object: &'a Object) -> impl Iterator<Item = &'a Value> + use<'a> {
        let holder = match self.extension {
            Some(urn) => object.get(urn).and_then(Value::as_object),
            None => Some(object),
        };
        let value = holder.and_then(|holder| holder.get(self.attribute.name));
        let elements = match value {
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let sub = self.sub.map(|sub| sub.name);
        elements.iter().filter_map(move |element| match sub {
            Some(name) => element.get(name),
            None => Some(element),
        })
    }
}

/// Milliseconds since 1970 of an RFC 3339 instant, fractions of a millisecond dropped.
pub(super) fn instant_ms(text: &str) -> Option<i64> {
    let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}
