//! Reading a PATCH body.
//!
//! 1. `schemas` holds the PatchOp URN; `Operations` is an array (§3.5.2).
//! 2. `op` is add, remove or replace, in any case (Entra ID writes `Add`).
//! 3. An operation without path has an object whose every key is a place of its own: plain, dotted,
//!    qualified by a URN, or a whole extension. Read-only and unknown keys in it are ignored, as in a PUT:
//!    Okta puts the `id` of the group there.
//! 4. A path that names no attribute is refused: `invalidPath`; one that names a read-only attribute: `mutability`.
//! 5. `remove` without path is refused: `noTarget` (§3.5.2.2).
use serde_json::Value;

use super::{Operation, PATCH_URN, PatchLimits, Place, ValueFilter, Verb};
use crate::protocol::scim::{
    Object,
    error::{ScimError, ScimType},
    evaluate::BoundFilter,
    path::Path,
    resource::check_depth,
    schema::{Kind, Mutability, ResourceType, is_urn},
};

/// Reads the body of a PATCH. Names of ignored attributes are added to `ignored`.
///
/// # Errors
/// 400 with `invalidSyntax`, `invalidPath`, `invalidFilter`, `invalidValue`, `mutability`, `noTarget` or `tooMany`.
pub fn parse(
    kind: &'static ResourceType,
    body: &Value,
    limits: &PatchLimits,
    ignored: &mut Vec<String>,
) -> Result<Vec<Operation>, ScimError> {
    let body = body.as_object().ok_or_else(|| syntax("A PATCH body is an object."))?;
    let urns = member(body, "schemas").and_then(Value::as_array);
    if !urns.is_some_and(|urns| {
        urns.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_URN)))
    }) {
        return Err(syntax(&format!("schemas must hold {PATCH_URN}."))); // (1)
    }
    let operations = member(body, "Operations")
        .and_then(Value::as_array)
        .ok_or_else(|| syntax("Operations must be an array."))?; // (1)
    if operations.is_empty() {
        return Err(syntax("Operations must hold at least one operation."));
    }
    if operations.len() > limits.operations {
        return Err(ScimError::bad(
            ScimType::TooMany,
            format!("A PATCH has at most {} operations.", limits.operations),
        ));
    }
    let mut parsed = Vec::with_capacity(operations.len());
    for operation in operations {
        let mut reader = Reader { kind, limits, ignored, parsed: &mut parsed };
        reader.operation(operation)?;
    }
    Ok(parsed)
}

fn syntax(detail: &str) -> ScimError {
    ScimError::bad(ScimType::InvalidSyntax, detail)
}

fn member<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

struct Reader<'a> {
    kind: &'static ResourceType,
    limits: &'a PatchLimits,
    ignored: &'a mut Vec<String>,
    parsed: &'a mut Vec<Operation>,
}

impl Reader<'_> {
    fn operation(&mut self, operation: &Value) -> Result<(), ScimError> {
        let operation = operation.as_object().ok_or_else(|| syntax("Each operation is an object."))?;
        let verb =
            match member(operation, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
                Some("add") => Verb::Add, // (2)
                Some("remove") => Verb::Remove,
                Some("replace") => Verb::Replace,
                _ => return Err(syntax("op is add, remove or replace.")),
            };
        let value = member(operation, "value");
        let path = match member(operation, "path") {
            None | Some(Value::Null) => "",
            Some(Value::String(path)) => path.trim(),
            Some(_) => return Err(ScimError::bad(ScimType::InvalidPath, "path is a text.")),
        };
        if value.is_none() && verb != Verb::Remove {
            return Err(ScimError::bad(ScimType::InvalidValue, "add and replace need a value."));
        }
        let value = value.cloned().unwrap_or_default();
        if !path.is_empty() && !path.eq_ignore_ascii_case(self.kind.schema.id) {
            let place = self.place(path)?;
            return self.push(verb, place, value);
        }
        match (verb, value) {
            (Verb::Remove, _) => Err(ScimError::bad(ScimType::NoTarget, "remove needs a path.")), // (5)
            (verb, Value::Object(values)) => {
                values.into_iter().try_for_each(|(key, value)| self.keyed(verb, &key, value))
            }
            _ => Err(ScimError::bad(ScimType::InvalidValue, "Without a path the value is an object.")),
        }
    }

    /// (3) One key of an operation without path.
    fn keyed(&mut self, verb: Verb, key: &str, value: Value) -> Result<(), ScimError> {
        if key.eq_ignore_ascii_case(self.kind.schema.id) {
            let Value::Object(values) = value else {
                return Err(syntax(&format!("{key} must be an object.")));
            };
            return values.into_iter().try_for_each(|(key, value)| self.keyed(verb, &key, value));
        }
        match self.place(key) {
            Ok(place) => self.push(verb, place, value)?,
            Err(error) if error.scim_type == Some(ScimType::Mutability) => {}
            Err(error) if error.scim_type == Some(ScimType::InvalidPath) => self.ignored.push(key.to_owned()),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn push(&mut self, verb: Verb, place: Place, value: Value) -> Result<(), ScimError> {
        if let Place::Custom(at) = &place {
            check_depth(at, &value, &self.limits.values)?;
        }
        self.parsed.push(Operation { verb, place, value, limits: self.limits.values });
        Ok(())
    }

    fn place(&self, text: &str) -> Result<Place, ScimError> {
        if let Some(schema) = self.kind.extension(text) {
            return Ok(Place::Extension(schema));
        }
        let unknown = || {
            ScimError::bad(ScimType::InvalidPath, format!("{text} is no attribute of a {}.", self.kind.name))
        }; // (4)
        let read_only = || ScimError::bad(ScimType::Mutability, format!("{text} is read-only.")); // (4)
        let path = Path::parse(text, &self.limits.filter)?;
        let Some(located) = self.kind.attribute(path.attribute.schema.as_deref(), &path.attribute.attribute)
        else {
            let known = path.attribute.schema.as_deref().is_some_and(|urn| {
                urn.eq_ignore_ascii_case(self.kind.schema.id) || self.kind.extension(urn).is_some()
            });
            let custom =
                is_urn(text) && !known && path.filter.is_none() && path.attribute.sub_attribute.is_none();
            return if custom { Ok(Place::Custom(text.to_owned())) } else { Err(unknown()) };
        };
        // `schemas` is computed from what is there.
        if located.attribute.mutability == Mutability::ReadOnly || located.attribute.name == "schemas" {
            return Err(read_only());
        }
        let sub = match path.sub_attribute.or(path.attribute.sub_attribute) {
            Some(name) => Some(located.attribute.sub_attribute(&name).ok_or_else(unknown)?),
            None => None,
        };
        if sub.is_some_and(|sub| sub.mutability == Mutability::ReadOnly) {
            return Err(read_only());
        }
        let filter = match path.filter {
            Some(_) if !located.attribute.multi_valued || located.attribute.kind != Kind::Complex => {
                return Err(unknown());
            }
            Some(written) => {
                Some(ValueFilter { bound: BoundFilter::bind_value(&written, located.attribute)?, written })
            }
            None => None,
        };
        Ok(Place::Attribute { extension: located.extension, attribute: located.attribute, filter, sub })
    }
}
