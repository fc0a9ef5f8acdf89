//! Simulated Google Workspace: OAuth token endpoint, Admin SDK Directory v1 and Data Transfer v1.
use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};

use crate::dev::{
    AccountView, DevError, Person,
    access::{DIGITS, Limit, random_id, random_text},
    keys::SigningKey,
    route::Route,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

mod extras;
mod token;

const USER: &str = "https://www.googleapis.com/auth/admin.directory.user";
const USER_READ: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
const SECURITY: &str = "https://www.googleapis.com/auth/admin.directory.user.security";
const GROUP: &str = "https://www.googleapis.com/auth/admin.directory.group";
const GROUP_READ: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";
const MEMBER: &str = "https://www.googleapis.com/auth/admin.directory.group.member";
const DEVICE: &str = "https://www.googleapis.com/auth/admin.directory.device.mobile.action";
const TRANSFER: &str = "https://www.googleapis.com/auth/admin.datatransfer";

/// Scopes that a new simulator grants to its service account.
pub const SCOPES: [&str; 7] = [USER, SECURITY, GROUP_READ, MEMBER, GROUP, DEVICE, TRANSFER];

/// Whether a value has the type that Google takes.
type Fits = fn(&Value) -> bool;

/// Members of a user that an update may set.
const WRITABLE: [(&str, Fits); 9] = [
    ("suspended", Value::is_boolean),
    ("archived", Value::is_boolean),
    ("orgUnitPath", Value::is_string),
    ("recoveryEmail", Value::is_string),
    ("recoveryPhone", Value::is_string),
    ("includeInGlobalAddressList", Value::is_boolean),
    ("password", Value::is_string),
    ("changePasswordAtNextLogin", Value::is_boolean),
    ("name", Value::is_object),
];

/// An account.
#[derive(Clone)]
pub struct Account {
    /// As the API shows it.
    pub shown: Value,
    /// Third-party applications that have a token.
    pub tokens: Vec<Value>,
    /// Application-specific passwords.
    pub passwords: Vec<Value>,
    /// Browsers signed in.
    pub sessions: u32,
    /// Backup codes not used.
    pub backup_codes: u32,
    /// Mobile devices with the account on them.
    pub devices: Vec<Value>,
}

impl Account {
    fn id(&self) -> &str {
        self.shown["id"].as_str().unwrap_or_default()
    }

    /// A key is the id, the primary address or an alias.
    fn answers_to(&self, key: &str) -> bool {
        let is_alias = |alias: &Value| alias.as_str().is_some_and(|alias| alias.eq_ignore_ascii_case(key));
        self.id() == key
            || self.email().eq_ignore_ascii_case(key)
            || self.shown["aliases"].as_array().is_some_and(|aliases| aliases.iter().any(is_alias))
    }

    fn email(&self) -> &str {
        self.shown["primaryEmail"].as_str().unwrap_or_default()
    }
}

/// A Workspace customer.
#[derive(Clone)]
pub struct GoogleWorkspace {
    key: SigningKey,
    client_email: String,
    /// Scopes of domain-wide delegation.
    pub granted: Vec<String>,
    /// Accounts.
    pub accounts: Vec<Account>,
    groups: Vec<(Value, Vec<String>)>,
    transfers: Vec<Value>,
}

impl GoogleWorkspace {
    /// A customer with a service account that may do everything Ceven can ask for. Someone seeded as an admin must
    /// be its `sub`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self, DevError> {
        Ok(Self {
            key: SigningKey::generate("simulated-google-1")?,
            client_email: "ceven@acme-offboarding.iam.gserviceaccount.test".into(),
            granted: SCOPES.map(str::to_owned).to_vec(),
            accounts: Vec::new(),
            groups: Vec::new(),
            transfers: Vec::new(),
        })
    }

    /// The file that Google's console gives for a service account; `base` is where this simulator listens.
    pub fn service_account(&self, base: &str) -> Value {
        json!({
            "type": "service_account", "project_id": "acme-offboarding", "private_key_id": self.key.kid(),
            "private_key": self.key.pem(), "client_email": self.client_email, "client_id": "109876543210987654321",
            "token_uri": format!("{base}/token"),
        })
    }

    fn account(&mut self, call: &Call<'_>) -> Result<&mut Account, Refusal> {
        let key = call.at("userKey");
        self.accounts.iter_mut().find(|account| account.answers_to(key)).ok_or(Refusal::Missing("userKey"))
    }

    fn get_user(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let shown = &self.account(call)?.shown;
        Ok(Answer::json(200, &fields(shown, call.request.parameter("fields"))))
    }

    fn update_user(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let body = call.request.object()?;
        let changes = body.as_object().into_iter().flatten();
        for (name, value) in changes.clone() {
            let Some((_, fits)) = WRITABLE.iter().find(|(known, _)| known == name) else {
                return Err(Refusal::Body(format!("Invalid JSON payload received. Unknown name \"{name}\"")));
            };
            if !fits(value) {
                return Err(Refusal::Body(format!("Invalid Input: {name}")));
            }
        }
        let account = self.account(call)?;
        if body["archived"] == true {
            return Err(Refusal::exact(error(
                412,
                "conditionNotMet",
                "User does not have an archive license",
            )));
        }
        for (name, value) in changes.filter(|(name, _)| *name != "password") {
            account.shown[name] = value.clone();
        }
        if body["suspended"] == true {
            account.shown["suspensionReason"] = "ADMIN".into();
            account.sessions = 0;
        }
        Ok(Answer::json(200, &account.shown))
    }

    fn sign_out(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.account(call)?.sessions = 0;
        Ok(Answer::empty(204))
    }

    fn list_tokens(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(listed("admin#directory#tokenList", "items", self.account(call)?.tokens.clone()))
    }

    fn delete_token(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        removed(&mut self.account(call)?.tokens, "clientId", call.at("clientId"))
    }

    fn list_passwords(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(listed("admin#directory#aspList", "items", self.account(call)?.passwords.clone()))
    }

    fn delete_password(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        removed(&mut self.account(call)?.passwords, "codeId", call.at("codeId"))
    }

    fn invalidate_codes(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let account = self.account(call)?;
        if account.shown["suspended"] == true || account.shown["archived"] == true {
            return Err(Refusal::Body("Invalid Input".into()));
        }
        account.backup_codes = 0;
        Ok(Answer::empty(204))
    }

    fn list_groups(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let Some(key) = call.request.parameter("userKey") else {
            return Err(Refusal::Body("Domain or user key is missing".into()));
        };
        let account = self.accounts.iter().find(|account| account.answers_to(key));
        let id = account.ok_or(Refusal::Missing("userKey"))?.id();
        let has = |members: &Vec<String>| members.iter().any(|member| member == id);
        let found: Vec<Value> =
            self.groups.iter().filter(|(_, members)| has(members)).map(|(group, _)| group.clone()).collect();
        let size = call.request.number("maxResults").unwrap_or(200).clamp(1, 200);
        let from = call.request.parameter("pageToken").map_or(Ok(0), str::parse::<usize>);
        let from = from.map_err(|_| Refusal::Body("Invalid Value".into()))?;
        let page: Vec<Value> = found.iter().skip(from).take(size).cloned().collect();
        let mut body = json!({ "kind": "admin#directory#groups", "groups": page });
        if from + size < found.len() {
            body["nextPageToken"] = (from + size).to_string().into();
        }
        Ok(Answer::json(200, &body))
    }

    fn delete_member(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let (group, member) = (call.at("groupKey"), call.at("memberKey"));
        let id = self.accounts.iter().find(|account| account.answers_to(member)).map(|account| account.id());
        let members =
            self.groups.iter_mut().find(|(shown, _)| shown["id"] == group || shown["email"] == group);
        let (_, members) = members.ok_or(Refusal::Missing("groupKey"))?;
        let at = members.iter().position(|has| Some(has.as_str()) == id);
        members.remove(at.ok_or(Refusal::Missing("memberKey"))?);
        Ok(Answer::empty(204))
    }

    fn join(&mut self, group: &str, email: &str, id: &str, clock: &dyn Clock) {
        let domain = email.rsplit_once('@').map_or("acme.test", |(_, domain)| domain);
        let address = format!("{}@{domain}", group.to_lowercase().replace(' ', "-"));
        if let Some((_, members)) = self.groups.iter_mut().find(|(shown, _)| shown["email"] == address) {
            return members.push(id.to_owned());
        }
        let group_id = random_id(clock, "0", 14, b"0123456789abcdefghijklmnopqrstuvwxyz");
        let shown =
            json!({ "kind": "admin#directory#group", "id": group_id, "email": address, "name": group });
        self.groups.push((shown, vec![id.to_owned()]));
    }
}

/// Only the members named in `fields`; all without it.
fn fields(value: &Value, fields: Option<&str>) -> Value {
    let Some(fields) = fields else { return value.clone() };
    let names = fields.split(',').map(str::trim);
    names
        .filter_map(|name| Some((name.to_owned(), value.get(name)?.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A list; Google leaves an empty one out.
fn listed(kind: &str, name: &str, items: Vec<Value>) -> Answer {
    let mut body = json!({ "kind": kind });
    if !items.is_empty() {
        body[name] = items.into();
    }
    Answer::json(200, &body)
}

fn removed(items: &mut Vec<Value>, name: &'static str, id: &str) -> Result<Answer, Refusal> {
    let is_it = |item: &Value| item[name] == id || item[name].as_i64().is_some_and(|n| n.to_string() == id);
    let at = items.iter().position(is_it).ok_or(Refusal::Missing(name))?;
    items.remove(at);
    Ok(Answer::empty(204))
}

fn error(status: u16, reason: &str, message: &str) -> Answer {
    let domain = if reason.ends_with("Exceeded") { "usageLimits" } else { "global" };
    let errors = json!([{ "domain": domain, "reason": reason, "message": message }]);
    Answer::json(status, &json!({ "error": { "errors": errors, "code": status, "message": message } }))
}

impl Tool for GoogleWorkspace {
    const NAME: &'static str = "google_workspace";
    const ROUTES: &'static [Route<Self>] = &[
        Route::open("POST", "/token", token::token),
        Route::new("GET", "/admin/directory/v1/users/{userKey}", &[USER, USER_READ], Self::get_user),
        Route::new("PUT", "/admin/directory/v1/users/{userKey}", &[USER], Self::update_user),
        Route::new("PATCH", "/admin/directory/v1/users/{userKey}", &[USER], Self::update_user),
        Route::new("POST", "/admin/directory/v1/users/{userKey}/signOut", &[SECURITY], Self::sign_out),
        Route::new("POST", "/admin/directory/v1/users/{userKey}/makeAdmin", &[USER], extras::make_admin),
        Route::new("GET", "/admin/directory/v1/users/{userKey}/tokens", &[SECURITY], Self::list_tokens),
        Route::new(
            "DELETE",
            "/admin/directory/v1/users/{userKey}/tokens/{clientId}",
            &[SECURITY],
            Self::delete_token,
        ),
        Route::new("GET", "/admin/directory/v1/users/{userKey}/asps", &[SECURITY], Self::list_passwords),
        Route::new(
            "DELETE",
            "/admin/directory/v1/users/{userKey}/asps/{codeId}",
            &[SECURITY],
            Self::delete_password,
        ),
        Route::new(
            "POST",
            "/admin/directory/v1/users/{userKey}/verificationCodes/invalidate",
            &[SECURITY],
            Self::invalidate_codes,
        ),
        Route::new("GET", "/admin/directory/v1/groups", &[GROUP_READ, GROUP], Self::list_groups),
        Route::new(
            "DELETE",
            "/admin/directory/v1/groups/{groupKey}/members/{memberKey}",
            &[MEMBER, GROUP],
            Self::delete_member,
        ),
        Route::new(
            "GET",
            "/admin/directory/v1/customer/my_customer/devices/mobile",
            &[DEVICE],
            extras::list_devices,
        ),
        Route::new(
            "POST",
            "/admin/directory/v1/customer/my_customer/devices/mobile/{resourceId}/action",
            &[DEVICE],
            extras::act_on_device,
        ),
        Route::new("GET", "/admin/datatransfer/v1/applications", &[TRANSFER], extras::transfer_applications),
        Route::new("GET", "/admin/datatransfer/v1/transfers", &[TRANSFER], extras::list_transfers),
        Route::new("POST", "/admin/datatransfer/v1/transfers", &[TRANSFER], extras::start_transfer),
    ];

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let id = random_id(clock, "1", 20, DIGITS);
        let alias = person.email.replacen('@', ".alias@", 1);
        self.accounts.push(Account {
            shown: json!({
                "kind": "admin#directory#user", "id": id, "primaryEmail": person.email, "aliases": [alias],
                "name": { "givenName": person.given_name, "familyName": person.family_name, "fullName": person.name() },
                "isAdmin": person.is_admin, "isDelegatedAdmin": false, "suspended": false, "archived": false,
                "orgUnitPath": "/", "customerId": "C03az79cb", "lastLoginTime": rfc3339(clock.now_ms()),
                "recoveryEmail": format!("{}@home.test", person.given_name.to_lowercase()),
                "includeInGlobalAddressList": true,
            }),
            tokens: ["Calendar for Slack", "Figma"]
                .map(|name| {
                    let client = random_id(clock, "", 12, DIGITS) + ".apps.googleusercontent.test";
                    json!({ "kind": "admin#directory#token", "clientId": client, "displayText": name,
                        "scopes": ["https://www.googleapis.com/auth/calendar"], "nativeApp": false, "anonymous": false })
                })
                .to_vec(),
            passwords: vec![json!({ "kind": "admin#directory#asp", "codeId": 7, "name": "Old mail client" })],
            sessions: 2,
            backup_codes: 10,
            devices: vec![json!({ "kind": "admin#directory#mobiledevice", "resourceId": random_text(clock),
                "email": [person.email], "model": "Pixel 9", "status": "APPROVED" })],
        });
        for group in &person.groups {
            self.join(group, &person.email, &id, clock);
        }
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        extras::length_is_said(call.request)?;
        call.bearer(scopes)
    }

    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        if request.path == "/token" {
            return token::refuse(refusal);
        }
        match refusal {
            Refusal::Address => {
                Answer::typed(404, "text/html; charset=UTF-8", "<title>Error 404 (Not Found)!!1</title>")
            }
            Refusal::Method(allowed) => {
                error(405, "httpMethodNotAllowed", "Method not allowed").with("allow", allowed)
            }
            Refusal::Missing(what) => error(404, "notFound", &format!("Resource Not Found: {what}")),
            Refusal::Body(why) => error(400, "invalid", why),
            Refusal::Credentials => error(401, "authError", "Invalid Credentials").with(
                "www-authenticate",
                "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
            ),
            Refusal::Right(_) => {
                error(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
            }
            Refusal::Limited { .. } => error(429, "rateLimitExceeded", "Rate Limit Exceeded"),
            Refusal::Broken(status) => {
                error(*status, "backendError", "Service unavailable. Please try again")
            }
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 2400, window_secs: 60 }
    }

    fn state(&self) -> Value {
        let accounts = self.accounts.iter().map(|account| {
            let groups =
                self.groups.iter().filter(|(_, members)| members.iter().any(|id| id == account.id()));
            json!({ "user": account.shown, "sessions": account.sessions, "tokens": account.tokens,
                "asps": account.passwords, "backup_codes": account.backup_codes, "devices": account.devices,
                "groups": groups.map(|(shown, _)| shown["email"].clone()).collect::<Vec<_>>() })
        });
        json!({ "users": accounts.collect::<Vec<_>>(), "transfers": self.transfers, "granted_scopes": self.granted })
    }

    fn accounts(&self) -> Vec<AccountView> {
        extras::accounts(self)
    }
}
