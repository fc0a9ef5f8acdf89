//! Bringing what a client sends into the form that everything else relies on (RFC 7643 §2, RFC 7644 §3.3, §3.5.1).
//!
//! 1. Names match without case and come out as the schema spells them; one attribute twice is refused.
//! 2. Read-only attributes are ignored: clients echo what they read.
//! 3. Unknown attributes are ignored and reported; objects under a URN of their own are custom
//!    extensions and kept as they are, unless they are nested too deep.
//! 4. null, an empty array and an empty object mean: no value (RFC 7643 §2.5).
//! 5. Values have the type of the schema; "true" and "false" count as booleans, a single value as an
//!    array of one, a bare string as the `value` of a complex attribute (Entra ID sends all three).
//! 6. Required attributes are there and not blank; so are required parts of a value.
//! 7. `primary` is true at most once.
//! 8. What is write-only (`password`) is accepted and never kept.
//! 9. `schemas`, when sent, names the core schema; it is computed from what is there.
use serde_json::Value;

use super::{
    Object,
    error::{ScimError, ScimType},
    schema::{Attribute, Kind, Mutability, ResourceType, is_urn},
    target::instant_ms,
};

/// How large the values of a resource may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueLimits {
    /// Bytes of one text.
    pub text_bytes: usize,
    /// Values of one multi-valued attribute, members of groups excepted.
    pub values: usize,
    /// Levels of objects and arrays in a custom extension.
    pub depth: usize,
    /// Bytes of a resource's JSON text that no PATCH goes beyond.
    pub resource_bytes: usize,
}

/// Normalises the body of a POST or PUT. Names of ignored attributes are added to `ignored`.
///
/// # Errors
/// 400 `invalidSyntax` or `invalidValue`, naming the attribute.
pub fn normalise(
    kind: &'static ResourceType,
    body: Object,
    limits: &ValueLimits,
    ignored: &mut Vec<String>,
) -> Result<Object, ScimError> {
    check_schemas(kind, &body)?;
    let mut reader = Reader { kind, limits, ignored, seen: Vec::new() };
    let mut object = Object::new();
    reader.object(body, &mut object)?;
    check_required(kind, &object)?;
    finish(kind, &mut object);
    Ok(object)
}

/// Whether a body speaks of an attribute at all, be it null or empty.
pub fn mentions(body: &Object, attribute: &str) -> bool {
    body.keys().any(|key| key.eq_ignore_ascii_case(attribute))
}

/// Takes `members` out of a normalised group: ids as the client wrote them.
pub fn take_members(group: &mut Object) -> Vec<String> {
    member_ids(group.remove("members"))
}

/// The ids in normalised `members`, each of which has one.
pub(super) fn member_ids(members: Option<Value>) -> Vec<String> {
    let Some(Value::Array(members)) = members else { return Vec::new() };
    members.iter().filter_map(|member| member["value"].as_str()).map(str::to_owned).collect()
}

struct Reader<'a> {
    kind: &'static ResourceType,
    limits: &'a ValueLimits,
    ignored: &'a mut Vec<String>,
    seen: Vec<String>,
}

impl Reader<'_> {
    fn object(&mut self, body: Object, into: &mut Object) -> Result<(), ScimError> {
        for (key, value) in body {
            let lower = key.to_lowercase();
            if self.seen.contains(&lower) {
                return Err(ScimError::bad(ScimType::InvalidSyntax, format!("{key} is there twice."))); // (1)
            }
            self.seen.push(lower);
            if !is_urn(&key) {
                self.attribute(None, &key, value, into)?;
            } else if key.eq_ignore_ascii_case(self.kind.schema.id) {
                let Value::Object(inner) = value else { return wrong(&key, "an object") };
                self.object(inner, into)?;
            } else {
                self.under_urn(key, value, into)?;
            }
        }
        Ok(())
    }

    fn under_urn(&mut self, key: String, value: Value, into: &mut Object) -> Result<(), ScimError> {
        if let Some(schema) = self.kind.extension(&key) {
            return match value {
                Value::Object(inner) => inner
                    .into_iter()
                    .try_for_each(|(name, value)| self.attribute(Some(schema.id), &name, value, into)),
                Value::Null => Ok(()),
                _ => wrong(&key, "an object"),
            };
        }
        let qualified =
            key.rsplit_once(':').filter(|(urn, name)| self.kind.attribute(Some(urn), name).is_some());
        match (qualified, value) {
            (Some((urn, name)), value) => self.attribute(Some(urn), name, value, into),
            (None, value @ Value::Object(_)) => {
                check_depth(&key, &value, self.limits)?;
                into.insert(key, value); // (3)
                Ok(())
            }
            (None, _) => {
                self.ignored.push(key); // (3)
                Ok(())
            }
        }
    }

    fn attribute(
        &mut self,
        urn: Option<&str>,
        name: &str,
        value: Value,
        into: &mut Object,
    ) -> Result<(), ScimError> {
        let Some(located) = self.kind.attribute(urn, name) else {
            self.ignored.push(name.to_owned()); // (3)
            return Ok(());
        };
        let Some(value) = coerce(located.attribute, value, located.attribute.name, self.limits)? else {
            return Ok(());
        };
        let holder = match located.extension {
            None => into,
            Some(urn) => object_at(into, urn),
        };
        match holder.insert(located.attribute.name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(ScimError::bad(ScimType::InvalidSyntax, format!("{name} is there twice."))), // (1)
        }
    }
}

/// The object under a key, made when it is not there.
pub(super) fn object_at<'a>(object: &'a mut Object, key: &str) -> &'a mut Object {
    let slot = object.entry(key).or_insert_with(|| Value::Object(Object::new()));
    if !slot.is_object() {
        *slot = Value::Object(Object::new());
    }
    match slot {
        Value::Object(inner) => inner,
        _ => unreachable!("it was made an object above"),
    }
}

fn wrong<T>(at: &str, expected: &str) -> Result<T, ScimError> {
    Err(ScimError::bad(ScimType::InvalidValue, format!("{at} must be {expected}.")))
}

/// Gives a value the type of its attribute; `None` when it is no value, or not the client's to give.
pub(super) fn coerce(
    attribute: &'static Attribute,
    value: Value,
    at: &str,
    limits: &ValueLimits,
) -> Result<Option<Value>, ScimError> {
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(None); // (2)
    }
    let coerced = if attribute.multi_valued {
        many(attribute, value, at, limits)?
    } else {
        one(attribute, value, at, limits)?
    };
    Ok(coerced.filter(|_| attribute.mutability != Mutability::WriteOnly)) // (8)
}

fn many(
    attribute: &'static Attribute,
    value: Value,
    at: &str,
    limits: &ValueLimits,
) -> Result<Option<Value>, ScimError> {
    let values = match value {
        Value::Array(values) => values,
        single => vec![single], // (5)
    };
    if values.len() > limits.values && attribute.name != "members" {
        return wrong(at, &format!("at most {} values", limits.values));
    }
    let mut kept = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        kept.extend(one(attribute, value, &format!("{at}[{index}]"), limits)?);
    }
    if kept.iter().filter(|value| is_primary(value)).count() > 1 {
        return wrong(at, "primary at most once"); // (7)
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept))) // (4)
}

/// Whether a value of a multi-valued attribute is the preferred one.
pub(super) fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

fn one(
    attribute: &'static Attribute,
    value: Value,
    at: &str,
    limits: &ValueLimits,
) -> Result<Option<Value>, ScimError> {
    if value.is_null() {
        return Ok(None); // (4)
    }
    match attribute.kind {
        Kind::Complex => complex(attribute, value, at, limits),
        Kind::Boolean => match value.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => Ok(Some(true.into())),   // (5)
            Some("false") => Ok(Some(false.into())), // (5)
            _ if value.is_boolean() => Ok(Some(value)),
            _ => wrong(at, "true or false"),
        },
        Kind::Integer if !(value.is_i64() || value.is_u64()) => wrong(at, "a whole number"),
        Kind::Decimal if !value.is_number() => wrong(at, "a number"),
        Kind::Integer | Kind::Decimal => Ok(Some(value)),
        Kind::String | Kind::Reference | Kind::DateTime | Kind::Binary => {
            let Some(text) = value.as_str() else { return wrong(at, "a text") };
            if text.len() > limits.text_bytes {
                return wrong(at, &format!("at most {} bytes long", limits.text_bytes));
            }
            match attribute.kind {
                Kind::DateTime if instant_ms(text).is_none() => wrong(at, "an RFC 3339 instant"),
                Kind::Binary if !is_base64(text) => wrong(at, "Base64"),
                _ => Ok(Some(value)),
            }
        }
    }
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let engine = base64::engine::general_purpose::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    engine.decode(compact).is_ok()
}

fn complex(
    attribute: &'static Attribute,
    value: Value,
    at: &str,
    limits: &ValueLimits,
) -> Result<Option<Value>, ScimError> {
    let parts = match value {
        Value::Object(parts) => parts,
        text @ Value::String(_) if attribute.sub_attribute("value").is_some() => {
            Object::from_iter([("value".to_owned(), text)]) // (5)
        }
        _ => return wrong(at, "an object"),
    };
    let mut kept = Object::new();
    for (name, value) in parts {
        let Some(part) = attribute.sub_attribute(&name) else { continue }; // (3)
        let at = format!("{at}.{}", part.name);
        if let Some(value) = coerce(part, value, &at, limits)?
            && kept.insert(part.name.to_owned(), value).is_some()
        {
            return Err(ScimError::bad(ScimType::InvalidSyntax, format!("{at} is there twice."))); // (1)
        }
    }
    let lacks = |part: &&Attribute| part.required && !kept.contains_key(part.name);
    if let Some(part) = attribute.sub_attributes.iter().find(lacks) {
        return Err(ScimError::bad(ScimType::InvalidValue, format!("{at}.{} is required.", part.name))); // (6)
    }
    Ok((!kept.is_empty()).then_some(Value::Object(kept))) // (4)
}

fn check_schemas(kind: &ResourceType, body: &Object) -> Result<(), ScimError> {
    let sent = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let names_core = |urns: &Vec<Value>| {
        urns.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(kind.schema.id)))
    };
    match sent {
        Some(Value::Array(urns)) if names_core(urns) => Ok(()),
        None => Ok(()), // (9)
        Some(_) => wrong("schemas", &format!("an array with {}", kind.schema.id)),
    }
}

/// Refuses an object that lacks a required attribute.
pub(super) fn check_required(kind: &ResourceType, object: &Object) -> Result<(), ScimError> {
    let blank = |attribute: &&Attribute| {
        object.get(attribute.name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty())
    };
    match kind.schema.attributes.iter().filter(|attribute| attribute.required).find(blank) {
        Some(attribute) => {
            Err(ScimError::bad(ScimType::InvalidValue, format!("{} is required.", attribute.name)))
        } // (6)
        None => Ok(()),
    }
}

/// Refuses what a custom extension holds when it is nested too deep.
pub(super) fn check_depth(at: &str, value: &Value, limits: &ValueLimits) -> Result<(), ScimError> {
    fn is_within(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(values) => levels > 0 && values.iter().all(|value| is_within(value, levels - 1)),
            Value::Object(parts) => levels > 0 && parts.values().all(|value| is_within(value, levels - 1)),
            _ => true,
        }
    }
    match is_within(value, limits.depth) {
        true => Ok(()),
        false => wrong(at, &format!("nested at most {} levels deep", limits.depth)),
    }
}

/// Refuses one value more of a multi-valued attribute that has as many as it may.
pub(super) fn check_room(attribute: &Attribute, held: usize, limits: &ValueLimits) -> Result<(), ScimError> {
    match held < limits.values {
        true => Ok(()),
        false => wrong(attribute.name, &format!("at most {} values", limits.values)),
    }
}

/// Drops extensions that hold nothing and computes `schemas` (9).
pub(super) fn finish(kind: &ResourceType, object: &mut Object) {
    object.retain(|key, value| !is_urn(key) || value.as_object().is_none_or(|inner| !inner.is_empty()));
    let urns = object.keys().filter(|key| is_urn(key)).map(|key| Value::from(key.as_str()));
    let schemas: Vec<Value> = std::iter::once(Value::from(kind.schema.id)).chain(urns).collect();
    object.shift_remove("schemas");
    object.shift_insert(0, "schemas".into(), Value::Array(schemas));
}

#[cfg(test)]
mod tests;
