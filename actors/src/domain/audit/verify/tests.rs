use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::{
    audit::{Draft, Head, seal},
    caller::{Actor, Authority, Caller, Stamp},
};

fn export(values: &[String]) -> Vec<String> {
    let caller = Caller {
        actor: Actor { kind: "operator", id: "root".into(), label: "root".into() },
        authority: Authority::Operator,
        ip: None,
        request_id: "r1".into(),
    };
    let mut head = Head::default();
    let mut lines = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let draft = Draft {
            action: "user.create",
            resource_type: "User",
            resource_id: index.to_string(),
            before: Value::Null,
            after: json!({ "userName": value, "age": 1.5 }),
        };
        let stamp =
            Stamp { at_ms: index as i64, new_id: Uuid::nil(), entry_id: Uuid::from_u128(index as u128) };
        let (entries, next) = seal(head, "acme", &caller, stamp, vec![draft]);
        lines.extend(entries.into_iter().map(|entry| entry.line.to_string()));
        head = next;
    }
    lines
}

fn verify<'a>(lines: impl IntoIterator<Item = &'a str>) -> Report {
    let mut verifier = Verifier::default();
    lines.into_iter().for_each(|line| verifier.line(line));
    verifier.finish()
}

proptest! {
    #[test]
    fn an_export_verifies_and_one_flipped_byte_is_found(
        values in prop::collection::vec("\\PC{0,12}", 1..6), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let text = export(&values).join("\n");
        let report = verify(text.lines());
        prop_assert!(report.ok && report.contiguous);
        prop_assert_eq!(report.entries, values.len() as u64);

        let mut bytes = text.into_bytes();
        let position = at.index(bytes.len());
        let line = bytes[..position].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        bytes[position] ^= 1 << bit;
        let flipped = String::from_utf8_lossy(&bytes);
        let report = verify(flipped.split('\n'));
        prop_assert!(!report.ok, "{flipped}");
        // The first line alone may carry any number, so a damaged one is blamed on the number it claims.
        if line > 1 {
            prop_assert_eq!(report.broken_at, Some(line));
        }
    }
}

#[test]
fn a_filtered_export_verifies_but_is_not_contiguous() {
    let lines = export(&["a".into(), "b".into(), "c".into()]);
    let report = verify([lines[0].as_str(), lines[2].as_str()]);
    assert!(report.ok && !report.contiguous);
    assert_eq!((report.first_seq, report.last_seq), (Some(1), Some(3)));
}

#[test]
fn a_line_of_another_chain_is_found() {
    let (ours, theirs) = (export(&["a".into(), "b".into()]), export(&["x".into(), "y".into()]));
    let report = verify([ours[0].as_str(), theirs[1].as_str()]);
    assert_eq!((report.ok, report.broken_at), (false, Some(2)));
}

#[test]
fn an_escape_in_another_spelling_is_found() {
    let lines = export(&["a".into()]);
    let report = verify([lines[0].replace("user.create", "user\\u002ecreate").as_str()]);
    assert_eq!((report.ok, report.broken_at), (false, Some(1)));
}
