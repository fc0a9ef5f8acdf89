use proptest::prelude::*;

use super::*;

const LIMITS: FilterLimits = FilterLimits { length_bytes: 4096, depth: 20 };

fn parse(text: &str) -> Result<Filter, ScimError> {
    Filter::parse(text, &LIMITS)
}

#[test]
fn reads_the_examples_of_the_rfc() {
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        r#"NOT(active EQ True)"#,
        r#"a eq "\u00e9\"\\" and b gt -1.5e3 and c eq null"#,
    ] {
        let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parse(&filter.to_string()), Ok(filter), "{text}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    let Filter::Or(parts) = parse("a pr or b pr and c pr").unwrap() else { panic!() };
    assert!(matches!(&parts[1], Filter::And(inner) if inner.len() == 2));
}

#[test]
fn a_urn_is_split_at_its_last_colon() {
    let Filter::Present(path) =
        parse("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr").unwrap()
    else {
        panic!()
    };
    assert_eq!(path.schema.as_deref(), Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"));
    assert_eq!((path.attribute.as_str(), path.sub_attribute.as_deref()), ("manager", Some("displayName")));
}

#[test]
fn refuses_what_is_no_filter() {
    for text in [
        "",
        "userName",
        "userName eq",
        "userName eq bob",
        "eq \"x\"",
        "(a pr",
        "a pr)",
        "a pr and",
        "a pr orb pr",
        "a[b pr",
        "a.b.c pr",
        "a eq \"x",
    ] {
        assert_eq!(parse(text).unwrap_err().scim_type, Some(ScimType::InvalidFilter), "{text}");
    }
}

#[test]
fn length_and_depth_are_limited() {
    let deep = format!("{}a pr{}", "(".repeat(3000), ")".repeat(3000));
    let wide = FilterLimits { length_bytes: 100_000, depth: 20 };
    assert!(Filter::parse(&deep, &wide).unwrap_err().detail.contains("nested deeper"));
    assert!(parse(&"a".repeat(5000)).unwrap_err().detail.contains("longer"));
    assert!(parse(&format!("{}a pr{}", "(".repeat(19), ")".repeat(19))).is_ok());
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let path = ("[a-z][a-zA-Z0-9]{0,6}", prop::option::of("[a-z]{1,5}"), any::<bool>()).prop_map(
        |(attribute, sub_attribute, urn)| AttributePath {
            schema: urn.then(|| "urn:x:y:2.0:User".into()),
            attribute,
            sub_attribute,
        },
    );
    let value = prop_oneof![
        any::<String>().prop_map(Literal::String),
        any::<i64>().prop_map(|number| Literal::Number(number.into())),
        any::<bool>().prop_map(Literal::Boolean),
        Just(Literal::Null),
    ];
    let op = prop::sample::select(WORDS.map(|(op, _)| op).to_vec());
    let leaf = prop_oneof![
        path.clone().prop_map(Filter::Present),
        (path.clone(), op, value).prop_map(|(path, op, value)| Filter::Compare { path, op, value }),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            (path.clone(), inner)
                .prop_map(|(path, filter)| Filter::ValuePath { path, filter: Box::new(filter) }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(filter in any_filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string(), &FilterLimits { length_bytes: 1 << 20, depth: 40 }), Ok(filter));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[ a-z\"\\\\()\\[\\].:0-9]{0,40}") {
        let _ = parse(&text);
    }
}
