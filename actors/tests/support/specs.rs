//! The vendors' machine-readable descriptions, as judges of requests.
use std::path::Path;

use serde_json::Value;

pub fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/specs").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Path and names of the query's parameters of an address below `base`.
pub fn split<'a>(url: &'a str, base: &str) -> Option<(&'a str, Vec<String>)> {
    let rest = url.strip_prefix(base)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let names = query.split('&').filter(|pair| !pair.is_empty());
    Some((path, names.map(|pair| pair.split('=').next().unwrap().replace("%5B%5D", "[]")).collect()))
}

/// Whether a path fits a template such as `/orgs/{org}/members`.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(wanted, given)| match wanted.starts_with('{') {
            true => !given.is_empty(),
            false => wanted == given,
        })
}

/// What OpenAPI 3 says against a request; nothing when it fits.
pub fn against_openapi(
    spec: &Value,
    method: &str,
    path: &str,
    query: &[String],
    body: &Value,
) -> Result<(), String> {
    let paths = spec["paths"].as_object().unwrap();
    // A literal segment goes before a parameter (`/users/{username}` and the like).
    let mut templates: Vec<_> = paths.iter().filter(|(template, _)| fits(template, path)).collect();
    templates.sort_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = templates.first().ok_or_else(|| format!("no path {path}"))?;
    let operation = &item[method.to_lowercase()];
    if operation.is_null() {
        return Err(format!("{template} has no {method}"));
    }
    let parameters: Vec<&Value> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| resolve(spec, parameter))
        .collect();
    for name in query {
        let bare = name.trim_end_matches("[]");
        let known =
            parameters.iter().any(|parameter| parameter["in"] == "query" && parameter["name"] == bare);
        known.then_some(()).ok_or_else(|| format!("{method} {template} has no query parameter {name}"))?;
    }
    let described = resolve(spec, &operation["requestBody"]);
    let media =
        described["content"].as_object().and_then(|content| content.values().next()).unwrap_or(&Value::Null);
    // Where a description contradicts itself, its example counts: GitHub types `value` as a text and shows `false`.
    let mut examples = media["examples"].as_object().into_iter().flatten();
    if examples.any(|(_, example)| example["value"] == *body) {
        return Ok(());
    }
    let schema = &media["schema"];
    match (body, schema) {
        (Value::Null, _) if described["required"] == true => Err(format!("{method} {template} needs a body")),
        (Value::Null, _) => Ok(()),
        (_, Value::Null) => Err(format!("{method} {template} takes no body")),
        (body, schema) => against_schema(spec, schema, body, "body"),
    }
}

fn against_schema(spec: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolve(spec, schema);
    let fits_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    fits_type.then_some(()).ok_or_else(|| format!("{at} is no {}", schema["type"]))?;
    if let Some(allowed) = schema["enum"].as_array() {
        allowed
            .contains(value)
            .then_some(())
            .ok_or_else(|| format!("{at}: {value} is none of {allowed:?}"))?;
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        (!value[name].is_null()).then_some(()).ok_or_else(|| format!("{at} has no {name}"))?;
    }
    if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            let described = known.get(name).ok_or_else(|| format!("{at} knows no {name}"))?;
            against_schema(spec, described, member, &format!("{at}.{name}"))?;
        }
    }
    if let Some(entries) = value.as_array() {
        let count = entries.len() as u64;
        let (min, max) =
            (schema["minItems"].as_u64().unwrap_or(0), schema["maxItems"].as_u64().unwrap_or(u64::MAX));
        (min..=max).contains(&count).then_some(()).ok_or_else(|| format!("{at} has {count} entries"))?;
        for entry in entries {
            against_schema(spec, &schema["items"], entry, at)?;
        }
    }
    Ok(())
}

fn resolve<'a>(spec: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|pointer| spec.pointer(pointer.trim_start_matches('#'))) {
        Some(target) => target,
        None => value,
    }
}

/// What Google's discovery document says against a request; nothing when it fits.
pub fn against_discovery(
    document: &Value,
    method: &str,
    path: &str,
    query: &[String],
    body: &Value,
) -> Result<(), String> {
    let mut methods = Vec::new();
    collect(document, &mut methods);
    let fitting: Vec<_> = methods
        .into_iter()
        .filter(|entry| {
            entry["httpMethod"] == method
                && fits(entry["path"].as_str().unwrap(), path.trim_start_matches('/'))
        })
        .collect();
    let entry = fitting.first().ok_or_else(|| format!("no {method} {path}"))?;
    for name in query {
        let known =
            entry["parameters"][name]["location"] == "query" || !document["parameters"][name].is_null();
        known.then_some(()).ok_or_else(|| format!("{} has no query parameter {name}", entry["id"]))?;
    }
    let described = entry["request"]["$ref"].as_str().map(|name| &document["schemas"][name]["properties"]);
    match (body.as_object(), described) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(format!("{} takes no body", entry["id"])),
        (Some(members), Some(known)) => {
            let unknown = members.keys().find(|name| known[name.as_str()].is_null());
            unknown.map_or(Ok(()), |name| Err(format!("{} knows no {name}", entry["id"])))
        }
    }
}

fn collect<'a>(resource: &'a Value, methods: &mut Vec<&'a Value>) {
    methods.extend(resource["methods"].as_object().into_iter().flatten().map(|(_, method)| method));
    for (_, below) in resource["resources"].as_object().into_iter().flatten() {
        collect(below, methods);
    }
}
