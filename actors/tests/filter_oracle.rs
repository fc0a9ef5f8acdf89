//! The filter parser against another one: what `scim_v2` accepts, ours accepts, with the same meaning.
use ceven_actors::protocol::scim::filter::{Filter, FilterLimits};
use proptest::{prelude::*, strategy::ValueTree as _};

const LIMITS: FilterLimits = FilterLimits { length_bytes: 10_000, depth: 60 };

fn theirs(text: &str) -> Option<scim_v2::filter::Filter> {
    text.parse().ok()
}

fn expression() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "userName",
        "name.familyName",
        "emails",
        "emails.value",
        "meta.lastModified",
        "x-y_z",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
    ]);
    let op = prop::sample::select(vec!["eq", "NE", "co", "sw", "Ew", "gt", "ge", "lt", "le"]);
    let value = prop_oneof![
        "[a-z \\\\\"é]{0,6}".prop_map(|text| serde_json::Value::from(text).to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        prop::sample::select(vec!["true", "false", "null", "1.5", "-2e3", "True", "01", "\"\\u00e9\""])
            .prop_map(str::to_owned),
    ];
    let space = prop::sample::select(vec![" ", "  ", ""]);
    let leaf = prop_oneof![
        path.clone().prop_map(|path| format!("{path} pr")),
        (path.clone(), op, value).prop_map(|(path, op, value)| format!("{path} {op} {value}")),
    ];
    leaf.prop_recursive(4, 20, 3, move |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), space.clone())
                .prop_map(|(left, right, space)| format!("{left} and{space} {right}")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} OR {right}")),
            (inner.clone(), space.clone()).prop_map(|(inner, space)| format!("({space}{inner}{space})")),
            (inner.clone(), space.clone()).prop_map(|(inner, space)| format!("not{space}({inner})")),
            (path.clone(), inner).prop_map(|(path, inner)| format!("{path}[{inner}]")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn what_the_oracle_accepts_means_the_same(text in expression()) {
        if let Some(expected) = theirs(&text) {
            let ours = Filter::parse(&text, &LIMITS);
            prop_assert!(ours.is_ok(), "{text}: {ours:?}");
            let printed = ours.unwrap().to_string();
            prop_assert_eq!(theirs(&printed), Some(expected), "{} printed as {}", text, printed);
        }
    }
}

#[test]
fn the_oracle_accepts_most_of_what_is_tried() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..500).filter(|_| {
        let text = expression().new_tree(&mut runner).unwrap().current();
        theirs(&text).is_some()
    });
    assert!(accepted.count() > 100);
}
