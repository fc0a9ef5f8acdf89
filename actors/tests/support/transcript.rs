//! Transcripts of plans: what a plan was told, what it asked, how it ended.
use std::path::{Path, PathBuf};

use ceven_actors::connector::pass::{self, Input, Leaver, Mode, Progress};
use ceven_actors::connector::wire::{Answer, Body, Purpose, Request, Response, SendError};
use ceven_actors::connector::{Tool, kind};
use ceven_actors::domain::okta::Identity;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// When every transcript takes place.
pub const NOW_MS: i64 = 1_795_500_000_000;
/// More requests than any plan of a transcript makes.
const MAX_REQUESTS: usize = 500;

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

/// A transcript and its name, such as `github/happy`.
pub struct Transcript {
    pub name: String,
    pub kind: String,
    pub content: Value,
}

/// Every transcript of `tests/golden/connectors`, in the order of their names.
pub fn all() -> Vec<Transcript> {
    let mut found = Vec::new();
    for tool in std::fs::read_dir(golden().join("connectors")).unwrap() {
        let tool = tool.unwrap().path();
        let kind = tool.file_name().unwrap().to_str().unwrap().to_owned();
        for case in std::fs::read_dir(&tool).unwrap() {
            let case = case.unwrap().path();
            let name = format!("{kind}/{}", case.file_stem().unwrap().to_str().unwrap());
            let content = serde_json::from_str(&std::fs::read_to_string(&case).unwrap())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push(Transcript { name, kind: kind.clone(), content });
        }
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

impl Transcript {
    pub fn exchanges(&self) -> &[Value] {
        self.content["exchanges"].as_array().unwrap()
    }

    pub fn answers(&self) -> Vec<Answer> {
        self.exchanges().iter().map(|exchange| answer(&exchange["response"])).collect()
    }

    pub fn is_check(&self) -> bool {
        self.content["mode"] == "check"
    }

    pub fn is_read_only(&self) -> bool {
        self.content["mode"] != "run"
    }

    /// The settings as the tool gets them: `TEST_KEY` is the test key, an object is its JSON text.
    pub fn settings(&self) -> Map<String, Value> {
        let settings = self.content["settings"].as_object().unwrap();
        let as_text = |value: &Value| match with_key(value) {
            Value::Object(object) => Value::String(Value::Object(object).to_string()),
            other => other,
        };
        settings.iter().map(|(name, value)| (name.clone(), as_text(value))).collect()
    }

    pub fn tool(&self) -> Box<dyn Tool> {
        let kind = kind(&self.kind).unwrap_or_else(|| panic!("{}: no such kind", self.name));
        kind.tool(&self.settings()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// How far the plan comes with these answers.
    pub fn run(&self, tool: &dyn Tool, answers: &[Answer]) -> Progress {
        let leaver = leaver(&self.content["leaver"]);
        let mode = if self.content["mode"] == "preview" { Mode::Preview } else { Mode::Run };
        let input = Input { leaver: &leaver, mode, now_ms: NOW_MS, random: [7; 32] };
        pass::run(input, answers, |pass| if self.is_check() { tool.check(pass) } else { tool.remove(pass) })
    }

    /// Runs the plan from these answers to its end, `respond` making all further ones. Tells the further requests and
    /// the end.
    pub fn drive(
        &self,
        tool: &dyn Tool,
        mut answers: Vec<Answer>,
        mut respond: impl FnMut(usize, &Request) -> Answer,
    ) -> (Vec<Request>, Progress) {
        let mut requests = Vec::new();
        loop {
            let progress = self.run(tool, &answers);
            let Some(request) = &progress.request else { return (requests, progress) };
            assert!(requests.len() < MAX_REQUESTS, "{}: does not end", self.name);
            answers.push(respond(requests.len(), request));
            requests.push(request.clone());
        }
    }
}

fn with_key(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "TEST_KEY" => {
            std::fs::read_to_string(golden().join("keys/test-rsa.pem")).unwrap().into()
        }
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.clone(), with_key(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn leaver(given: &Value) -> Leaver {
    let text = |name: &str| given[name].as_str().map(str::to_owned);
    let id = |name: &str, default: &str| Uuid::parse_str(given[name].as_str().unwrap_or(default)).unwrap();
    Leaver {
        user_id: id("user_id", "0195c0de-0000-7000-8000-000000000001"),
        offboarding_id: id("offboarding_id", "0195c0de-0000-7000-8000-000000000002"),
        since_ms: given["since_ms"].as_i64().unwrap_or(NOW_MS),
        user_name: text("user_name").unwrap_or_default(),
        external_id: text("external_id"),
        emails: serde_json::from_value(given["emails"].clone()).unwrap_or_default(),
        display_name: text("display_name"),
        attributes: given["attributes"].as_object().cloned().unwrap_or_default(),
        identity: given["identity"].as_object().map(|identity| Identity {
            issuer: identity["issuer"].as_str().unwrap().into(),
            subject: identity["subject"].as_str().unwrap().into(),
        }),
        link: serde_json::from_value(given["link"].clone()).unwrap_or_default(),
    }
}

/// `{status, headers, body}`, or `{error}`.
pub fn answer(response: &Value) -> Answer {
    match response["error"].as_str() {
        Some("timeout") => return Err(SendError::Timeout),
        Some("connection") => return Err(SendError::Connection),
        Some("blocked") => return Err(SendError::Blocked),
        Some("too_large") => return Err(SendError::TooLarge),
        _ => {}
    }
    let headers = response["headers"].as_object().into_iter().flatten();
    Ok(Response {
        status: response["status"].as_u64().unwrap().try_into().unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        body: match &response["body"] {
            Value::Null => Vec::new(),
            Value::String(text) => text.clone().into_bytes(),
            body => body.to_string().into_bytes(),
        },
        at_ms: NOW_MS,
    })
}

/// A request as a transcript shows it. JWTs of the test key are verified and shown as their claims.
pub fn shown(request: &Request) -> Value {
    let mut shown = json!({
        "method": request.method.name(),
        "url": request.url,
        "purpose": match request.purpose {
            Purpose::Read => "read".to_owned(),
            Purpose::Write => "write".to_owned(),
            Purpose::Token(name) => format!("token {name}"),
        },
    });
    let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), claims(value)));
    shown["headers"] = Value::Object(headers.collect());
    match &request.body {
        Body::None => {}
        Body::Json(body) => shown["body"] = body.clone(),
        Body::Form(fields) => {
            let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), claims(value)));
            shown["form"] = Value::Object(fields.collect());
        }
        Body::Text(text) => shown["text"] = json!(text),
    }
    shown
}

fn claims(text: &str) -> Value {
    let token = text.strip_prefix("Bearer ").unwrap_or(text);
    if !token.starts_with("eyJ") {
        return json!(text);
    }
    let pem = std::fs::read(golden().join("keys/test-rsa.pub.pem")).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded =
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_rsa_pem(&pem).unwrap(), &validation).unwrap();
    json!({ "jwt": { "kid": decoded.header.kid, "typ": decoded.header.typ, "claims": decoded.claims } })
}

/// The end of a pass as a transcript shows it.
pub fn result(progress: &Progress) -> Value {
    json!({ "matched": progress.matched, "steps": progress.steps })
}
