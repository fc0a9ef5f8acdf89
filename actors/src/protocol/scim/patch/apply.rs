//! Applying operations to a resource.
//!
//! 1. All or nothing (§3.5.2).
//! 2. `add` of a value that is there changes nothing (§3.5.2.1); of a value with the same `value` and no
//!    other `type`, it fills that one in.
//! 3. `add` and `replace` of a complex attribute change the parts they name and leave the others (§3.5.2.3).
//! 4. `replace` of a multi-valued attribute puts the new values in place of all (§3.5.2.3).
//! 5. A value filter that fits nothing is `noTarget` for `add` and `replace` (§3.5.2.3), unless it says by
//!    `eq` alone what the value looks like: then the value is made. `remove` of nothing changes nothing.
//! 6. `remove` with values and no filter removes these values only (Entra ID); a list of none removes none.
//! 7. Setting `primary` on one value takes it from the others (§3.5.2).
//! 8. A required attribute cannot be removed: `mutability` (§3.5.2.2).
//! 9. What grows bit by bit has the limits of what comes at once.
use serde_json::Value;

use super::{Operation, Place, ValueFilter, Verb};
use crate::protocol::scim::{
    Object,
    error::{ScimError, ScimType},
    fold::fold,
    resource::{check_required, check_room, coerce, finish, is_primary, object_at},
    schema::{Attribute, ResourceType},
};

/// Applies operations in order. Returns whether anything changed; on an error nothing has.
///
/// # Errors
/// 400 with `invalidValue`, `noTarget` or `mutability`.
pub fn apply(
    kind: &'static ResourceType,
    object: &mut Object,
    operations: &[Operation],
) -> Result<bool, ScimError> {
    let mut copy = object.clone(); // (1)
    for operation in operations {
        apply_one(kind, &mut copy, operation)?;
    }
    check_required(kind, &copy)?;
    finish(kind, &mut copy);
    let changed = copy != *object;
    if changed {
        check_size(object, &copy, operations)?;
        *object = copy;
    }
    Ok(changed)
}

/// (9)
fn check_size(old: &Object, new: &Object, operations: &[Operation]) -> Result<(), ScimError> {
    let limit = operations.first().map_or(usize::MAX, |operation| operation.limits.resource_bytes);
    let bytes = |object: &Object| serde_json::to_string(object).map_or(usize::MAX, |text| text.len());
    let size = bytes(new);
    if size > limit && size > bytes(old) {
        let detail = format!("The resource would have more than {limit} bytes.");
        return Err(ScimError::bad(ScimType::InvalidValue, detail));
    }
    Ok(())
}

fn apply_one(
    kind: &'static ResourceType,
    object: &mut Object,
    operation: &Operation,
) -> Result<(), ScimError> {
    match &operation.place {
        Place::Custom(path) => {
            custom(object, path, operation);
            Ok(())
        }
        Place::Extension(schema) => match (&operation.value, operation.verb) {
            (Value::Object(values), Verb::Add | Verb::Replace) => {
                let holder = object_at(object, schema.id);
                values.iter().try_for_each(|(name, value)| {
                    let Some(located) = kind.attribute(Some(schema.id), name) else { return Ok(()) };
                    Edit { verb: operation.verb, attribute: located.attribute, operation }
                        .whole(holder, value)
                })
            }
            (Value::Null, _) | (_, Verb::Remove) => {
                object.remove(schema.id);
                Ok(())
            }
            _ => Err(ScimError::bad(ScimType::InvalidValue, format!("{} must be an object.", schema.id))),
        },
        Place::Attribute { extension, attribute, filter, sub } => {
            let holder = match extension {
                Some(urn) => object_at(object, urn),
                None => object,
            };
            let edit = Edit { verb: operation.verb, attribute, operation };
            match (filter, sub) {
                (Some(filter), sub) => edit.filtered(holder, filter, *sub),
                (None, Some(sub)) => edit.part(holder, sub),
                (None, None) => edit.whole(holder, &operation.value),
            }
        }
    }
}

/// One operation at work on one attribute of the object that holds it.
struct Edit<'a> {
    verb: Verb,
    attribute: &'static Attribute,
    operation: &'a Operation,
}

impl Edit<'_> {
    fn coerce(&self, attribute: &'static Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
        coerce(attribute, value.clone(), attribute.name, &self.operation.limits)
    }

    fn remove(&self, holder: &mut Object) -> Result<(), ScimError> {
        if self.attribute.required {
            return Err(ScimError::bad(
                ScimType::Mutability,
                format!("{} is required.", self.attribute.name),
            )); // (8)
        }
        holder.shift_remove(self.attribute.name);
        Ok(())
    }

    fn whole(&self, holder: &mut Object, value: &Value) -> Result<(), ScimError> {
        let name = self.attribute.name;
        let new = self.coerce(self.attribute, value)?;
        match (self.verb, new) {
            (Verb::Remove, Some(Value::Array(values))) => {
                self.retain(holder, |old| !values.iter().any(|value| self.is_same(old, value))); // (6)
                Ok(())
            }
            (Verb::Remove, None) if value.is_array() => Ok(()), // (6)
            (Verb::Remove, _) | (Verb::Replace, None) => self.remove(holder),
            (Verb::Add, None) => Ok(()),
            (Verb::Add, Some(Value::Array(values))) => {
                let mut held = take_values(holder, name);
                for value in values {
                    self.add_value(&mut held, value)?;
                }
                put_values(holder, name, held);
                Ok(())
            }
            (_, Some(Value::Object(parts))) if !self.attribute.multi_valued => {
                object_at(holder, name).extend(parts); // (3)
                Ok(())
            }
            (_, Some(new)) => {
                holder.insert(name.into(), new); // (4)
                Ok(())
            }
        }
    }

    /// Whether two values of a multi-valued attribute are the same one: equal `value` and no differing `type`.
    fn is_same(&self, old: &Value, new: &Value) -> bool {
        let exact = self.attribute.sub_attribute("value").unwrap_or(self.attribute).case_exact;
        let equal = |left: &Value, right: &Value| match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) if !exact && left.is_ascii() && right.is_ascii() => {
                left.eq_ignore_ascii_case(right)
            }
            (Some(left), Some(right)) if !exact => fold(left) == fold(right),
            _ => left == right,
        };
        match (old.get("value"), new.get("value")) {
            (Some(left), Some(right)) => {
                equal(left, right)
                    && old.get("type").zip(new.get("type")).is_none_or(|(left, right)| equal(left, right))
            }
            _ => old == new,
        }
    }

    fn add_value(&self, held: &mut Vec<Value>, new: Value) -> Result<(), ScimError> {
        let position = held.iter().position(|old| self.is_same(old, &new)); // (2)
        let at = match (position, new) {
            (Some(at), Value::Object(parts)) => {
                if let Some(old) = held[at].as_object_mut() {
                    old.extend(parts);
                }
                at
            }
            (Some(_), _) => return Ok(()),
            (None, new) => {
                check_room(self.attribute, held.len(), &self.operation.limits)?; // (9)
                held.push(new);
                held.len() - 1
            }
        };
        keep_one_primary(held, &[at]);
        Ok(())
    }

    fn retain(&self, holder: &mut Object, keep: impl Fn(&Value) -> bool) {
        let mut held = take_values(holder, self.attribute.name);
        held.retain(|value| keep(value));
        put_values(holder, self.attribute.name, held);
    }

    /// A part of the attribute, `name.givenName`; of every value when there are several.
    fn part(&self, holder: &mut Object, sub: &'static Attribute) -> Result<(), ScimError> {
        let new = self.coerce(sub, &self.operation.value)?.filter(|_| self.verb != Verb::Remove);
        if !self.attribute.multi_valued {
            let parts = object_at(holder, self.attribute.name);
            set_part(parts, sub.name, new);
            if parts.is_empty() {
                holder.shift_remove(self.attribute.name);
            }
            return Ok(());
        }
        let mut held = take_values(holder, self.attribute.name);
        if held.is_empty() && new.is_some() {
            held.push(Value::Object(Object::new()));
        }
        let all: Vec<usize> = (0..held.len()).collect();
        self.set_in(&mut held, &all, sub, &new);
        put_values(holder, self.attribute.name, held);
        Ok(())
    }

    fn set_in(&self, held: &mut [Value], positions: &[usize], sub: &'static Attribute, new: &Option<Value>) {
        for at in positions {
            if let Some(parts) = held[*at].as_object_mut() {
                set_part(parts, sub.name, new.clone());
            }
        }
        keep_one_primary(held, positions);
    }

    fn filtered(
        &self,
        holder: &mut Object,
        filter: &ValueFilter,
        sub: Option<&'static Attribute>,
    ) -> Result<(), ScimError> {
        let name = self.attribute.name;
        let fits = |value: &Value| value.as_object().is_some_and(|value| filter.bound.matches(value));
        if self.verb == Verb::Remove && sub.is_none() {
            self.retain(holder, |value| !fits(value)); // (5)
            return Ok(());
        }
        let new = match sub {
            Some(sub) => self.coerce(sub, &self.operation.value)?.filter(|_| self.verb != Verb::Remove),
            None => self.element()?,
        };
        let mut held = take_values(holder, name);
        let mut positions: Vec<usize> = (0..held.len()).filter(|at| fits(&held[*at])).collect();
        if positions.is_empty() && self.verb != Verb::Remove {
            let template = filter
                .template()
                .and_then(|template| self.coerce_element(Value::Object(template)).transpose());
            match template {
                Some(template) => {
                    check_room(self.attribute, held.len(), &self.operation.limits)?; // (9)
                    held.push(template?); // (5)
                }
                None => {
                    return Err(ScimError::bad(
                        ScimType::NoTarget,
                        format!("No value of {name} fits {}.", filter.written),
                    ));
                }
            }
            positions.push(held.len() - 1);
        }
        match (sub, new) {
            (Some(sub), new) => self.set_in(&mut held, &positions, sub, &new),
            (None, Some(Value::Object(parts))) => {
                for at in &positions {
                    if let Some(value) = held[*at].as_object_mut() {
                        value.extend(parts.clone());
                    }
                }
                keep_one_primary(&mut held, &positions);
            }
            (None, _) => held.retain(|value| !fits(value)),
        }
        put_values(holder, name, held);
        Ok(())
    }

    fn element(&self) -> Result<Option<Value>, ScimError> {
        self.coerce_element(self.operation.value.clone())
    }

    /// One value of the attribute, given as itself or as an array of one.
    fn coerce_element(&self, value: Value) -> Result<Option<Value>, ScimError> {
        match coerce(self.attribute, value, self.attribute.name, &self.operation.limits)? {
            Some(Value::Array(mut values)) if values.len() == 1 => Ok(values.pop()),
            Some(_) => Err(ScimError::bad(
                ScimType::InvalidValue,
                format!("{} takes one value here.", self.attribute.name),
            )),
            None => Ok(None),
        }
    }
}

fn take_values(holder: &mut Object, name: &str) -> Vec<Value> {
    match holder.get_mut(name) {
        Some(Value::Array(values)) => std::mem::take(values),
        _ => Vec::new(),
    }
}

/// Puts values back in their place, without those that hold nothing.
fn put_values(holder: &mut Object, name: &str, mut values: Vec<Value>) {
    values.retain(|value| value.as_object().is_none_or(|parts| !parts.is_empty()));
    if values.is_empty() {
        holder.shift_remove(name);
    } else {
        holder.insert(name.into(), Value::Array(values));
    }
}

fn set_part(parts: &mut Object, name: &str, new: Option<Value>) {
    match new {
        Some(new) => {
            parts.insert(name.into(), new);
        }
        None => {
            parts.shift_remove(name);
        }
    }
}

/// (7) When one of the touched values is primary, the last of them is the only one.
fn keep_one_primary(values: &mut [Value], touched: &[usize]) {
    let Some(primary) = touched.iter().rev().find(|at| is_primary(&values[**at])).copied() else { return };
    for (at, value) in values.iter_mut().enumerate() {
        if at != primary && is_primary(value) {
            value["primary"] = false.into();
        }
    }
}

/// A custom extension is taken as it comes: the path is the extension itself when the resource has one of
/// that name or the value is an object, otherwise an attribute in the extension before the last colon.
fn custom(object: &mut Object, path: &str, operation: &Operation) {
    let key = |object: &Object, name: &str| object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let outer = path.rsplit_once(':').and_then(|(urn, name)| Some((key(object, urn)?, name)));
    let gone = operation.verb == Verb::Remove || operation.value.is_null();
    match (key(object, path), outer, &operation.value) {
        (Some(whole), _, _) if gone => {
            object.shift_remove(&whole);
        }
        (Some(whole), _, Value::Object(values)) => object_at(object, &whole).extend(values.clone()),
        (None, Some((urn, name)), value) => {
            set_part(object_at(object, &urn), name, (!gone).then(|| value.clone()))
        }
        (None, None, Value::Object(values)) if !gone => object_at(object, path).extend(values.clone()),
        (None, None, value) if !gone => {
            if let Some((urn, name)) = path.rsplit_once(':') {
                object_at(object, urn).insert(name.to_owned(), value.clone());
            }
        }
        _ => {}
    }
}
