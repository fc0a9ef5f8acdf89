//! Every tool's plan against transcripts, against its vendor's description, and against tools that misbehave.
//!
//! `tests/golden/connectors/TOOL/CASE.json` holds `settings`, `leaver`, `mode` (`run`, `preview`, `check`), the
//! `exchanges` in their order and the `result`. `CEVEN_RECORD=1` writes requests and results anew from the responses
//! that are there: read the difference before it is kept.
#[path = "connectors/okta.rs"]
mod okta;
mod support;
#[path = "connectors/webhook.rs"]
mod webhook;

use std::collections::BTreeSet;

use ceven_actors::connector::pass::{Failure, Outcome, Progress};
use ceven_actors::connector::wire::{Answer, Method, Purpose, Request, Response, SendError};
use ceven_actors::connector::{KINDS, kind};
use serde_json::{Map, Value, json};
use support::specs::{against_discovery, against_openapi, load, split};
use support::transcript::{self, NOW_MS, Transcript, all, golden, result, shown};

#[test]
fn transcripts_come_out_as_recorded() {
    let mut wrong = Vec::new();
    for transcript in all() {
        if std::env::var_os("CEVEN_RECORD").is_some() {
            record(&transcript);
            continue;
        }
        let (exchanges, answers) = (transcript.exchanges(), transcript.answers());
        let tool = transcript.tool();
        for sent in 0..=answers.len() {
            let progress = transcript.run(tool.as_ref(), &answers[..sent]);
            let wanted = exchanges.get(sent).map(|exchange| &exchange["request"]);
            let asked = progress.request.as_ref().map(shown);
            if asked.as_ref() != wanted {
                wrong.push(format!(
                    "{} request {sent}:\n wanted {wanted:?}\n  asked {asked:?}",
                    transcript.name
                ));
                break;
            }
            let ended = result(&progress);
            if asked.is_none() && ended != transcript.content["result"] {
                let wanted = &transcript.content["result"];
                wrong.push(format!("{} result:\n wanted {wanted:#}\n    got {ended:#}", transcript.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn record(transcript: &Transcript) {
    let answers = transcript.answers();
    let tool = transcript.tool();
    let (requests, progress) = transcript.drive(tool.as_ref(), Vec::new(), |sent, request| {
        answers
            .get(sent)
            .cloned()
            .unwrap_or_else(|| panic!("{}: no response for {request:?}", transcript.name))
    });
    let mut content = transcript.content.clone();
    let responses = transcript.exchanges().iter().map(|exchange| &exchange["response"]);
    let exchanges = requests.iter().zip(responses);
    content["exchanges"] = exchanges
        .map(|(request, response)| json!({ "request": shown(request), "response": response }))
        .collect();
    content["result"] = result(&progress);
    let path = golden().join("connectors").join(format!("{}.json", transcript.name));
    std::fs::write(path, serde_json::to_string_pretty(&content).unwrap() + "\n").unwrap();
}

#[test]
fn each_tool_has_the_cases_that_matter() {
    let names: BTreeSet<String> = all().into_iter().map(|transcript| transcript.name).collect();
    for kind in KINDS {
        for case in ["happy", "preview", "check"] {
            assert!(names.contains(&format!("{}/{case}", kind.id)), "{} has no case {case}", kind.id);
        }
    }
}

#[test]
fn reads_only_where_only_reads_are_allowed() {
    for transcript in all().iter().filter(|transcript| transcript.is_read_only()) {
        for exchange in transcript.exchanges() {
            assert_ne!(exchange["request"]["purpose"], "write", "{}", transcript.name);
        }
    }
}

#[test]
fn steps_have_names_of_their_own_and_passes_end_with_verify() {
    for transcript in all() {
        let steps = transcript.content["result"]["steps"].as_array().unwrap();
        let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
        let unique: BTreeSet<&&str> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{}: {names:?}", transcript.name);
        assert!(names.iter().all(|name| {
            name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte))
        }));
        let stops_early = ["authorize", "resolve", "guard", "scim_record"].contains(names.last().unwrap());
        assert!(
            transcript.is_check() || stops_early || names.last() == Some(&"verify"),
            "{}: {names:?}",
            transcript.name
        );
    }
}

#[test]
fn requests_stay_at_the_origins_of_the_tool() {
    for transcript in all() {
        let origins = transcript.tool().origins();
        for exchange in transcript.exchanges() {
            let url = exchange["request"]["url"].as_str().unwrap();
            let home = origins.iter().any(|origin| {
                url.strip_prefix(origin.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            });
            assert!(home, "{}: {url} is not at {origins:?}", transcript.name);
        }
    }
}

#[test]
fn secrets_stay_out_of_steps() {
    for transcript in all() {
        let ended = transcript.content["result"].to_string();
        let settings = transcript.settings();
        let secrets = kind(&transcript.kind).unwrap().fields.iter().filter(|field| field.secret);
        let given = secrets.filter_map(|field| settings.get(field.name)?.as_str()).map(str::to_owned);
        let tokens = transcript.exchanges().iter().flat_map(|exchange| {
            let body = &exchange["response"]["body"];
            [&body["token"], &body["access_token"]].map(|token| token.as_str().map(str::to_owned))
        });
        for secret in given.chain(tokens.flatten()) {
            assert!(!ended.contains(&secret), "{} tells a secret", transcript.name);
        }
    }
}

/// A tool that begins to fail at any point of any transcript: the plan ends, and never says that all went well.
#[test]
fn a_tool_that_fails_half_way_is_noticed() {
    let status = |status, body: &str| {
        Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), at_ms: NOW_MS })
    };
    let failures = [
        ("timeout", Err(SendError::Timeout)),
        ("blocked", Err(SendError::Blocked)),
        ("500", status(500, "")),
        ("401", status(401, "")),
        ("429", status(429, "")),
    ];
    let mut tried = BTreeSet::new();
    for transcript in all() {
        let (tool, answers) = (transcript.tool(), transcript.answers());
        for from in 0..answers.len() {
            // Transcripts of a tool begin alike.
            let Transcript { kind, content, .. } = &transcript;
            let so_far = json!(transcript.exchanges()[..from]);
            let story = [&content["settings"], &content["leaver"], &content["mode"], &so_far];
            if !tried.insert(format!("{kind} {}", json!(story))) {
                continue;
            }
            let end = |answer: &Answer| {
                transcript.drive(tool.as_ref(), answers[..from].to_vec(), |_, _| answer.clone()).1
            };
            // One of them at each point, in turn: a signature for each token takes its time.
            let (name, answer) = &failures[tried.len() % failures.len()];
            // Who answers an unsigned GET is there, whatever is said.
            let is_there = kind == "webhook" && transcript.is_check() && ["401", "429"].contains(name);
            let name = format!("{} from {from}: {name}", transcript.name);
            assert!(is_there || has_failed(&end(answer)), "{name} went unnoticed");
            // Nonsense is not "nothing there": no plan may end well on a page of a gateway alone.
            let progress = end(&status(200, "<html>a gateway</html>"));
            let is_excused = transcript.is_check() || is_write_last(&transcript, from);
            let name = format!("{} from {from}: nonsense", transcript.name);
            assert!(is_excused || has_failed(&progress), "{name} went unnoticed: {:?}", progress.steps);
        }
    }
}

fn has_failed(progress: &Progress) -> bool {
    progress.steps.iter().any(|step| matches!(step.outcome, Outcome::Failed(_)))
}

/// Whether nothing is read after this exchange: the status of a write is all that it says.
fn is_write_last(transcript: &Transcript, from: usize) -> bool {
    transcript.exchanges()[from..].iter().all(|exchange| exchange["request"]["purpose"] == "write")
}

#[test]
fn github_requests_fit_the_description() {
    let spec = load("github-ghec-slim.openapi.json");
    let mut seen = BTreeSet::new();
    for transcript in all().iter().filter(|transcript| transcript.kind == "github") {
        for request in transcript.exchanges().iter().map(|exchange| &exchange["request"]) {
            let url = request["url"].as_str().unwrap();
            if url.ends_with("/graphql") {
                continue;
            }
            let base = ["https://api.github.com", "https://github.acme.example/api/v3"];
            let (path, query) = base.iter().find_map(|base| split(url, base)).unwrap();
            let method = request["method"].as_str().unwrap();
            let judged = against_openapi(&spec, method, path, &query, &request["body"]);
            assert_eq!(judged, Ok(()), "{}: {method} {url}", transcript.name);
            seen.insert(format!("{method} {path}"));
        }
    }
    assert!(seen.len() >= 15, "{seen:?}");
    let wrong = json!({ "action": "delete", "pat_ids": [1] });
    let path = "/orgs/acme/personal-access-tokens";
    assert!(against_openapi(&spec, "POST", path, &[], &wrong).is_err(), "the judge sees enums");
    assert!(against_openapi(&spec, "POST", path, &[], &json!({ "action": "revoke" })).is_err());
    assert!(against_openapi(&spec, "GET", path, &["login".into()], &Value::Null).is_err());
    assert!(against_openapi(&spec, "PATCH", path, &[], &Value::Null).is_err());
}

#[test]
fn google_requests_fit_the_description() {
    let document = load("google-directory_v1-slim.discovery.json");
    let transfers = load("google-datatransfer_v1.discovery.json");
    let mut seen = BTreeSet::new();
    for transcript in all().iter().filter(|transcript| transcript.kind == "google_workspace") {
        for request in transcript.exchanges().iter().map(|exchange| &exchange["request"]) {
            let url = request["url"].as_str().unwrap();
            let Some((path, query)) = split(url, "https://admin.googleapis.com") else {
                assert_eq!(url, "https://oauth2.googleapis.com/token");
                continue;
            };
            let method = request["method"].as_str().unwrap();
            let judge = if path.starts_with("/admin/datatransfer/") { &transfers } else { &document };
            let judged = against_discovery(judge, method, path, &query, &request["body"]);
            assert_eq!(judged, Ok(()), "{}: {method} {url}", transcript.name);
            seen.insert(format!("{method} {path}"));
        }
    }
    assert!(seen.len() >= 15, "{seen:?}");
    let path = "/admin/directory/v1/users/1";
    assert!(against_discovery(&document, "PUT", path, &[], &json!({ "suspend": true })).is_err());
    assert!(against_discovery(&document, "POST", path, &[], &Value::Null).is_err());
    assert!(against_discovery(&document, "GET", path, &["nope".into()], &Value::Null).is_err());
}

/// Google's errors as others have recorded them, each with the class that they gave it.
#[test]
fn google_errors_are_told_apart() {
    use ceven_actors::connector::google_workspace::api::judge;
    for case in load("google-errors.json")["cases"].as_array().unwrap() {
        if case["where"] == "token endpoint" {
            continue;
        }
        let answer = transcript::answer(case);
        let failure = judge(&answer).unwrap();
        let fits = match case["class"].as_str().unwrap() {
            "already_absent" => ceven_actors::connector::step::is_not_found(&answer),
            "retry" => failure.is_retryable(),
            "park_long" => {
                matches!(failure, Failure::RateLimited { until_ms: Some(until) } if until >= NOW_MS + 3_600_000)
            }
            "permission" => matches!(failure, Failure::Permission { .. }),
            other => panic!("{other} is no class"),
        };
        assert!(fits, "{case} became {failure:?}");
    }
}

#[test]
fn settings_are_refused_with_the_name_of_the_field() {
    let key = std::fs::read_to_string(golden().join("keys/test-rsa.pem")).unwrap();
    let file = json!({ "client_email": "a@b", "private_key": key }).to_string();
    let cases = [
        ("google_workspace", json!({ "admin_email": "a@b" }), "service_account_key"),
        (
            "google_workspace",
            json!({ "admin_email": "a@b", "service_account_key": "{" }),
            "service_account_key",
        ),
        ("google_workspace", json!({ "admin_email": "admin", "service_account_key": file }), "admin_email"),
        (
            "google_workspace",
            json!({ "admin_email": "a@b", "service_account_key": file, "org_unit": "Leavers" }),
            "org_unit",
        ),
        (
            "github",
            json!({ "organization": "o", "app_client_id": "i", "app_private_key": "x" }),
            "app_private_key",
        ),
        (
            "github",
            json!({ "organization": "o", "app_client_id": "i", "app_private_key": key, "mode": "enterprise" }),
            "enterprise",
        ),
        (
            "github",
            json!({ "organization": "o", "app_client_id": "i", "app_private_key": key, "mode": "x" }),
            "mode",
        ),
        ("slack", json!({ "token": "xoxb-1" }), "token"),
        ("slack", json!({ "token": "xoxp-1", "base_url": "slack" }), "base_url"),
        ("slack", json!({ "token": "xoxp-1", "nope": "1" }), "nope"),
        ("webhook", json!({ "url": "ftp://x", "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }), "url"),
        ("webhook", json!({ "url": "https://x", "secret": "C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }), "secret"),
        ("webhook", json!({ "url": "https://x", "secret": "whsec_c2hvcnQ=" }), "secret"),
    ];
    for (id, settings, field) in cases {
        let settings: Map<String, Value> = settings.as_object().unwrap().clone();
        let refused = kind(id).unwrap().tool(&settings).err();
        assert_eq!(refused.map(|error| error.field).as_deref(), Some(field), "{id} {settings:?}");
    }
}

#[test]
fn kinds_are_sound() {
    let mut ids = BTreeSet::new();
    for kind in KINDS {
        assert!(ids.insert(kind.id), "{} twice", kind.id);
        let names: BTreeSet<&str> = kind.fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), kind.fields.len(), "{}", kind.id);
        for field in kind.fields {
            assert!(!(field.required && field.default.is_some()), "{}.{}", kind.id, field.name);
            assert!(
                field.options.is_empty() || field.required || field.options.first() == field.default.as_ref()
            );
        }
    }
}

/// The purpose is what keeps a preview from changing anything, so it must not lie.
#[test]
fn writes_carry_the_purpose_of_a_write() {
    for transcript in all() {
        let (tool, answers) = (transcript.tool(), transcript.answers());
        let (requests, _) = transcript.drive(tool.as_ref(), Vec::new(), |sent, _| answers[sent].clone());
        for Request { method, purpose, url, .. } in requests {
            let reads_by_post =
                ["/graphql", "auth.test", "/users/search"].iter().any(|end| url.ends_with(end));
            let changes = matches!(method, Method::Put | Method::Patch | Method::Delete);
            assert!(!changes || purpose == Purpose::Write, "{}: {method:?} {url}", transcript.name);
            let is_post = method == Method::Post && !reads_by_post;
            assert!(!is_post || purpose != Purpose::Read, "{}: {method:?} {url}", transcript.name);
        }
    }
}
