//! What is particular to Okta, 1Password, Atlassian, Salesforce and SCIM servers: Okta's description, its proofs of
//! possession, and the cases that each of these tools must have. `connectors.rs` runs the transcripts.
use std::collections::{BTreeMap, BTreeSet};

use crate::support::transcript::{NOW_MS, Transcript, all, answer, golden, shown};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven_actors::connector::kind;
use ceven_actors::connector::wire::Request;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

#[test]
fn each_tool_has_the_cases_that_matter() {
    let names: BTreeSet<String> = all().into_iter().map(|transcript| transcript.name).collect();
    for kind in ["okta", "onepassword", "atlassian", "salesforce", "scim"] {
        for case in [
            "happy",
            "preview",
            "not_there",
            "ambiguous",
            "protected",
            "auth",
            "permission",
            "rate_limited",
            "transient",
            "malformed",
            "not_removed",
            "check",
            "check_missing_right",
            "by_link",
            "link_gone",
        ] {
            assert!(names.contains(&format!("{kind}/{case}")), "{kind} has no case {case}");
        }
    }
}

/// Made by `tests/specs/okta_slim.py` of Okta's OpenAPI files.
#[test]
fn okta_requests_fit_the_description() {
    let path = golden().join("../specs/okta-slim.json");
    let spec: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = BTreeSet::new();
    for transcript in all().iter().filter(|transcript| transcript.kind == "okta") {
        for request in transcript.exchanges().iter().map(|exchange| &exchange["request"]) {
            let template = fit(&spec, request);
            seen.insert(template.unwrap_or_else(|reason| panic!("{}: {reason}", transcript.name)));
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
    let request = |method: &str, path: &str, body: Value| {
        fit(&spec, &json!({ "method": method, "url": format!("https://acme.okta.com{path}"), "body": body }))
    };
    assert!(request("PATCH", "/api/v1/users/1", Value::Null).is_err(), "the judge sees methods");
    assert!(request("GET", "/api/v1/users/1/factors", Value::Null).is_err(), "and paths");
    assert!(request("GET", "/api/v1/users?email=1", Value::Null).is_err(), "and queries");
    assert!(
        request("POST", "/oauth2/v1/global-token-revocation", json!({ "sub": 1 })).is_err(),
        "and bodies"
    );
}

fn fit(spec: &Value, request: &Value) -> Result<String, String> {
    let url = request["url"].as_str().unwrap();
    let rest = url.strip_prefix("https://acme.okta.com").ok_or_else(|| format!("{url} is elsewhere"))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let fits = |template: &str| {
        let (wanted, given) = (segments(template), segments(path));
        wanted.len() == given.len()
            && wanted
                .iter()
                .zip(&given)
                .all(|(wanted, given)| wanted == given || (wanted.starts_with('{') && !given.is_empty()))
    };
    let (template, methods) = spec
        .as_object()
        .unwrap()
        .iter()
        .find(|(path, _)| fits(path))
        .ok_or_else(|| format!("no path {path}"))?;
    let method = request["method"].as_str().unwrap();
    let described = methods.get(method).ok_or_else(|| format!("{template} has no {method}"))?;
    for name in query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap()) {
        let is_known = described["query"].as_array().unwrap().contains(&json!(name));
        is_known.then_some(()).ok_or_else(|| format!("{template} has no query parameter {name}"))?;
    }
    for name in request["body"].as_object().into_iter().flat_map(|body| body.keys()) {
        let known = described["body"]["application/json"].as_array();
        let is_known = known.is_some_and(|known| known.contains(&json!(name)));
        is_known.then_some(()).ok_or_else(|| format!("{template} has no member {name}"))?;
    }
    Ok(format!("{method} {template}"))
}

/// RFC 9449 §4.2, §4.3: a proof carries the public key alone, fits its request and its token, and is used once.
#[test]
fn dpop_proofs_fit_their_requests() {
    let mut ids = BTreeSet::new();
    let transcript = named("okta/dpop");
    let requests = requests(&transcript);
    assert_eq!(requests.len(), transcript.exchanges().len());
    for (index, request) in requests.iter().enumerate() {
        let headers: BTreeMap<&str, &str> =
            request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let proof = headers["dpop"];
        let header = jsonwebtoken::decode_header(proof).unwrap();
        let jwk = header.jwk.unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let claims = jsonwebtoken::decode::<Value>(proof, &key, &validation).unwrap().claims;
        assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
        let jwk = serde_json::to_value(&jwk).unwrap();
        assert!(["d", "p", "q"].iter().all(|name| jwk.get(name).is_none()), "the private key stays here");
        assert_eq!(claims["htm"], request.method.name());
        assert_eq!(claims["htu"], request.url.split('?').next().unwrap());
        assert_eq!(claims["iat"], NOW_MS / 1_000);
        assert!(ids.insert(claims["jti"].to_string()), "an id is used twice");
        assert_eq!(claims["nonce"], if index == 1 { json!("nonce-1") } else { Value::Null });
        if index > 1 {
            let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"at-okta-1"));
            assert_eq!(claims["ath"], hash);
            assert_eq!(headers["authorization"], "DPoP at-okta-1");
        }
    }
}

#[test]
fn an_assertion_is_used_once() {
    let requests = requests(&named("okta/dpop_never_content"));
    let ids: BTreeSet<String> = requests
        .iter()
        .map(|request| shown(request)["form"]["client_assertion"]["jwt"]["claims"]["jti"].to_string())
        .collect();
    assert_eq!(ids.len(), requests.len());
}

#[test]
fn settings_are_refused_with_the_name_of_the_field() {
    let cases = [
        ("okta", json!({ "base_url": "acme.okta.com", "effect": "suspend", "api_token": "t" }), "base_url"),
        ("okta", json!({ "base_url": "https://acme.okta.com", "api_token": "t" }), "effect"),
        ("okta", json!({ "base_url": "https://a.okta.com", "effect": "delete", "api_token": "t" }), "effect"),
        ("okta", json!({ "base_url": "https://a.okta.com", "effect": "suspend" }), "api_token"),
        (
            "okta",
            json!({ "base_url": "https://a.okta.com", "effect": "suspend", "client_id": "i" }),
            "private_key",
        ),
        ("onepassword", json!({ "mode": "users_api", "client_id": "i", "client_secret": "s" }), "account_id"),
        ("onepassword", json!({ "mode": "scim_bridge", "bridge_token": "t" }), "bridge_url"),
        ("atlassian", json!({ "org_id": "o" }), "api_key"),
        (
            "salesforce",
            json!({ "base_url": "https://a.my.salesforce.com", "client_id": "i" }),
            "client_secret",
        ),
        (
            "salesforce",
            json!({ "base_url": "https://a.my.salesforce.com", "client_id": "i", "private_key": "k" }),
            "username",
        ),
        ("scim", json!({ "token": "t" }), "base_url"),
        ("scim", json!({ "base_url": "https://tool.example", "token": "t", "nope": "1" }), "nope"),
    ];
    for (id, settings, field) in cases {
        let Err(error) = kind(id).unwrap().tool(settings.as_object().unwrap()) else {
            panic!("{id} takes {settings}")
        };
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn hosts_are_the_vendors_own() {
    let okta = kind("okta").unwrap();
    assert!(okta.is_home("acme.okta.com") && !okta.is_home("okta.com.evil.example"));
    let settings =
        json!({ "mode": "scim_bridge", "bridge_url": "https://b.example/scim", "bridge_token": "t" });
    let bridge = kind("onepassword").unwrap().tool(settings.as_object().unwrap()).unwrap();
    assert!(bridge.is_self_hosted(), "a bridge is at home with the customer");
    assert!(!named("onepassword/happy").tool().is_self_hosted(), "the API is not");
}

fn named(name: &str) -> Transcript {
    all().into_iter().find(|transcript| transcript.name == name).unwrap()
}

fn requests(transcript: &Transcript) -> Vec<Request> {
    let tool = transcript.tool();
    let respond = |sent: usize, _: &Request| answer(&transcript.exchanges()[sent]["response"]);
    transcript.drive(tool.as_ref(), Vec::new(), respond).0
}
