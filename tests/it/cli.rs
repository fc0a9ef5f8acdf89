//! The command line as scripts see it: exit codes, one JSON document, help.
use ceven::dev::keys::SigningKey;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Database, Server};

fn code(server: &Server, arguments: &[&str]) -> (i32, String, String) {
    let output = server.run(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_and_outputs() {
    let mut server = Server::start(Database::Sqlite).await;
    server.organization("acme");

    let (status, out, _) = code(&server, &["healthcheck", "--json"]);
    assert_eq!((status, out.trim()), (0, r#"{"ready":true}"#));
    let (status, out, _) = code(&server, &["completions", "bash"]);
    assert!(status == 0 && out.contains("_ceven()"));
    assert!(server.json(&["org", "list"]).as_array().is_some_and(|list| list.len() == 1));
    assert_eq!(server.json(&["user", "list", "--org", "acme"]), serde_json::json!([]));

    // 1: failed, with a sentence on standard error and nothing on standard output.
    for arguments in [
        &["org", "create", "--name", "A", "--slug", "acme", "--json"][..],
        &["org", "create", "--name", "A", "--slug", "Not A Slug"],
        &["token", "list", "--org", "nobody", "--json"],
        &["token", "mint", "--org", "acme", "--label", " "],
        &["org", "create", "--name", " ", "--slug", "blank"],
    ] {
        let (status, out, error) = code(&server, arguments);
        assert_eq!((status, out.as_str()), (1, ""), "{arguments:?}");
        assert!(error.contains("error: "), "{arguments:?}");
    }
    // 2: usage.
    for arguments in [
        &["fly"][..],
        &["token", "mint"],
        &["token", "mint", "--org", "acme", "--label", "x", "--expires-in", "soon"],
    ] {
        assert_eq!(code(&server, arguments).0, 2, "{arguments:?}");
    }
    // 3: configuration.
    let config = server.folder.path().join("bad.toml");
    std::fs::write(&config, "[server]\nmax_connections = \"many\"\n").unwrap();
    let (status, _, error) = code(&server, &["org", "list", "--config", config.to_str().unwrap()]);
    assert!(status == 3 && error.contains("server.max_connections") && error.contains("usize"), "{error}");
    // 5: a check failed.
    let broken = server.folder.path().join("broken.ndjson");
    std::fs::write(&broken, "{\"seq\":1}\n").unwrap();
    assert_eq!(code(&server, &["audit", "verify", broken.to_str().unwrap()]).0, 5);
    server.terminate();
    assert!(server.ended().await);
    assert_eq!(code(&server, &["healthcheck"]).0, 5);
    // 4: the database.
    server.database_url = "postgres://nobody@127.0.0.1:1/none".into();
    let (status, _, error) = code(&server, &["org", "list"]);
    assert!(status == 4 && error.contains("Connection refused"), "{error}");
    let missing = server.folder.path().join("missing.db");
    server.database_url = format!("sqlite://{}", missing.display());
    let (status, _, error) = code(&server, &["migrate"]);
    assert!(status == 4 && error.contains("missing.db") && error.contains("mode=rwc"), "{error}");

    for verb in [
        "serve",
        "migrate",
        "org",
        "admin",
        "token",
        "user",
        "audit",
        "scim-log",
        "healthcheck",
        "completions",
    ] {
        let (status, out, _) = code(&server, &[verb, "--help"]);
        assert!(status == 0 && out.contains("Usage: ceven"), "{verb}");
    }
    let (_, help, _) = code(&server, &["token", "mint", "--help"]);
    assert!(help.contains("Examples:\n  ceven token mint --org acme --label okta-production\n"), "{help}");
}

/// Whoever reads the output may have had enough of it; a disk that takes nothing is a failure, and no panic.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_nobody_takes() {
    let server = Server::start(Database::Sqlite).await;
    server.organization("acme");
    for verb in
        [&["openapi"][..], &["org", "list"], &["completions", "zsh"], &["audit", "export", "--org", "acme"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = server.command(verb).stdout(writer).output().unwrap();
        assert_eq!((gone.status.code(), &*gone.stderr), (Some(0), &b""[..]), "{verb:?}: {gone:?}");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let full = server.command(verb).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&full.stderr);
        assert_eq!(full.status.code(), Some(1), "{verb:?}: {said}");
        assert!(said.starts_with("error: standard output: ") && !said.contains("panic"), "{verb:?}: {said}");
    }
}

/// A terminal that is closed stops a server as SIGTERM does, with its requests answered, unless it was told to stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_closed() {
    let mut server = Server::start(Database::Sqlite).await;
    server.signal(Signal::HUP);
    assert!(server.ended().await);
    assert!(server.log_text().contains("stopped drained=true"), "{}", server.log_text());

    let mut stays = std::process::Command::new("sh");
    stays.args(["-c", "trap '' HUP; exec \"$0\" serve", env!("CARGO_BIN_EXE_ceven")]);
    let serve = server.command(&["serve"]);
    stays.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child =
        stays.current_dir(server.folder.path()).stderr(std::process::Stdio::null()).spawn().unwrap();
    server.until_ready().await;
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::HUP).unwrap();
    for _ in 0..20 {
        assert_eq!(code(&server, &["healthcheck"]).0, 0, "it stays");
    }
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Who waits for the tools learns what is missing when no server runs.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_nobody_says_so() {
    use std::io::BufRead as _;
    let mut server = Server::start(Database::Sqlite).await;
    server.organization("acme").user("ada").await;
    crate::offboarding::Receiver::start().await.connect(&server, "hook");
    server.terminate();
    assert!(server.ended().await);
    let mut verb = server.command(&["user", "offboard", "ada", "--org", "acme", "--wait"]);
    let mut waiting = verb.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let said = std::io::BufReader::new(waiting.stderr.take().unwrap()).lines();
    let hint = said.map_while(Result::ok).find(|line| line.contains("does `ceven serve` run"));
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert!(hint.is_some());
}

/// A verb in the wrong folder says so, and leaves no empty database behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_not_made_by_asking_for_one() {
    let mut server = Server::start(Database::Sqlite).await;
    let elsewhere = server.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let file = elsewhere.join("ceven.db");
    server.database_url = format!("sqlite://{}?mode=rwc", file.display());
    for verb in [
        &["org", "list"][..],
        &["token", "list", "--org", "acme"],
        &["user", "offboard", "ada@acme.example", "--org", "acme"],
        &["audit", "export", "--org", "acme"],
        &["keys", "rotate"],
        &["backup", "copy.db"],
        &["restored"],
    ] {
        let (status, out, error) = code(&server, verb);
        assert_eq!((status, out.as_str()), (4, ""), "{verb:?}: {error}");
        assert!(error.contains("there is no database") && error.contains("`ceven org create`"), "{error}");
    }
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    server.organization("acme");
    assert!(file.exists());
}

/// A database that a later version has migrated is left alone, and it is said why.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_later_version_is_left_alone() {
    let mut server = Server::start(Database::Sqlite).await;
    server.terminate();
    assert!(server.ended().await);
    let file = ceven::store::sqlite_file(&server.database_url).unwrap();
    let database = rusqlite::Connection::open(file).unwrap();
    let later = "INSERT INTO seaql_migrations VALUES ('m20991124_000099_later', 1)";
    database.execute(later, []).unwrap();
    let (status, _, error) = code(&server, &["org", "list"]);
    assert!(status == 3 && error.contains("later Ceven (m20991124_000099_later"), "{error}");
    let (status, checks, _) = code(&server, &["doctor"]);
    assert!(status == 5 && checks.contains("FAILED    migrations: A later Ceven"), "{checks}");
    assert!(!checks.contains("up to date."), "{checks}");
}

/// The names that the contract fixes: a tenant is connected with what calls its management API, and the settings of every
/// kind of tool can be looked up.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_connected_with_its_management_api() {
    let tenant = crate::sso::tenant::Tenant::start().await;
    let server = Server::start(Database::Sqlite).await;
    server.organization("acme");
    let set = ["okta", "set", "--org", "acme", "--issuer", &tenant.issuer, "--client-id", "ceven"];
    let both = [&set[..], &["--client-secret-stdin", "--api-token-stdin"]].concat();
    let one_line = server.run_piped(&both, b"secret\n");
    assert_eq!(one_line.status.code(), Some(1), "{one_line:?}");
    assert!(server.json(&["connector", "list", "--org", "acme"]).as_array().unwrap().is_empty());
    // Both or neither: a tool of another kind has the name.
    let hook = server.folder.path().join("hook.json");
    std::fs::write(
        &hook,
        r#"{"url": "https://hooks.example/leavers", "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}"#,
    )
    .unwrap();
    let add = ["connector", "add", "--org", "acme", "--kind", "webhook", "--name", "okta", "--config-file"];
    let in_the_way = server.json(&[&add[..], &[hook.to_str().unwrap()]].concat());
    let refused = server.run_piped(&both, b"secret\n00token\n");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(code(&server, &["okta", "check", "--org", "acme"]).0, 5, "not connected");
    assert!(server.audit("acme").iter().all(|line| line["action"] != "okta.change"));
    let id = in_the_way["id"].as_str().unwrap();
    server.json(&["connector", "remove", id, "--org", "acme"]);
    let done = server.run_piped(&both, b"secret\n00token\n");
    assert!(done.status.success(), "{done:?}");
    let tools = server.json(&["connector", "list", "--org", "acme"]);
    assert_eq!(
        (&tools[0]["kind"], &tools[0]["secrets"]),
        (&"okta".into(), &serde_json::json!(["api_token"])),
        "{tools}"
    );
    assert_eq!(tools[0]["settings"]["base_url"], tenant.issuer.as_str());
    // A service app takes the token's place at the same tool.
    let pem = server.folder.path().join("service.pem");
    std::fs::write(&pem, SigningKey::generate("service").unwrap().pem()).unwrap();
    let app = ["--api-client-id", "0oaService", "--api-key-file", pem.to_str().unwrap()];
    let done = server.run(&[&set[..], &app].concat());
    assert!(done.status.success(), "{done:?}");
    let again = server.json(&["connector", "list", "--org", "acme"]);
    assert_eq!((again.as_array().unwrap().len(), &again[0]["id"]), (1, &tools[0]["id"]), "{again}");
    assert_eq!(again[0]["secrets"], serde_json::json!(["private_key"]), "{again}");

    let kinds = server.json(&["connector", "kinds"]);
    let names: Vec<_> = kinds.as_array().unwrap().iter().map(|kind| kind["id"].as_str().unwrap()).collect();
    assert!(names.contains(&"slack") && names.len() == 9, "{names:?}");
    assert!(kinds.to_string().contains("base_url"));
}
