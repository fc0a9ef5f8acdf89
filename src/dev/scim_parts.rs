//! The little of SCIM that vendors' own SCIM servers have in common.
use serde_json::{Value, json};

/// What a filter asks: any of these attributes equals its value.
pub type Wanted = Vec<(String, String)>;

/// Reads `attribute eq "value"`, or several of it with `or`. Nothing for every other filter: vendors take no more.
pub fn wanted(filter: &str) -> Option<Wanted> {
    let mut rest = filter.trim();
    let mut found = Vec::new();
    loop {
        let (attribute, after) = rest.split_once(' ')?;
        let (operator, after) = after.trim_start().split_once(' ')?;
        if !operator.eq_ignore_ascii_case("eq") {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(after.trim_start()).into_iter::<String>();
        let value = values.next()?.ok()?;
        let end = values.byte_offset();
        found.push((attribute.to_owned(), value));
        rest = after.trim_start()[end..].trim_start();
        match rest.split_once(' ') {
            None if rest.is_empty() => return Some(found),
            Some((word, more)) if word.eq_ignore_ascii_case("or") => rest = more.trim_start(),
            _ => return None,
        }
    }
}

/// Whether a user has one of the wanted values. Ids count with case, the rest without (RFC 7643 §2.4).
pub fn is_wanted(user: &Value, wanted: &Wanted) -> bool {
    wanted.iter().any(|(attribute, value)| {
        let same = |found: &Value| found.as_str().is_some_and(|found| found.eq_ignore_ascii_case(value));
        match attribute.to_ascii_lowercase().as_str() {
            "id" => user["id"] == value.as_str(),
            "externalid" => user["externalId"] == value.as_str(),
            "username" => same(&user["userName"]),
            "email" | "emails" | "emails.value" => user["emails"]
                .as_array()
                .is_some_and(|emails| emails.iter().any(|email| same(&email["value"]))),
            _ => false,
        }
    })
}

/// What a PATCH says of `active`, with a path or without. Operations on other attributes are left alone.
///
/// # Errors
/// What is wrong with the body.
pub fn patched_active(body: &Value) -> Result<Option<bool>, String> {
    let says_patch = |schemas: &Vec<Value>| {
        schemas.iter().any(|schema| schema == "urn:ietf:params:scim:api:messages:2.0:PatchOp")
    };
    if !body["schemas"].as_array().is_some_and(says_patch) {
        return Err("schemas must hold the PatchOp message".into());
    }
    let operations = body["Operations"].as_array().filter(|list| !list.is_empty());
    let mut active = None;
    for operation in operations.ok_or("Operations must be a list")? {
        let op = operation["op"].as_str().unwrap_or_default().to_ascii_lowercase();
        if !["add", "replace", "remove"].contains(&op.as_str()) {
            return Err(format!("op {op:?} is not known"));
        }
        let value = match operation["path"].as_str() {
            Some(path) if path.eq_ignore_ascii_case("active") => &operation["value"],
            Some(_) => continue,
            None => &operation["value"]["active"],
        };
        match value {
            Value::Null if operation["path"].is_null() => {}
            Value::Bool(value) if op != "remove" => active = Some(*value),
            _ => return Err("active must be true or false".into()),
        }
    }
    Ok(active)
}

/// RFC 7644 §3.4.2.
pub fn list(found: &[Value], start: usize, count: usize) -> Value {
    let page: Vec<&Value> = found.iter().skip(start.max(1) - 1).take(count).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": found.len(), "startIndex": start.max(1), "itemsPerPage": page.len(), "Resources": page,
    })
}

/// RFC 7644 §3.12.
pub fn error(status: u16, scim_type: Option<&str>, detail: &str) -> Value {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail,
    });
    if let Some(scim_type) = scim_type {
        body["scimType"] = scim_type.into();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_or_refused() {
        let two = wanted(r#"externalId eq "a\"b" or userName Eq "x y""#).unwrap();
        assert_eq!(two, [("externalId".into(), "a\"b".into()), ("userName".into(), "x y".into())]);
        for bad in ["userName", "userName co \"x\"", "userName eq x", "userName eq \"x\" and active eq \"y\""]
        {
            assert_eq!(wanted(bad), None, "{bad}");
        }
    }
}
