//! From `ceven init` to a server under a service manager.
use std::{
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{Database, Server, free_port};

fn ceven(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ceven"));
    command.args(arguments).current_dir(folder).env_remove("CEVEN_SECURITY__MASTER_KEY");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn what_init_writes_is_what_serve_takes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = ceven(folder, &["init", "etc"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("etc/ceven.toml") && said.contains("doctor"), "{said}");
    let (config, key) = (folder.join("etc/ceven.toml"), folder.join("etc/ceven.key"));
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (text, secret) = (std::fs::read_to_string(&config).unwrap(), std::fs::read_to_string(&key).unwrap());
    assert!(!text.contains(secret.trim()), "the key is not in the configuration");

    // Nothing is overwritten, not even half of it.
    std::fs::remove_file(&key).unwrap();
    let again = ceven(folder, &["init", "etc", "--json"]).output().unwrap();
    assert!(again.status.code() == Some(1) && again.stdout.is_empty());
    assert_eq!((std::fs::read_to_string(&config).unwrap(), key.exists()), (text.clone(), false));
    std::fs::write(&key, &secret).unwrap();

    // Every line that is a comment now is a setting when its mark is taken away, with the default that it says.
    let set: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(set.len(), 5, "{set:?}");
    let names: Vec<&str> = set.iter().map(|line| line.split(" = ").next().unwrap()).collect();
    let is_set = |line: &str| {
        names.iter().any(|name| line.starts_with(name) || name.starts_with(line.split(" = ").next().unwrap()))
    };
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting)
                if setting
                    .split_once(" = ")
                    .is_some_and(|(name, _)| name.contains('.') && !name.contains(' '))
                    && !is_set(setting) =>
            {
                setting
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(all.contains("\nserver.max_connections = 10000\n"), "{all}");
    let full = folder.join("etc/full.toml");
    std::fs::write(&full, all).unwrap();

    for config in [&config, &full] {
        let (port, admin) = (free_port(), free_port());
        let (port, admin) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin}"));
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut serve = ceven(folder, &["serve", "--config", config.to_str().unwrap()]);
        serve.env("CEVEN_SERVER__LISTEN", &port).env("CEVEN_ADMIN__LISTEN", &admin);
        let mut child = serve.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut ready = false;
        for _ in 0..1_500 {
            ready = reqwest::get(format!("http://{admin}/readyz"))
                .await
                .is_ok_and(|answer| answer.status() == 200);
            // It is ready a moment before it says so.
            if ready && std::fs::metadata(folder.join("log")).is_ok_and(|log| log.len() > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(ready, "{log}");
        assert!(log.starts_with('{'), "log.format = json: {log}");
    }
    let database = folder.join("etc/ceven.db");
    assert!(database.exists() && !folder.join("etc/ceven.db.key").exists(), "the key is the one of init");
    assert_eq!(database.metadata().unwrap().permissions().mode() & 0o777, 0o600, "its owner's alone");
    // The command line means the server's database, wherever it is called.
    let elsewhere = folder.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let config_file = config.to_str().unwrap();
    let create = ["--config", config_file, "org", "create", "--name", "Acme", "--slug", "acme"];
    assert!(ceven(&elsewhere, &create).output().unwrap().status.success());
    let list = ceven(folder, &["org", "list", "--config", config_file]).output().unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("acme"), "{list:?}");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing was made there");

    // Without the key nothing starts, and it is said why.
    std::fs::remove_file(&key).unwrap();
    let output = ceven(folder, &["org", "list", "--config", config.to_str().unwrap()]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && error.contains("security.master_key_file"), "{error}");
    // What the environment gives is not looked for in the file.
    let mut list = ceven(folder, &["org", "list", "--config", config.to_str().unwrap()]);
    assert!(list.env("CEVEN_SECURITY__MASTER_KEY", secret.trim()).output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_hears_how_it_goes() {
    let mut server = Server::start(Database::Sqlite).await;
    let path = server.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let hear = || {
        let mut sentence = [0; 256];
        let length = socket.recv(&mut sentence).expect("a sentence");
        String::from_utf8(sentence[..length].to_vec()).unwrap()
    };
    server.restart_with(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "100000")]).await;
    assert_eq!(hear(), "READY=1");
    for _ in 0..3 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    server.terminate();
    assert!(server.ended().await);
    socket.set_nonblocking(true).unwrap();
    let mut rest = Vec::new();
    let mut sentence = [0; 256];
    while let Ok(length) = socket.recv(&mut sentence) {
        rest.push(String::from_utf8(sentence[..length].to_vec()).unwrap());
    }
    assert_eq!(rest.last().map(String::as_str), Some("STOPPING=1"), "{rest:?}");
}

#[cfg(not(feature = "otlp"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_build_without_traces_does_not_pretend_to_send_them() {
    let server = Server::start(Database::Sqlite).await;
    let settings = [("CEVEN_TRACES__ENDPOINT", "http://127.0.0.1:4318/v1/traces")];
    let output = server.run_as(&["serve"], &settings);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && error.contains("the feature otlp"), "{error}");
}
