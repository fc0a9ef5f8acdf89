//! Queries on a resource type and the envelope of their answers (RFC 7644 §3.4.2, §3.4.3).
//!
//! 1. `startIndex` below 1 is 1; `count` below 0 is 0; more than a page holds is a page (§3.4.2.4).
//! 2. What is no number is refused: `invalidValue`.
//! 3. A `.search` body says the same as a query string, with lists as arrays.
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
    pub fn from_pairs<T: AsRef<str>>(pairs: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut found = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            let list = || value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            match name.to_ascii_lowercase().as_str() {
                "attributes" => found.attributes.extend(list()),
                "excludedattributes" => found.excluded.extend(list()),
                other => found.set(other, value.to_owned()),
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
            match (name.to_ascii_lowercase().as_str(), value) {
                (_, Value::Null) => {}
                ("attributes", _) => found.attributes = list()?,
                ("excludedattributes", _) => found.excluded = list()?,
                ("startindex" | "count", Value::Number(number)) => {
                    found.set(&name.to_ascii_lowercase(), number.to_string())
                }
                ("filter" | "sortby" | "sortorder", Value::String(text)) => {
                    found.set(&name.to_ascii_lowercase(), text.clone())
                }
                ("startindex" | "count" | "filter" | "sortby" | "sortorder", _) => return Err(wrong()),
                _ => {}
            }
        }
        Ok(found)
    }

    fn set(&mut self, name: &str, value: String) {
        let slot = match name {
            "filter" => &mut self.filter,
            "sortby" => &mut self.sort_by,
            "sortorder" => &mut self.sort_order,
            "startindex" => &mut self.start_index,
            "count" => &mut self.count,
            _ => return,
        };
        *slot = Some(value);
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

/// The envelope around resources that are JSON text already.
pub fn envelope(total: usize, start_index: usize, resources: &[String]) -> String {
    let length = resources.iter().map(String::len).sum::<usize>() + resources.len() + 200;
    let mut text = String::with_capacity(length);
    for part in [
        r#"{"schemas":[""#,
        LIST_URN,
        r#""],"totalResults":"#,
        &total.to_string(),
        r#","startIndex":"#,
        &start_index.to_string(),
        r#","itemsPerPage":"#,
        &resources.len().to_string(),
        r#","Resources":["#,
    ] {
        text.push_str(part);
    }
    for (index, resource) in resources.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(resource);
    }
    text.push_str("]}");
    text
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

    fn page(pairs: &[(&str, &str)]) -> Result<(usize, usize), ScimError> {
        let query = Parameters::from_pairs(pairs.iter().copied()).bind(&USER_TYPE, &LIMITS)?;
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
        assert_eq!(Parameters::from_search(&body).unwrap(), Parameters::from_pairs(pairs));
        assert!(Parameters::from_search(&json!({ "count": "x", "filter": 5 })).is_err());
    }

    #[test]
    fn the_envelope_is_json() {
        let text = envelope(9, 3, &["{\"a\":1}".into(), "{}".into()]);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["totalResults"], &value["itemsPerPage"], &value["startIndex"]),
            (&json!(9), &json!(2), &json!(3))
        );
    }
}
