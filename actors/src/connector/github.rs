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
//! 5. The enterprise, when wished. Where an identity provider pushes people over SCIM, they go that way instead of 3 and
//!    5 (see [`provisioning`]).
//! 6. Read back. A member through an enterprise team stays one: only the enterprise's owner can change that.
use serde_json::Value;

use super::pass::{Halt, Pass};
use super::sign::SigningKey;
use super::step::origins;
use super::{ConfigError, Field, Kind, Settings, Tool};
use api::{Api, must};
use enterprise::Enterprise;
use provisioning::Provisioning;

pub mod access;
pub mod account;
pub mod api;
mod check;
pub mod enterprise;
pub mod provisioning;

const BASE_URL: &str = "https://api.github.com";

/// GitHub.
pub const KIND: Kind = Kind {
    id: "github",
    title: "GitHub",
    fields: &[
        Field {
            default: Some("org"),
            options: &["org", "enterprise", "org_scim", "emu"],
            ..Field::optional(
                "mode",
                "Remove from",
                "org: the organization. enterprise: the whole enterprise as well. org_scim: the organization, through its \
                 SCIM, when an identity provider pushes its members. emu: an enterprise with managed users, whose \
                 accounts are suspended through SCIM.",
            )
        },
        Field::required("organization", "Organization", "Its name in the address, such as acme."),
        Field::required("app_client_id", "App client id", "Client id of the GitHub App, such as Iv23li…"),
        Field::required("app_private_key", "App private key", "The PEM file that GitHub made for the App.")
            .key_file(),
        Field::optional(
            "enterprise",
            "Enterprise",
            "Its name in the address; only for enterprise and emu.",
        ),
        Field::optional(
            "enterprise_token",
            "Enterprise token",
            "Classic token of an enterprise owner: with admin:enterprise, and for emu with scim:enterprise as well.",
        )
        .secret(),
        Field::optional("login_attribute", "Login attribute", "SCIM attribute that holds the GitHub login.")
            .or("githubUsername"),
        Field::optional("base_url", "API address", "For GitHub Enterprise Server: https://HOST/api/v3.")
            .address()
            .or(BASE_URL),
    ],
    // GitHub Enterprise Server runs under any name.
    hosts: &[],
    build,
};

/// One organization, ready to plan.
pub struct GitHub {
    api: Api,
    enterprise: Option<Enterprise>,
    provisioning: Option<Provisioning>,
    login_attribute: String,
}

fn build(settings: &Settings<'_>) -> Result<Box<dyn Tool>, ConfigError> {
    let mode = settings.get("mode");
    let enterprise = match mode {
        Some("enterprise" | "emu") => Some(Enterprise {
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
        provisioning: match mode {
            Some("org_scim") => Some(Provisioning::Organization),
            Some("emu") => Some(Provisioning::ManagedUsers),
            _ => None,
        },
        login_attribute: settings.get("login_attribute").unwrap_or("githubUsername").to_owned(),
    }))
}

impl Tool for GitHub {
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let installation = self.api.installation(pass)?;
        let installation = must(pass, "authorize", installation)?;
        let token = self.api.token(pass, &installation, pass.is_preview())?;
        let session = must(pass, "authorize", token)?;
        let (candidates, has_unlinked) = self.candidates(pass, &session)?;
        if candidates.is_empty() {
            return self.remove_without_account(pass, &session, has_unlinked);
        }
        let account = pass.choose(candidates)?;
        let membership = self.guard(pass, &session, &account)?;
        let enterprise = match &self.enterprise {
            Some(enterprise) => Some((enterprise, enterprise.guard(pass, &self.api, &account)?)),
            None => None,
        };
        let record = self.record(pass, &session)?;
        self.revoke_authorizations(pass, &session, &account)?; // (1)
        self.revoke_tokens(pass, &session, &account)?; // (2)
        match &record {
            Some(record) => self.deprovision(pass, &session, record)?,
            None => self.leave(pass, &session, &account, membership.as_ref())?, // (3)
        }
        self.cancel_invitations(pass, &session, Some(&account))?; // (4)
        if let Some((enterprise, id)) = enterprise.filter(|_| !self.has_managed_users()) {
            enterprise.remove(pass, &self.api, &id, &account)?; // (5)
        }
        self.verify(pass, &session, &account, record.as_ref()) // (6)
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
