//! Queries on a resource type and the envelope of their answers (RFC 7644 §3.4.2, §3.4.3).
//!
//! 1. `startIndex` below 1 is 1; `count` below 0 is 0; more than a page holds is a page (§3.4.2.4).
//! 2. What is no number is refused: `invalidValue`.
//! 3. A `.search` body says the same as a query string, with lists as arrays.
use std::borrow::Cow;

use serde_json::Value;

use super::{
    error::{ScimError, ScimType},
    evaluate::BoundFilter,
    filter::{Filter, FilterLimits},
    projection::Projection,
    schema::ResourceType,
    sort::SortKey,
};

/// URN of a list answer.
pub const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// How large a query and its page may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// Resources of a page when the client does not say.
    pub default_count: usize,
    /// Resources of a page at most.
    pub max_count: usize,
    /// Filters and paths.
    pub filter: FilterLimits,
}

/// Parameters as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    attributes: Vec<String>,
    excluded: Vec<String>,
}

/// A query bound to a resource type.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Which resources.
    pub filter: Option<BoundFilter>,
    /// In which order; the stable order of lists without it.
    pub sort: Option<SortKey>,
    /// First one, from 1.
    pub start_index: usize,
    /// How many.
    pub count: usize,
    /// What of each.
    pub projection: Projection,
}

impl Parameters {
    /// From the decoded pairs of a query string. Names match without case; others are ignored.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut found = Self::default();
        for (name, value) in pairs {
            let list = || value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            if name.eq_ignore_ascii_case("attributes") {
                found.attributes.extend(list());
            } else if name.eq_ignore_ascii_case("excludedAttributes") {
                found.excluded.extend(list());
            } else if let Some(slot) = found.slot(&name) {
                *slot = Some(value.into_owned());
            }
        }
        found
    }

    /// From the body of a `.search` (3).
    ///
    /// # Errors
    /// 400 `invalidSyntax` when it is no object, `invalidValue` for a member of the wrong type.
    pub fn from_search(body: &Value) -> Result<Self, ScimError> {
        let body = body
            .as_object()
            .ok_or_else(|| ScimError::bad(ScimType::InvalidSyntax, "A search is an object."))?;
        let mut found = Self::default();
        for (name, value) in body {
            let wrong = || ScimError::bad(ScimType::InvalidValue, format!("{name} has the wrong type."));
            let list = || -> Result<Vec<String>, ScimError> {
                let values = value.as_array().ok_or_else(wrong)?;
                values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            };
            if value.is_null() {
                continue;
            } else if name.eq_ignore_ascii_case("attributes") {
                found.attributes = list()?;
            } else if name.eq_ignore_ascii_case("excludedAttributes") {
                found.excluded = list()?;
            } else if let Some(slot) = found.slot(name) {
                let is_number = ["startIndex", "count"].iter().any(|one| name.eq_ignore_ascii_case(one));
                *slot = Some(match value {
                    Value::Number(number) if is_number => number.to_string(),
                    Value::String(text) if !is_number => text.clone(),
                    _ => return Err(wrong()),
                });
            }
        }
        Ok(found)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        let slots = [
            ("filter", &mut self.filter),
            ("sortBy", &mut self.sort_by),
            ("sortOrder", &mut self.sort_order),
            ("startIndex", &mut self.start_index),
            ("count", &mut self.count),
        ];
        slots.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, slot)| slot)
    }

    /// Whether a filter was given, which the discovery endpoints refuse (RFC 7644 §4).
    pub fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// What of a resource is returned.
    pub fn projection(&self, kind: &'static ResourceType, limits: &ListLimits) -> Projection {
        let attributes: Vec<_> = self.attributes.iter().map(String::as_str).collect();
        let excluded: Vec<_> = self.excluded.iter().map(String::as_str).collect();
        Projection::parse(&attributes, &excluded, kind, &limits.filter)
    }

    /// Binds everything.
    ///
    /// # Errors
    /// 400 with `invalidFilter`, `invalidPath` or `invalidValue`.
    pub fn bind(&self, kind: &'static ResourceType, limits: &ListLimits) -> Result<ListQuery, ScimError> {
        let filter = match self.filter.as_deref().filter(|filter| !filter.trim().is_empty()) {
            Some(text) => Some(BoundFilter::bind(&Filter::parse(text, &limits.filter)?, kind)?),
            None => None,
        };
        let sort = match self.sort_by.as_deref().filter(|by| !by.trim().is_empty()) {
            Some(by) => Some(SortKey::parse(by, self.sort_order.as_deref(), kind, &limits.filter)?),
            None => None,
        };
        let start_index = number("startIndex", self.start_index.as_deref())?.unwrap_or(1).max(1); // (1)
        let count = number("count", self.count.as_deref())?.unwrap_or(limits.default_count as i64).max(0); // (1)
        Ok(ListQuery {
            filter,
            sort,
            start_index: usize::try_from(start_index).unwrap_or(usize::MAX),
            count: usize::try_from(count).unwrap_or(usize::MAX).min(limits.max_count), // (1)
            projection: self.projection(kind, limits),
        })
    }
}

fn number(name: &str, text: Option<&str>) -> Result<Option<i64>, ScimError> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| ScimError::bad(ScimType::InvalidValue, format!("{name} must be a whole number."))), // (2)
    }
}

/// Resources of an answer as JSON text, one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    text: String,
    count: usize,
}

impl Resources {
    /// Adds one; `write` puts its text at the end of what is there.
    pub fn add(&mut self, write: impl FnOnce(&mut String)) {
        if self.count > 0 {
            self.text.push(',');
        }
        write(&mut self.text);
        self.count += 1;
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds others.
    pub fn extend(&mut self, others: Self) {
        if others.count > 0 {
            let count = self.count + others.count;
            self.add(|text| text.push_str(&others.text));
            self.count = count;
        }
    }

    /// The envelope around them.
    pub fn envelope(&self, total: usize, start_index: usize) -> String {
        let mut text = String::with_capacity(self.text.len() + 200);
        for part in [
            r#"{"schemas":[""#,
            LIST_URN,
            r#""],"totalResults":"#,
            &total.to_string(),
            r#","startIndex":"#,
            &start_index.to_string(),
            r#","itemsPerPage":"#,
            &self.count.to_string(),
            r#","Resources":["#,
            &self.text,
            "]}",
        ] {
            text.push_str(part);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::scim::schema::USER_TYPE;

    const LIMITS: ListLimits = ListLimits {
        default_count: 100,
        max_count: 200,
        filter: FilterLimits { length_bytes: 100, depth: 5 },
    };

    fn decoded<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn page(pairs: &[(&str, &str)]) -> Result<(usize, usize), ScimError> {
        let query = Parameters::from_pairs(decoded(pairs)).bind(&USER_TYPE, &LIMITS)?;
        Ok((query.start_index, query.count))
    }

    #[test]
    fn pages_stay_in_bounds() {
        assert_eq!(page(&[]), Ok((1, 100)));
        assert_eq!(page(&[("startindex", "-3"), ("COUNT", "-1")]), Ok((1, 0)));
        assert_eq!(page(&[("startIndex", "7"), ("count", "9999")]), Ok((7, 200)));
        assert_eq!(page(&[("count", "many")]).unwrap_err().scim_type, Some(ScimType::InvalidValue));
    }

    #[test]
    fn a_search_says_the_same_as_a_query() {
        let body = json!({ "filter": "title pr", "startIndex": 3, "count": 5, "attributes": ["userName"], "sortBy": null });
        let pairs = [("filter", "title pr"), ("startIndex", "3"), ("count", "5"), ("attributes", "userName")];
        assert_eq!(Parameters::from_search(&body).unwrap(), Parameters::from_pairs(decoded(&pairs)));
        assert!(Parameters::from_search(&json!({ "count": "x", "filter": 5 })).is_err());
    }

    #[test]
    fn the_envelope_is_json() {
        let (mut resources, mut others) = (Resources::default(), Resources::default());
        others.add(|text| text.push_str(r#"{"a":1}"#));
        others.add(|text| text.push_str("{}"));
        resources.extend(Resources::default());
        resources.extend(others);
        let text = resources.envelope(9, 3);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["totalResults"], &value["itemsPerPage"], &value["startIndex"]),
            (&json!(9), &json!(2), &json!(3))
        );
        assert_eq!(value["Resources"], json!([{ "a": 1 }, {}]));
    }
}
