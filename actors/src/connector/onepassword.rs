//! 1Password, in the three ways that an account may be run.
//!
//! * `users_api`: <https://www.1password.dev/users-api/>. Not for accounts with automated provisioning.
//! * `scim_bridge`: the customer's bridge, as any SCIM server.
//! * `report_only`: Okta provisions the account; Ceven says so and touches nothing.
//!
//! 1. The API has no look-up by address: every page is read, and exactly one account must have one of the person's.
//! 2. The API does not tell who is an owner. It refuses to suspend the last one and externally managed
//!    administrators; the settings may name more.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::answer::{self, entries, listed, needs, same, text};
use super::pass::{Failure, Halt, Match, Outcome, Pass};
use super::scim::Server;
use super::step::{Fetched, addresses, origins, removal};
use super::wire::{Answer, Method, Request, escape};
use super::{ConfigError, Field, Kind, Settings, Tool};

/// 1Password.
pub const KIND: Kind = Kind {
    id: "onepassword",
    title: "1Password",
    fields: &[
        Field {
            options: &["users_api", "scim_bridge", "report_only"],
            ..Field::required(
                "mode",
                "Mode",
                "users_api for accounts without provisioning, scim_bridge for your own bridge, report_only when Okta \
                 provisions 1Password.",
            )
        },
        Field::optional("base_url", "API address", "https://api.1password.com, .ca or .eu.")
            .address()
            .or(BASE_URL),
        Field::optional("account_id", "Account id", "For users_api."),
        Field::optional(
            "client_id",
            "Client id",
            "Of an app with the scopes to get, list and suspend users.",
        ),
        Field::optional("client_secret", "Client secret", "Of that app.").secret(),
        Field::optional("bridge_url", "Bridge address", "For scim_bridge: what stands before /Users.")
            .address(),
        Field::optional("bridge_token", "Bridge token", "Bearer token of the bridge.").secret(),
        Field::optional(
            "protected",
            "Protected accounts",
            "Addresses or ids that are never touched, by comma.",
        ),
    ],
    hosts: &["api.1password.com", "api.1password.ca", "api.1password.eu"],
    build,
};

const BASE_URL: &str = "https://api.1password.com";
/// The API wants to know who calls: `Company/version`.
const USER_AGENT: &str = concat!("Ceven/", env!("CARGO_PKG_VERSION"));
const SUSPENDED: &str = "SUSPENDED";

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let protected = listed(settings.get("protected"));
    Ok(match settings.required("mode")? {
        "scim_bridge" => {
            settings.required("bridge_url")?;
            Box::new(Server {
                base_url: settings.base_url("bridge_url", "")?,
                token: settings.required("bridge_token")?.to_owned(),
                protected,
                deletes: false,
                has_text_booleans: false,
            })
        }
        "report_only" => Box::new(ReportOnly),
        _ => {
            let client = (settings.required("client_id")?, settings.required("client_secret")?);
            Box::new(UsersApi {
                base_url: settings.base_url("base_url", BASE_URL)?,
                account_id: settings.required("account_id")?.to_owned(),
                basic: STANDARD.encode(format!("{}:{}", client.0, client.1)),
                protected,
            })
        }
    })
}

struct ReportOnly;

impl Tool for ReportOnly {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        pass.note(
            "suspend",
            Outcome::skipped("Okta provisions 1Password and suspends the person there"),
            None,
        );
        pass.note("verify", Outcome::skipped("1Password is not asked in this mode"), None);
        Ok(())
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        pass.note("credentials", Outcome::skipped("none are needed in this mode"), None);
        Ok(())
    }

    fn origins(&self) -> Vec<String> {
        Vec::new()
    }
}

struct UsersApi {
    base_url: String,
    account_id: String,
    basic: String,
    protected: Vec<String>,
}

impl Tool for UsersApi {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let token = match self.token(pass)? {
            Ok(token) => token,
            Err(failure) => return Err(pass.fail("authorize", failure)),
        };
        let candidates = match self.candidates(pass, &token)? {
            Ok(candidates) => candidates,
            Err(failure) => return Err(pass.fail("resolve", failure)),
        };
        let user = pass.choose(candidates)?;
        let own_names = [text(&user, "id"), text(&user, "email")];
        if own_names.iter().any(|name| self.protected.iter().any(|other| same(other, name))) {
            let detail = "the settings protect this account".to_owned();
            return Err(pass.fail("guard", Failure::Protected { detail }));
        }
        let url = format!("{}/{}", self.users(), escape(text(&user, "id")));
        let outcome = match text(&user, "state") {
            SUSPENDED => Outcome::Already,
            _ => {
                let request = signed(Request::write(Method::Post, format!("{url}:suspend")), &token);
                pass.try_write(request)?.map_or(Outcome::Planned, |answer| removal(&answer, judge_suspend))
            }
        };
        pass.reversible("suspend", outcome, "Reactivate the person in 1Password: their vaults are kept.");
        self.verify(pass, &url, &token)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let token = match self.token(pass)? {
            Ok(token) => token,
            Err(failure) => return Err(pass.fail("credentials", failure)),
        };
        pass.note("credentials", Outcome::Done, None);
        let request = signed(Request::read(Method::Get, format!("{}?max_page_size=1", self.users())), &token);
        pass.rung("list_users", request, judge_list)?;
        pass.note("suspend_users", Outcome::skipped("only a removal shows this right"), None);
        Ok(())
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.base_url])
    }
}

impl UsersApi {
    fn users(&self) -> String {
        format!("{}/v1beta1/accounts/{}/users", self.base_url, escape(&self.account_id))
    }

    fn token(&self, pass: &mut Pass<'_>) -> Fetched<String> {
        let url = format!("{}/v1beta1/users/oauth2/token", self.base_url);
        let request = Request::token("onepassword", url)
            .header("authorization", format!("Basic {}", self.basic))
            .header("user-agent", USER_AGENT)
            .form(vec![("grant_type", "client_credentials".into())]);
        let answer = pass.ask(request)?;
        Ok(answer::token(&answer).map(|body| text(&body, "access_token").to_owned()))
    }

    /// (1)
    fn candidates(&self, pass: &mut Pass<'_>, token: &str) -> Fetched<Vec<(Match, Value)>> {
        let leaver = pass.leaver();
        if let Some(link) = &leaver.link {
            let url = format!("{}/{}", self.users(), escape(&link.external_id));
            return Ok(match pass.find(signed(Request::read(Method::Get, url), token), judge_list)? {
                Ok(Some(response)) => match response.json() {
                    user if text(&user, "id") == link.external_id => Ok(vec![named(user, "link")]),
                    _ => Err(Failure::Malformed { detail: "the answer is not the linked account".into() }),
                },
                Ok(None) => Ok(Vec::new()),
                Err(failure) => Err(failure),
            });
        }
        let known = addresses(leaver);
        let first = format!("{}?max_page_size=1000", self.users());
        let pages = pass.pages(signed(Request::read(Method::Get, &first), token), judge_list, |page| {
            let body = page.json();
            let next = Some(text(&body, "next_page_token")).filter(|next| !next.is_empty())?;
            let url = format!("{first}&page_token={}", escape(next));
            Some(signed(Request::read(Method::Get, url), token))
        })?;
        Ok(pages.and_then(|pages| {
            let lists = pages.iter().map(|page| entries(page, "results"));
            let users = lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
            let fitting = users.filter(|user| known.iter().any(|address| same(address, text(user, "email"))));
            Ok(fitting.map(|user| named(user, "email")).collect())
        }))
    }

    fn verify(&self, pass: &mut Pass<'_>, url: &str, token: &str) -> Result<(), Halt> {
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        let request = signed(Request::read(Method::Get, url), token);
        match pass.find(request, judge_list)?.map(|user| user.map(|user| user.json())) {
            Ok(None) => pass.verified(&[], "the account is gone"),
            Ok(Some(user)) if text(&user, "state") == SUSPENDED => pass.verified(&[], SUSPENDED),
            Ok(Some(user)) if !text(&user, "state").is_empty() => {
                pass.verified(&[format!("the state is {}", text(&user, "state"))], "");
            }
            Ok(Some(_)) => {
                let detail = "the answer is no user".to_owned();
                pass.note("verify", Outcome::Failed(Failure::Malformed { detail }), None);
            }
            Err(failure) => pass.note("verify", Outcome::Failed(failure), None),
        }
        Ok(())
    }
}

fn signed(request: Request, token: &str) -> Request {
    request.header("user-agent", USER_AGENT).bearer(token)
}

fn named(user: Value, matched_by: &str) -> (Match, Value) {
    let found = Match {
        external_id: text(&user, "id").to_owned(),
        label: text(&user, "email").to_owned(),
        matched_by: matched_by.to_owned(),
    };
    (found, user)
}

fn judge_list(answer: &Answer) -> Option<Failure> {
    answer::judge(answer).map(|failure| needs("list and get users", failure))
}

/// (2) The bodies of refusals are not documented, so their words decide, not their codes.
fn judge_suspend(answer: &Answer) -> Option<Failure> {
    let failure = answer::judge(answer).map(|failure| needs("suspend users", failure))?;
    let Ok(response) = answer else { return Some(failure) };
    let detail = answer::words(response).unwrap_or_default();
    let said = detail.to_lowercase();
    let is_refusal = matches!(response.status, 400 | 403 | 409 | 412 | 422);
    Some(match is_refusal {
        true if said.contains("provision") => Failure::Conflict { detail },
        true if said.contains("owner") || said.contains("externally managed") => {
            Failure::Protected { detail }
        }
        true if matches!(response.status, 409 | 412) => Failure::Conflict { detail },
        _ => failure,
    })
}
