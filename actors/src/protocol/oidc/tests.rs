use proptest::prelude::*;
use serde_json::json;

use super::*;

const ISSUER: &str = "https://acme.okta.com";
const NOW: i64 = 1_800_000_000;

fn expected() -> Expected<'static> {
    Expected { issuer: ISSUER, client_id: "0oa1", nonce: "n", now_secs: NOW, skew_secs: 300 }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "0oa1", "sub": "00u1", "nonce": "n", "iat": NOW - 1, "exp": NOW + 3600,
        "email": "ann@acme.example", "email_verified": true, "name": "Ann Lee"
    })
}

#[test]
fn a_good_token_names_a_person() {
    let identity = identify(&claims(), &expected()).unwrap();
    assert_eq!((identity.subject.as_str(), identity.email_verified), ("00u1", true));
    let mut listed = claims();
    listed["aud"] = json!(["0oa1"]);
    listed["azp"] = json!("0oa1");
    assert!(identify(&listed, &expected()).is_ok());
}

#[test]
fn each_rule_refuses_by_itself() {
    let vectors = [
        ("iss", json!("https://acme.okta.com/"), IdTokenError::Issuer),
        ("iss", json!(null), IdTokenError::Issuer),
        ("aud", json!("0oa2"), IdTokenError::Audience),
        ("aud", json!(["0oa1", "0oa2"]), IdTokenError::Audience),
        ("aud", json!([]), IdTokenError::Audience),
        ("azp", json!("0oa2"), IdTokenError::Audience),
        ("azp", json!(7), IdTokenError::Audience),
        ("exp", json!(NOW - 300), IdTokenError::Time),
        ("exp", json!("soon"), IdTokenError::Time),
        ("exp", json!(null), IdTokenError::Time),
        ("iat", json!(NOW + 301), IdTokenError::Time),
        ("iat", json!(NOW - 901), IdTokenError::Time),
        ("iat", json!(null), IdTokenError::Time),
        ("nbf", json!(NOW + 301), IdTokenError::Time),
        ("nbf", json!("now"), IdTokenError::Time),
        ("nonce", json!("m"), IdTokenError::Nonce),
        ("nonce", json!(null), IdTokenError::Nonce),
        ("sub", json!(""), IdTokenError::Subject),
        ("sub", json!("x".repeat(256)), IdTokenError::Subject),
        ("sub", json!("ä"), IdTokenError::Subject),
        ("sub", json!("00u1\0"), IdTokenError::Subject),
        ("sub", json!(7), IdTokenError::Subject),
    ];
    for (name, value, error) in vectors {
        let mut claims = claims();
        claims[name] = value.clone();
        assert_eq!(identify(&claims, &expected()), Err(error), "{name} = {value}");
    }
    for (name, value) in [("exp", NOW - 299), ("iat", NOW + 300), ("iat", NOW - 900), ("nbf", NOW + 300)] {
        let mut claims = claims();
        claims[name] = json!(value);
        assert!(identify(&claims, &expected()).is_ok(), "{name} = {value}");
    }
    let mut unverified = claims();
    unverified["email_verified"] = json!("true");
    assert!(!identify(&unverified, &expected()).unwrap().email_verified);
}

#[test]
fn a_discovery_document_speaks_for_its_issuer_only() {
    let document = json!({
        "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/oauth2/v1/authorize"),
        "token_endpoint": format!("{ISSUER}/oauth2/v1/token"), "jwks_uri": format!("{ISSUER}/oauth2/v1/keys"),
        "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"]
    });
    let metadata = Metadata::read(ISSUER, &document).unwrap();
    assert_eq!((metadata.end_session_endpoint, metadata.promises_iss), (None, false));
    for (name, value, error) in [
        ("issuer", json!("https://evil.example"), MetadataError::OtherIssuer),
        (
            "token_endpoint",
            json!("https://evil.example/token"),
            MetadataError::ForeignEndpoint("token_endpoint"),
        ),
        (
            "token_endpoint",
            json!("https://acme.okta.com@evil.example/"),
            MetadataError::ForeignEndpoint("token_endpoint"),
        ),
        ("jwks_uri", json!("http://acme.okta.com/keys"), MetadataError::ForeignEndpoint("jwks_uri")),
        ("jwks_uri", json!("https://acme.okta.com:8443/keys"), MetadataError::ForeignEndpoint("jwks_uri")),
        ("jwks_uri", json!(null), MetadataError::Missing("jwks_uri")),
        ("code_challenge_methods_supported", json!(["plain"]), MetadataError::Unsupported("S256")),
        ("response_types_supported", json!(["id_token"]), MetadataError::Unsupported("code")),
    ] {
        let mut document = document.clone();
        document[name] = value;
        assert_eq!(Metadata::read(ISSUER, &document), Err(error), "{name}");
    }
}

#[test]
fn the_challenge_is_that_of_the_rfc() {
    // RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
    let attempt = Attempt { state: String::new(), nonce: String::new(), code_verifier: verifier };
    assert_eq!(attempt.code_challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

proptest! {
    #[test]
    fn no_claim_makes_it_panic(text in "\\PC{0,40}", number in any::<f64>()) {
        for name in ["iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "sub"] {
            for value in [json!(text), json!(number), json!([text]), json!({ "x": number })] {
                let mut claims = claims();
                claims[name] = value;
                let _ = identify(&claims, &expected());
            }
        }
        let _ = Metadata::read(&text, &json!({ "issuer": text, "jwks_uri": text }));
    }
}
