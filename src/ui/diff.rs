//! Two JSON states, field by field. Members of arrays are told apart by what they are, not where they stand.
use serde_json::Value;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// `name.givenName`, `emails[ann@example.com].type`.
    pub(super) path: String,
    /// Nothing when it was not there.
    pub(super) before: Option<String>,
    /// Nothing when it is gone.
    pub(super) after: Option<String>,
}

/// What differs, in the order of the fields.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let (old, mut new) = (leaves(before), leaves(after));
    let mut found = Vec::new();
    for (path, was) in old {
        let is = new.iter().position(|(other, _)| *other == path).map(|place| new.remove(place).1);
        if is.as_ref() != Some(&was) {
            found.push(Difference { path, before: Some(was), after: is });
        }
    }
    found.extend(new.into_iter().map(|(path, is)| Difference { path, before: None, after: Some(is) }));
    found
}

fn leaves(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (name, value) in object {
                collect(value, if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, found);
            }
        }
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                match value {
                    Value::Object(_) => collect(value, format!("{path}[{}]", key(value, place)), found),
                    other => found.push((format!("{path}[{}]", plain(other)), plain(other))),
                }
            }
        }
        other => found.push((path, plain(other))),
    }
}

/// What a member is called: its value or its type, or its place when it says neither.
fn key(member: &Value, place: usize) -> String {
    let name = ["value", "type", "id"].into_iter().find_map(|name| member.get(name)?.as_str());
    name.map_or_else(|| place.to_string(), str::to_owned)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_apart_by_what_they_are() {
        let before = json!({ "active": true, "title": "x", "emails": [{ "value": "a@x", "type": "work" }, { "value": "b@x" }] });
        let after = json!({ "active": false, "emails": [{ "value": "b@x" }, { "value": "a@x", "type": "home" }], "nick": "y" });
        let text = |value: &str| Some(value.to_owned());
        let found = differences(&before, &after);
        let expected = [
            ("active", text("true"), text("false")),
            ("title", text("x"), None),
            ("emails[a@x].type", text("work"), text("home")),
            ("nick", None, text("y")),
        ];
        assert_eq!(found.len(), expected.len());
        for (found, (path, before, after)) in found.iter().zip(expected) {
            assert_eq!((found.path.as_str(), &found.before, &found.after), (path, &before, &after));
        }
        assert!(differences(&Value::Null, &Value::Null).is_empty());
    }
}
