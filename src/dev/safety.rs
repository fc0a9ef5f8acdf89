//! `ceven dev` does not start where something real is in reach. It uses no setting of the environment, but whoever has
//! set one meant something with it.
//!
//! 1. Not where the environment calls itself production, or a supervisor of services runs it.
//! 2. Not with a configuration of a deployment: addresses beyond this machine, a real database, a real secret.
//! 3. Not with credentials of a real Okta tenant.
use std::path::Path;

use crate::{config::Settings, net::address::is_loopback_url};

/// Ranges that are this machine.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Looks at a configuration file and an environment.
///
/// # Errors
/// What is real, in words for whoever started it.
pub fn check(file: Option<&Path>, environment: &[(String, String)]) -> Result<(), String> {
    let refuse =
        |what: &str| Err(format!("{what}: ceven dev is a simulation; for the real thing run ceven serve"));
    let value = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if value("CEVEN_ENV").is_some_and(|name| name.eq_ignore_ascii_case("production")) {
        return refuse("CEVEN_ENV is production"); // (1)
    }
    if value("NOTIFY_SOCKET").is_some() {
        return refuse("a service manager runs this process (NOTIFY_SOCKET)"); // (1)
    }
    let settings = Settings::load(file, environment.iter().cloned()).map_err(|error| error.to_string())?;
    if let Some(what) = deployment(&settings) {
        return refuse(what); // (2)
    }
    let is_tenant = |(name, value): &&(String, String)| {
        let is_secret =
            ["TOKEN", "SECRET", "PRIVATEKEY", "PRIVATE_KEY"].iter().any(|end| name.ends_with(end));
        name.starts_with("OKTA_")
            && !value.is_empty()
            && (is_secret || value.contains("://") && !is_loopback_url(value))
    };
    match environment.iter().find(is_tenant) {
        Some((name, _)) => refuse(&format!("{name} is of a real Okta tenant")), // (3)
        None => Ok(()),
    }
}

/// What belongs to a deployment (2).
fn deployment(settings: &Settings) -> Option<&'static str> {
    let is_public = |url: &str| !url.is_empty() && !is_loopback_url(url);
    let security = &settings.security;
    let is_far =
        |range: &String| !LOOPBACK.contains(&range.as_str()) && !is_loopback_url(&format!("http://{range}"));
    match settings {
        one if is_public(&one.server.public_url) => Some("server.public_url is not on this machine"),
        one if is_public(&one.server.console_url) => Some("server.console_url is not on this machine"),
        one if !one.server.listen.ip().is_loopback() => Some("server.listen is not the loopback"),
        one if !one.admin.listen.ip().is_loopback() => Some("admin.listen is not the loopback"),
        one if !one.database.url.starts_with("sqlite:") => Some("database.url is a real database"),
        _ if !security.master_key.is_empty() => Some("security.master_key is a real secret"),
        _ if !security.old_master_keys.is_empty() => Some("security.old_master_keys are real secrets"),
        _ if !security.trusted_proxies.is_empty() => Some("security.trusted_proxies is of a deployment"),
        _ if security.outbound_allow.iter().any(is_far) => {
            Some("security.outbound_allow goes beyond this machine")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<(), String> {
        check(None, &[("PATH".into(), "/bin".into()), (name.into(), value.into())])
    }

    #[test]
    fn what_is_real_is_refused_by_name() {
        for (name, value, words) in [
            ("CEVEN_ENV", "production", "CEVEN_ENV"),
            ("NOTIFY_SOCKET", "/run/systemd/notify", "NOTIFY_SOCKET"),
            ("CEVEN_SERVER__PUBLIC_URL", "https://api.ceven.io", "public_url"),
            ("CEVEN_SERVER__CONSOLE_URL", "https://www.ceven.io", "console_url"),
            ("CEVEN_SERVER__LISTEN", "0.0.0.0:8600", "server.listen"),
            ("CEVEN_ADMIN__LISTEN", "0.0.0.0:9600", "admin.listen"),
            ("CEVEN_DATABASE__URL", "postgres://ceven@db/ceven", "database.url"),
            ("CEVEN_SECURITY__MASTER_KEY", "dGhpcnR5", "master_key"),
            ("CEVEN_SECURITY__OLD_MASTER_KEYS", "dGhpcnR5", "old_master_keys"),
            ("CEVEN_SECURITY__TRUSTED_PROXIES", "10.0.0.0/8", "trusted_proxies"),
            ("CEVEN_SECURITY__OUTBOUND_ALLOW", "10.0.0.0/8", "outbound_allow"),
            ("CEVEN_NO__SETTING", "x", "CEVEN_NO__SETTING"),
            ("OKTA_CLIENT_ORGURL", "https://acme.okta.com", "OKTA_CLIENT_ORGURL"),
            ("OKTA_API_TOKEN", "00abc", "OKTA_API_TOKEN"),
        ] {
            let refused = with(name, value).unwrap_err();
            assert!(refused.contains(words), "{name}: {refused}");
            assert!(!refused.contains("00abc") && !refused.contains("dGhpcnR5"), "{refused}");
        }
    }

    #[test]
    fn what_stays_on_this_machine_is_not() {
        for (name, value) in [
            ("CEVEN_ENV", "development"),
            ("CEVEN_SERVER__PUBLIC_URL", "http://localhost:8600"),
            ("CEVEN_SERVER__LISTEN", "127.0.0.1:1"),
            ("CEVEN_SECURITY__OUTBOUND_ALLOW", "127.0.0.0/8, ::1/128"),
            ("CEVEN_LOG__FORMAT", "json"),
            ("OKTA_CLIENT_ORGURL", "http://127.0.0.1:8601"),
            ("OKTA_API_TOKEN", ""),
        ] {
            assert_eq!(with(name, value), Ok(()), "{name}");
        }
    }
}
