//! Connected tools: from what an admin types to a record, and from a record to a tool.
//!
//! 1. Secrets are sealed for their organization and connector, and leave that place only as a tool.
//! 2. A secret that is not given again is kept only while every address of the tool stays the same: it is never sent
//!    elsewhere.
//! 3. A tool talks to its vendor's hosts with TLS, or to an address that the operator has named.
//! 4. A secret is taken away by `null`; one that the tool cannot do without is not.
use std::sync::Arc;

use ceven_actors::{
    connector::{
        ConfigError, Field, Kind, Shape, Tool, is_at, kind,
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
/// Of a tool's name.
pub const MAX_NAME_CHARACTERS: usize = 100;

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
    fn check_origins(
        &self,
        kind: &Kind,
        settings: &Map<String, Value>,
        tool: &dyn Tool,
    ) -> Result<(), ConfigError> {
        for home in tool.origins() {
            let refuse = |reason: &str| Err(ConfigError::new(setting_of(kind, settings, &home), reason));
            let Ok(url) = home.parse::<reqwest::Url>() else { return refuse("is no web address") };
            let host = url.host_str().unwrap_or_default();
            let is_named =
                host.trim_matches(['[', ']']).parse().is_ok_and(|address| self.guard.is_named(address));
            if is_named {
                continue;
            }
            if self.guard.is_closed() {
                return refuse("is not on this machine: here everything is simulated");
            }
            if url.scheme() != "https" {
                return refuse(
                    "must begin with https://, or be an address that security.outbound_allow names",
                );
            }
            if !kind.is_home(host) && !tool.is_self_hosted() {
                return refuse(&format!("is no address of {}", kind.title));
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
        self.check_origins(kind, &settings, &*tool)?;
        Ok(tool)
    }
}

/// The setting that an origin comes from.
fn setting_of(kind: &Kind, settings: &Map<String, Value>, home: &str) -> &'static str {
    let is_at = |field: &&Field| {
        let given = settings.get(field.name).and_then(Value::as_str).or(field.default);
        given.is_some_and(|given| origin(given.trim()) == origin(home))
    };
    kind.fields
        .iter()
        .filter(|field| field.shape == Shape::Address)
        .find(is_at)
        .map_or("address", |field| field.name)
}

/// (1)
pub(crate) fn place(connector: ConnectorId) -> String {
    format!("connector {connector}")
}

/// A record of what an admin typed. Secrets that are absent are taken over from `old`, within (2).
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
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARACTERS || name.chars().any(char::is_control) {
        let reason = format!("must have 1 to {MAX_NAME_CHARACTERS} characters, on one line");
        return Err(ConfigError::new("name", reason));
    }
    let (dropped, given): (Map<_, _>, Map<_, _>) = typed.into_iter().partition(|(_, value)| value.is_null());
    let is_secret = |name: &str| kind.fields.iter().any(|field| field.name == name && field.secret);
    let (typed, settings): (Map<_, _>, Map<_, _>) = given
        .into_iter()
        .map(|(name, value)| (name, trimmed(value)))
        .filter(|(_, value)| value != "")
        .partition(|(name, _)| is_secret(name));
    let secrets = match old {
        None => typed,
        Some(old) => {
            let opened = app.toolbox.open(organization, old);
            let is_lost = |name: &&String| !typed.contains_key(*name) && !dropped.contains_key(*name);
            if let (None, Some(name)) = (&opened, old.secrets.iter().find(is_lost)) {
                let reason = "cannot be decrypted with the keys of this server: give it again";
                return Err(ConfigError::new(name, reason));
            }
            let mut kept = opened.unwrap_or_default();
            let home = kind.tool(&together(&old.settings, &kept)).map(|tool| tool.origins());
            kept.retain(|name, _| !dropped.contains_key(name)); // (4)
            after(kind, &settings, (kept, typed), home.ok())?
        }
    };
    let all = together(&settings, &secrets);
    let tool = kind.tool(&all)?;
    app.toolbox.check_origins(kind, &all, &*tool)?; // (3)
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

/// The secrets of a tool that was at `home`: those that were typed, over the kept ones where these may be used (2), and
/// alone where the two do not go together, such as another way to sign in.
fn after(
    kind: &Kind,
    settings: &Map<String, Value>,
    (kept, typed): (Map<String, Value>, Map<String, Value>),
    home: Option<Vec<String>>,
) -> Result<Map<String, Value>, ConfigError> {
    let merged: Map<_, _> = kept.into_iter().chain(typed.clone()).collect();
    match kind.tool(&together(settings, &merged)) {
        Ok(tool) if Some(tool.origins()) == home => Ok(merged),
        Err(error) if kind.tool(&together(settings, &typed)).is_err() => Err(error),
        _ => Ok(typed),
    }
}

fn together(settings: &Map<String, Value>, secrets: &Map<String, Value>) -> Map<String, Value> {
    settings.iter().chain(secrets).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn trimmed(value: Value) -> Value {
    match value {
        Value::String(text) => text.trim().into(),
        other => other,
    }
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
