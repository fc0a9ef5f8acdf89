//! Okta itself: suspends or deactivates the person there, and ends what Okta's sign-in gave.
//!
//! API: <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/>. Only `deactivate` removes
//! the person from the apps that Okta provisions; it cannot be undone, so an admin chooses it.
//!
//! 1. Whose account it is: see [`account`].
//! 2. The admin who made the API token is never touched.
//! 3. The door is closed first. What is closed already gets no request, and who was closed meanwhile is closed.
//! 4. Universal Logout is a product of its own: without it, or without its right, the step is skipped and says why.
//! 5. Sessions, OAuth tokens and consents go whatever came before.
use serde_json::json;

use super::answer::{text, words};
use super::pass::{Failure, Halt, Outcome, Pass, Step};
use super::sign::SigningKey;
use super::step::{change, is_not_found, origins, removal};
use super::wire::{Answer, Method, escape};
use super::{ConfigError, Field, Kind, Settings, Tool};

pub mod account;
pub mod api;

use account::{DEPROVISIONED, User, candidates, find_user, unreadable};
use api::{Credentials, LOGOUT, MANAGE, READ, Service, Session, judge, judge_change, judge_read};

/// Okta.
pub const KIND: Kind = Kind {
    id: "okta",
    title: "Okta",
    fields: &[
        Field::required(
            "base_url",
            "Okta address",
            "The organization's own address, such as https://acme.okta.com.",
        )
        .address(),
        Field {
            options: &["suspend", "deactivate"],
            ..Field::required(
                "effect",
                "Effect",
                "Suspend can be undone and keeps the person's apps. Deactivate also removes the person from the apps \
                 that Okta provisions, which may destroy data there.",
            )
        },
        Field::optional(
            "api_token",
            "API token",
            "Of an admin who may manage users; or give a service app below.",
        )
        .secret(),
        Field::optional(
            "client_id",
            "Client id",
            "Of an API Services app with okta.users.read, okta.users.manage \
             and okta.universalLogout.manage.",
        ),
        Field::optional(
            "private_key",
            "Private key",
            "RSA, PEM: its public half is registered with the app.",
        )
        .key_file(),
        Field::optional("key_id", "Key id", "The kid of that key, when the app has several."),
        Field::switch("dpop", "DPoP", "Sends a proof of possession at once; otherwise when Okta demands it."),
    ],
    hosts: &[".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil"],
    build,
};

const SUSPENDED: &str = "SUSPENDED";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Suspend,
    Deactivate,
}

struct Okta {
    base_url: String,
    effect: Effect,
    credentials: Credentials,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let credentials = match (settings.get("api_token"), settings.get("client_id")) {
        (Some(token), None) => Credentials::Token(token.to_owned()),
        (None, Some(client_id)) => Credentials::Service(Box::new(Service {
            client_id: client_id.to_owned(),
            key_id: settings.get("key_id").map(str::to_owned),
            key: SigningKey::from_pem("private_key", settings.required("private_key")?)?,
            has_dpop: settings.is_on("dpop"),
        })),
        (Some(_), Some(_)) => {
            return Err(ConfigError::new("api_token", "and client_id cannot both be given"));
        }
        (None, None) => return Err(ConfigError::new("api_token", "or client_id must be given")),
    };
    let effect = match settings.required("effect")? {
        "deactivate" => Effect::Deactivate,
        _ => Effect::Suspend,
    };
    Ok(Box::new(Okta { base_url: settings.base_url("base_url", "")?, effect, credentials }))
}

impl Tool for Okta {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let session = self.authorize(pass)?;
        let user = self.resolve(pass, &session)?;
        self.guard(pass, &session, &user)?;
        let is_closed = self.close(pass, &session, &user)?;
        let is_deactivated = user.status == DEPROVISIONED || (is_closed && self.effect == Effect::Deactivate);
        self.log_out(pass, &session, &user, is_deactivated)?;
        let path = format!("/api/v1/users/{}/sessions?oauthTokens=true&forgetDevices=true", escape(&user.id));
        self.delete(pass, &session, &user, "sessions", &path)?;
        self.delete(pass, &session, &user, "grants", &format!("/api/v1/users/{}/grants", escape(&user.id)))?;
        self.verify(pass, &session, &user)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        match &self.credentials {
            Credentials::Token(_) => self.check_token(pass),
            Credentials::Service(service) => self.check_service(pass, service),
        }
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.base_url])
    }
}

impl Okta {
    fn authorize(&self, pass: &mut Pass<'_>) -> Result<Session<'_>, Halt> {
        self.credentials.session(pass, &self.base_url)?.map_err(|failure| pass.fail("authorize", failure))
    }

    fn resolve(&self, pass: &mut Pass<'_>, session: &Session<'_>) -> Result<User, Halt> {
        match candidates(pass, session, &self.base_url)? {
            Ok(candidates) => pass.choose(candidates),
            Err(failure) => Err(pass.fail("resolve", failure)),
        }
    }

    /// (2)
    fn guard(&self, pass: &mut Pass<'_>, session: &Session<'_>, user: &User) -> Result<(), Halt> {
        if !matches!(self.credentials, Credentials::Token(_)) {
            return Ok(());
        }
        match find_user(pass, session, "me")? {
            Ok(Some(own)) if own.id == user.id => {
                let detail = "the API token of this connection is theirs".to_owned();
                Err(pass.fail("guard", Failure::Protected { detail }))
            }
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(pass.fail("guard", unreadable())),
            Err(failure) => Err(pass.fail("guard", failure)),
        }
    }

    /// (3) Whether it is closed now.
    fn close(&self, pass: &mut Pass<'_>, session: &Session<'_>, user: &User) -> Result<bool, Halt> {
        let id = escape(&user.id);
        let (name, path, effect, undo) = match self.effect {
            Effect::Suspend => (
                "suspend",
                format!("/api/v1/users/{id}/lifecycle/suspend"),
                "the person stays in the apps that Okta provisions: only the effect deactivate removes them there",
                "Unsuspend the person in Okta: groups and apps are as they were.",
            ),
            Effect::Deactivate => (
                "deactivate",
                format!("/api/v1/users/{id}/lifecycle/deactivate?sendEmail=false"),
                "Okta also removes the person from the apps that it provisions, which cannot be undone",
                "Activate the person again in Okta; what Okta removed in its apps does not come back by itself.",
            ),
        };
        let outcome = match (self.effect, user.status.as_str()) {
            _ if self.is_closed(user) => Outcome::Already,
            (Effect::Suspend, "ACTIVE") | (Effect::Deactivate, _) => {
                let request = session.write(pass, Method::Post, &path);
                match pass.try_write(request)?.map(|answer| removal(&answer, judge_change)) {
                    None => Outcome::Planned,
                    Some(refused @ Outcome::Failed(Failure::Conflict { .. })) => {
                        let now = find_user(pass, session, &user.id)?;
                        let is_closed = now.is_ok_and(|now| now.is_some_and(|now| self.is_closed(&now)));
                        if is_closed { Outcome::Already } else { refused }
                    }
                    Some(outcome) => outcome,
                }
            }
            (Effect::Suspend, status) => Outcome::Failed(Failure::Conflict {
                detail: format!("Okta suspends only ACTIVE people; this one is {status}: deactivate instead"),
            }),
        };
        let effect = match user.status.as_str() {
            DEPROVISIONED => "Okta has taken the person out of the apps that it provisions",
            _ => effect,
        };
        let is_closed = matches!(outcome, Outcome::Done | Outcome::Already);
        pass.report(Step {
            name: name.to_owned(),
            undo: matches!(outcome, Outcome::Done | Outcome::Planned).then(|| undo.to_owned()),
            outcome,
            detail: Some(format!("was {}; {effect}", user.status)),
        });
        Ok(is_closed)
    }

    /// Whether nobody signs in with it, as far as the settings wish.
    fn is_closed(&self, user: &User) -> bool {
        match (self.effect, user.status.as_str()) {
            (_, DEPROVISIONED) | (Effect::Suspend, SUSPENDED) => true,
            (effect, _) => effect == Effect::Deactivate && user.is_leaving,
        }
    }

    /// (4)
    fn log_out(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        user: &User,
        is_deactivated: bool,
    ) -> Result<(), Halt> {
        const NAME: &str = "universal_logout";
        if !session.has_logout {
            pass.note(NAME, Outcome::skipped(format!("the service app is not granted {LOGOUT}")), None);
            return Ok(());
        }
        let request = session
            .write(pass, Method::Post, "/oauth2/v1/global-token-revocation")
            .json(json!({ "sub_id": { "format": "opaque", "id": user.id } }));
        let outcome = match pass.try_write(request)? {
            None => Outcome::Planned,
            // Deactivating has ended what a logout would.
            Some(Ok(refused)) if refused.status == 400 && is_deactivated => {
                Outcome::skipped("the account is deactivated: there is nobody to log out")
            }
            Some(Ok(refused)) if matches!(refused.status, 403 | 404) => {
                let said = words(&refused).unwrap_or_else(|| format!("it answered {}", refused.status));
                Outcome::skipped(format!("Universal Logout is not available to this connection: {said}"))
            }
            Some(answer) => change(&answer, judge),
        };
        pass.note(NAME, outcome, None);
        Ok(())
    }

    /// (5)
    fn delete(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        user: &User,
        name: &str,
        path: &str,
    ) -> Result<(), Halt> {
        let request = session.write(pass, Method::Delete, path);
        let is_final = self.effect == Effect::Deactivate || user.status == DEPROVISIONED;
        pass.write(name, None, request, |answer| match removal(answer, judge_change) {
            // "Not allowed in the user's current status": deactivating has ended them.
            Outcome::Failed(Failure::Conflict { .. }) if is_final && has_code(answer, "E0000038") => {
                Outcome::Already
            }
            outcome => outcome,
        })?;
        Ok(())
    }

    fn verify(&self, pass: &mut Pass<'_>, session: &Session<'_>, user: &User) -> Result<(), Halt> {
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        match find_user(pass, session, &user.id)? {
            Ok(None) => pass.verified(&[], "the account is gone"),
            Ok(Some(now)) if now.status == DEPROVISIONED => pass.verified(&[], DEPROVISIONED),
            Ok(Some(now)) if self.effect == Effect::Suspend && now.status == SUSPENDED => {
                pass.verified(&[], SUSPENDED);
            }
            Ok(Some(now)) if now.is_leaving => {
                let reference = format!("{}, on the way to {DEPROVISIONED}", now.status);
                pass.note("verify", Outcome::Pending { reference }, None);
            }
            Ok(Some(now)) => pass.verified(&[format!("the status is {}", now.status)], ""),
            Err(failure) => pass.note("verify", Outcome::Failed(failure), None),
        }
        Ok(())
    }

    fn check_token(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let session = self.authorize(pass)?;
        let own = match find_user(pass, &session, "me")? {
            Ok(Some(own)) => own,
            Ok(None) => return Err(pass.fail("credentials", unreadable())),
            Err(failure) => return Err(pass.fail("credentials", failure)),
        };
        pass.note("credentials", Outcome::Done, format!("the API token of {}", own.login));
        pass.rung("read_users", session.read(pass, "/api/v1/users?limit=1"), judge_read)?;
        pass.note(
            "manage_users",
            Outcome::skipped("only a removal shows it: the token has the rights of its admin"),
            None,
        );
        Ok(())
    }

    /// One token for each scope: Okta refuses a token for all when one is not granted.
    fn check_service(&self, pass: &mut Pass<'_>, service: &Service) -> Result<(), Halt> {
        let mut dpop = api::Dpop::default();
        let session = match service.session(pass, &self.base_url, READ, READ, &mut dpop)? {
            Ok(session) => session,
            Err(failure) => return Err(pass.fail("credentials", super::answer::needs(READ, failure))),
        };
        pass.note("credentials", Outcome::Done, format!("the service app {}", service.client_id));
        pass.rung("read_users", session.read(pass, "/api/v1/users?limit=1"), judge_read)?;
        for (name, scope) in [("manage_users", MANAGE), ("universal_logout", LOGOUT)] {
            let outcome = match service.session(pass, &self.base_url, scope, scope, &mut dpop)? {
                Ok(_) => Outcome::Done,
                Err(Failure::Permission { .. }) if scope == LOGOUT => {
                    Outcome::skipped(format!("{LOGOUT} is not granted: sessions are ended without it"))
                }
                Err(failure) => Outcome::Failed(super::answer::needs(scope, failure)),
            };
            pass.note(name, outcome, None);
        }
        Ok(())
    }
}

fn has_code(answer: &Answer, code: &str) -> bool {
    !is_not_found(answer) && answer.as_ref().is_ok_and(|response| text(&response.json(), "errorCode") == code)
}
