//! `okta set`, `okta check`, `okta remove`, and `okta stream` (in [`okta_stream`]).
use std::{
    fmt::Write as _,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use ceven_actors::{
    connector::okta as okta_tool,
    domain::{
        connector::Connector,
        okta::{EmailPolicy, LogoutEffect},
    },
    organization::{
        message::{Command, ToolChange},
        state::Snapshot,
    },
    protocol::oidc::origin,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, Output, document, okta_stream, organization};
use crate::{
    app::App,
    connectors,
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

/// How Ceven calls the tenant's management API: it makes the tenant a connected tool as well, so that an offboarding ends
/// the account and its sessions there.
#[derive(Debug, Args)]
pub(super) struct Api {
    /// Read a token of the management API from standard input, on a line after the client's secret when both are read.
    /// People who are offboarded are suspended at Okta, and their sessions end.
    #[arg(long, conflicts_with = "api_client_id")]
    api_token_stdin: bool,
    /// Client id of an API Services app, instead of a token.
    #[arg(long, requires = "api_key_file", value_name = "ID")]
    api_client_id: Option<String>,
    /// The app's private key, RSA in PEM.
    #[arg(long, requires = "api_client_id", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
}

impl Api {
    /// The tenant as a connected tool, when there is anything to call it with: the one there is, or a new one. What else
    /// an admin has set at it stays.
    fn tool(
        &self,
        app: &App,
        snapshot: &Snapshot,
        issuer: &str,
        token: Option<String>,
    ) -> Result<Option<ToolChange>, Failure> {
        let private_key = self.api_key_file.as_deref().map(read_file).transpose()?;
        if token.is_none() && private_key.is_none() {
            return Ok(None);
        }
        let home = origin(issuer.trim());
        let is_it = |one: &&Arc<Connector>| {
            let url = one.settings.get("base_url").and_then(Value::as_str);
            &*one.kind == okta_tool::KIND.id && url.and_then(origin) == home
        };
        let seen = snapshot.connectors().find(is_it).cloned();
        let old = seen.as_deref();
        let mut settings = old.map(|old| old.settings.clone()).unwrap_or_default();
        settings.entry("effect").or_insert_with(|| json!("suspend"));
        let base_url = home.map(|(scheme, host)| format!("{scheme}://{host}"));
        settings.insert("base_url".into(), json!(base_url));
        settings.insert("api_token".into(), json!(token));
        settings.insert("client_id".into(), json!(self.api_client_id));
        settings.insert("private_key".into(), json!(private_key));
        let name = old.map_or("Okta", |old| &*old.name);
        let place = (okta_tool::KIND.id, name);
        let record = connectors::record(app, snapshot.profile().id, old, place, settings);
        let change = |record| Some(ToolChange { connector: Arc::new(record), seen: seen.clone() });
        record.map(change).map_err(|error| Failure::Failed(error.to_string()))
    }
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
        #[command(flatten)]
        api: Api,
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
            api,
            email_verified,
            universal_logout_effect,
            no_universal_logout,
        } => {
            let organization = organization(app, &org).await?;
            let (client_secret, api_token) = read_secrets(client_secret_stdin, api.api_token_stdin)?;
            let snapshot = app.fresh(organization.id).await?;
            let tool = api.tool(app, &snapshot, &issuer, api_token)?;
            let form = OktaForm {
                issuer,
                client_id,
                client_secret,
                email_verified: match email_verified {
                    EmailVerified::Notice => EmailPolicy::Notice,
                    EmailVerified::Require => EmailPolicy::Require,
                },
                effect: match universal_logout_effect {
                    Effect::Deactivate => LogoutEffect::Deactivate,
                    Effect::Sessions => LogoutEffect::Sessions,
                },
                universal_logout: !no_universal_logout,
                tool: tool.clone(),
            };
            let saved = okta::connect(app, organization.id, form, app.operator()).await?;
            let mut text = format!("{org} is connected to {}.", saved.issuer());
            if let Some(ToolChange { connector, .. }) = tool {
                write!(
                    text,
                    "\nThe tool {} ({}) ends accounts and sessions there.",
                    connector.name, connector.id
                )
                .unwrap_or_default();
            }
            Ok(document(saved.view(), text))
        }
        Verb::Check { org } => check(app, &org).await,
        Verb::Stream(verb) => okta_stream::run(app, verb).await,
        Verb::Remove { org } => {
            let organization = organization(app, &org).await?;
            app.execute(organization.id, Command::SetOkta { connection: None, tool: None }, app.operator())
                .await?;
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

/// The client's secret and the API's token, as far as they are wanted: a line each when both are.
fn read_secrets(client: bool, api: bool) -> Result<(Option<String>, Option<String>), Failure> {
    let text = if client || api { read_secret()? } else { String::new() };
    match (client, api) {
        (true, true) => match text.split_once('\n') {
            Some((secret, token)) => Ok((Some(secret.trim().to_owned()), Some(token.trim().to_owned()))),
            None => Err(Failure::Failed(
                "standard input must hold two lines: the client's secret and the API's token".into(),
            )),
        },
        _ => Ok((client.then(|| text.clone()), api.then(|| text.clone()))),
    }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

/// A secret from standard input, without the line feed at its end.
pub(super) fn read_secret() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
