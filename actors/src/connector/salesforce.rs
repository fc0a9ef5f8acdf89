//! Salesforce: freezes and deactivates the person, ends sessions, revokes OAuth tokens.
//!
//! REST and SOQL: <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/>; `UserLogin`,
//! `AuthSession`, `OauthToken`: <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/>.
//!
//! 1. The account is the linked one, else the one whose federation id, else whose user name, else whose address is the
//!    person's. An address may be on many accounts there; the living ones must be one.
//! 2. The connection's own user is never touched, and neither is a user that is no person.
//! 3. Freezing comes first: Salesforce refuses to deactivate a default lead owner and the like. Who is frozen cannot
//!    sign in, and stays so.
//! 4. Sessions and OAuth tokens go whatever came before.
//! 5. Frozen is enough where Salesforce refused to deactivate for good. Where it said that it did, the account must be so.
use serde_json::{Value, json};

use super::answer::{same, text};
use super::pass::{Failure, Halt, Match, Outcome, Pass, Step};
use super::sign::SigningKey;
use super::step::{Fetched, Item, addresses, origins, removal};
use super::wire::Method;
use super::{ConfigError, Field, Kind, Settings, Tool};

pub mod api;

use api::{Api, Grant, Session, judge, quoted, revoked};

/// Salesforce.
pub const KIND: Kind = Kind {
    id: "salesforce",
    title: "Salesforce",
    fields: &[
        Field::required("base_url", "My Domain", "Such as https://acme.my.salesforce.com.").address(),
        Field::required("client_id", "Consumer key", "Of the connected app."),
        Field::optional("client_secret", "Consumer secret", "For the client credentials flow.").secret(),
        Field::optional(
            "username",
            "User name",
            "For the JWT bearer flow: the user that the connection acts as.",
        ),
        Field::optional("private_key", "Private key", "For the JWT bearer flow: RSA, PEM.").key_file(),
        Field::optional(
            "login_url",
            "Login address",
            "For the JWT bearer flow: https://test.salesforce.com for a \
             sandbox.",
        )
        .address()
        .or(api::LOGIN_URL),
    ],
    hosts: &[".salesforce.com", ".salesforce.mil"],
    build,
};

/// User types that Salesforce and its sites run as.
const NO_PERSONS: [&str; 3] = ["AutomatedProcess", "CloudIntegrationUser", "Guest"];

struct Salesforce {
    api: Api,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let grant = match (settings.get("client_secret"), settings.get("private_key")) {
        (Some(secret), None) => Grant::Secret(secret.to_owned()),
        (None, Some(key)) => Grant::Jwt {
            username: settings.required("username")?.to_owned(),
            login_url: settings.base_url("login_url", api::LOGIN_URL)?,
            key: Box::new(SigningKey::from_pem("private_key", key)?),
        },
        _ => return Err(ConfigError::new("client_secret", "or private_key must be given, one of them")),
    };
    Ok(Box::new(Salesforce {
        api: Api {
            base_url: settings.base_url("base_url", "")?,
            client_id: settings.required("client_id")?.to_owned(),
            grant,
        },
    }))
}

impl Tool for Salesforce {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let session = match self.api.session(pass)? {
            Ok(session) => session,
            Err(failure) => return Err(pass.fail("authorize", failure)),
        };
        let candidates = match candidates(pass, &session)? {
            Ok(candidates) => candidates,
            Err(failure) => return Err(pass.fail("resolve", failure)),
        };
        let user = pass.choose(candidates)?;
        let id = text(&user, "Id");
        let is_person = !NO_PERSONS.contains(&text(&user, "UserType"));
        if session.is_own(id) || !is_person {
            let detail =
                if is_person { "the connection acts as this user" } else { "no person, but a process" };
            return Err(pass.fail("guard", Failure::Protected { detail: detail.to_owned() })); // (2)
        }
        freeze(pass, &session, id)?;
        let is_refused = deactivate(pass, &session, &user)?;
        // (4)
        let found =
            session.query(pass, &format!("SELECT Id FROM AuthSession WHERE UsersId = {}", quoted(id)))?;
        let items = found.map(|sessions| {
            let item = |entry: &Value| Item {
                label: text(entry, "Id").to_owned(),
                request: session
                    .write(Method::Delete, &format!("sobjects/AuthSession/{}", text(entry, "Id"))),
            };
            sessions.iter().map(item).collect()
        });
        pass.sweep("sessions", None, items, judge)?;
        revoke_tokens(pass, &session, id)?;
        verify(pass, &session, id, is_refused)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let session = match self.api.session(pass)? {
            Ok(session) => session,
            Err(failure) => return Err(pass.fail("credentials", failure)),
        };
        pass.note("credentials", Outcome::Done, None);
        rung(pass, &session, "read_users", "SELECT Id FROM User LIMIT 1")?;
        let soql = format!(
            "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {} AND \
             PermissionSet.PermissionsManageUsers = true LIMIT 1",
            quoted(&session.own_id)
        );
        let outcome = match session.query(pass, &soql)? {
            _ if session.own_id.is_empty() => {
                Outcome::skipped("Salesforce did not say who the connection is")
            }
            Ok(found) if found.is_empty() => {
                Outcome::Failed(Failure::Permission { missing: "Manage Users".into() })
            }
            Ok(_) => Outcome::Done,
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note("manage_users", outcome, None);
        rung(pass, &session, "freeze_users", "SELECT Id, IsFrozen FROM UserLogin LIMIT 1")?;
        rung(pass, &session, "sessions", "SELECT Id FROM AuthSession LIMIT 1")?;
        rung(pass, &session, "oauth_tokens", "SELECT Id FROM OauthToken LIMIT 1")
    }

    fn origins(&self) -> Vec<String> {
        match &self.api.grant {
            Grant::Secret(_) => origins(&[&self.api.base_url]),
            Grant::Jwt { login_url, .. } => origins(&[&self.api.base_url, login_url]),
        }
    }
}

fn rung(pass: &mut Pass<'_>, session: &Session<'_>, name: &str, soql: &str) -> Result<(), Halt> {
    let outcome = session.query(pass, soql)?.map_or_else(Outcome::Failed, |_| Outcome::Done);
    pass.note(name, outcome, None);
    Ok(())
}

/// (1)
fn candidates(pass: &mut Pass<'_>, session: &Session<'_>) -> Fetched<Vec<(Match, Value)>> {
    const FIELDS: &str = "SELECT Id, Username, Email, FederationIdentifier, IsActive, UserType FROM User";
    let leaver = pass.leaver();
    if let Some(link) = &leaver.link {
        let soql = format!("{FIELDS} WHERE Id = {}", quoted(&link.external_id));
        let users = session.query(pass, &soql)?;
        return Ok(users.map(|users| {
            let linked = users.into_iter().filter(|user| text(user, "Id") == link.external_id);
            linked.map(|user| named(user, "link")).collect()
        }));
    }
    let known = addresses(leaver);
    let mut names = known.clone();
    names.extend([leaver.user_name.clone()].into_iter().filter(|name| !known.iter().any(|e| same(e, name))));
    names.retain(|name| !name.trim().is_empty());
    let mut federation_ids = names.clone();
    federation_ids.extend(leaver.external_id.clone().filter(|id| !id.is_empty()));
    let keys = [
        ("FederationIdentifier", "saml", federation_ids),
        ("Username", "user_name", names),
        ("Email", "email", known),
    ];
    for (field, matched_by, values) in keys {
        if values.is_empty() {
            continue;
        }
        let list = values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ");
        let mut users = match session.query(pass, &format!("{FIELDS} WHERE {field} IN ({list})"))? {
            Ok(users) => users,
            Err(failure) => return Ok(Err(failure)),
        };
        users.retain(|user| {
            !text(user, "Id").is_empty() && values.iter().any(|value| same(value, text(user, field)))
        });
        if users.iter().any(|user| user["IsActive"] == true) {
            users.retain(|user| user["IsActive"] == true);
        }
        if !users.is_empty() {
            return Ok(Ok(users.into_iter().map(|user| named(user, matched_by)).collect()));
        }
    }
    Ok(Ok(Vec::new()))
}

/// (3)
fn freeze(pass: &mut Pass<'_>, session: &Session<'_>, id: &str) -> Result<(), Halt> {
    let outcome = match login(pass, session, id)? {
        Err(failure) => Outcome::Failed(failure),
        Ok(None) => Outcome::skipped("the person has no login there"),
        Ok(Some(login)) if login["IsFrozen"] == true => Outcome::Already,
        Ok(Some(login)) => {
            let path = format!("sobjects/UserLogin/{}", text(&login, "Id"));
            let request = session.write(Method::Patch, &path).json(json!({ "IsFrozen": true }));
            pass.try_write(request)?.map_or(Outcome::Planned, |answer| removal(&answer, judge))
        }
    };
    pass.reversible("freeze", outcome, "Unfreeze the person in Salesforce.");
    Ok(())
}

/// Whether Salesforce refused for good.
fn deactivate(pass: &mut Pass<'_>, session: &Session<'_>, user: &Value) -> Result<bool, Halt> {
    let outcome = if user["IsActive"] == false {
        Outcome::Already
    } else {
        let path = format!("sobjects/User/{}", text(user, "Id"));
        let request = session.write(Method::Patch, &path).json(json!({ "IsActive": false }));
        pass.try_write(request)?.map_or(Outcome::Planned, |answer| removal(&answer, judge))
    };
    let detail = match &outcome {
        Outcome::Failed(Failure::Conflict { .. }) => {
            Some("the person stays frozen and keeps the licence".to_owned())
        }
        _ => None,
    };
    let has_undo = matches!(outcome, Outcome::Done | Outcome::Planned);
    let is_refused = matches!(&outcome, Outcome::Failed(failure) if !failure.is_retryable());
    pass.report(Step {
        name: "deactivate".to_owned(),
        outcome,
        detail,
        undo: has_undo.then(|| "Set the person to active again in Salesforce, and unfreeze them.".to_owned()),
    });
    Ok(is_refused)
}

fn revoke_tokens(pass: &mut Pass<'_>, session: &Session<'_>, id: &str) -> Result<(), Halt> {
    let soql = format!("SELECT Id, AppName, DeleteToken FROM OauthToken WHERE UserId = {}", quoted(id));
    let items = session.query(pass, &soql)?.map(|tokens| {
        let item = |token: &Value| Item {
            label: text(token, "AppName").to_owned(),
            request: session.revocation(text(token, "DeleteToken")),
        };
        tokens.iter().map(item).collect()
    });
    pass.sweep_as("oauth_tokens", None, items, revoked)
}

fn verify(pass: &mut Pass<'_>, session: &Session<'_>, id: &str, is_refused: bool) -> Result<(), Halt> {
    if pass.is_preview() {
        pass.verified(&[], "");
        return Ok(());
    }
    let users = session.query(pass, &format!("SELECT Id, IsActive FROM User WHERE Id = {}", quoted(id)))?;
    let is_active = match users {
        Ok(users) => users.iter().any(|user| text(user, "Id") == id && user["IsActive"] != false),
        Err(failure) => {
            pass.note("verify", Outcome::Failed(failure), None);
            return Ok(());
        }
    };
    if !is_active {
        pass.verified(&[], "the account is not active");
        return Ok(());
    }
    match login(pass, session, id)? {
        Ok(Some(login)) if login["IsFrozen"] == true && is_refused => {
            pass.verified(&[], "the account is frozen, so nobody can sign in; it is still active"); // (5)
        }
        Ok(Some(login)) if login["IsFrozen"] == true => {
            pass.verified(&["the account is frozen, and still active".to_owned()], ""); // (5)
        }
        Ok(_) => pass.verified(&["the account is active and not frozen".to_owned()], ""),
        Err(failure) => pass.note("verify", Outcome::Failed(failure), None),
    }
    Ok(())
}

fn login(pass: &mut Pass<'_>, session: &Session<'_>, id: &str) -> Fetched<Option<Value>> {
    let soql = format!("SELECT Id, IsFrozen FROM UserLogin WHERE UserId = {}", quoted(id));
    Ok(session.query(pass, &soql)?.map(|logins| logins.into_iter().next()))
}

fn named(user: Value, matched_by: &str) -> (Match, Value) {
    let found = Match {
        external_id: text(&user, "Id").to_owned(),
        label: text(&user, "Username").to_owned(),
        matched_by: matched_by.to_owned(),
    };
    (found, user)
}
