//! Atlassian: deactivates a managed account, suspends any other in each directory.
//!
//! <https://developer.atlassian.com/cloud/admin/organization/rest/api-group-users/> (v2; the v1 calls have stopped),
//! <https://developer.atlassian.com/cloud/admin/user-management/rest/>. People are found by `POST …/users/search`, which
//! takes whole addresses: the list that it replaces, until June 2027, can only be narrowed to a domain.
//!
//! 1. An address counts only when the account has verified it: nobody is matched by an address that anyone can claim.
//! 2. Organization admins are a person's task.
//! 3. A managed account (the domain is claimed) is deactivated as a whole, if Atlassian lets this key do so. Google
//!    Workspace may own it: then only Google can.
//! 4. Otherwise, and when that failed, the person is suspended in each directory.
//! 5. A suspended person vanishes from Jira's search, so the organization's own search is read back.
use serde_json::{Value, json};

use super::answer::{self, entries, listed, needs, on_our_clock, same, text};
use super::pass::{Failure, Halt, Match, Outcome, Pass, Step};
use super::step::{Fetched, Item, addresses, origins, removal};
use super::wire::{Answer, Method, Request, Response, escape, unescape};
use super::{ConfigError, Field, Kind, Settings, Tool};

/// Atlassian.
pub const KIND: Kind = Kind {
    id: "atlassian",
    title: "Atlassian",
    fields: &[
        Field::required("org_id", "Organization id", "It stands in the address of Atlassian Administration."),
        Field::required(
            "api_key",
            "API key",
            "An organization's API key that may manage directories and accounts.",
        )
        .secret(),
        Field::optional(
            "protected",
            "Protected accounts",
            "Addresses or ids that are never touched, by comma.",
        ),
        Field::optional("base_url", "API address", "Only for tests and gateways.").address().or(BASE_URL),
    ],
    hosts: &["api.atlassian.com"],
    build,
};

const BASE_URL: &str = "https://api.atlassian.com";
const ADMIN_ROLE: &str = "org-admin";
const MANAGE: &str = "lifecycle.enablement";
const READ: &str = "read:directories:admin";

struct Atlassian {
    base_url: String,
    org_id: String,
    api_key: String,
    protected: Vec<String>,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    Ok(Box::new(Atlassian {
        base_url: settings.base_url("base_url", BASE_URL)?,
        org_id: settings.required("org_id")?.to_owned(),
        api_key: settings.required("api_key")?.to_owned(),
        protected: listed(settings.get("protected")),
    }))
}

impl Tool for Atlassian {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let found = self.candidates(pass)?;
        let mut candidates = found.map_err(|failure| pass.fail("resolve", failure))?;
        // Of an account in several directories the one that still lets the person in decides.
        candidates.sort_by_key(|(_, account)| is_out(account));
        let account = pass.choose(candidates)?;
        self.guard(pass, &account)?;
        let id = text(&account, "accountId");
        let is_managed = text(&account, "claimStatus") == "managed";
        let is_closed = is_managed && self.deactivate(pass, &account, id)?;
        if !is_closed {
            self.suspend(pass, &account, id)?;
        }
        if is_managed {
            self.delete_tokens(pass, id)?;
        }
        self.verify(pass, id)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        match self.search(pass, json!({}), false)? {
            Ok(_) => pass.note("credentials", Outcome::Done, None),
            Err(failure @ Failure::Permission { .. }) => {
                pass.note("credentials", Outcome::Done, None);
                return Err(pass.fail("read_users", failure));
            }
            Err(failure) => return Err(pass.fail("credentials", failure)),
        }
        pass.note("read_users", Outcome::Done, None);
        let outcome = match self.directories(pass, "limit=1", false)? {
            Ok(_) => Outcome::Done,
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note("read_directories", outcome, None);
        let managed = self.search(pass, json!({ "claimStatus": "managed" }), false)?;
        let id = match managed.map(|users| users.first().map(|user| text(user, "accountId").to_owned())) {
            Ok(Some(id)) => id,
            Ok(None) => {
                let reason = "no managed account to ask about: people are suspended in directories";
                pass.note("manage_accounts", Outcome::skipped(reason), None);
                return Ok(());
            }
            Err(failure) => return Err(pass.fail("manage_accounts", failure)),
        };
        let privileges = self.privileges(pass, &id)?;
        for (name, privilege) in [("manage_accounts", MANAGE), ("delete_api_tokens", "apiToken.delete")] {
            let outcome = match &privileges {
                Ok(all) if all[privilege]["allowed"] == true => Outcome::Done,
                Ok(_) => Outcome::Failed(Failure::Permission { missing: privilege.to_owned() }),
                Err(failure) => Outcome::Failed(failure.clone()),
            };
            pass.note(name, outcome, None);
        }
        Ok(())
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.base_url])
    }
}

impl Atlassian {
    fn signed(&self, request: Request) -> Request {
        request.header("accept", "application/json").bearer(&self.api_key)
    }

    fn read(&self, url: &str) -> Request {
        self.signed(Request::read(Method::Get, url))
    }

    fn organization(&self) -> String {
        format!("{}/admin/v2/orgs/{}", self.base_url, escape(&self.org_id))
    }

    fn account(&self, id: &str) -> String {
        format!("{}/users/{}/manage", self.base_url, escape(id))
    }

    /// Accounts of all directories that `wanted` describes, with their organization roles; one at most unless it
    /// `is_whole`.
    fn search(&self, pass: &mut Pass<'_>, wanted: Value, is_whole: bool) -> Fetched<Vec<Value>> {
        let url = format!("{}/directories/-/users/search", self.organization());
        let asked = |cursor: Option<String>| {
            let mut body = wanted.clone();
            body["limit"] = json!(if is_whole { 100 } else { 1 });
            body["expand"] = json!(["platformRoles"]);
            if let Some(cursor) = cursor {
                body["cursor"] = cursor.into();
            }
            self.signed(Request::read(Method::Post, &url)).json(body)
        };
        let pages = pass.pages(asked(None), judge_list, |page| {
            next_cursor(page).filter(|_| is_whole).map(|cursor| asked(Some(cursor)))
        })?;
        Ok(pages.and_then(|pages| joined(&pages)))
    }

    /// Directories that `query` describes.
    fn directories(&self, pass: &mut Pass<'_>, query: &str, is_whole: bool) -> Fetched<Vec<Value>> {
        let first = format!("{}/directories?{query}", self.organization());
        let pages = pass.pages(self.read(&first), judge_list, |page| {
            let cursor = next_cursor(page).filter(|_| is_whole)?;
            Some(self.read(&format!("{first}&cursor={}", escape(&cursor))))
        })?;
        Ok(pages.and_then(|pages| joined(&pages)))
    }

    fn candidates(&self, pass: &mut Pass<'_>) -> Fetched<Vec<(Match, Value)>> {
        let leaver = pass.leaver();
        if let Some(link) = &leaver.link {
            let accounts = self.search(pass, json!({ "accountIds": [link.external_id] }), true)?;
            return Ok(accounts.map(|accounts| {
                let linked =
                    accounts.into_iter().filter(|other| text(other, "accountId") == link.external_id);
                linked.map(|account| named(account, "link")).collect()
            }));
        }
        let known = addresses(leaver);
        if known.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let accounts = self.search(pass, json!({ "emails": known }), true)?;
        Ok(accounts.and_then(|accounts| {
            let people = accounts
                .into_iter()
                .filter(|account| text(account, "accountType") != "app")
                .filter(|account| known.iter().any(|address| same(address, text(account, "email"))));
            let (verified, claimed): (Vec<_>, Vec<_>) =
                people.partition(|account| account["emailVerified"] == true); // (1)
            match verified.is_empty() && !claimed.is_empty() {
                true => Err(Failure::Ambiguous { count: claimed.len() }),
                false => Ok(verified.into_iter().map(|account| named(account, "email")).collect()),
            }
        }))
    }

    fn guard(&self, pass: &mut Pass<'_>, account: &Value) -> Result<(), Halt> {
        let roles = account["platformRoles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let own_names = [text(account, "accountId"), text(account, "email")];
        let detail = if roles.into_iter().any(|role| role.ends_with(ADMIN_ROLE)) {
            "an organization admin: take the role away first" // (2)
        } else if own_names.iter().any(|name| self.protected.iter().any(|other| same(other, name))) {
            "the settings protect this account"
        } else {
            return Ok(());
        };
        Err(pass.fail("guard", Failure::Protected { detail: detail.to_owned() }))
    }

    /// Whether the account is, or would be, closed as a whole. (3)
    fn deactivate(&self, pass: &mut Pass<'_>, account: &Value, id: &str) -> Result<bool, Halt> {
        let status = text(account, "accountStatus");
        let outcome = if matches!(status, "inactive" | "closed") {
            Outcome::Already
        } else {
            match self.privileges(pass, id)? {
                Err(failure) => Outcome::Failed(failure),
                Ok(privileges) if privileges[MANAGE]["allowed"] == false => {
                    let reason = text(&privileges[MANAGE]["reason"], "key");
                    Outcome::Failed(owned_elsewhere(reason))
                }
                Ok(_) => {
                    let url = format!("{}/lifecycle/disable", self.account(id));
                    let request = self
                        .signed(Request::write(Method::Post, url))
                        .json(json!({ "message": "Deactivated by Ceven" }));
                    pass.try_write(request)?
                        .map_or(Outcome::Planned, |answer| removal(&answer, judge_account))
                }
            }
        };
        let is_closed = !matches!(outcome, Outcome::Failed(_));
        let undo = matches!(outcome, Outcome::Done | Outcome::Planned);
        pass.report(Step {
            name: "deactivate".to_owned(),
            outcome,
            detail: Some(format!("the account was {status}")),
            undo: undo.then(|| "Activate the account again in Atlassian Administration.".to_owned()),
        });
        Ok(is_closed)
    }

    /// What the key may do to an account: `{"lifecycle.enablement": {"allowed": true}, …}`.
    fn privileges(&self, pass: &mut Pass<'_>, id: &str) -> Fetched<Value> {
        let asked = format!("{}?privileges={MANAGE}&privileges=apiToken.delete", self.account(id));
        Ok(pass.fetch(self.read(&asked), judge_account)?.and_then(|response| {
            let body = response.json();
            let privileges = body.get("privileges").unwrap_or(&body);
            match privileges.is_object() {
                true => Ok(privileges.clone()),
                false => Err(Failure::Malformed { detail: "an answer without privileges".into() }),
            }
        }))
    }

    /// (4)
    fn suspend(&self, pass: &mut Pass<'_>, account: &Value, id: &str) -> Result<(), Halt> {
        const NAME: &str = "suspend";
        if is_out(account) {
            pass.note(NAME, Outcome::Already, None);
            return Ok(());
        }
        let query = format!("accountId={}", escape(id));
        let directories = self.directories(pass, &query, true)?;
        let items = directories.map(|directories| {
            let item = |directory: &Value| {
                let directory_id = text(directory, "directoryId");
                let url = format!(
                    "{}/directories/{}/users/{}/suspend",
                    self.organization(),
                    escape(directory_id),
                    escape(id)
                );
                let name = Some(text(directory, "name")).filter(|name| !name.is_empty());
                Item {
                    label: name.unwrap_or(directory_id).to_owned(),
                    request: self.signed(Request::write(Method::Post, url)),
                }
            };
            directories.iter().map(item).collect()
        });
        pass.sweep(NAME, Some("Restore the person's access in the directory"), items, judge_change)
    }

    fn delete_tokens(&self, pass: &mut Pass<'_>, id: &str) -> Result<(), Halt> {
        let url = format!("{}/api-tokens", self.account(id));
        let tokens = pass.fetch(self.read(&url), judge_account)?.and_then(|page| entries(&page, ""));
        let items = tokens.map(|tokens| {
            let item = |token: &Value| Item {
                label: text(token, "label").to_owned(),
                request: self
                    .signed(Request::write(Method::Delete, format!("{url}/{}", escape(text(token, "id"))))),
            };
            tokens.iter().map(item).collect()
        });
        pass.sweep("api_tokens", None, items, judge_account)
    }

    /// (5)
    fn verify(&self, pass: &mut Pass<'_>, id: &str) -> Result<(), Halt> {
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        match self.search(pass, json!({ "accountIds": [id] }), true)? {
            Ok(accounts) => {
                let still_there: Vec<String> = accounts
                    .iter()
                    .filter(|account| text(account, "accountId") == id && !is_out(account))
                    .map(|account| format!("the account is {}", text(account, "accountStatus")))
                    .collect();
                pass.verified(&still_there, "no directory lets the person in");
            }
            Err(failure) => pass.note("verify", Outcome::Failed(failure), None),
        }
        Ok(())
    }
}

/// Whether the account lets nobody in any more.
fn is_out(account: &Value) -> bool {
    matches!(text(account, "accountStatus"), "inactive" | "closed")
        || matches!(text(account, "membershipStatus"), "suspended" | "no_membership")
        || text(account, "status") == "suspended"
}

fn named(account: Value, matched_by: &str) -> (Match, Value) {
    let email = text(&account, "email");
    let found = Match {
        external_id: text(&account, "accountId").to_owned(),
        label: if email.is_empty() { text(&account, "name") } else { email }.to_owned(),
        matched_by: matched_by.to_owned(),
    };
    (found, account)
}

/// The entries of all pages.
fn joined(pages: &[Response]) -> Result<Vec<Value>, Failure> {
    let lists = pages.iter().map(|page| entries(page, "data")).collect::<Result<Vec<_>, _>>()?;
    Ok(lists.into_iter().flatten().collect())
}

/// `links.next` is a cursor; where it is an address, only the cursor in it is used.
fn next_cursor(page: &Response) -> Option<String> {
    let body = page.json();
    let next = Some(text(&body["links"], "next")).filter(|next| !next.is_empty())?;
    let cursor = next.split_once("cursor=").map(|(_, rest)| rest.split('&').next().unwrap_or(rest));
    Some(cursor.map_or_else(|| next.to_owned(), unescape))
}

/// Somebody else owns the account: Atlassian refuses to change what Google Workspace syncs.
fn owned_elsewhere(reason: &str) -> Failure {
    let reason = if reason.is_empty() { "no reason given" } else { reason };
    Failure::Conflict {
        detail: format!(
            "Atlassian does not let this organization change the account ({reason}): its owner, such as Google \
             Workspace sync, must remove the person"
        ),
    }
}

/// What an answer means. `X-RateLimit-Reset` is ISO 8601, not seconds.
fn judge(answer: &Answer) -> Option<Failure> {
    let failure = answer::judge(answer)?;
    let Ok(response) = answer else { return Some(failure) };
    Some(match (response.status, failure) {
        (429, Failure::RateLimited { until_ms: None }) => {
            Failure::RateLimited { until_ms: reset_ms(response) }
        }
        (403, _) if String::from_utf8_lossy(&response.body).contains("forbidden.action") => {
            owned_elsewhere("forbidden.action")
        }
        (409, _) => Failure::Conflict { detail: answer::words(response).unwrap_or_default() },
        (_, failure) => failure,
    })
}

fn judge_list(answer: &Answer) -> Option<Failure> {
    judge(answer).map(|failure| needs(READ, failure))
}

fn judge_change(answer: &Answer) -> Option<Failure> {
    judge(answer).map(|failure| needs("suspend people in directories", failure))
}

fn judge_account(answer: &Answer) -> Option<Failure> {
    judge(answer).map(|failure| needs(MANAGE, failure))
}

fn reset_ms(response: &Response) -> Option<i64> {
    use time::{OffsetDateTime, format_description::well_known::Iso8601};
    let reset =
        OffsetDateTime::parse(response.header("x-ratelimit-reset")?.trim(), &Iso8601::DEFAULT).ok()?;
    Some(on_our_clock(response, reset.unix_timestamp() * 1_000))
}
