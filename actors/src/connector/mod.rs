//! The tools that Ceven removes people from: one tool, one file, no IO.
//!
//! Facts about a tool's API are quoted where they are used, with the vendor's page. None of it was tried against a
//! live tenant.
use serde_json::{Map, Value};

pub mod answer;
pub mod atlassian;
pub mod event_stream;
mod field;
pub mod github;
pub mod google_workspace;
pub mod okta;
pub mod onepassword;
pub mod pass;
pub mod salesforce;
pub mod scim;
pub mod sign;
pub mod slack;
pub mod step;
pub mod webhook;
pub mod wire;

use pass::{Halt, Pass};

/// A connected tool, ready to plan.
pub trait Tool: Send + Sync {
    /// The pass that removes a person: resolve → guard rails → block sign-in → end sessions → revoke tokens → drop
    /// memberships → read back. Its steps end with `verify`.
    ///
    /// # Errors
    /// [`Halt`]: an answer is needed, or the pass is over early.
    fn remove(&self, pass: &mut Pass<'_>) -> Result<(), Halt>;

    /// The ladder of named checks: credentials, each right, each feature. Reads only. A missing right is a
    /// [`pass::Failure::Permission`] that names it.
    ///
    /// # Errors
    /// [`Halt`]: an answer is needed, or a further rung makes no sense.
    fn check(&self, pass: &mut Pass<'_>) -> Result<(), Halt>;

    /// Scheme, host and port of every address it talks to, such as `https://api.github.com`. A request to any other
    /// is refused before it is sent.
    fn origins(&self) -> Vec<String>;

    /// Whether the customer runs it, so that no list of the vendor's hosts binds it, although its kind has one:
    /// 1Password's SCIM bridge.
    fn is_self_hosted(&self) -> bool {
        false
    }
}

/// One setting of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// `snake_case`.
    pub name: &'static str,
    /// Label of the form.
    pub title: &'static str,
    /// One sentence for whoever fills the form.
    pub help: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Kept encrypted and never shown again.
    pub secret: bool,
    /// Must be given.
    pub required: bool,
    /// What it is when it is not given; for a choice the first of `options`.
    pub default: Option<&'static str>,
    /// What it may be; any text when empty.
    pub options: &'static [&'static str],
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Words or an id.
    Text,
    /// A web address.
    Address,
    /// An e-mail address.
    Email,
    /// What stands in a file of several lines.
    File,
}

/// A kind of tool.
pub struct Kind {
    /// As the contract spells it: `google_workspace`.
    pub id: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Settings, in the order of the form.
    pub fields: &'static [Field],
    /// Hosts of the vendor, such as `api.github.com` or, for everything below a domain, `.okta.com`. Empty: the admin
    /// names the host (any SCIM server, webhook).
    pub hosts: &'static [&'static str],
    /// Makes the tool of settings that fit `fields`.
    pub build: fn(&Settings<'_>) -> Result<Box<dyn Tool>, ConfigError>,
}

/// Every kind, in the order of the console's list.
pub const KINDS: &[Kind] = &[
    okta::KIND,
    google_workspace::KIND,
    github::KIND,
    onepassword::KIND,
    slack::KIND,
    atlassian::KIND,
    salesforce::KIND,
    scim::KIND,
    webhook::KIND,
];

/// Whether an address is at one of a tool's origins.
pub fn is_at(origins: &[String], url: &str) -> bool {
    use crate::protocol::oidc::origin;
    origin(url).is_some_and(|place| origins.iter().any(|home| origin(home) == Some(place)))
}

/// The kind of this id.
pub fn kind(id: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.id == id)
}

/// Settings of one connected tool, secrets included.
pub struct Settings<'a>(pub &'a Map<String, Value>);

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ConfigError {
    /// Which.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ConfigError {
    /// What is wrong with which.
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

impl Settings<'_> {
    /// A text that was given and is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not.
    pub fn required(&self, name: &str) -> Result<&str, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::new(name, "must be given"))
    }

    /// A switch: `true` or `"true"`.
    pub fn is_on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == true || value == "true")
    }

    /// The base of a tool's addresses, without a slash at its end.
    ///
    /// # Errors
    /// [`ConfigError`] when it has a query.
    pub fn base_url(&self, name: &str, default: &str) -> Result<String, ConfigError> {
        let url = self.get(name).unwrap_or(default).trim_end_matches('/');
        match url.contains('?') {
            true => Err(ConfigError::new(name, "must have no query")),
            false => Ok(url.to_owned()),
        }
    }
}

impl Kind {
    /// Checks settings against the fields, and makes the tool.
    ///
    /// # Errors
    /// [`ConfigError`]: unknown, missing, or of no use.
    pub fn tool(&self, settings: &Map<String, Value>) -> Result<Box<dyn Tool>, ConfigError> {
        for (name, value) in settings {
            let field = self.fields.iter().find(|field| field.name == name);
            field.ok_or_else(|| ConfigError::new(name, self.unknown()))?.check(value)?;
        }
        let settings = Settings(settings);
        for field in self.fields.iter().filter(|field| field.required) {
            settings.required(field.name)?;
        }
        (self.build)(&settings)
    }

    fn unknown(&self) -> String {
        let known: Vec<_> = self.fields.iter().map(|field| field.name).collect();
        format!("is no setting of this tool, which has {}", known.join(", "))
    }

    /// Whether a host (without port) belongs to the vendor.
    pub fn is_home(&self, host: &str) -> bool {
        self.hosts.is_empty()
            || self.hosts.iter().any(|home| match home.starts_with('.') {
                true => host.ends_with(home),
                false => host == *home,
            })
    }
}
