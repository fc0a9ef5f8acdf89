//! Any SCIM 2.0 server (RFC 7643, RFC 7644).
//!
//! 1. The account is the linked one, else the one whose `externalId`, else whose `userName` is the person's.
//! 2. What the server finds is compared again here: servers that do not know the filter answer with everyone. When
//!    such an answer is not whole, nobody is touched.
//! 3. `active` is replaced by PATCH, with a path and then, if the server does not take that, without one; by PUT when
//!    the server has no PATCH.
//! 4. It is sent as a boolean. A text is for servers that are known to want it.
//! 5. DELETE is sent only when the settings ask for it.
use serde_json::{Value, json};

use super::answer::{self, entries, judge, listed, same, text};
use super::pass::{Failure, Halt, Match, Outcome, Pass, Step};
use super::step::{Fetched, addresses, origins, removal};
use super::wire::{Method, Request, Response, escape};
use super::{ConfigError, Field, Kind, Settings, Tool};

/// Any SCIM 2.0 server.
pub const KIND: Kind = Kind {
    id: "scim",
    title: "SCIM 2.0",
    fields: &[
        Field::required(
            "base_url",
            "SCIM address",
            "What stands before /Users, such as https://tool.example/scim/v2.",
        )
        .address(),
        Field::required("token", "Token", "Bearer token that may read and change users.").secret(),
        Field::optional(
            "protected",
            "Protected accounts",
            "User names or ids that are never touched, by comma: the tool's last owner, your own service accounts.",
        ),
        Field::switch(
            "delete",
            "Delete",
            "Deletes the account after deactivating it. This cannot be undone.",
        ),
        Field::switch("text_booleans", "Booleans as text", "Sends \"False\" for servers that refuse false."),
    ],
    hosts: &[],
    build,
};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const MEDIA_TYPE: &str = "application/scim+json";

/// A SCIM server, ready to plan.
pub struct Server {
    /// What stands before `/Users`.
    pub base_url: String,
    /// Bearer token.
    pub token: String,
    /// User names or ids that are never touched, in lower case.
    pub protected: Vec<String>,
    /// Send DELETE too.
    pub deletes: bool,
    /// Send `"False"` for `false`.
    pub has_text_booleans: bool,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    Ok(Box::new(Server {
        base_url: settings.base_url("base_url", "")?,
        token: settings.required("token")?.to_owned(),
        protected: listed(settings.get("protected")),
        deletes: settings.is_on("delete"),
        has_text_booleans: settings.is_on("text_booleans"),
    }))
}

impl Tool for Server {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let has_patch = match self.has_patch(pass)? {
            Ok(has_patch) => has_patch,
            Err(failure) => return Err(pass.fail("authorize", failure)),
        };
        let candidates = match self.candidates(pass)? {
            Ok(candidates) => candidates,
            Err(failure) => return Err(pass.fail("resolve", failure)),
        };
        let user = pass.choose(candidates)?;
        let own_names = [text(&user, "id"), text(&user, "userName")];
        if own_names.iter().any(|name| self.protected.iter().any(|other| same(other, name))) {
            let detail = "the settings protect this account".to_owned();
            return Err(pass.fail("guard", Failure::Protected { detail }));
        }
        let url = self.user_url(&user);
        self.deactivate(pass, &url, &user, has_patch)?;
        if self.deletes {
            let request = self.write(Method::Delete, &url); // (5)
            pass.write("delete", None, request, |answer| removal(answer, judge))?;
        }
        self.verify(pass, &url)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let has_patch = match self.has_patch(pass)? {
            Ok(has_patch) => has_patch,
            Err(failure) => return Err(pass.fail("credentials", failure)),
        };
        let request = self.read(&format!("{}/Users?startIndex=1&count=1", self.base_url));
        let page = match pass.fetch(request, judge)?.and_then(|page| resources(&page)) {
            Ok(page) => page,
            Err(failure @ Failure::Auth { .. }) => return Err(pass.fail("credentials", failure)),
            Err(failure) => {
                pass.note("credentials", Outcome::Done, None);
                return Err(pass.fail("read_users", answer::needs("read users", failure)));
            }
        };
        pass.note("credentials", Outcome::Done, None);
        pass.note("read_users", Outcome::Done, (page.is_empty()).then(|| "there is none".to_owned()));
        // Nobody has this name: a server that finds someone does not filter.
        let nobody = pass.nonce("nobody");
        let outcome = match self.look_up(pass, "userName", &nobody)? {
            Ok(_) => Outcome::Done,
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note("filter", outcome, None);
        let outcome = match has_patch {
            true => Outcome::Done,
            false => Outcome::skipped("the server has no PATCH: PUT is used"),
        };
        pass.note("patch", outcome, None);
        Ok(())
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.base_url])
    }

    fn is_self_hosted(&self) -> bool {
        true
    }
}

impl Server {
    fn read(&self, url: &str) -> Request {
        self.signed(Request::read(Method::Get, url))
    }

    fn write(&self, method: Method, url: &str) -> Request {
        self.signed(Request::write(method, url))
    }

    fn signed(&self, request: Request) -> Request {
        request.header("accept", "application/scim+json, application/json").bearer(&self.token)
    }

    fn user_url(&self, user: &Value) -> String {
        format!("{}/Users/{}", self.base_url, escape(text(user, "id")))
    }

    /// What ServiceProviderConfig says of PATCH. Many servers have none of the two and take PATCH all the same.
    fn has_patch(&self, pass: &mut Pass<'_>) -> Fetched<bool> {
        let request = self.read(&format!("{}/ServiceProviderConfig", self.base_url));
        Ok(match pass.find(request, judge)? {
            Ok(Some(config)) => Ok(config.json()["patch"]["supported"] != false),
            Ok(None) | Err(Failure::Permission { .. }) => Ok(true),
            Err(failure) => Err(failure),
        })
    }

    /// (1)
    fn candidates(&self, pass: &mut Pass<'_>) -> Fetched<Vec<(Match, Value)>> {
        let leaver = pass.leaver();
        if let Some(link) = &leaver.link {
            let request = self.read(&format!("{}/Users/{}", self.base_url, escape(&link.external_id)));
            return Ok(match pass.find(request, judge)? {
                Ok(Some(response)) => match response.json() {
                    user if text(&user, "id") == link.external_id => Ok(named(vec![user], "link")),
                    _ => Err(Failure::Malformed { detail: "the answer is not the linked account".into() }),
                },
                Ok(None) => Ok(Vec::new()),
                Err(failure) => Err(failure),
            });
        }
        let external_id = leaver.external_id.clone().into_iter();
        let mut keys: Vec<_> = external_id.map(|id| ("externalId", "external_id", id)).collect();
        keys.push(("userName", "user_name", leaver.user_name.clone()));
        let others = addresses(leaver).into_iter().filter(|address| !same(address, &leaver.user_name));
        keys.extend(others.map(|address| ("userName", "email", address)));
        for (attribute, matched_by, value) in keys.into_iter().filter(|(.., value)| !value.is_empty()) {
            match self.look_up(pass, attribute, &value)? {
                Ok(users) if users.is_empty() => {}
                found => return Ok(found.map(|users| named(users, matched_by))),
            }
        }
        Ok(Ok(Vec::new()))
    }

    /// Everyone whose attribute is this. (2)
    fn look_up(&self, pass: &mut Pass<'_>, attribute: &str, value: &str) -> Fetched<Vec<Value>> {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = escape(&format!("{attribute} eq \"{quoted}\""));
        let request = self.read(&format!("{}/Users?filter={filter}&startIndex=1&count=2", self.base_url));
        // Not every server can filter by `externalId`: one refuses, another ignores it. `userName` must work.
        let is_optional = attribute == "externalId";
        let answer = pass.ask(request)?;
        let page = match (judge(&answer), answer) {
            (None, Ok(page)) => page,
            (Some(_), Ok(refusal)) if refusal.status == 404 => return Ok(Ok(Vec::new())),
            (Some(_), Ok(refusal)) if is_optional && matches!(refusal.status, 400 | 501) => {
                return Ok(Ok(Vec::new()));
            }
            (failure, _) => return Ok(Err(failure.unwrap_or_else(unreadable))),
        };
        Ok(resources(&page).and_then(|users| {
            let given = users.len();
            let total = page.json()["totalResults"].as_u64().unwrap_or(given as u64);
            let fitting: Vec<_> = users
                .into_iter()
                .filter(|user| !text(user, "id").is_empty())
                .filter(|user| match attribute {
                    "externalId" => text(user, attribute) == value,
                    _ => same(text(user, attribute), value),
                })
                .collect();
            match total > given as u64 {
                true if given > 0 && fitting.len() == given => Ok(fitting),
                true if is_optional => Ok(Vec::new()),
                true => Err(Failure::Malformed { detail: format!("the server ignores {attribute} filters") }),
                false => Ok(fitting),
            }
        }))
    }

    /// (3)
    fn deactivate(&self, pass: &mut Pass<'_>, url: &str, user: &Value, has_patch: bool) -> Result<(), Halt> {
        let outcome = match is_inactive(user) {
            true => Outcome::Already,
            false => self.replace_active(pass, url, has_patch)?,
        };
        let has_undo = !self.deletes && matches!(outcome, Outcome::Done | Outcome::Planned);
        pass.report(Step {
            name: "deactivate".to_owned(),
            undo: has_undo.then(|| "Set the account to active again.".to_owned()),
            outcome,
            detail: None,
        });
        Ok(())
    }

    fn replace_active(&self, pass: &mut Pass<'_>, url: &str, has_patch: bool) -> Result<Outcome, Halt> {
        let off = if self.has_text_booleans { json!("False") } else { json!(false) }; // (4)
        let operations = [
            json!({ "op": "replace", "path": "active", "value": off }),
            json!({ "op": "replace", "value": { "active": off } }),
        ];
        for (index, operation) in operations.iter().filter(|_| has_patch).enumerate() {
            let request = self
                .write(Method::Patch, url)
                .header("content-type", MEDIA_TYPE)
                .json(json!({ "schemas": [PATCH_OP], "Operations": [operation] }));
            let Some(answer) = pass.try_write(request)? else { return Ok(Outcome::Planned) };
            match answer.as_ref().map_or(0, |response| response.status) {
                400 if index == 0 => {}
                // No PATCH after all.
                405 | 501 => break,
                _ => return Ok(removal(&answer, judge)),
            }
        }
        let mut user = match pass.find(self.read(url), judge)?.map(|user| user.map(|user| user.json())) {
            Ok(Some(user)) => user,
            Ok(None) => return Ok(Outcome::Already),
            Err(failure) => return Ok(Outcome::Failed(failure)),
        };
        let Some(members) = user.as_object_mut() else { return Ok(Outcome::Failed(unreadable())) };
        members.shift_remove("meta");
        members.insert("active".to_owned(), off);
        let request = self.write(Method::Put, url).header("content-type", MEDIA_TYPE).json(user);
        Ok(pass.try_write(request)?.map_or(Outcome::Planned, |answer| removal(&answer, judge)))
    }

    fn verify(&self, pass: &mut Pass<'_>, url: &str) -> Result<(), Halt> {
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        match pass.find(self.read(url), judge)?.map(|user| user.map(|user| user.json())) {
            Ok(None) => pass.verified(&[], "the account is gone"),
            Ok(Some(user)) if is_inactive(&user) => pass.verified(&[], "the account is not active"),
            Ok(Some(user)) if !text(&user, "id").is_empty() => {
                pass.verified(&["the account is active".to_owned()], "");
            }
            Ok(Some(_)) => pass.note("verify", Outcome::Failed(unreadable()), None),
            Err(failure) => pass.note("verify", Outcome::Failed(failure), None),
        }
        Ok(())
    }
}

fn named(users: Vec<Value>, matched_by: &str) -> Vec<(Match, Value)> {
    let found = |user: &Value| Match {
        external_id: text(user, "id").to_owned(),
        label: text(user, "userName").to_owned(),
        matched_by: matched_by.to_owned(),
    };
    users.into_iter().map(|user| (found(&user), user)).collect()
}

/// An empty list may come without `Resources` (RFC 7644 §3.4.2).
fn resources(page: &Response) -> Result<Vec<Value>, Failure> {
    match page.json()["totalResults"].as_u64() {
        Some(0) => Ok(Vec::new()),
        _ => entries(page, "Resources"),
    }
}

fn is_inactive(user: &Value) -> bool {
    user["active"] == false || same(text(user, "active"), "false")
}

fn unreadable() -> Failure {
    Failure::Malformed { detail: "the answer is no user".into() }
}
