use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        audit::{Draft, Head, Mode, seal, statement::Scope},
        caller::{Actor, Authority, Caller, Stamp},
    },
    protocol::signature::SigningKey,
};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

/// Lines with the signed head that belongs to them.
fn signed(values: &[String], kept: impl Fn(usize) -> bool, seed: u8) -> Vec<String> {
    let (lines, head) = log(values);
    let kept: Vec<String> =
        lines.into_iter().enumerate().filter(|(index, _)| kept(*index)).map(|(_, line)| line).collect();
    let mut tally = Tally::default();
    kept.iter().for_each(|line| tally.add(line));
    let filtered = kept.len() < values.len();
    let scope =
        Scope { organization: "acme".into(), mode: Mode::Live, head, after_seq: 0, filtered, at_ms: 0 };
    let last = scope.head_line(&key(seed), &tally);
    kept.into_iter().chain([last]).collect()
}

fn export(values: &[String]) -> Vec<String> {
    signed(values, |_| true, 1)
}

fn log(values: &[String]) -> (Vec<String>, Head) {
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
        let (entries, next) = seal(head, ("acme", Mode::Live), &caller, stamp, vec![draft]);
        lines.extend(entries.into_iter().map(|entry| entry.line.to_string()));
        head = next;
    }
    (lines, head)
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
    let lines = signed(&["a".into(), "b".into(), "c".into()], |index| index != 1, 1);
    let report = verify(lines.iter().map(String::as_str));
    assert!(report.ok && !report.contiguous, "{report:?}");
    assert_eq!((report.first_seq, report.last_seq, report.head_seq), (Some(1), Some(3), Some(3)));
    let fewer = verify([lines[0].as_str(), lines[2].as_str()]);
    assert!(!fewer.ok, "what was taken out of a filtered export is missed");
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

#[test]
fn a_cut_end_a_second_head_and_more_lines_are_found() {
    let lines = export(&["a".into(), "b".into()]);
    let text = |at: &[usize]| verify(at.iter().map(|at| lines[*at].as_str()));
    assert!(text(&[0, 1, 2]).ok);
    assert_eq!(text(&[0, 1]).broken_at, Some(3), "no head");
    assert_eq!(text(&[0, 2]).broken_at, Some(2), "a line is gone");
    assert!(!text(&[0, 1, 2, 2]).ok && !text(&[0, 2, 1]).ok && !text(&[2]).ok);
    let empty = verify(signed(&[], |_| true, 1).iter().map(String::as_str));
    assert!(empty.ok && empty.entries == 0);
}

#[test]
fn a_log_written_anew_does_not_fit_an_earlier_head() {
    let early = export(&["a".into(), "b".into()]);
    let earlier = Earlier::from_head(early.last().unwrap()).unwrap();
    let check = |lines: Vec<String>| {
        let mut verifier = Verifier::knowing(earlier.clone());
        lines.iter().for_each(|line| verifier.line(line));
        verifier.finish()
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(check(export(&names(&["a", "b", "c"]))).ok);
    let anew = check(export(&names(&["a", "x", "c"])));
    assert_eq!((anew.ok, anew.broken_at), (false, Some(2)));
    assert!(!check(export(&names(&["a"]))).ok, "shorter");
    assert!(!check(signed(&names(&["a", "b"]), |_| true, 2)).ok, "another key");
    assert_eq!(Earlier::from_head(&early[0]), None);
}
