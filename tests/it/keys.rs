//! `ceven keys rotate`: every stored secret under a new master key, while a server runs.
use serde_json::{Value, json};

use crate::{
    console::support::{Browser, organization},
    offboarding::Receiver,
    on_each_database,
    support::{Database, Server},
};

const NEW_KEY: &str = "YSBuZXcga2V5LCB0aGlydHktdHdvIGJ5dGVzIGxvbmc=";

/// Tools of two organizations whose secrets are kept; ids of the tools.
fn connect(server: &Server, receiver: &Receiver) -> Vec<String> {
    let mut ids = Vec::new();
    for slug in ["acme", "globex"] {
        organization(server, slug);
        for name in ["one", "two"] {
            let file = server.folder.path().join("tool.json");
            let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
            std::fs::write(&file, json!({ "url": receiver.url, "secret": secret }).to_string()).unwrap();
            let file = file.to_str().unwrap();
            let add = [
                "connector",
                "add",
                "--org",
                slug,
                "--kind",
                "webhook",
                "--name",
                name,
                "--config-file",
                file,
            ];
            ids.push(server.json(&add)["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

/// A check opens the secret; without its key the settings make no tool.
fn assert_readable(server: &Server, ids: &[String]) {
    for id in ids {
        let checked = server.run(&["connector", "check", id, "--json"]);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

fn rotations(server: &Server, slug: &str) -> Vec<Value> {
    let log = server.audit(slug);
    log.into_iter().filter(|entry| entry["action"] == "keys.rotate").collect()
}

async fn the_operators_keys_are_exchanged_while_a_server_runs(mut server: Server) {
    let receiver = Receiver::start().await;
    let ids = connect(&server, &receiver);
    let nothing = server.json(&["keys", "rotate"]);
    assert_eq!((&nothing["secrets"], &nothing["old_key"]), (&json!(0), &Value::Null), "no other key is here");
    let both = [
        ("CEVEN_SECURITY__MASTER_KEY", NEW_KEY),
        ("CEVEN_SECURITY__OLD_MASTER_KEYS", crate::support::MASTER_KEY),
    ];
    server.restart_with(&both).await;
    assert_readable(&server, &ids);
    let signer = server.json(&["audit", "verify", &export(&server)])["key"].clone();
    let rotated = server.json(&["keys", "rotate"]);
    assert_eq!((&rotated["secrets"], &rotated["organizations"]), (&json!(5), &json!(2)), "{rotated}");
    let again = server.json(&["keys", "rotate"]);
    assert_eq!(again["secrets"], 0);
    for slug in ["acme", "globex"] {
        let entries = rotations(&server, slug);
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(
            (&entries[0]["after"]["secrets"], &entries[0]["after"]["key"]),
            (&json!(2), &rotated["key"])
        );
    }
    // The server that ran meanwhile still reads them; so does one that has never known the old key.
    let browser = Browser::signed_in(&server, "acme").await;
    let checked = browser.json("POST", &format!("/api/v1/connectors/{}/check", ids[0]), &json!({})).await;
    checked.expect(200);
    server.restart_with(&[("CEVEN_SECURITY__MASTER_KEY", NEW_KEY)]).await;
    assert_readable(&server, &ids);
    assert_eq!(
        server.json(&["audit", "verify", &export(&server)])["key"],
        signer,
        "evidence keeps its signer"
    );
    server.kill();
    let output =
        server.run_as(&["org", "list"], &[("CEVEN_SECURITY__MASTER_KEY", crate::support::MASTER_KEY)]);
    assert_eq!(output.status.code(), Some(3), "the old key opens nothing any more");
}

fn export(server: &Server) -> String {
    let file = server.folder.path().join("signed.ndjson");
    std::fs::write(&file, server.run(&["audit", "export", "--org", "acme"]).stdout).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A server on a database of its own, whose key is in a file.
async fn with_a_key_file() -> Server {
    let mut server = Server::start(Database::Sqlite).await;
    server.kill();
    server.database_url = server.database_url.replace("ceven.db", "filed.db");
    server.restart_with(&[("CEVEN_SECURITY__MASTER_KEY", "")]).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_file_is_exchanged_and_the_old_key_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut server = with_a_key_file().await;
    let file = server.folder.path().join("filed.db.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let receiver = Receiver::start().await;
    let ids = connect(&server, &receiver);
    let browser = Browser::signed_in(&server, "acme").await;
    let rotated = server.json(&["keys", "rotate"]);
    assert_eq!(rotated["secrets"], 5, "{rotated}");
    let new = std::fs::read_to_string(&file).unwrap();
    assert_ne!(new.trim(), old.trim());
    assert_eq!(new.lines().count(), 1, "the new key alone");
    let kept = std::path::PathBuf::from(rotated["old_key"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(&kept).unwrap().trim(), old.trim());
    for path in [&file, &kept] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The server that runs reads the file again when it meets the new key, and seals under it.
    for id in &ids[..2] {
        browser.json("POST", &format!("/api/v1/connectors/{id}/check"), &json!({})).await.expect(200);
    }
    let body = json!({ "kind": "webhook", "name": "three", "settings": {
        "url": receiver.url, "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" } });
    let third = browser.json("POST", "/api/v1/connectors", &body).await.expect(201)["id"].clone();
    // Interrupted after the file was exchanged, it goes on with the same new key.
    std::fs::write(&file, format!("{}\n{}", NEW_KEY, new.trim())).unwrap();
    let resumed = server.json(&["keys", "rotate"]);
    assert_eq!(resumed["secrets"], 6, "{resumed}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), NEW_KEY);
    std::fs::remove_file(&kept).unwrap();
    server.kill();
    server.boot().await;
    assert_readable(&server, &[&ids[..], &[third.as_str().unwrap().to_owned()]].concat());
    assert_eq!(rotations(&server, "acme").len(), 2);
}

on_each_database!(the_operators_keys_are_exchanged_while_a_server_runs);

/// A rotation and a backup do not meet: neither leaves a secret whose key is nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_file_is_exchanged_by_one_at_a_time() {
    let server = with_a_key_file().await;
    organization(&server, "acme");
    let folder = std::fs::File::open(server.folder.path()).unwrap();
    let copy = server.folder.path().join("copy.db");
    let verbs = [vec!["keys", "rotate"], vec!["backup", copy.to_str().unwrap()]];
    let refused = |verb: &Vec<&str>| {
        let output = server.run(verb);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.code() == Some(1) && said.contains("is at work with it")
    };
    folder.lock().unwrap();
    assert!(verbs.iter().all(refused));
    folder.unlock().unwrap();
    folder.lock_shared().unwrap();
    assert!(refused(&verbs[0]));
    assert!(server.run(&verbs[1]).status.success(), "backups do not mind each other");
    folder.unlock().unwrap();
    assert!(server.run(&verbs[0]).status.success());
}
