//! Sorting of lists (RFC 7644 §3.4.2.3).
//!
//! 1. Ascending unless `sortOrder` is `descending`.
//! 2. Text without case unless the attribute is `caseExact`.
//! 3. A multi-valued attribute sorts by its primary value, or by its first.
//! 4. Ascending, what has no value comes last; descending, first.
use std::cmp::Ordering;

use serde_json::Value;

use super::{
    Object,
    error::{ScimError, ScimType},
    fold::fold,
    path::{AttributePath, FilterLimits},
    schema::{Kind, ResourceType},
    target::{Scope, Target, instant_ms},
};

/// What to sort by.
#[derive(Debug, Clone, Copy)]
pub struct SortKey {
    target: Target,
    descending: bool,
}

/// A sortable form of one value; what is absent comes last.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum SortValue {
    /// A boolean; false first.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// Milliseconds since 1970.
    Instant(i64),
    /// Text, folded where case does not count.
    Text(String),
    /// No value.
    Absent,
}

impl SortKey {
    /// Reads `sortBy` and `sortOrder`.
    ///
    /// # Errors
    /// 400 `invalidPath` for an unknown attribute, `invalidValue` for an unknown order.
    pub fn parse(
        sort_by: &str,
        sort_order: Option<&str>,
        kind: &'static ResourceType,
        limits: &FilterLimits,
    ) -> Result<Self, ScimError> {
        let path = AttributePath::parse(sort_by, limits)?;
        let target = Target::resolve(&path, Scope::Resource(kind))
            .and_then(Target::leaf)
            .ok_or_else(|| ScimError::bad(ScimType::InvalidPath, format!("Cannot sort by {sort_by}.")))?;
        let descending = match sort_order.map(str::to_ascii_lowercase).as_deref() {
            None | Some("") | Some("ascending") => false, // (1)
            Some("descending") => true,
            Some(_) => {
                return Err(ScimError::bad(ScimType::InvalidValue, "sortOrder is ascending or descending."));
            }
        };
        Ok(Self { target, descending })
    }

    /// Whether it looks at a top-level attribute.
    pub fn mentions(&self, attribute: &str) -> bool {
        self.target.attribute.name == attribute
    }

    /// What a resource is sorted by.
    pub fn value(&self, object: &Object) -> SortValue {
        let whole = Target { sub: None, ..self.target };
        let primary = whole.values(object).find(|element| element.get("primary") == Some(&Value::Bool(true)));
        let value = match (primary, self.target.sub) {
            (Some(element), Some(sub)) => element.get(sub.name), // (3)
            _ => self.target.values(object).next(),
        };
        let described = self.target.described();
        match value {
            Some(Value::Bool(flag)) => SortValue::Boolean(*flag),
            Some(Value::Number(number)) => SortValue::Number(number.as_f64().unwrap_or_default()),
            Some(Value::String(text)) if described.kind == Kind::DateTime => {
                instant_ms(text).map_or(SortValue::Absent, SortValue::Instant)
            }
            Some(Value::String(text)) if described.case_exact => SortValue::Text(text.clone()),
            Some(Value::String(text)) => SortValue::Text(fold(text).into_owned()), // (2)
            _ => SortValue::Absent,
        }
    }

    /// Which of two comes first.
    pub fn compare(&self, left: &SortValue, right: &SortValue) -> Ordering {
        let ordering = left.partial_cmp(right).unwrap_or(Ordering::Equal);
        if self.descending { ordering.reverse() } else { ordering } // (4)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::scim::schema::USER_TYPE;

    fn sorted(sort_by: &str, order: Option<&str>) -> Vec<String> {
        let key = SortKey::parse(sort_by, order, &USER_TYPE, &FilterLimits { length_bytes: 200, depth: 3 })
            .unwrap();
        let mut users: Vec<Object> = [
            json!({ "id": "1", "userName": "bob", "emails": [{ "value": "z@x" }, { "value": "a@x", "primary": true }] }),
            json!({ "id": "2", "userName": "Ann", "emails": [{ "value": "m@x" }] }),
            json!({ "id": "3", "userName": "carl" }),
        ]
        .into_iter()
        .map(|user| user.as_object().unwrap().clone())
        .collect();
        users.sort_by(|left, right| key.compare(&key.value(left), &key.value(right)));
        users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn sorts_without_case_by_primary_and_absent_last() {
        assert_eq!(sorted("userName", None), ["2", "1", "3"]);
        assert_eq!(sorted("username", Some("Descending")), ["3", "1", "2"]);
        assert_eq!(sorted("emails", None), ["1", "2", "3"]);
        assert_eq!(sorted("emails.value", Some("descending")), ["3", "2", "1"]);
    }

    #[test]
    fn refuses_unknown_attributes() {
        let limits = FilterLimits { length_bytes: 200, depth: 3 };
        assert!(SortKey::parse("nonsense", None, &USER_TYPE, &limits).is_err());
        assert!(SortKey::parse("userName", Some("up"), &USER_TYPE, &limits).is_err());
    }
}
