//! A group's members: operations become differences, whose cost is that of the request and not of the group.
use super::{Operation, Place, Verb};
use crate::protocol::scim::{
    error::{ScimError, ScimType},
    filter::{Comparison, Filter, Literal},
    resource::{coerce, member_ids},
};

/// One step on a group's members; ids as the client wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembershipChange {
    /// These come in.
    Add(Vec<String>),
    /// These go.
    Remove(Vec<String>),
    /// These, and nobody else.
    Replace(Vec<String>),
}

/// Parts the operations on `members` from all others, each in their order.
///
/// # Errors
/// 400 `invalidFilter` for a filter on members other than `value eq`, `mutability` for a change inside a
/// member, `invalidValue` for a member without id.
pub fn split(operations: &[Operation]) -> Result<(Vec<MembershipChange>, Vec<Operation>), ScimError> {
    let mut changes = Vec::new();
    let mut rest = Vec::new();
    for operation in operations {
        match &operation.place {
            Place::Attribute { attribute, extension: None, .. } if attribute.name == "members" => {
                changes.extend(change(operation)?)
            }
            _ => rest.push(operation.clone()),
        }
    }
    Ok((changes, rest))
}

fn change(operation: &Operation) -> Result<Option<MembershipChange>, ScimError> {
    let Place::Attribute { attribute, filter, sub, .. } = &operation.place else { return Ok(None) };
    if sub.is_some() {
        return Err(ScimError::bad(
            ScimType::Mutability,
            "A member does not change; remove it and add another.",
        ));
    }
    if let Some(filter) = filter {
        let ids = ids_of(&filter.written)?;
        return match operation.verb {
            Verb::Remove => Ok(Some(MembershipChange::Remove(ids))),
            Verb::Add | Verb::Replace => Err(ScimError::bad(
                ScimType::Mutability,
                "A member does not change; remove it and add another.",
            )),
        };
    }
    let ids = member_ids(coerce(attribute, operation.value.clone(), attribute.name, &operation.limits)?);
    Ok(match operation.verb {
        Verb::Add => Some(MembershipChange::Add(ids)),
        Verb::Replace => Some(MembershipChange::Replace(ids)),
        // Without a value all go; a list that names nobody takes nobody away.
        Verb::Remove if operation.value.is_null() => Some(MembershipChange::Replace(Vec::new())),
        Verb::Remove => Some(MembershipChange::Remove(ids)),
    })
}

fn ids_of(filter: &Filter) -> Result<Vec<String>, ScimError> {
    match filter {
        Filter::Compare { path, op: Comparison::Eq, value: Literal::String(id) }
            if path.attribute.eq_ignore_ascii_case("value") =>
        {
            Ok(vec![id.clone()])
        }
        Filter::Or(parts) => Ok(parts.iter().map(ids_of).collect::<Result<Vec<_>, _>>()?.concat()),
        _ => Err(ScimError::bad(
            ScimType::InvalidFilter,
            "Members are chosen by value eq \"<id>\", joined by or.",
        )),
    }
}
