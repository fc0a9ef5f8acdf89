//! The layers of the design, kept by a test: what decides does not touch, and the pure folders stay pure.
use std::{path::Path, process::Command};

#[test]
fn the_deciding_crate_has_no_way_to_the_outside() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "ceven-actors",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("ractor "), "{tree}");
    for outside in ["warp ", "sea-orm", "reqwest ", "sqlx", "hyper "] {
        assert!(!tree.lines().any(|line| line.starts_with(outside)), "ceven-actors depends on {outside}");
    }
}

#[test]
fn pure_folders_have_no_tasks_and_no_actors() {
    let actors = Path::new(env!("CARGO_MANIFEST_DIR")).join("actors/src");
    let mut seen = 0;
    for folder in ["protocol", "domain", "connector"] {
        let mut waiting = vec![actors.join(folder)];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            seen += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for impure in ["tokio", "ractor", "async fn"] {
                assert!(!text.contains(impure), "{} has {impure}", path.display());
            }
        }
    }
    assert!(seen > 20);
}
