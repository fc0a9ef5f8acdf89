//! A filter bound to a schema, and what it says about a resource (RFC 7644 §3.4.2.2).
//!
//! 1. An attribute that no schema knows is refused when the filter is bound, never while it runs.
//! 2. Text compares with case only where the schema says `caseExact` (RFC 7643 §2.2).
//! 3. dateTime compares as an instant; `gt ge lt le` on booleans and binaries are refused.
//! 4. `pr` is false for what is absent, null, or empty.
//! 5. A comparison holds for a multi-valued attribute when it holds for one of its values.
//! 6. `ne` is what `eq` is not: true for what is absent. `eq null` is `not (pr)`.
//! 7. `a[filter]` holds when one value of `a` fits the whole filter.
use std::borrow::Cow;

use serde_json::Value;

use super::{
    Object,
    error::{ScimError, ScimType},
    filter::{Comparison, Filter, Literal},
    fold::fold,
    path::AttributePath,
    schema::{Attribute, Kind, ResourceType},
    target::{Scope, Target, instant_ms},
};

/// A filter that can no longer fail.
#[derive(Debug, Clone)]
pub struct BoundFilter(Node);

#[derive(Debug, Clone)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Present(Target),
    Compare(Target, Comparison, Operand),
    Value(Target, Box<Node>),
}

#[derive(Debug, Clone)]
enum Operand {
    Text(String),
    Folded(String),
    Instant(i64),
    Number(f64),
    Boolean(bool),
}

impl BoundFilter {
    /// Binds a filter on whole resources.
    ///
    /// # Errors
    /// 400 `invalidFilter` for unknown attributes and comparisons that make no sense.
    pub fn bind(filter: &Filter, kind: &'static ResourceType) -> Result<Self, ScimError> {
        bind(filter, Scope::Resource(kind)).map(Self)
    }

    /// Binds a filter on the values of one multi-valued attribute.
    ///
    /// # Errors
    /// As [`BoundFilter::bind`].
    pub fn bind_value(filter: &Filter, attribute: &'static Attribute) -> Result<Self, ScimError> {
        bind(filter, Scope::Element(attribute)).map(Self)
    }

    /// Whether a resource, or a value, fits.
    pub fn matches(&self, object: &Object) -> bool {
        holds(&self.0, object)
    }

    /// Whether it looks at a top-level attribute.
    pub fn mentions(&self, attribute: &str) -> bool {
        mentions(&self.0, attribute)
    }

    /// An `eq` on a text attribute that must hold for whatever fits: path of the attribute and the text,
    /// folded where case does not count. An index can answer it.
    ///
    /// The flag is set when the equality is the whole filter, so that whoever fulfils it fits.
    pub fn equalities(&self) -> impl Iterator<Item = (Cow<'static, str>, &str, bool)> {
        let parts = match &self.0 {
            Node::And(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        let is_whole = parts.len() == 1;
        parts.iter().filter_map(move |node| match node {
            Node::Compare(target, Comparison::Eq, Operand::Text(text) | Operand::Folded(text))
                if target.extension.is_none() =>
            {
                let name = target.attribute.name;
                let name = target.sub.map_or(name.into(), |sub| format!("{name}.{}", sub.name).into());
                Some((name, text.as_str(), is_whole))
            }
            _ => None,
        })
    }
}

fn mentions(node: &Node, attribute: &str) -> bool {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().any(|part| mentions(part, attribute)),
        Node::Not(inner) => mentions(inner, attribute),
        Node::Present(target) | Node::Compare(target, ..) | Node::Value(target, _) => {
            target.attribute.name == attribute
        }
    }
}

fn refuse<T>(detail: String) -> Result<T, ScimError> {
    Err(ScimError::bad(ScimType::InvalidFilter, detail))
}

fn bind(filter: &Filter, scope: Scope) -> Result<Node, ScimError> {
    let all = |parts: &[Filter]| parts.iter().map(|part| bind(part, scope)).collect::<Result<Vec<_>, _>>();
    let find = |path: &AttributePath| match Target::resolve(path, scope) {
        Some(target) => Ok(target),
        None => refuse(format!("The filter names {path}, which is no attribute here.")), // (1)
    };
    Ok(match filter {
        Filter::And(parts) => Node::And(all(parts)?),
        Filter::Or(parts) => Node::Or(all(parts)?),
        Filter::Not(inner) => Node::Not(Box::new(bind(inner, scope)?)),
        Filter::Present(path) => Node::Present(find(path)?),
        Filter::ValuePath { path, filter } => {
            let target = find(path)?;
            if target.attribute.kind != Kind::Complex || target.sub.is_some() {
                return refuse(format!("{path}[…] needs an attribute with sub-attributes."));
            }
            Node::Value(target, Box::new(bind(filter, Scope::Element(target.attribute))?))
        }
        Filter::Compare { path, value: Literal::Null, op } => match op {
            Comparison::Eq => Node::Not(Box::new(Node::Present(find(path)?))), // (6)
            Comparison::Ne => Node::Present(find(path)?),                      // (6)
            _ => return refuse(format!("{path} can be compared with null by eq and ne only.")),
        },
        Filter::Compare { path, op, value } => {
            let Some(target) = find(path)?.leaf() else {
                return refuse(format!("{path} has parts; compare one of them."));
            };
            let operand = operand(path, target.described(), *op, value)?;
            match op {
                Comparison::Ne => Node::Not(Box::new(Node::Compare(target, Comparison::Eq, operand))), // (6)
                op => Node::Compare(target, *op, operand),
            }
        }
    })
}

fn operand(
    path: &AttributePath,
    attribute: &Attribute,
    op: Comparison,
    value: &Literal,
) -> Result<Operand, ScimError> {
    let part_of_text = matches!(op, Comparison::Co | Comparison::Sw | Comparison::Ew);
    let ordering = matches!(op, Comparison::Gt | Comparison::Ge | Comparison::Lt | Comparison::Le);
    let operand = match (attribute.kind, value) {
        (Kind::Boolean | Kind::Binary, _) if ordering => return refuse(format!("{path} has no order.")), // (3)
        (Kind::DateTime, Literal::String(text)) if !part_of_text => instant_ms(text).map(Operand::Instant), // (3)
        (Kind::DateTime, Literal::String(text)) => Some(Operand::Text(text.clone())),
        (Kind::String | Kind::Reference | Kind::Binary, Literal::String(text)) if attribute.case_exact => {
            Some(Operand::Text(text.clone())) // (2)
        }
        (Kind::String | Kind::Reference | Kind::Binary, Literal::String(text)) => {
            Some(Operand::Folded(fold(text).into_owned()))
        } // (2)
        (Kind::Boolean, Literal::Boolean(flag)) if !part_of_text => Some(Operand::Boolean(*flag)),
        (Kind::Boolean, Literal::String(text)) if !part_of_text => {
            text.to_ascii_lowercase().parse().ok().map(Operand::Boolean) // Entra writes "True"
        }
        (Kind::Integer | Kind::Decimal, Literal::Number(number)) if !part_of_text => {
            number.as_f64().map(Operand::Number)
        }
        _ => None,
    };
    operand.map_or_else(|| refuse(format!("{path} cannot be compared with {value} in this way.")), Ok)
}

fn holds(node: &Node, object: &Object) -> bool {
    match node {
        Node::And(parts) => parts.iter().all(|part| holds(part, object)),
        Node::Or(parts) => parts.iter().any(|part| holds(part, object)),
        Node::Not(inner) => !holds(inner, object),
        Node::Present(target) => target.values(object).any(is_present), // (4)
        Node::Compare(target, op, operand) => {
            target.values(object).any(|value| compares(value, *op, operand))
        } // (5)
        Node::Value(target, inner) => {
            target.values(object).any(|value| value.as_object().is_some_and(|value| holds(inner, value))) // (7)
        }
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_present),
        Value::Object(object) => object.values().any(is_present),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compares(value: &Value, op: Comparison, operand: &Operand) -> bool {
    match (value, operand) {
        (Value::String(text), Operand::Text(with)) => text_compares(text, op, with),
        (Value::String(text), Operand::Folded(with)) => text_compares(&fold(text), op, with),
        (Value::String(text), Operand::Instant(with)) => {
            instant_ms(text).is_some_and(|at| ordered(Some(at.cmp(with)), op))
        }
        (Value::Number(number), Operand::Number(with)) => {
            ordered(number.as_f64().and_then(|number| number.partial_cmp(with)), op)
        }
        (Value::Bool(flag), Operand::Boolean(with)) => flag == with,
        _ => false,
    }
}

fn text_compares(text: &str, op: Comparison, with: &str) -> bool {
    match op {
        Comparison::Co => text.contains(with),
        Comparison::Sw => text.starts_with(with),
        Comparison::Ew => text.ends_with(with),
        op => ordered(Some(text.cmp(with)), op),
    }
}

fn ordered(ordering: Option<std::cmp::Ordering>, op: Comparison) -> bool {
    ordering.is_some_and(|ordering| match op {
        Comparison::Eq => ordering.is_eq(),
        Comparison::Gt => ordering.is_gt(),
        Comparison::Ge => ordering.is_ge(),
        Comparison::Lt => ordering.is_lt(),
        Comparison::Le => ordering.is_le(),
        Comparison::Ne | Comparison::Co | Comparison::Sw | Comparison::Ew => false,
    })
}

#[cfg(test)]
mod tests;
