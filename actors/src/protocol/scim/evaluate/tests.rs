use serde_json::json;

use super::*;
use crate::protocol::scim::{filter::FilterLimits, schema::USER_TYPE};

fn user() -> Object {
    let value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "abc", "externalId": "00uX",
        "userName": "Ann@Example.com", "active": true, "title": "",
        "name": { "familyName": "Ångström" },
        "emails": [{ "value": "ann@work.example", "type": "work", "primary": true }, { "value": "a@home.example", "type": "home" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D", "manager": { "value": "7" } },
        "meta": { "created": "2026-11-24T01:02:03.456Z" }
    });
    value.as_object().unwrap().clone()
}

fn says(text: &str) -> Result<bool, ScimError> {
    let filter = Filter::parse(text, &FilterLimits { length_bytes: 1000, depth: 10 })?;
    Ok(BoundFilter::bind(&filter, &USER_TYPE)?.matches(&user()))
}

#[test]
fn keeps_each_rule() {
    for (text, expected) in [
        (r#"userName eq "ann@example.COM""#, true),
        (r#"externalId eq "00ux""#, false),
        (r#"ExternalID EQ "00uX""#, true),
        (r#"name.familyName sw "åNG""#, true),
        (r#"userName co "@ex" and userName ew ".com""#, true),
        (r#"active eq true"#, true),
        (r#"active eq "True""#, true),
        (r#"active ne true"#, false),
        (r#"title pr"#, false),
        (r#"nickName pr"#, false),
        (r#"nickName ne "x""#, true),
        (r#"nickName eq null"#, true),
        (r#"userName ne null"#, true),
        (r#"emails pr"#, true),
        (r#"emails co "HOME""#, true),
        (r#"emails eq "ANN@work.example""#, true),
        (r#"emails[type eq "work" and value co "home"]"#, false),
        (r#"emails[type eq "home" and value co "home"]"#, true),
        (r#"emails.type eq "home" and emails.value co "work""#, true),
        (r#"not (emails[primary eq true])"#, false),
        (r#"meta.created gt "2026-11-24T02:02:03+02:00""#, true),
        (r#"meta.created eq "2026-11-24T02:02:03.456+01:00""#, true),
        (r#"meta.created lt "2026-11-24T01:02:03Z""#, false),
        (r#"userName gt "a" and userName lt "b""#, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d""#, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.value eq "7""#, true),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ann""#, true),
        (r#"schemas co "2.0:User""#, true),
    ] {
        assert_eq!(says(text), Ok(expected), "{text}");
    }
}

#[test]
fn refuses_what_makes_no_sense() {
    for text in [
        "nonsense pr",
        r#"name.nonsense eq "x""#,
        r#"department eq "x""#,
        r#"urn:x:y:User:department eq "x""#,
        "active gt true",
        r#"active eq "yes""#,
        "userName eq 5",
        "userName eq true",
        r#"name eq "x""#,
        r#"meta.created gt "yesterday""#,
        r#"userName[value eq "x"]"#,
        r#"emails[userName eq "x"]"#,
        r#"x509Certificates.value gt "AA==""#,
        "userName gt null",
    ] {
        assert_eq!(says(text).unwrap_err().scim_type, Some(ScimType::InvalidFilter), "{text}");
    }
}

#[test]
fn tells_which_index_can_answer() {
    let limits = FilterLimits { length_bytes: 1000, depth: 10 };
    let filter =
        Filter::parse(r#"userName eq "Ann" and emails.value eq "X" and active eq true"#, &limits).unwrap();
    let bound = BoundFilter::bind(&filter, &USER_TYPE).unwrap();
    assert_eq!(
        bound.equalities().collect::<Vec<_>>(),
        [("userName".into(), "ann", false), ("emails.value".into(), "x", false)]
    );
    let either = Filter::parse(r#"userName eq "Ann" or id eq "x""#, &limits).unwrap();
    assert!(BoundFilter::bind(&either, &USER_TYPE).unwrap().equalities().next().is_none());
}
