//! Google Workspace: suspends the user and takes away what outlives a suspension.
//!
//! A service account with domain-wide delegation acts for an admin. The order is:
//!
//! 1. When wished, take the super admin role away (see [`admin`]).
//! 2. Invalidate the backup codes: of a suspended user Google refuses it, and they work again when the user does.
//! 3. Suspend: nobody signs in any more.
//! 4. End the web sessions, then revoke OAuth grants and application passwords. Resetting the password instead would
//!    leave Apps Script grants and application passwords alive (<https://support.google.com/a/answer/6328616>).
//!    Two-step verification stays on: turning it off weakens the account.
//! 5. When wished: take the account off phones, leave all groups, move to an organizational unit, clear what recovers
//!    the account, hand files and calendars over.
//! 6. Read back.
//!
//! A person is found by address and kept by id: Google answers to aliases too, and gives an address to someone else
//! once it is free.
use serde_json::{Value, json};

use super::pass::{Failure, Halt, Outcome, Pass};
use super::step::{Fetched, Item, addresses, change};
use super::wire::{Method, escape};
use super::{ConfigError, Field, Kind, Settings, Tool};
use account::{Account, read_user, user_path};
use admin::strip_admin;
use api::{Api, Scope, Token, judge};

pub mod account;
pub mod admin;
pub mod api;
pub mod transfer;

const BASE_URL: &str = "https://admin.googleapis.com";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Google Workspace.
pub const KIND: Kind = Kind {
    id: "google_workspace",
    title: "Google Workspace",
    fields: &[
        Field::required(
            "service_account_key",
            "Service account key",
            "The JSON key file of a service account with domain-wide delegation.",
        )
        .key_file(),
        Field::required(
            "admin_email",
            "Admin",
            "E-mail address of the admin that the service account acts for.",
        )
        .email(),
        Field::switch(
            "strip_admin",
            "Take the admin role away",
            "Take the super admin role from a leaver who has it; otherwise super admins are left to a person. The admin \
             above is never touched.",
        ),
        Field::switch("leave_groups", "Leave groups", "Remove the person from every group."),
        Field::switch(
            "wipe_devices",
            "Wipe devices",
            "Remove the work account from the person's mobile devices.",
        ),
        Field::optional("org_unit", "Move to", "Organizational unit for leavers, such as /Leavers."),
        Field::switch(
            "clear_recovery",
            "Clear recovery",
            "Remove the recovery address and phone, and hide the person in the directory.",
        ),
        Field::optional(
            "transfer_to",
            "Hand over to",
            "E-mail address of the user who gets the person's files and calendars.",
        )
        .email(),
        Field::optional("base_url", "API address", "Only for tests and gateways.").address().or(BASE_URL),
        Field::optional("token_url", "Token address", "Only for tests and gateways.").address().or(TOKEN_URL),
    ],
    hosts: &["admin.googleapis.com", "oauth2.googleapis.com"],
    build,
};

struct GoogleWorkspace {
    api: Api,
    strip_admin: bool,
    leave_groups: bool,
    wipe_devices: bool,
    org_unit: Option<String>,
    clear_recovery: bool,
    transfer_to: Option<String>,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let org_unit = settings.get("org_unit").map(str::to_owned);
    if org_unit.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(ConfigError::new("org_unit", "must begin with a slash"));
    }
    let api = Api::new(
        settings.base_url("base_url", BASE_URL)?,
        settings.base_url("token_url", TOKEN_URL)?,
        settings.required("service_account_key")?,
        settings.required("admin_email")?,
    )?;
    let leave_groups = settings.is_on("leave_groups");
    Ok(Box::new(GoogleWorkspace {
        api,
        strip_admin: settings.is_on("strip_admin"),
        leave_groups,
        wipe_devices: settings.is_on("wipe_devices"),
        org_unit,
        clear_recovery: settings.is_on("clear_recovery"),
        transfer_to: settings.get("transfer_to").map(str::to_lowercase),
    }))
}

impl Tool for GoogleWorkspace {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let directory = match self.api.token(pass, Scope::Directory)? {
            Ok(token) => token,
            Err(failure) => return Err(pass.fail("authorize", without_core(failure))),
        };
        let account = self.resolve(pass, &directory)?;
        self.guard(pass, &directory, &account)?;
        if self.strip_admin {
            strip_admin(pass, &directory, &account)?; // (1)
        }
        let security = self.api.token(pass, Scope::Security)?;
        backup_codes(pass, &security, &account)?; // (2)
        self.suspend(pass, &directory, &account)?; // (3)
        self.end_access(pass, &security, &account)?; // (4)
        if self.wipe_devices {
            self.wipe(pass, &account)?; // (5)
        }
        if self.leave_groups {
            self.leave(pass, &account)?;
        }
        if let Some(org_unit) = &self.org_unit {
            move_to(pass, &directory, &account, org_unit)?;
        }
        if self.clear_recovery {
            clear_recovery(pass, &directory, &account)?;
        }
        if let Some(heir) = &self.transfer_to {
            self.hand_over(pass, &directory, &account, heir)?;
        }
        self.verify(pass, &directory, security.as_ref().ok(), &account) // (6)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let directory = match self.api.token(pass, Scope::Directory)? {
            Ok(token) => token,
            Err(failure) => return Err(pass.fail("credentials", failure)),
        };
        pass.note("credentials", Outcome::Done, format!("acts for {}", self.api.admin_email()));
        self.check_admin(pass, &directory)?;
        let admin = escape(self.api.admin_email());
        self.check_scope(pass, "sessions_and_tokens", Scope::Security, &format!("users/{admin}/tokens"))?;
        if self.leave_groups {
            self.check_scope(pass, "groups", Scope::Groups, "groups?customer=my_customer&maxResults=1")?;
        }
        if self.wipe_devices {
            let path = "customer/my_customer/devices/mobile?maxResults=1";
            self.check_scope(pass, "devices", Scope::Devices, path)?;
        }
        if self.transfer_to.is_some() {
            self.check_scope(pass, "data_transfer", Scope::Transfer, "applications?maxResults=1")?;
        }
        Ok(())
    }

    fn origins(&self) -> Vec<String> {
        super::step::origins(&self.api.urls())
    }
}

/// Without the first scope nothing works at all, so the connector has to be mended.
fn without_core(failure: Failure) -> Failure {
    match failure {
        Failure::Permission { missing } => Failure::Auth { detail: format!("not granted: {missing}") },
        other => other,
    }
}

impl GoogleWorkspace {
    /// The stored id, or the one user that has an address of the person.
    fn resolve(&self, pass: &mut Pass<'_>, token: &Token<'_>) -> Result<Account, Halt> {
        if let Some(link) = &pass.leaver().link {
            return match read_user(pass, token, &link.external_id)? {
                Ok(Some(account)) => pass.choose(vec![account.found("link")]),
                // Not by address then: it may belong to someone else by now.
                Ok(None) => Err(pass.not_there()),
                Err(failure) => Err(pass.fail("resolve", failure)),
            };
        }
        let (mut found, mut refused, mut answered) = (Vec::new(), None, false);
        for email in addresses(pass.leaver()) {
            match read_user(pass, token, &email)? {
                Ok(account) => {
                    answered = true;
                    found.extend(account.filter(|account| account.emails.contains(&email)));
                }
                // So are addresses of other domains answered, such as a private one.
                Err(failure @ Failure::Permission { .. }) => refused = Some(failure),
                Err(failure) => return Err(pass.fail("resolve", failure)),
            }
        }
        match refused {
            Some(failure) if !answered => Err(pass.fail("resolve", failure)),
            _ => pass.choose(found.into_iter().map(|account| account.found("email")).collect()),
        }
    }

    fn suspend(&self, pass: &mut Pass<'_>, token: &Token<'_>, account: &Account) -> Result<(), Halt> {
        if !account.is_in_use() {
            let state = if account.is_suspended { "suspended" } else { "archived" };
            pass.note("suspend", Outcome::Already, state.to_owned());
            return Ok(());
        }
        // PUT changes only what it names here, and Google prefers it to PATCH.
        let request = token.write(Method::Put, &user_path(&account.id)).json(json!({ "suspended": true }));
        let undo = "Reactivate the user in the Google Admin console.";
        pass.write("suspend", Some(undo), request, |answer| change(answer, judge))?;
        Ok(())
    }

    fn end_access(
        &self,
        pass: &mut Pass<'_>,
        security: &Result<Token<'_>, Failure>,
        account: &Account,
    ) -> Result<(), Halt> {
        let token = match security {
            Ok(token) => token,
            Err(failure) => {
                for name in ["sign_out", "oauth_tokens", "app_passwords"] {
                    pass.note(name, Outcome::Failed(failure.clone()), None);
                }
                return Ok(());
            }
        };
        let user = user_path(&account.id);
        let sign_out = token.write(Method::Post, &format!("{user}/signOut"));
        pass.write("sign_out", None, sign_out, |answer| change(answer, judge))?;
        let grants = token.items(pass, &format!("{user}/tokens"), "displayText", "clientId")?;
        pass.sweep("oauth_tokens", None, grants, judge)?;
        let passwords = token.items(pass, &format!("{user}/asps"), "name", "codeId")?;
        pass.sweep("app_passwords", None, passwords, judge)
    }

    /// Takes the work account off the person's devices, never wipes a whole device: it may be a private one.
    fn wipe(&self, pass: &mut Pass<'_>, account: &Account) -> Result<(), Halt> {
        let token = self.api.token(pass, Scope::Devices)?;
        let listed = in_scope(token, |token| {
            let query = escape(&format!("email:{}", account.primary_email));
            let path =
                format!("customer/my_customer/devices/mobile?maxResults=100&projection=BASIC&query={query}");
            let devices = token.list(pass, &path, "mobiledevices")?;
            Ok(devices
                .map(|devices| devices.iter().filter_map(|device| wiping(token, device, account)).collect()))
        })?;
        pass.sweep("devices", None, listed, judge)
    }

    fn leave(&self, pass: &mut Pass<'_>, account: &Account) -> Result<(), Halt> {
        let token = self.api.token(pass, Scope::Groups)?;
        let listed = in_scope(token, |token| {
            let path = format!("groups?maxResults=200&userKey={}", escape(&account.id));
            let groups = token.list(pass, &path, "groups")?;
            let item = |group: &Value| {
                let id = escape(group["id"].as_str()?);
                let member = escape(&account.id);
                Some(Item {
                    label: group["email"].as_str()?.to_owned(),
                    request: token.write(Method::Delete, &format!("groups/{id}/members/{member}")),
                })
            };
            Ok(groups.map(|groups| groups.iter().filter_map(item).collect()))
        })?;
        pass.sweep("groups", Some("Add the person to these groups again"), listed, judge)
    }

    fn check_scope(&self, pass: &mut Pass<'_>, name: &str, scope: Scope, path: &str) -> Result<(), Halt> {
        match self.api.token(pass, scope)? {
            Ok(token) => pass.rung(name, token.read(path), judge).map(|_| ()),
            Err(failure) => {
                pass.note(name, Outcome::Failed(failure), None);
                Ok(())
            }
        }
    }

    /// Reads back what decides: the state of the account, its grants and its application passwords.
    fn verify(
        &self,
        pass: &mut Pass<'_>,
        directory: &Token<'_>,
        security: Option<&Token<'_>>,
        account: &Account,
    ) -> Result<(), Halt> {
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        let mut left = Vec::new();
        match read_user(pass, directory, &account.id)? {
            Ok(Some(now)) => {
                if now.is_in_use() {
                    left.push("the user is active".to_owned());
                }
                if self.strip_admin && now.is_admin {
                    left.push("the user is a super admin".to_owned());
                }
            }
            Ok(None) => {}
            Err(failure) => return Err(pass.fail("verify", failure)),
        }
        for (list, what) in [("tokens", "OAuth grants"), ("asps", "application passwords")] {
            let Some(token) = security else { break };
            match token.items(pass, &format!("{}/{list}", user_path(&account.id)), "", idof(list))? {
                Ok(items) if items.is_empty() => {}
                Ok(items) => left.push(format!("{} {what}", items.len())),
                Err(failure) => return Err(pass.fail("verify", failure)),
            }
        }
        let gone = match security {
            Some(_) => "suspended, without OAuth grants and application passwords",
            None => "suspended; grants and passwords could not be read",
        };
        pass.verified(&left, gone);
        Ok(())
    }
}

/// Runs `list` when its scope was granted.
fn in_scope<'a>(
    token: Result<Token<'a>, Failure>,
    list: impl FnOnce(&Token<'a>) -> Fetched<Vec<Item>>,
) -> Fetched<Vec<Item>> {
    match token {
        Ok(token) => list(&token),
        Err(failure) => Ok(Err(failure)),
    }
}

/// The removal from one device; nothing for a device of someone else, should the search be less exact than asked.
fn wiping(token: &Token<'_>, device: &Value, account: &Account) -> Option<Item> {
    let mut owners = device["email"].as_array()?.iter().filter_map(Value::as_str);
    owners.find(|owner| account.emails.contains(&owner.to_lowercase()))?;
    let id = device["resourceId"].as_str()?;
    let path = format!("customer/my_customer/devices/mobile/{}/action", escape(id));
    Some(Item {
        label: device["model"].as_str().unwrap_or(id).to_owned(),
        request: token.write(Method::Post, &path).json(json!({ "action": "admin_account_wipe" })),
    })
}

fn backup_codes(
    pass: &mut Pass<'_>,
    security: &Result<Token<'_>, Failure>,
    account: &Account,
) -> Result<(), Halt> {
    const NAME: &str = "backup_codes";
    if !account.is_in_use() {
        pass.note(NAME, Outcome::skipped("only those of an active user can be invalidated"), None);
        return Ok(());
    }
    match security {
        Ok(token) => {
            let path = format!("{}/verificationCodes/invalidate", user_path(&account.id));
            pass.write(NAME, None, token.write(Method::Post, &path), |answer| change(answer, judge))?;
        }
        Err(failure) => pass.note(NAME, Outcome::Failed(failure.clone()), None),
    }
    Ok(())
}

fn move_to(pass: &mut Pass<'_>, token: &Token<'_>, account: &Account, org_unit: &str) -> Result<(), Halt> {
    if account.org_unit.eq_ignore_ascii_case(org_unit) {
        pass.note("org_unit", Outcome::Already, None);
        return Ok(());
    }
    let request = token.write(Method::Put, &user_path(&account.id)).json(json!({ "orgUnitPath": org_unit }));
    let undo = format!("Move the user back to {}.", account.org_unit);
    pass.write("org_unit", Some(&undo), request, |answer| change(answer, judge))?;
    Ok(())
}

/// Whoever holds the private phone could otherwise ask for the account.
fn clear_recovery(pass: &mut Pass<'_>, token: &Token<'_>, account: &Account) -> Result<(), Halt> {
    let body = json!({ "recoveryEmail": "", "recoveryPhone": "", "includeInGlobalAddressList": false });
    let request = token.write(Method::Put, &user_path(&account.id)).json(body);
    pass.write("recovery", None, request, |answer| change(answer, judge))?;
    Ok(())
}

fn idof(list: &str) -> &'static str {
    if list == "tokens" { "clientId" } else { "codeId" }
}
