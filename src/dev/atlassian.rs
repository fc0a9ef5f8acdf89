//! Simulated Atlassian organization: managed accounts, directories (admin API v2) and a directory's SCIM.
use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};

use super::{
    AccountView, Person,
    access::{Limit, Rate, random_id, random_text},
    route::Route,
    scim_parts,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

const READ: &str = "directory.read";
const WRITE: &str = "directory.write";
const LIFECYCLE: &str = "accounts.lifecycle";
const SCIM: &str = "scim";
const HEX: &[u8] = b"0123456789abcdef";

/// An account and what it is in.
#[derive(Clone)]
pub struct Account {
    /// Account id.
    pub id: String,
    /// Address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Whether the organization owns it: its domain is claimed.
    pub is_managed: bool,
    /// Managed by a Google Workspace sync: the organization cannot close it.
    pub is_synced: bool,
    /// Whether it can sign in anywhere.
    pub is_enabled: bool,
    /// Directory ids, and whether the membership is suspended there.
    pub memberships: Vec<(String, bool)>,
    /// API tokens.
    pub api_tokens: Vec<Value>,
}

/// An organization with an API key.
#[derive(Clone)]
pub struct Atlassian {
    /// Organization id.
    pub org_id: String,
    /// Directory ids.
    pub directories: Vec<String>,
    /// API key.
    pub api_key: String,
    /// What the key may do.
    pub scopes: Vec<String>,
    /// Accounts.
    pub accounts: Vec<Account>,
}

impl Atlassian {
    /// An organization with two directories and a key for everything.
    pub fn new(clock: &dyn Clock) -> Self {
        let id = || clock.new_id().to_string();
        Self {
            org_id: id(),
            directories: vec![id(), id()],
            api_key: format!("ATCTT3x{}", random_text(clock)),
            scopes: [READ, WRITE, LIFECYCLE, SCIM].map(str::to_owned).to_vec(),
            accounts: Vec::new(),
        }
    }

    fn account(&mut self, id: &str) -> Result<&mut Account, Refusal> {
        self.accounts.iter_mut().find(|account| account.id == id).ok_or(Refusal::Missing("account"))
    }

    fn managed(&mut self, id: &str) -> Result<&mut Account, Refusal> {
        let account = self.account(id)?;
        if account.is_managed { Ok(account) } else { Err(Refusal::Missing("account")) }
    }

    fn privileges(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let account = self.managed(call.at("id"))?;
        let lifecycle = match account.is_synced {
            true => json!({ "allowed": false, "reason": { "key": "externalDirectory.google" } }),
            false => json!({ "allowed": true }),
        };
        let yes = json!({ "allowed": true });
        let body = json!({ "lifecycle.enablement": lifecycle, "apiToken.read": yes, "apiToken.delete": yes });
        Ok(Answer::json(200, &body))
    }

    fn set_enabled(&mut self, call: &mut Call<'_>, is_enabled: bool) -> Result<Answer, Refusal> {
        if !call.request.body.is_empty() {
            call.request.object()?;
        }
        let account = self.managed(call.at("id"))?;
        if account.is_synced {
            return Err(Refusal::exact(Answer::json(
                403,
                &json!({ "key": "forbidden.action", "context": {} }),
            )));
        }
        account.is_enabled = is_enabled;
        Ok(Answer::empty(204))
    }

    fn disable(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.set_enabled(call, false)
    }

    fn enable(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.set_enabled(call, true)
    }

    fn list_tokens(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::json(200, &self.managed(call.at("id"))?.api_tokens.clone().into()))
    }

    fn delete_token(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let tokens = &mut self.managed(call.at("id"))?.api_tokens;
        let at = tokens.iter().position(|token| token["id"] == call.at("token"));
        tokens.remove(at.ok_or(Refusal::Missing("token"))?);
        Ok(Answer::empty(204))
    }

    fn check_org(&self, call: &Call<'_>) -> Result<(), Refusal> {
        if call.at("org") == self.org_id { Ok(()) } else { Err(Refusal::Missing("organization")) }
    }

    fn list_directories(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.check_org(call)?;
        let data: Vec<Value> = (self.directories.iter().enumerate())
            .map(|(at, id)| json!({ "directoryId": id, "name": format!("Directory {}", at + 1) }))
            .collect();
        Ok(Answer::json(200, &json!({ "data": data, "links": {} })))
    }

    fn search_users(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.check_org(call)?;
        let directory = call.at("directory");
        if directory != "-" && !self.directories.iter().any(|id| id == directory) {
            return Err(Refusal::Missing("directory"));
        }
        let wanted = call.request.object()?;
        let asked = |name: &str, value: &str| {
            let list = wanted.get(name).and_then(Value::as_array);
            list.is_none_or(|list| {
                list.iter().filter_map(Value::as_str).any(|one| one.eq_ignore_ascii_case(value))
            })
        };
        let claim = wanted.get("claimStatus").and_then(Value::as_str);
        let is_claimed =
            |account: &Account| claim.is_none_or(|claim| (claim == "managed") == account.is_managed);
        let rows: Vec<Value> = self
            .accounts
            .iter()
            .filter(|account| asked("emails", &account.email) && asked("accountIds", &account.id))
            .filter(|account| is_claimed(account))
            .filter_map(|account| {
                let here = account.memberships.iter().find(|(id, _)| directory == "-" || id == directory)?;
                Some(shown(account, here.1))
            })
            .collect();
        let number =
            |name: &str| wanted.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let size = number("limit").unwrap_or(50).clamp(1, 100);
        let cursor = wanted.get("cursor").and_then(Value::as_str).and_then(|cursor| cursor.parse().ok());
        let from: usize = cursor.unwrap_or_default();
        let page: Vec<&Value> = rows.iter().skip(from).take(size).collect();
        let mut links = json!({});
        if from + size < rows.len() {
            links["next"] = (from + size).to_string().into();
        }
        Ok(Answer::json(200, &json!({ "data": page, "links": links })))
    }

    /// The membership that a write names. A write names its directory: `-` is for reads.
    fn membership(&mut self, call: &Call<'_>) -> Result<(&mut Account, usize), Refusal> {
        self.check_org(call)?;
        let directory = call.at("directory").to_owned();
        let account = self.account(call.at("id"))?;
        let at = account.memberships.iter().position(|(id, _)| *id == directory);
        Ok((account, at.ok_or(Refusal::Missing("user"))?))
    }

    fn suspend(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let (account, at) = self.membership(call)?;
        account.memberships[at].1 = true;
        Ok(Answer::empty(204))
    }

    fn restore(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let (account, at) = self.membership(call)?;
        account.memberships[at].1 = false;
        Ok(Answer::empty(204))
    }

    fn remove(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let (account, at) = self.membership(call)?;
        account.memberships.remove(at);
        Ok(Answer::empty(204))
    }

    fn scim_list(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let wanted = match call.request.parameter("filter").map(scim_parts::wanted) {
            None => None,
            // A single comparison is all that Atlassian takes.
            Some(Some(wanted)) if wanted.len() == 1 => Some(wanted),
            Some(_) => return Err(Refusal::Body("The filter is not supported.".into())),
        };
        let here = |account: &&Account| account.memberships.iter().any(|(id, _)| id == call.at("directory"));
        let users = self.accounts.iter().filter(here).map(scim_user);
        let found: Vec<Value> = users
            .filter(|user| wanted.as_ref().is_none_or(|wanted| scim_parts::is_wanted(user, wanted)))
            .collect();
        let start = call.request.number("startIndex").unwrap_or(1);
        Ok(Answer::scim(200, &scim_parts::list(&found, start, call.request.number("count").unwrap_or(50))))
    }

    fn scim_get(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::scim(200, &scim_user(self.account(call.at("id"))?)))
    }

    fn scim_patch(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let active = scim_parts::patched_active(&call.request.object()?).map_err(Refusal::Body)?;
        let account = self.account(call.at("id"))?;
        account.is_enabled = active.unwrap_or(account.is_enabled);
        Ok(Answer::scim(200, &scim_user(account)))
    }
}

fn shown(account: &Account, is_suspended: bool) -> Value {
    json!({
        "accountId": account.id, "accountType": "atlassian", "name": account.name, "email": account.email,
        "emailVerified": true, "status": if is_suspended { "suspended" } else { "active" },
        "accountStatus": if account.is_enabled { "active" } else { "inactive" },
        "membershipStatus": if is_suspended { "suspended" } else { "active" },
        "claimStatus": if account.is_managed { "managed" } else { "unmanaged" }, "platformRoles": [],
    })
}

fn scim_user(account: &Account) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": account.id, "userName": account.email,
        "displayName": account.name, "active": account.is_enabled,
        "emails": [{ "value": account.email, "primary": true }],
    })
}

/// Each of the three interfaces has errors of its own.
fn error(request: &Request, status: u16, code: &str, detail: &str) -> Answer {
    if request.path.starts_with("/scim/") {
        return Answer::scim(status, &scim_parts::error(status, None, detail));
    }
    if request.path.starts_with("/users/") {
        return Answer::json(status, &json!({ "key": code, "context": { "message": detail } }));
    }
    let one = json!({ "status": status.to_string(), "code": code, "title": code, "detail": detail });
    Answer::json(status, &json!({ "errors": [one] }))
}

impl Tool for Atlassian {
    const NAME: &'static str = "atlassian";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new("GET", "/users/{id}/manage", &[LIFECYCLE], Self::privileges),
        Route::new("POST", "/users/{id}/manage/lifecycle/disable", &[LIFECYCLE], Self::disable),
        Route::new("POST", "/users/{id}/manage/lifecycle/enable", &[LIFECYCLE], Self::enable),
        Route::new("GET", "/users/{id}/manage/api-tokens", &[LIFECYCLE], Self::list_tokens),
        Route::new("DELETE", "/users/{id}/manage/api-tokens/{token}", &[LIFECYCLE], Self::delete_token),
        Route::new("GET", "/admin/v2/orgs/{org}/directories", &[READ], Self::list_directories),
        Route::new(
            "POST",
            "/admin/v2/orgs/{org}/directories/{directory}/users/search",
            &[READ],
            Self::search_users,
        ),
        Route::new(
            "POST",
            "/admin/v2/orgs/{org}/directories/{directory}/users/{id}/suspend",
            &[WRITE],
            Self::suspend,
        ),
        Route::new(
            "POST",
            "/admin/v2/orgs/{org}/directories/{directory}/users/{id}/restore",
            &[WRITE],
            Self::restore,
        ),
        Route::new(
            "DELETE",
            "/admin/v2/orgs/{org}/directories/{directory}/users/{id}",
            &[WRITE],
            Self::remove,
        ),
        Route::new("GET", "/scim/directory/{directory}/Users", &[SCIM], Self::scim_list),
        Route::new("GET", "/scim/directory/{directory}/Users/{id}", &[SCIM], Self::scim_get),
        Route::new("PATCH", "/scim/directory/{directory}/Users/{id}", &[SCIM], Self::scim_patch),
    ];

    /// People are searched by POST.
    fn reads(request: &Request) -> bool {
        request.is_get() || request.path.ends_with("/users/search")
    }

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let token =
            json!({ "id": random_text(clock), "label": "laptop", "createdAt": rfc3339(clock.now_ms()) });
        self.accounts.push(Account {
            id: random_id(clock, "712020:", 24, HEX),
            email: person.email.clone(),
            name: person.name(),
            is_managed: true,
            is_synced: false,
            is_enabled: true,
            memberships: self.directories.iter().map(|id| (id.clone(), false)).collect(),
            api_tokens: vec![token],
        });
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        if call.request.authorization("Bearer") != Some(self.api_key.as_str()) {
            return Err(Refusal::Credentials);
        }
        match scopes.iter().any(|scope| self.scopes.iter().any(|has| has == scope)) {
            true => Ok(()),
            false => Err(Refusal::Right(scopes.join(" "))),
        }
    }

    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        match refusal {
            Refusal::Address => error(request, 404, "not.found", "No such resource"),
            Refusal::Method(allowed) => {
                error(request, 405, "method.not.allowed", "Method not allowed").with("allow", allowed)
            }
            Refusal::Missing(what) => error(request, 404, "not.found", &format!("The {what} was not found")),
            Refusal::Body(why) => error(request, 400, "bad.request", why),
            Refusal::Credentials => error(request, 401, "unauthorized", "The API key is missing or wrong"),
            Refusal::Right(_) => error(request, 403, "forbidden", "The API key has not the scope"),
            Refusal::Limited { .. } => error(request, 429, "rate.limited", "Too many requests")
                .with("retry-after", refusal.wait_secs().to_string()),
            Refusal::Broken(status) => error(request, *status, "internal.error", "Something went wrong"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 500, window_secs: 300 }
    }

    /// The reset is a date here, no number.
    fn rate_headers(&self, rate: &Rate) -> Vec<(&'static str, String)> {
        vec![
            ("x-ratelimit-limit", rate.limit.to_string()),
            ("x-ratelimit-remaining", rate.remaining.to_string()),
            ("x-ratelimit-reset", rfc3339(rate.reset_ms)),
        ]
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |account: &Account| {
            let state = if account.is_enabled { "enabled" } else { "disabled" };
            AccountView::new(&account.email, state, account.is_enabled).holding(0, account.api_tokens.len())
        };
        self.accounts.iter().map(view).collect()
    }

    fn state(&self) -> Value {
        let accounts = self.accounts.iter().map(|account| {
            json!({ "accountId": account.id, "email": account.email, "managed": account.is_managed,
                "enabled": account.is_enabled, "api_tokens": account.api_tokens.len(),
                "memberships": account.memberships.iter()
                    .map(|(id, suspended)| json!({ "directoryId": id, "suspended": suspended })).collect::<Vec<_>>() })
        });
        json!({ "org_id": self.org_id, "directories": self.directories, "accounts": accounts.collect::<Vec<_>>() })
    }
}
