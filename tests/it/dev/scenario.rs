//! `ceven dev --scenario` from outside: what happens across all nine tools, which know nothing of Ceven's plans.
use std::process::{Command, Output};

use serde_json::Value;

fn dev(arguments: &[&str]) -> Output {
    let start = ["dev", "--listen", "127.0.0.1:0"];
    Command::new(env!("CARGO_BIN_EXE_ceven")).args(start).args(arguments).output().unwrap()
}

/// A scenario in which everything turned out as told.
fn played(name: &str) -> Value {
    let output = dev(&["--scenario", name, "--once", "--json"]);
    let story: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let story_text = serde_json::to_string_pretty(&story).unwrap();
    assert!(output.status.success(), "{}{story_text}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&story["scenario"], &story["ok"]), (&name.into(), &true.into()), "{story_text}");
    let facts = story["chapters"].as_array().unwrap().iter().flat_map(|one| one["facts"].as_array().unwrap());
    assert!(facts.clone().count() >= 12 && facts.clone().all(|fact| fact["holds"] == true), "{story_text}");
    story
}

#[test]
fn someone_leaves_nine_tools() {
    let one = &played("offboard")["offboarding"];
    let tasks = one["steps"].as_array().unwrap();
    assert_eq!((&one["status"], tasks.len()), (&"done".into(), 9), "{one}");
    for task in tasks {
        let kind = task["connector"]["kind"].as_str().unwrap();
        let verified =
            task["steps"].as_array().unwrap().iter().find(|step| step["name"] == "verify").unwrap();
        let wanted = if kind == "webhook" { "skipped" } else { "done" };
        assert_eq!(verified["outcome"]["status"], wanted, "{kind}: {task}");
    }
}

#[test]
fn okta_says_who_must_go() {
    assert_eq!(played("universal-logout")["offboarding"]["cause"], "universal_logout");
}

#[test]
fn tokens_count_once() {
    played("replay");
}

#[test]
fn a_tool_that_fails_is_tried_again() {
    let story = played("flaky-github");
    let tasks = story["offboarding"]["steps"].as_array().unwrap();
    let github = tasks.iter().find(|task| task["connector"]["kind"] == "github").unwrap();
    assert_eq!(github["tries"].as_array().unwrap().len(), 4, "{github}");
}

#[test]
fn a_token_is_exchanged() {
    played("token-rotation");
}

#[test]
fn someone_comes_back() {
    assert_eq!(played("reactivate")["offboarding"]["status"], "cancelled");
}

#[test]
fn a_department_disappears() {
    played("mass-deactivation");
}

#[test]
fn a_story_is_readable_and_fails_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let (data, evidence) = (folder.path().join("dev.db"), folder.path().join("evidence.zip"));
    let run = || {
        let (data, evidence) = (data.to_str().unwrap(), evidence.to_str().unwrap());
        dev(&["--scenario", "offboard", "--once", "--data", data, "--evidence", evidence])
    };
    let output = run();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for words in
        ["4. Priya offboards Dana", "Slack", "█", "verified", "done, not read back", "all 24 facts hold"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let verified =
        Command::new(env!("CARGO_BIN_EXE_ceven")).args(["audit", "verify"]).arg(&evidence).output();
    assert!(verified.unwrap().status.success());
    // The same data once more: Dana is gone, so the story cannot be told.
    let output = run();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "no evidence of what did not happen: {text}");
    let output = dev(&["--scenario", "offboard", "--once", "--data", data.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("✗") && text.contains("do not hold"), "{text}");
}

#[test]
fn it_stays_on_the_loopback() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ceven")).args(["dev", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}
