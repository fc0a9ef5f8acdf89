//! GitHub: takes a person out of an organization, and out of the enterprise above it.
//!
//! A GitHub App, installed on the organization, does it. The order matters: membership goes last, because leaving
//! deletes the link between the account and its credentials.
//!
//! 1. Revoke the authorizations of credentials for single sign-on.
//! 2. Revoke fine-grained personal access tokens.
//! 3. Membership, which cancels a pending invitation too; then outside collaboration, which GitHub refuses to end
//!    while the person is a member.
//! 4. Invitations by e-mail address, even for a person without an account.
//! 5. The enterprise, when wished.
//! 6. Read back. A member through an enterprise team stays one: only the enterprise's owner can change that.
use serde_json::Value;

use super::pass::{Halt, Pass};
use super::sign::SigningKey;
use super::step::origins;
use super::{ConfigError, Field, Kind, Settings, Tool};
use api::{Api, must};
use enterprise::Enterprise;

pub mod access;
pub mod account;
pub mod api;
mod check;
pub mod enterprise;

const BASE_URL: &str = "https://api.github.com";

/// GitHub.
pub const KIND: Kind = Kind {
    id: "github",
    title: "GitHub",
    fields: &[
        Field {
            default: Some("org"),
            options: &["org", "enterprise"],
            ..Field::optional("mode", "Remove from", "The organization, or the whole enterprise as well.")
        },
        Field::required("organization", "Organization", "Its name in the address, such as acme."),
        Field::required("app_client_id", "App client id", "Client id of the GitHub App, such as Iv23li…"),
        Field::required("app_private_key", "App private key", "The PEM file that GitHub made for the App.")
            .key_file(),
        Field::optional(
            "enterprise",
            "Enterprise",
            "Its name in the address; only to remove from the enterprise.",
        ),
        Field::optional(
            "enterprise_token",
            "Enterprise token",
            "Classic token of an enterprise owner with admin:enterprise; only to remove from the enterprise.",
        )
        .secret(),
        Field::optional("login_attribute", "Login attribute", "SCIM attribute that holds the GitHub login.")
            .or("githubUsername"),
        Field::optional("base_url", "API address", "For GitHub Enterprise Server: https://HOST/api/v3.")
            .or(BASE_URL),
    ],
    // GitHub Enterprise Server runs under any name.
    hosts: &[],
    // 5,000 an hour for an App.
    per_minute: 80,
    // GitHub asks for requests one after the other.
    concurrency: 1,
    build,
};

/// One organization, ready to plan.
pub struct GitHub {
    api: Api,
    enterprise: Option<Enterprise>,
    login_attribute: String,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let enterprise = match settings.get("mode") {
        Some("enterprise") => Some(Enterprise {
            slug: settings.required("enterprise")?.to_owned(),
            token: settings.required("enterprise_token")?.to_owned(),
        }),
        _ => None,
    };
    Ok(Box::new(GitHub {
        api: Api {
            base_url: settings.base_url("base_url", BASE_URL)?,
            organization: settings.required("organization")?.to_owned(),
            client_id: settings.required("app_client_id")?.to_owned(),
            key: SigningKey::from_pem("app_private_key", settings.required("app_private_key")?)?,
        },
        enterprise,
        login_attribute: settings.get("login_attribute").unwrap_or("githubUsername").to_owned(),
    }))
}

impl Tool for GitHub {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let installation = self.api.installation(pass)?;
        let installation = must(pass, "authorize", installation)?;
        let token = self.api.token(pass, &installation, pass.is_preview())?;
        let session = must(pass, "authorize", token)?;
        let candidates = self.candidates(pass, &session)?;
        if candidates.is_empty() {
            return self.remove_invitations_only(pass, &session);
        }
        let account = pass.choose(candidates)?;
        let membership = self.guard(pass, &session, &account)?;
        let enterprise = match &self.enterprise {
            Some(enterprise) => Some((enterprise, enterprise.guard(pass, &self.api, &account)?)),
            None => None,
        };
        self.revoke_authorizations(pass, &session, &account)?; // (1)
        self.revoke_tokens(pass, &session, &account)?; // (2)
        self.leave(pass, &session, &account, membership.as_ref())?; // (3)
        self.cancel_invitations(pass, &session, Some(&account))?; // (4)
        if let Some((enterprise, id)) = enterprise {
            enterprise.remove(pass, &self.api, &id, &account)?; // (5)
        }
        self.verify(pass, &session, &account) // (6)
    }

    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        self.climb(pass)
    }

    fn origins(&self) -> Vec<String> {
        origins(&[&self.api.base_url])
    }
}

/// A text member of a JSON object; empty when it is absent.
fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}
