use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    Settings::load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_environment_overrides_the_defaults() {
    let settings = load(&[
        ("CEVEN_SERVER__LISTEN", "127.0.0.1:1"),
        ("CEVEN_SCIM__MAX_COUNT", "7"),
        ("CEVEN_SECURITY__TRUSTED_PROXIES", "10.0.0.0/8, ::1/128"),
        ("CEVEN_TOOLS__GITHUB__BURST", "9"),
        ("CEVEN_TEST_POSTGRES", "ignored"),
    ])
    .unwrap();
    assert_eq!((settings.server.listen.port(), settings.scim.max_count), (1, 7));
    assert_eq!(settings.tools["github"].burst, 9);
    assert_eq!(settings.security.trusted_proxies, ["10.0.0.0/8", "::1/128"]);
}

#[test]
fn mistakes_are_named() {
    for (name, value) in [
        ("CEVEN_SERVER__LISTEM", "x"),
        ("CEVEN_SCIM__MAX_COUNT", "many"),
        ("CEVEN_NOWHERE__X", "1"),
        ("CEVEN_TOOLS__GITHUB__PACE", "1"),
        ("CEVEN_TOOLS__GITHUB", "1"),
    ] {
        assert!(load(&[(name, value)]).unwrap_err().to_string().contains(name));
    }
    // Whatever is wrong with a value, the setting is named.
    for (name, value, setting) in [
        ("CEVEN_SERVER__LISTEN", "nowhere", "server.listen"),
        ("CEVEN_LOG__FORMAT", "xml", "log.format"),
        ("CEVEN_SERVER__MAX_CONNECTIONS", "-1", "server.max_connections"),
        ("CEVEN_DATABASE__URL", "mysql://x", "database.url"),
        ("CEVEN_DATABASE__URL", "", "database.url"),
        ("CEVEN_SECURITY__TRUSTED_PROXIES", "10.0.0.0/99", "security.trusted_proxies"),
        ("CEVEN_SECURITY__OUTBOUND_ALLOW", "[10.0.0.0/8", "security.outbound_allow"),
    ] {
        let refused = load(&[(name, value)]).unwrap_err().to_string();
        assert!(refused.contains(setting), "{refused}");
    }
    let twice = [("CEVEN_DATABASE__URL", "sqlite://x"), ("CEVEN_DATABASE__URL_FILE", "/dev/null")];
    let refused = load(&twice).unwrap_err().to_string();
    assert!(refused.contains("CEVEN_DATABASE__URL and CEVEN_DATABASE__URL_FILE"), "{refused}");
    for url in ["api.ceven.io", "ftp://x", "https://x/\"", "https://"] {
        assert!(load(&[("CEVEN_SERVER__PUBLIC_URL", url)]).is_err(), "{url}");
    }
    assert!(load(&[("CEVEN_SERVER__PUBLIC_URL", "https://api.ceven.io")]).is_ok());
}

#[test]
fn every_kind_of_tool_has_limits() {
    let settings = load(&[]).unwrap();
    let kinds = ceven_actors::connector::KINDS.iter();
    assert!(kinds.map(|kind| kind.id).all(|id| settings.tools.contains_key(id)));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[tools.gitlab]\nper_minute = 1\nburst = 1\nconcurrency = 1\n").unwrap();
    let refused = Settings::load(Some(file.path()), []).unwrap_err();
    assert!(refused.to_string().contains("gitlab"), "{refused}");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "postgres://secret\n").unwrap();
    let settings = load(&[("CEVEN_DATABASE__URL_FILE", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(settings.database.url, "postgres://secret");
}
