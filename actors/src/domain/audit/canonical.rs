//! JSON in the one form that can be hashed: RFC 8785 (JCS).
//!
//! 1. No white space between tokens (§3.2.1).
//! 2. Texts: the short escapes of `\b \t \n \f \r \" \\`, `\u00xx` in lower case for other control characters, all
//!    else as it is (§3.2.2.2).
//! 3. Numbers as ECMAScript writes doubles (§3.2.2.3): an integer beyond 2^53 becomes the double next to it.
//! 4. Members of objects in the order of the UTF-16 code units of their names (§3.2.3).
use serde_json::{Number, Value};

/// Whole numbers up to this one, and down to its negative, are doubles as they are.
const WHOLE_DOUBLES: i64 = 1 << 53;

/// A value in its canonical form.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::with_capacity(1_024);
    write(&mut text, value);
    text
}

/// The same, at the end of a text.
pub(super) fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_text(text, string),
        Value::Array(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                separate(text, place);
                write(text, value);
            }
            text.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16())); // (4)
            text.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                separate(text, place);
                write_text(text, name);
                text.push(':'); // (1)
                write(text, value);
            }
            text.push('}');
        }
    }
}

fn separate(text: &mut String, place: usize) {
    if place > 0 {
        text.push(','); // (1)
    }
}

fn write_text(text: &mut String, string: &str) {
    if string.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(string);
        text.push('"');
    } else {
        text.push_str(&Value::from(string).to_string()); // (2) as serde_json writes them anyway
    }
}

fn write_number(text: &mut String, number: &Number) {
    let whole = number.as_i64().filter(|whole| (-WHOLE_DOUBLES..=WHOLE_DOUBLES).contains(whole));
    let canonical = match whole {
        Some(whole) => whole.to_string(),
        None => serde_json_canonicalizer::to_string(number).unwrap_or_else(|_| number.to_string()), // (3)
    };
    text.push_str(&canonical);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i16>().prop_map(|small| Value::from(f64::from(small))),
            any::<String>().prop_map(Value::from),
            "[\u{0}-\u{7f}]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Another implementation agrees, and whoever reads the text writes it again.
        #[test]
        fn it_is_what_others_write(value in values()) {
            let text = canonical(&value);
            prop_assert_eq!(&text, &serde_json_canonicalizer::to_string(&value).unwrap());
            let again: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(canonical(&again), text);
        }
    }

    #[test]
    fn names_go_by_code_units_and_numbers_by_ecmascript() {
        // RFC 8785 §3.2.3: U+1F600 is D83D DE00 and goes before U+FB33, unlike its code point.
        let value = json!({ "\u{fb33}": 1, "\u{1f600}": 2, "\u{20ac}": 3, "\r": 4, "1": 5, "\u{80}": 6, "\u{f6}": 7 });
        assert_eq!(
            canonical(&value),
            "{\"\\r\":4,\"1\":5,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
        let numbers =
            "[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0.0, 9007199254740993]";
        let numbers = serde_json::from_str(numbers).unwrap();
        assert_eq!(canonical(&numbers), "[333333333.3333333,1e+30,4.5,0.002,1e-27,0,9007199254740992]");
        assert_eq!(
            canonical(&json!("\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\"/")),
            "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""
        );
    }
}
