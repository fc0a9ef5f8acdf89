//! An offboarding as text: a line a tool, a bar a try, the wait between two tries as a line.
use std::fmt::Write as _;

use serde_json::Value;

use crate::http::api::time_ms;

/// Columns of the picture.
const WIDTH: i64 = 44;

/// How a tool's part ended. Told and read back is more than told.
fn ending(task: &Value) -> String {
    match (task["state"].as_str().unwrap_or_default(), task["proof"].as_str()) {
        (_, Some("read_back")) => "verified".to_owned(),
        (_, Some("told")) => "done, not read back".to_owned(),
        (state, _) => state.replace('_', " "),
    }
}

fn steps(task: &Value) -> impl Iterator<Item = &Value> {
    task["steps"].as_array().into_iter().flatten()
}

fn tries(task: &Value) -> Vec<(i64, i64, &Value)> {
    let at = |one: &Value, name: &str| one[name].as_str().and_then(time_ms).unwrap_or_default();
    let tries = task["tries"].as_array().into_iter().flatten();
    tries.map(|one| (at(one, "begun_at"), at(one, "ended_at"), &one["failure"])).collect()
}

/// What stood in the way of a try, for people.
fn failure(failure: &Value) -> String {
    let class = failure["class"].as_str().unwrap_or_default().replace('_', " ");
    let detail = ["detail", "missing"].iter().find_map(|name| failure[*name].as_str()).unwrap_or_default();
    match (detail, failure["until_ms"].as_i64()) {
        (_, Some(until_ms)) => format!("{class} until {}", &ceven_actors::clock::rfc3339(until_ms)[11..23]),
        ("", None) => class,
        (detail, None) => format!("{class}: {detail}"),
    }
}

/// The picture.
pub(super) fn draw(offboarding: &Value) -> String {
    let tasks: Vec<&Value> = offboarding["steps"].as_array().into_iter().flatten().collect();
    let begun_ms = offboarding["begun_at"].as_str().and_then(time_ms).unwrap_or_default();
    let ended_ms = tasks.iter().flat_map(|task| tries(task)).map(|(_, ended, _)| ended).max();
    let span_ms = (ended_ms.unwrap_or(begun_ms) - begun_ms).max(1);
    let column = |at_ms: i64| ((at_ms - begun_ms) * WIDTH / span_ms).clamp(0, WIDTH - 1) as usize;
    let width = tasks.iter().filter_map(|task| task["connector"]["name"].as_str()).map(str::len).max();
    let width = width.unwrap_or_default();
    let mut out = String::new();
    for task in &tasks {
        let mut bar = vec![' '; WIDTH as usize];
        let tries = tries(task);
        if let (Some((first, ..)), Some((.., last, _))) = (tries.first(), tries.last()) {
            bar[column(*first)..=column(*last)].fill('─');
        }
        for (begun, ended, failure) in &tries {
            bar[column(*begun)..=column(*ended)].fill(if failure.is_null() { '█' } else { '▒' });
        }
        let bar: String = bar.into_iter().collect();
        let name = task["connector"]["name"].as_str().unwrap_or_default();
        let took =
            tries.last().map_or_else(|| "–".to_owned(), |(_, ended, _)| format!("{} ms", ended - begun_ms));
        let again = if tries.len() > 1 { format!(", {} tries", tries.len()) } else { String::new() };
        let _ = writeln!(out, "{name:<width$} │{bar}│ {took:>8}  {}{again}", ending(task));
        for (number, (.., why)) in tries.iter().enumerate().filter(|(_, (.., why))| !why.is_null()) {
            let _ = writeln!(out, "{:<width$} │ try {}: {}", "", number + 1, failure(why));
        }
        let _ = writeln!(out, "{:<width$} │ {}", "", told(task));
    }
    let _ = write!(
        out,
        "{:<width$}  0 to {span_ms} ms   █ a try   ▒ a try that failed   ─ waiting to try again",
        ""
    );
    out
}

/// The steps by how they ended.
fn told(task: &Value) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for step in steps(task) {
        let status = step["outcome"]["status"].as_str().unwrap_or_default().replace('_', " ");
        let name = step["name"].as_str().unwrap_or_default().replace('_', " ");
        match groups.iter_mut().find(|(known, _)| *known == status) {
            Some((_, names)) => names.push(name),
            None => groups.push((status, vec![name])),
        }
    }
    let groups = groups.into_iter().map(|(status, names)| format!("{status}: {}", names.join(", ")));
    groups.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bar_a_try_and_a_line_for_the_wait() {
        let at = |ms: i64| ceven_actors::clock::rfc3339(ms);
        let task = |name: &str, proof: &str, tries: Value| json!({ "connector": { "name": name }, "state": "done", "proof": proof, "tries": tries, "steps": [] });
        let one = |begun: i64, ended: i64, failure: Value| json!({ "begun_at": at(begun), "ended_at": at(ended), "failure": failure });
        let drawn = draw(&json!({ "begun_at": at(0), "steps": [
            task("A", "read_back", json!([one(0, 99, json!({ "class": "transient", "detail": "502" })), one(900, 1000, json!(null))])),
            task("Bee", "told", json!([one(0, 500, json!(null))])),
        ] }));
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(
            lines[0].starts_with("A   │▒▒▒▒▒──") && lines[0].contains("──█████│  1000 ms  verified, 2 tries"),
            "{drawn}"
        );
        assert_eq!(lines[1], "    │ try 1: transient: 502");
        assert!(
            lines[3].starts_with("Bee │███") && lines[3].ends_with("500 ms  done, not read back"),
            "{drawn}"
        );
    }
}
