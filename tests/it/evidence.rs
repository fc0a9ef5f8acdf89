//! What an auditor takes away, through the real binary: it verifies offline, and any change to it is found.
use std::{io::Write as _, path::Path};

use serde_json::{Value, json};

use crate::{
    console::support::{Browser, organization, problem, session_of},
    on_each_database,
    support::Server,
};

on_each_database!(evidence_of_an_offboarding_verifies, exports_are_signed);

async fn evidence_of_an_offboarding_verifies(server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let token = server.json(&["token", "mint", "--org", "acme", "--label", "okta"]);
    let scim = server.client(token["token"].as_str().unwrap());
    let (ada, bob) = (scim.user("ada@acme.example").await, scim.user("bob@acme.example").await);
    let path = format!("/api/v1/users/{ada}/offboard");
    let reason = "<b>left</b> & \"gone\"";
    let begun = browser.json("POST", &path, &json!({ "reason": reason })).await.expect(202);
    let id = begun["offboarding_id"].as_str().unwrap();
    let address = format!("/api/v1/offboardings/{id}/evidence");

    let statement = browser.get(&format!("{address}?format=json")).await.expect(200);
    assert_eq!(
        (&statement["type"], &statement["mode"], &statement["offboarding"]["reason"]),
        (&json!("ceven.evidence"), &json!("live"), &json!(reason))
    );
    let lines = browser.get(&format!("{address}?format=ndjson")).await.text;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<_> = lines.iter().filter_map(|line| line["action"].as_str()).collect();
    assert_eq!(actions, ["user.deactivate", "offboarding.start"], "the person's lines, and nobody else's");
    assert_eq!(lines.last().unwrap()["type"], "ceven.audit.head");

    let zip = browser.send(browser.request("GET", &address)).await;
    assert_eq!((zip.status, zip.header("content-type")), (200, "application/zip"));
    let file = server.folder.path().join("pack.zip");
    let out = file.to_str().unwrap();
    let written = server.json(&["audit", "evidence", "--org", "acme", id, "--out", out]);
    assert_eq!(written["status"], "done");
    let report = server.json(&["audit", "verify", out]);
    assert_eq!((&report["ok"], &report["entries"]), (&true.into(), &2.into()), "{report}");
    for place in ["/dev/stdin", "-"] {
        let piped = server.run_piped(&["audit", "verify", place, "--json"], &std::fs::read(&file).unwrap());
        assert_eq!(serde_json::from_slice::<Value>(&piped.stdout).unwrap(), report, "{piped:?}");
    }
    let key = report["key"].as_str().unwrap();
    assert_eq!(server.run(&["audit", "verify", out, "--key", key]).status.code(), Some(0));
    let other = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    assert_eq!(server.run(&["audit", "verify", out, "--key", other]).status.code(), Some(5));
    every_change_is_found(&server, &file);

    let page = browser.get(&format!("/app/offboardings/{id}")).await;
    assert!(page.text.contains(&address));
    problem(&browser.get(&format!("{address}?format=pdf")).await, 400);
    problem(&browser.get("/api/v1/offboardings/nobody/evidence").await, 404);
    problem(&Browser::new(&server).get(&address).await, 401);
    problem(&session_of(&server, "acme", &bob).await.get(&address).await, 403);
    server.json(&["org", "create", "--name", "Other", "--slug", "other"]);
    let audit = server.json(&["token", "mint", "--org", "other", "--label", "auditor", "--kind", "audit"]);
    let nobody = Browser::new(&server);
    let foreign = nobody.request("GET", &address).bearer_auth(audit["token"].as_str().unwrap());
    problem(&nobody.send(foreign).await, 404);
}

/// Each byte that means something is guarded: one of each hundred is changed in turn.
fn every_change_is_found(server: &Server, file: &Path) {
    let whole = std::fs::read(file).unwrap();
    let text_at = |needle: &str| {
        whole.windows(needle.len()).position(|window| window == needle.as_bytes()).expect("it is there")
    };
    let places = ["\"signature\"", "ada@acme.example", "user.deactivate", "How to verify", "\"digest\""];
    for place in places.map(text_at) {
        let mut changed = whole.clone();
        changed[place + 2] ^= 1;
        let bad = server.folder.path().join("changed.zip");
        std::fs::File::create(&bad).unwrap().write_all(&changed).unwrap();
        let output = server.run(&["audit", "verify", bad.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

async fn exports_are_signed(mut server: Server) {
    organization(&server, "acme");
    let browser = Browser::signed_in(&server, "acme").await;
    let folder = server.folder.path().to_owned();
    let save = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let export = |server: &Server| server.run(&["audit", "export", "--org", "acme"]).stdout;
    let early = String::from_utf8(export(&server)).unwrap();
    let early_file = save("early.ndjson", &early);
    server.json(&["token", "mint", "--org", "acme", "--label", "one"]);
    let late = String::from_utf8(export(&server)).unwrap();
    let late_file = save("late.ndjson", &late);
    let report = server.json(&["audit", "verify", &late_file, "--earlier", &early_file]);
    assert_eq!((&report["ok"], &report["head_seq"]), (&true.into(), &report["last_seq"]), "{report}");

    let lines: Vec<_> = late.lines().collect();
    let (head, entries) = lines.split_last().unwrap();
    let cut = [&entries[..entries.len() - 1], &[*head]].concat().join("\n");
    for (name, text) in [("no head", entries.join("\n")), ("cut", cut), ("old", early.clone())] {
        let file = save("bad.ndjson", &text);
        let output = server.run(&["audit", "verify", &file, "--earlier", &late_file]);
        assert_eq!(output.status.code(), Some(5), "{name}");
    }
    let page = browser.form("/app/audit/verify", &[]).await;
    assert!(page.status == 200 && page.text.contains("entries verified"), "{}", page.text);
    // The key is the database's: it outlives the process, and every node has it.
    let key = report["key"].clone();
    server.kill();
    server.boot().await;
    let again = save("again.ndjson", &String::from_utf8(export(&server)).unwrap());
    assert_eq!(server.json(&["audit", "verify", &again, "--earlier", &late_file])["key"], key);
}
