//! Settings: the defaults compiled in, a file over them, the environment over both.
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ceven_actors::{
    clock::Clock,
    connection::ToolLimits,
    connector::kind,
    directory::DirectoryLimits,
    protocol::scim::{filter::FilterLimits, list::ListLimits, patch::PatchLimits, resource::ValueLimits},
};
use serde::Deserialize;
use toml::{Table, Value};

use crate::{
    http::scim::log::LogLimits,
    net::{
        address::{Guard, Range},
        client::ClientLimits,
    },
    secretbox::SecretBox,
    sign_in::attempts::AttemptLimits,
    store::{DatabaseError, StoreLimits, is_known, sqlite_file},
};

mod layers;
#[cfg(test)]
mod tests;

pub use layers::commented;
use layers::{DEFAULTS, PREFIX, apply_variable, merge, read_files, refuse_twice};

/// Every setting; `config/ceven.toml` says what each one means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/ceven.toml documents every setting beside its default")]
pub struct Settings {
    pub server: Server,
    pub admin: Admin,
    pub database: Database,
    pub journal: Journal,
    pub organization: Organization,
    pub scim: Scim,
    pub scim_log: ScimLog,
    pub session: Session,
    pub sign_in: SignIn,
    pub security: Security,
    pub outbound: Outbound,
    pub offboarding: Offboarding,
    pub tools: BTreeMap<String, ToolLimits>,
    pub revocation: Revocation,
    pub log: Log,
    pub traces: Traces,
}

macro_rules! section {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "config/ceven.toml documents every setting beside its default")]
        pub struct $name { $(pub $field: $kind),* }
    )*};
}

section! {
    /// The public listener.
    Server {
        listen: SocketAddr, public_url: String, console_url: String, max_connections: usize, header_read_timeout_ms: u64, body_read_timeout_ms: u64,
        request_timeout_ms: u64, drain_timeout_ms: u64, stop_delay_ms: u64, discard_bytes: u64, discard_timeout_ms: u64, body_bytes: usize, group_body_bytes: usize,
    }
    /// The listener for probes.
    Admin { listen: SocketAddr }
    /// The database.
    Database { url: String, readers: u32, writers: u32, timeout_ms: u64 }
    /// Group commit.
    Journal { batch_units: usize }
    /// Organizations in memory.
    Organization { permits: usize, reserved_permits: usize, memory_bytes: usize, sweep_ms: u64 }
    /// Limits of the protocol.
    Scim {
        default_count: usize, max_count: usize, filter_bytes: usize, filter_depth: usize, patch_operations: usize, text_bytes: usize,
        values: usize, extension_depth: usize, resource_bytes: usize,
        patch_body_members: usize, scans: usize,
    }
    /// The log of SCIM requests.
    ScimLog { queue: usize, flush_ms: u64, retention_days: u32 }
    /// How long sessions last.
    Session { idle_ms: i64, absolute_ms: i64, per_person: usize, flush_ms: u64, id_token_bytes: usize }
    /// How often one may try.
    SignIn {
        attempts_per_account: u32, attempts_per_address: u32, window_ms: i64, refusals_ms: u64, handover_ms: i64, shared_tenant: u64,
    }
    /// Proxies and hashing.
    Security {
        trusted_proxies: Vec<String>, hashing: usize, master_key: String, old_master_keys: Vec<String>, outbound_allow: Vec<String>,
    }
    /// Requests to others.
    Outbound { connect_ms: u64, issuer_ms: u64, tool_ms: u64, answer_bytes: usize, keys_cool_down_ms: i64 }
    /// Offboardings.
    Offboarding { tick_ms: u64, lease_ms: u64, preview_ms: i64 }
    /// What Okta asks for.
    Revocation { claims: usize, bad_tokens_per_address: u32, window_ms: i64 }
    /// Traces, in builds that have them.
    Traces { endpoint: String, percent: u32, accept: bool, send: bool }
    /// Logs.
    Log { format: LogFormat, filter: String, raised_ms: u64 }
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// A setting that cannot be used, in words for whoever set it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Settings {
    /// Reads the layers. `environment` is a parameter so that tests need not change their own.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown setting, a value of the wrong type, a file that cannot be read.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table: Table =
            DEFAULTS.parse().map_err(|error| ConfigError(format!("the compiled-in defaults: {error}")))?;
        let defaults = table.clone();
        let variables: BTreeMap<String, String> =
            environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
            let mut layer: Table =
                text.parse().map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
            read_files(&mut layer, &defaults, path, &variables)?;
            merge(&mut table, layer);
        }
        refuse_twice(&variables)?;
        for (name, value) in variables {
            apply_variable(&mut table, &defaults, &name, value)?;
        }
        let settings: Self = serde_path_to_error::deserialize(Value::Table(table))
            .map_err(|error| ConfigError(format!("{}: {}", error.path(), error.inner().message())))?;
        if let Some(name) = settings.tools.keys().find(|name| kind(name).is_none()) {
            return Err(ConfigError(format!("tools.{name}: there is no such kind of tool")));
        }
        for (name, url) in
            [("public_url", &settings.server.public_url), ("console_url", &settings.server.console_url)]
        {
            let is_web = url.parse::<http::Uri>().is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.host().is_some()
                    && uri.query().is_none()
            });
            if !url.is_empty() && (!is_web || url.contains('"')) {
                return Err(ConfigError(format!("server.{name}: {url:?} is no http or https address")));
            }
        }
        if !is_known(&settings.database.url) {
            return Err(ConfigError(DatabaseError::UnknownKind.to_string()));
        }
        settings.guard()?;
        settings.trusted_proxies()?;
        Ok(settings)
    }

    /// Where clients reach the API, without a slash at the end.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match self.server.public_url.trim_end_matches('/') {
            "" => format!("http://{bound}"),
            url => url.to_owned(),
        }
    }

    /// Where people reach the pages, without a slash at the end.
    pub fn console_url(&self, bound: SocketAddr) -> String {
        match self.server.console_url.trim_end_matches('/') {
            "" => self.public_url(bound),
            url => url.to_owned(),
        }
    }

    /// The base of every SCIM address in an answer.
    pub fn scim_url(&self, bound: SocketAddr) -> String {
        format!("{}/api/v1/scim/v2", self.public_url(bound))
    }

    /// Limits of signing in.
    pub fn attempt_limits(&self) -> AttemptLimits {
        let SignIn { attempts_per_account, attempts_per_address, window_ms, .. } = self.sign_in;
        AttemptLimits { per_account: attempts_per_account, per_address: attempts_per_address, window_ms }
    }

    /// Limits of tokens that are no good.
    pub fn bad_token_limits(&self) -> AttemptLimits {
        let Revocation { bad_tokens_per_address, window_ms, .. } = self.revocation;
        AttemptLimits { per_account: 0, per_address: bad_tokens_per_address, window_ms }
    }

    /// Limits of requests to others that take `total_ms` at most.
    pub fn client_limits(&self, total_ms: u64) -> ClientLimits {
        ClientLimits {
            connect: Duration::from_millis(self.outbound.connect_ms),
            total: Duration::from_millis(total_ms),
            answer_bytes: self.outbound.answer_bytes,
            traceparent: false,
        }
    }

    /// Which addresses outgoing requests may reach.
    ///
    /// # Errors
    /// [`ConfigError`] for a range that is none.
    pub fn guard(&self) -> Result<Guard, ConfigError> {
        ranges("security.outbound_allow", &self.security.outbound_allow).map(Guard::new)
    }

    /// The addresses of proxies that are believed.
    ///
    /// # Errors
    /// [`ConfigError`] for a range that is none.
    pub fn trusted_proxies(&self) -> Result<Vec<Range>, ConfigError> {
        ranges("security.trusted_proxies", &self.security.trusted_proxies)
    }

    /// The file beside an SQLite database in which its master key is kept; nothing when the key is given.
    pub fn key_file(&self) -> Option<PathBuf> {
        let file = sqlite_file(&self.database.url).filter(|_| self.security.master_key.is_empty())?;
        Some(PathBuf::from(format!("{file}.key")))
    }

    /// The keys of stored secrets, the one for new ones first.
    ///
    /// # Errors
    /// [`ConfigError`] when there is none and none can be made.
    pub fn secret_box(&self, clock: &dyn Clock) -> Result<SecretBox, ConfigError> {
        let old = &self.security.old_master_keys;
        let secrets = match (self.security.master_key.as_str(), self.key_file()) {
            ("", None) => {
                return Err(ConfigError("security.master_key must be given with PostgreSQL".to_owned()));
            }
            ("", Some(path)) => SecretBox::in_file(clock, &path, old),
            (key, _) => SecretBox::new(std::iter::once(key).chain(old.iter().map(String::as_str))),
        };
        secrets.map_err(|error| ConfigError(error.to_string()))
    }

    /// Limits of the store.
    pub fn store_limits(&self) -> StoreLimits {
        StoreLimits {
            batch_units: self.journal.batch_units,
            readers: self.database.readers,
            writers: self.database.writers,
            timeout: self.database_timeout(),
        }
    }

    /// How long the database may take.
    pub fn database_timeout(&self) -> Duration {
        Duration::from_millis(self.database.timeout_ms)
    }

    /// Limits of the directory.
    pub fn directory_limits(&self) -> DirectoryLimits {
        let Organization { permits, reserved_permits, memory_bytes, sweep_ms } = self.organization;
        DirectoryLimits { permits, reserved_permits, memory_bytes, sweep_ms }
    }

    /// Limits of lists.
    pub fn list_limits(&self) -> ListLimits {
        ListLimits {
            default_count: self.scim.default_count,
            max_count: self.scim.max_count,
            filter: self.filter_limits(),
        }
    }

    /// Limits of PATCH.
    pub fn patch_limits(&self) -> PatchLimits {
        PatchLimits {
            operations: self.scim.patch_operations,
            filter: self.filter_limits(),
            values: self.value_limits(),
        }
    }

    /// Limits of values.
    pub fn value_limits(&self) -> ValueLimits {
        ValueLimits {
            text_bytes: self.scim.text_bytes,
            values: self.scim.values,
            depth: self.scim.extension_depth,
            resource_bytes: self.scim.resource_bytes,
        }
    }

    /// Limits of the log of SCIM requests.
    pub fn log_limits(&self) -> LogLimits {
        LogLimits {
            queue: self.scim_log.queue,
            flush: Duration::from_millis(self.scim_log.flush_ms.max(10)),
            retention_days: self.scim_log.retention_days,
        }
    }

    fn filter_limits(&self) -> FilterLimits {
        FilterLimits { length_bytes: self.scim.filter_bytes, depth: self.scim.filter_depth }
    }
}

fn ranges(setting: &str, texts: &[String]) -> Result<Vec<Range>, ConfigError> {
    texts
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, String>>()
        .map_err(|error| ConfigError(format!("{setting}: {error}")))
}
