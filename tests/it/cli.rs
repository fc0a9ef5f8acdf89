//! The command line as scripts see it: exit codes, one JSON document, help.
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
    assert!(status == 3 && error.contains("usize"), "{error}");
    // 5: a check failed.
    let broken = server.folder.path().join("broken.ndjson");
    std::fs::write(&broken, "{\"seq\":1}\n").unwrap();
    assert_eq!(code(&server, &["audit", "verify", broken.to_str().unwrap()]).0, 5);
    server.terminate();
    assert!(server.ended().await);
    assert_eq!(code(&server, &["healthcheck"]).0, 5);
    // 4: the database.
    server.database_url = "postgres://nobody@127.0.0.1:1/none".into();
    assert_eq!(code(&server, &["org", "list"]).0, 4);

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
}
