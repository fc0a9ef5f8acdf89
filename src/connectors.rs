//! Connected tools: from what an admin types to a record, and from a record to a tool.
//!
//! 1. Secrets are sealed for their organization and connector, and leave that place only as a tool.
//! 2. A secret that is not given again is kept only while every address of the tool stays the same: it is never sent
//!    elsewhere.
//! 3. A tool talks to its vendor's hosts with TLS, or to an address that the operator has named.
use std::sync::Arc;

use ceven_actors::{
    connector::{
        ConfigError, Kind, Tool, is_at, kind,
        pass::{self, Input, Leaver, Mode, Progress, Step},
        wire::SendError,
    },
    domain::{
        connector::Connector,
        id::{ConnectorId, OrganizationId},
        okta::Sealed,
    },
    ports::{Outbound, Tools},
    protocol::oidc::origin,
};
use serde_json::{Map, Value};

use crate::{app::App, net::address::Guard, secretbox::SecretBox};

/// Requests of one look at a tool.
const REQUESTS: usize = 500;

/// Makes tools of records.
pub struct Toolbox {
    secrets: Arc<SecretBox>,
    guard: Guard,
}

impl Toolbox {
    /// With the keys of stored secrets, and the addresses that may be reached.
    pub fn new(secrets: Arc<SecretBox>, guard: Guard) -> Self {
        Self { secrets, guard }
    }

    /// (3)
    fn check_origins(&self, kind: &Kind, tool: &dyn Tool) -> Result<(), ConfigError> {
        for home in tool.origins() {
            let (scheme, authority) = origin(&home)
                .ok_or_else(|| ConfigError::new("address", format!("{home} is no web address")))?;
            let host =
                authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
            let is_named = host.parse().is_ok_and(|address| self.guard.is_named(address));
            if self.guard.is_closed() && !is_named {
                let text = format!("{home} is not on this machine: here everything is simulated");
                return Err(ConfigError::new("address", text));
            }
            let is_home = kind.is_home(host) || tool.is_self_hosted();
            if !is_named && (scheme != "https" || !is_home) {
                let text = format!("{home} is no address of {}", kind.title);
                return Err(ConfigError::new("address", text));
            }
        }
        Ok(())
    }

    fn open(&self, organization: OrganizationId, connector: &Connector) -> Option<Map<String, Value>> {
        let Some(sealed) = &connector.sealed else { return Some(Map::new()) };
        let text = self.secrets.open((organization, &place(connector.id)), sealed)?;
        serde_json::from_str(&text).ok()
    }
}

impl Tools for Toolbox {
    fn tool(
        &self,
        organization: OrganizationId,
        connector: &Connector,
    ) -> Result<Box<dyn Tool>, ConfigError> {
        let kind = kind(&connector.kind).ok_or_else(|| ConfigError::new("kind", "is not known"))?;
        let mut settings = connector.settings.clone();
        let secrets = self.open(organization, connector);
        settings.extend(secrets.ok_or_else(|| ConfigError::new("secrets", "cannot be decrypted"))?);
        let tool = kind.tool(&settings)?;
        self.check_origins(kind, &*tool)?;
        Ok(tool)
    }
}

/// (1)
pub(crate) fn place(connector: ConnectorId) -> String {
    format!("connector {connector}")
}

/// A record of what an admin typed. Settings that are absent are taken over from `old`, secrets within (2).
///
/// # Errors
/// [`ConfigError`].
pub fn record(
    app: &App,
    organization: OrganizationId,
    old: Option<&Connector>,
    (kind_id, name): (&str, &str),
    typed: Map<String, Value>,
) -> Result<Connector, ConfigError> {
    let kind = kind(kind_id).ok_or_else(|| ConfigError::new("kind", "is not known"))?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(ConfigError::new("name", "must have 1 to 100 characters"));
    }
    let is_empty =
        |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
    let is_secret = |name: &str| kind.fields.iter().any(|field| field.name == name && field.secret);
    let (mut secrets, settings): (Map<_, _>, Map<_, _>) =
        typed.into_iter().filter(|(_, value)| !is_empty(value)).partition(|(name, _)| is_secret(name));
    if let Some(old) = old {
        let kept = app.toolbox.open(organization, old).unwrap_or_default();
        let all = |secrets: &Map<String, Value>, settings: &Map<String, Value>| {
            let together: Map<_, _> =
                settings.iter().chain(secrets).map(|(k, v)| (k.clone(), v.clone())).collect();
            kind.tool(&together).map(|tool| tool.origins())
        };
        let mut merged = kept.clone();
        merged.extend(secrets.clone());
        let is_same_place = all(&kept, &old.settings).ok() == all(&merged, &settings).ok();
        if is_same_place {
            secrets = merged; // (2)
        }
    }
    let together: Map<_, _> = settings.iter().chain(&secrets).map(|(k, v)| (k.clone(), v.clone())).collect();
    let tool = kind.tool(&together)?;
    app.toolbox.check_origins(kind, &*tool)?; // (3)
    let id = old.map_or_else(|| ConnectorId(app.clock.new_id()), |old| old.id);
    let names = secrets.keys().cloned().collect();
    let sealed = match secrets.is_empty() {
        true => None,
        false => {
            let text = Value::Object(secrets).to_string();
            let sealed: Option<Sealed> = app.secrets.seal(&*app.clock, (organization, &place(id)), &text);
            Some(sealed.ok_or_else(|| ConfigError::new("secrets", "cannot be encrypted"))?)
        }
    };
    Ok(Connector {
        id,
        kind: kind.id.into(),
        name: name.into(),
        settings,
        secrets: names,
        sealed,
        paused: None,
        created_ms: old.map_or_else(|| app.clock.now_ms(), |old| old.created_ms),
        removed: false,
    })
}

/// What a look at a tool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The ladder of checks.
    Check,
    /// What removing this person would do.
    Preview,
}

/// Looks at a tool without changing anything there.
///
/// # Errors
/// [`ConfigError`] when the record makes no tool.
pub(crate) async fn look(
    app: &App,
    organization: OrganizationId,
    connector: &Connector,
    leaver: &Leaver,
    look: Look,
) -> Result<Progress, ConfigError> {
    let tool = app.toolbox.tool(organization, connector)?;
    let origins = tool.origins();
    let mut random = [0; 32];
    app.clock.fill(&mut random);
    let input = Input { leaver, mode: Mode::Preview, now_ms: app.clock.now_ms(), random };
    let mut answers = Vec::new();
    loop {
        let progress = pass::run(input, &answers, |pass| match look {
            Look::Check => tool.check(pass),
            Look::Preview => tool.remove(pass),
        });
        let Some(request) = progress.request.as_ref().filter(|_| answers.len() < REQUESTS) else {
            return Ok(progress);
        };
        let answer = match is_at(&origins, &request.url) {
            true => app.tool_outbound.send(&connector.kind, request).await,
            false => Err(SendError::Blocked),
        };
        answers.push(answer);
    }
}

/// Goes up a tool's ladder of checks.
///
/// # Errors
/// [`ConfigError`] when the record makes no tool.
pub async fn check(
    app: &App,
    organization: OrganizationId,
    connector: &Connector,
) -> Result<Vec<Step>, ConfigError> {
    Ok(look(app, organization, connector, &Leaver::nobody(), Look::Check).await?.steps)
}
