//! `ceven dev` from outside: the main job across all nine tools, which know nothing of Ceven's plans.
use std::process::Command;

use serde_json::Value;

#[test]
fn someone_leaves_nine_tools() {
    let output = Command::new(env!("CARGO_BIN_EXE_ceven"))
        .args(["dev", "--listen", "127.0.0.1:0", "--scenario", "offboard", "--once", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let one: Value = serde_json::from_slice(&output.stdout).unwrap();
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
fn it_stays_on_the_loopback() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ceven")).args(["dev", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}
