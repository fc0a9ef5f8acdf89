//! Connecting an organization to its Okta tenant.
//!
//! 1. What the tenant says about itself is read once, when an admin saves the connection, and kept: an issuer that
//!    later names other endpoints is asked nothing there until an admin has saved it again.
//! 2. A secret that is not given again is kept only while issuer and client stay the same: it is never sent elsewhere.
//! 3. No two organizations have the same issuer and client: a token must name one organization.
use std::sync::Arc;

use ceven_actors::{
    connector::{
        ConfigError,
        wire::{Method, Request},
    },
    domain::{
        audit::Mode,
        caller::Caller,
        id::OrganizationId,
        okta::{EmailPolicy, LogoutEffect, OktaConnection},
    },
    organization::message::{Command, OrganizationError, ToolChange},
    ports::Outbound as _,
    protocol::{
        jose::KeySet,
        oidc::{Metadata, MetadataError},
    },
};

use crate::{
    app::App,
    net::{address::is_loopback_url, client::ISSUER},
};

/// Place of the client's secret.
pub const CLIENT_SECRET: &str = "okta client secret";

/// What an admin saves.
#[derive(Clone, Default)]
pub struct OktaForm {
    /// Okta's issuer, such as `https://acme.okta.com`.
    pub issuer: String,
    /// Ceven's client id there.
    pub client_id: String,
    /// The client's secret; absent keeps the one there is.
    pub client_secret: Option<String>,
    /// See [`EmailPolicy`].
    pub email_verified: EmailPolicy,
    /// See [`LogoutEffect`].
    pub effect: LogoutEffect,
    /// Whether Universal Logout is answered.
    pub universal_logout: bool,
    /// The tenant as a connected tool, to be saved in the same transaction.
    pub tool: Option<ToolChange>,
}

/// A connection that was not saved.
#[derive(Debug, thiserror::Error)]
pub enum OktaError {
    /// A field that cannot be used.
    #[error(transparent)]
    Field(#[from] ConfigError),
    /// The tenant could not be asked.
    #[error("{0} could not be read: {1}")]
    Unreachable(String, String),
    /// What the tenant says about itself cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// (3)
    #[error("another organization is connected to this issuer with this client id")]
    Taken,
    /// The organization refuses.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
}

/// Reads what an issuer says about itself, and that its keys can be had.
///
/// # Errors
/// [`OktaError`].
pub async fn discover(app: &App, issuer: &str) -> Result<Metadata, OktaError> {
    let read = async |url: String| {
        let answer = app.outbound.send(ISSUER, &Request::read(Method::Get, url.clone())).await;
        match answer {
            Ok(response) if response.status == 200 => Ok(response.json()),
            Ok(response) => Err(OktaError::Unreachable(url, format!("status {}", response.status))),
            Err(error) => Err(OktaError::Unreachable(url, error.to_string())),
        }
    };
    let metadata =
        Metadata::read(issuer, &read(format!("{issuer}/.well-known/openid-configuration")).await?)?;
    match KeySet::read(&read(metadata.jwks_uri.clone()).await?) {
        Ok(keys) if !keys.is_empty() => Ok(metadata),
        _ => Err(OktaError::Unreachable(metadata.jwks_uri, "there is no RS256 key".into())),
    }
}

/// Whether it is what stands in the browser of an Okta admin, whose keys sign for nobody.
fn is_admin_console(issuer: &str) -> bool {
    let host = issuer.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
    host.split_once('.').is_some_and(|(tenant, domain)| tenant.ends_with("-admin") && domain.contains("okta"))
}

/// Saves a connection.
///
/// # Errors
/// [`OktaError`]; then nothing has changed.
pub async fn connect(
    app: &App,
    organization: OrganizationId,
    form: OktaForm,
    caller: Caller,
) -> Result<Arc<OktaConnection>, OktaError> {
    let issuer = form.issuer.trim().trim_end_matches('/').to_owned();
    let client_id = form.client_id.trim().to_owned();
    let is_short = |text: &str| !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
    let has_more = issuer.contains(['?', '#']); // Discovery §2
    if !is_short(&issuer) || has_more || ceven_actors::protocol::oidc::origin(&issuer).is_none() {
        let reason = "must be the address of an Okta tenant, such as https://acme.okta.com";
        return Err(ConfigError::new("issuer", reason).into());
    }
    if is_admin_console(&issuer) {
        let reason = "is the address of the admin console: leave -admin out";
        return Err(ConfigError::new("issuer", reason).into());
    }
    if app.store.mode() == Mode::Dev && !is_loopback_url(&issuer) {
        let reason = "must be on this machine: here everything is simulated";
        return Err(ConfigError::new("issuer", reason).into());
    }
    if !is_short(&client_id) {
        return Err(ConfigError::new("client_id", "must have 1 to 255 characters").into());
    }
    let client_secret = form.client_secret.map(|secret| secret.trim().to_owned());
    let client_secret = client_secret.filter(|secret| !secret.is_empty());
    let is_plain =
        |secret: &String| secret.len() <= 255 && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !client_secret.as_ref().is_none_or(is_plain) {
        let reason = "must have at most 255 characters, no space among them";
        return Err(ConfigError::new("client_secret", reason).into());
    }
    let owner =
        app.store.okta_owner(&issuer, &client_id).await.map_err(|_| OrganizationError::Unavailable)?;
    if owner.is_some_and(|owner| owner != organization) {
        return Err(OktaError::Taken); // (3)
    }
    let metadata = discover(app, &issuer).await?; // (1)
    let snapshot = app.fresh(organization).await?;
    let same = snapshot.okta().filter(|old| old.issuer() == issuer && old.client_id == client_id);
    let client_secret = match client_secret {
        Some(secret) => {
            let sealed = app.secrets.seal(&*app.clock, (organization, CLIENT_SECRET), &secret);
            Some(sealed.ok_or_else(|| ConfigError::new("client_secret", "cannot be encrypted"))?)
        }
        None => same.and_then(|old| old.client_secret.clone()), // (2)
    };
    let connection = Arc::new(OktaConnection {
        metadata,
        client_id,
        client_secret,
        email_verified: form.email_verified,
        effect: form.effect,
        universal_logout: form.universal_logout,
        stream: same.and_then(|old| old.stream.clone()),
        changed_ms: app.clock.now_ms(),
    });
    let command = Command::SetOkta { connection: Some(connection.clone()), tool: form.tool };
    app.execute(organization, command, caller).await?;
    Ok(connection)
}
