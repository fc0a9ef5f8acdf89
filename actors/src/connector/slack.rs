//! Slack: deactivates the member through SCIM, and ends the sessions on Enterprise plans.
//!
//! 1. Deactivate with PATCH, which says what it made of it and can be undone; with DELETE where PATCH is not
//!    understood. Slack means the same by both (<https://docs.slack.dev/reference/scim-api>).
//! 2. On Enterprise plans end all sessions; elsewhere a deactivation ends them by itself.
//! 3. Read back.
//!
//! Slack says with `ok: false` and status 200 that a Web API call failed, and its SCIM errors are not those of RFC
//! 7644 (see [`errors`]).
use serde_json::{Value, json};

use super::pass::{Failure, Halt, Match, Outcome, Pass};
use super::step::{Fetched, addresses, change, is_not_found, origins, removal};
use super::wire::{Answer, Method, Request, escape};
use super::{ConfigError, Field, Kind, Settings, Tool};
use errors::{judge_scim, judge_web};

mod check;
pub mod errors;

const SCIM_URL: &str = "https://api.slack.com/scim/v2";
const WEB_URL: &str = "https://slack.com/api";

/// Slack.
pub const KIND: Kind = Kind {
    id: "slack",
    title: "Slack",
    fields: &[
        Field::required(
            "token",
            "Token",
            "User token (xoxp-…) of an owner, with the scopes admin and users:read.",
        )
        .secret(),
        Field::switch(
            "enterprise",
            "Enterprise plan",
            "End sessions too; needs the scope admin.users:write.",
        ),
        Field::optional("base_url", "SCIM address", "Only for GovSlack, tests and gateways.")
            .address()
            .or(SCIM_URL),
        Field::optional("web_api_url", "Web API address", "Only for GovSlack, tests and gateways.")
            .address()
            .or(WEB_URL),
    ],
    hosts: &["api.slack.com", "slack.com", "api.slack-gov.com", "slack-gov.com"],
    build,
};

struct Slack {
    scim_url: String,
    web_url: String,
    token: String,
    is_enterprise: bool,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let token = settings.required("token")?.to_owned();
    // A bot's token has none of the rights, so say it before Slack does.
    if token.starts_with("xoxb-") {
        return Err(ConfigError::new("token", "is a bot token: a user token (xoxp-…) is needed"));
    }
    Ok(Box::new(Slack {
        scim_url: settings.base_url("base_url", SCIM_URL)?,
        web_url: settings.base_url("web_api_url", WEB_URL)?,
        token,
        is_enterprise: settings.is_on("enterprise"),
    }))
}

/// What is read about a member.
struct Member {
    id: String,
    user_name: String,
    /// The primary address, in lower case.
    email: Option<String>,
    is_active: bool,
}

impl Member {
    fn of(user: &Value) -> Option<Self> {
        let emails = user["emails"].as_array().map(Vec::as_slice).unwrap_or_default();
        let primary = match emails {
            [only] => Some(only),
            several => several.iter().find(|email| email["primary"] == true),
        };
        Some(Self {
            id: user["id"].as_str()?.to_owned(),
            user_name: user["userName"].as_str().unwrap_or_default().to_owned(),
            email: primary.and_then(|email| email["value"].as_str()).map(str::to_lowercase),
            is_active: user["active"] != false,
        })
    }

    fn found(self, matched_by: &str) -> (Match, Self) {
        let found = Match {
            external_id: self.id.clone(),
            label: self.email.clone().unwrap_or_else(|| self.user_name.clone()),
            matched_by: matched_by.to_owned(),
        };
        (found, self)
    }
}

impl Tool for Slack {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let own = match pass.fetch(self.web(Method::Post, "auth.test"), judge_web)? {
            Ok(response) => response.json(),
            Err(failure) => return Err(pass.fail("authorize", failure)),
        };
        if !own["user_id"].is_string() {
            let detail = "a token that belongs to nobody".to_owned();
            return Err(pass.fail("authorize", Failure::Malformed { detail }));
        }
        let member = self.resolve(pass)?;
        self.guard(pass, &member, &own)?;
        self.deactivate(pass, &member)?; // (1)
        self.end_sessions(pass, &member)?; // (2)
        self.verify(pass, &member) // (3)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        self.climb(pass)
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.scim_url, &self.web_url])
    }
}

impl Slack {
    fn resolve(&self, pass: &mut Pass<'_>) -> Result<Member, Halt> {
        if let Some(link) = &pass.leaver().link {
            return match self.read(pass, &link.external_id)? {
                Ok(member) => pass.choose(member.into_iter().map(|member| member.found("link")).collect()),
                Err(failure) => Err(pass.fail("resolve", failure)),
            };
        }
        let mut candidates = Vec::new();
        for email in addresses(pass.leaver()) {
            match self.search(pass, &email)? {
                Ok(found) => candidates.extend(found.into_iter().map(|member| member.found("email"))),
                Err(failure) => return Err(pass.fail("resolve", failure)),
            }
        }
        pass.choose(candidates)
    }

    /// Members whose primary address this is, compared again here.
    fn search(&self, pass: &mut Pass<'_>, email: &str) -> Fetched<Vec<Member>> {
        let quoted = email.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = escape(&format!("email eq \"{quoted}\""));
        let request = self.scim(Request::read(Method::Get, self.users(&format!("?filter={filter}&count=2"))));
        Ok(pass.fetch(request, judge_scim)?.and_then(|response| {
            let body = response.json();
            let malformed = |detail: &str| Failure::Malformed { detail: detail.to_owned() };
            let none = body["totalResults"] == 0;
            let resources = match body["Resources"].as_array() {
                Some(resources) => resources.as_slice(),
                None if none => &[],
                None => return Err(malformed("a list without Resources")),
            };
            let members = resources.iter().filter_map(Member::of);
            let fitting: Vec<_> = members.filter(|member| member.email.as_deref() == Some(email)).collect();
            // The rest of the list may hold the member who was asked for.
            let has_more = body["totalResults"].as_u64() > Some(resources.len() as u64);
            match has_more && fitting.len() < resources.len() {
                true => Err(malformed("Slack ignores email filters")),
                false => Ok(fitting),
            }
        }))
    }

    /// Whom no program removes. SCIM does not tell owners and bots, so the Web API is asked; without its answer nothing
    /// is done.
    fn guard(&self, pass: &mut Pass<'_>, member: &Member, own: &Value) -> Result<(), Halt> {
        if own["user_id"] == member.id.as_str() {
            return Err(pass.fail("guard", protected("the connector's token belongs to this member")));
        }
        let request = self.web(Method::Get, &format!("users.info?user={}", escape(&member.id)));
        let user = match pass.fetch(request, judge_web)? {
            Ok(response) => response.json()["user"].clone(),
            Err(failure) => return Err(pass.fail("guard", failure)),
        };
        if user["id"] != member.id.as_str() {
            let detail = "another user than asked for".to_owned();
            return Err(pass.fail("guard", Failure::Malformed { detail }));
        }
        let reason = if user["is_primary_owner"] == true {
            "the primary owner: hand the workspace over first"
        } else if user["is_owner"] == true || user["enterprise_user"]["is_owner"] == true {
            "an owner: make them a member first"
        } else if user["is_bot"] == true {
            "a bot, no person"
        } else if is_stranger(&user, own) {
            "a member of another organization, seen through Slack Connect"
        } else {
            return Ok(());
        };
        Err(pass.fail("guard", protected(reason)))
    }

    fn deactivate(&self, pass: &mut Pass<'_>, member: &Member) -> Result<(), Halt> {
        const UNDO: &str = "Reactivate the member under Manage members in Slack.";
        if !member.is_active {
            pass.note("deactivate", Outcome::Already, None);
            return Ok(());
        }
        let path = format!("/{}", escape(&member.id));
        let patch = self.scim(Request::write(Method::Patch, self.users(&path))).json(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        }));
        match pass.try_write(patch)? {
            Some(answer) if is_not_understood(&answer) => {
                let delete = self.scim(Request::write(Method::Delete, self.users(&path)));
                pass.write("deactivate", Some(UNDO), delete, |answer| removal(answer, judge_scim))?;
            }
            answer => {
                let outcome = answer.map_or(Outcome::Planned, |answer| removal(&answer, judge_scim));
                pass.reversible("deactivate", outcome, UNDO);
            }
        }
        Ok(())
    }

    fn end_sessions(&self, pass: &mut Pass<'_>, member: &Member) -> Result<(), Halt> {
        if !self.is_enterprise {
            pass.note("sessions", Outcome::skipped("they end with the deactivation on this plan"), None);
            return Ok(());
        }
        let request = Request::write(Method::Post, format!("{}/admin.users.session.reset", self.web_url))
            .bearer(&self.token)
            .json(json!({ "user_id": member.id }));
        pass.write("sessions", None, request, |answer| match errors::code(answer).as_deref() {
            // A deactivated member is not found any more, and has no sessions.
            Some("user_not_found") => Outcome::Already,
            _ => change(answer, judge_web),
        })?;
        Ok(())
    }

    fn verify(&self, pass: &mut Pass<'_>, member: &Member) -> Result<(), Halt> {
        let mut left = Vec::new();
        if !pass.is_preview() {
            match self.read(pass, &member.id)? {
                Ok(Some(now)) if now.is_active => left.push("the member is active".to_owned()),
                Ok(_) => {}
                Err(failure) => return Err(pass.fail("verify", failure)),
            }
        }
        pass.verified(&left, "deactivated");
        Ok(())
    }

    fn read(&self, pass: &mut Pass<'_>, id: &str) -> Fetched<Option<Member>> {
        let request = self.scim(Request::read(Method::Get, self.users(&format!("/{}", escape(id)))));
        let found = pass.find(request, judge_scim)?;
        Ok(found.and_then(|response| match response.map(|response| Member::of(&response.json())) {
            None => Ok(None),
            Some(Some(member)) => Ok(Some(member)),
            Some(None) => Err(Failure::Malformed { detail: "a user without id".into() }),
        }))
    }

    fn users(&self, path: &str) -> String {
        format!("{}/Users{path}", self.scim_url)
    }

    fn scim(&self, request: Request) -> Request {
        request.header("accept", "application/json").bearer(&self.token)
    }

    /// A Web API call that changes nothing.
    fn web(&self, method: Method, call: &str) -> Request {
        Request::read(method, format!("{}/{call}", self.web_url)).bearer(&self.token)
    }
}

/// Whether the user is of another organization than the token, by the widest id that Slack gives of both.
fn is_stranger(user: &Value, own: &Value) -> bool {
    let differ = |theirs: &Value, ours: &Value| theirs.is_string() && ours.is_string() && theirs != ours;
    match &own["enterprise_id"] {
        Value::String(_) => differ(&user["enterprise_user"]["enterprise_id"], &own["enterprise_id"]),
        _ => differ(&user["team_id"], &own["team_id"]),
    }
}

fn protected(reason: &str) -> Failure {
    Failure::Protected { detail: reason.to_owned() }
}

/// A server that has no PATCH, or not this one.
fn is_not_understood(answer: &Answer) -> bool {
    !is_not_found(answer) && matches!(answer, Ok(response) if matches!(response.status, 400 | 405 | 501))
}
