//! `okta set`, `okta check`, `okta remove`, and `okta stream` (in [`okta_stream`]).
use std::io::Read as _;

use ceven_actors::{
    domain::okta::{EmailPolicy, LogoutEffect},
    organization::message::Command,
};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{Failure, Output, document, okta_stream, organization};
use crate::{
    app::App,
    okta::{self, OktaError, OktaForm},
};

/// What to do about addresses that Okta has not verified.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum EmailVerified {
    /// Sign in, with a warning in the audit log.
    Notice,
    /// Refuse.
    Require,
}

/// What Universal Logout does.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Effect {
    /// Deactivate the user and remove them from every connected tool.
    Deactivate,
    /// End the sessions.
    Sessions,
}

/// Verbs on the connection to Okta.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Connect an organization to its tenant, or change the connection.
    Set {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// The tenant's issuer, such as https://acme.okta.com.
        #[arg(long)]
        issuer: String,
        /// Ceven's client id there.
        #[arg(long)]
        client_id: String,
        /// Read the client's secret from standard input; without it the one there is stays.
        #[arg(long)]
        client_secret_stdin: bool,
        /// What to do about addresses that Okta has not verified.
        #[arg(long, default_value = "notice")]
        email_verified: EmailVerified,
        /// What Universal Logout does.
        #[arg(long, default_value = "deactivate")]
        universal_logout_effect: Effect,
        /// Answer Universal Logout with 403.
        #[arg(long)]
        no_universal_logout: bool,
    },
    /// Read what the tenant says about itself, and compare it with what was saved.
    Check {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
    /// The stream of security events that the tenant sends.
    #[command(subcommand)]
    Stream(okta_stream::Verb),
    /// Take the connection away.
    Remove {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Set {
            org,
            issuer,
            client_id,
            client_secret_stdin,
            email_verified,
            universal_logout_effect,
            no_universal_logout,
        } => {
            let organization = organization(app, &org).await?;
            let form = OktaForm {
                issuer,
                client_id,
                client_secret: if client_secret_stdin { Some(read_secret()?) } else { None },
                email_verified: match email_verified {
                    EmailVerified::Notice => EmailPolicy::Notice,
                    EmailVerified::Require => EmailPolicy::Require,
                },
                effect: match universal_logout_effect {
                    Effect::Deactivate => LogoutEffect::Deactivate,
                    Effect::Sessions => LogoutEffect::Sessions,
                },
                universal_logout: !no_universal_logout,
            };
            let saved = okta::connect(app, organization.id, form, app.operator()).await?;
            Ok(document(saved.view(), format!("{org} is connected to {}.", saved.issuer())))
        }
        Verb::Check { org } => check(app, &org).await,
        Verb::Stream(verb) => okta_stream::run(app, verb).await,
        Verb::Remove { org } => {
            let organization = organization(app, &org).await?;
            app.execute(organization.id, Command::SetOkta { connection: None }, app.operator()).await?;
            Ok(document(json!({ "removed": true }), format!("{org} is not connected to Okta any more.")))
        }
    }
}

async fn check(app: &App, org: &str) -> Result<Output, Failure> {
    let organization = organization(app, org).await?;
    let snapshot = app.fresh(organization.id).await?;
    let saved = snapshot.okta().ok_or_else(|| Failure::Check(format!("{org} is not connected to Okta")))?;
    let now = okta::discover(app, saved.issuer()).await.map_err(|error| Failure::Check(error.to_string()))?;
    if now != saved.metadata {
        let text = "the tenant's endpoints have changed since they were saved: save the connection again";
        return Err(Failure::Check(text.into()));
    }
    let opens = saved
        .client_secret
        .as_ref()
        .map(|sealed| app.secrets.open((organization.id, okta::CLIENT_SECRET), sealed).is_some());
    if opens == Some(false) {
        return Err(Failure::Check(
            "the client's secret cannot be decrypted: the master key is another one".into(),
        ));
    }
    let view = json!({ "issuer": saved.issuer(), "discovery": "ok", "keys": "ok", "client_secret": opens });
    Ok(document(view, format!("{} answers, its keys can be read.", saved.issuer())))
}

impl From<OktaError> for Failure {
    fn from(error: OktaError) -> Self {
        match error {
            OktaError::Organization(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// A secret from standard input, without the line feed at its end.
pub(super) fn read_secret() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
