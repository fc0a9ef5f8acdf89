//! Who left in a range of time, and how long each tool took: what auditors take their samples from.
//!
//! 1. A leaver belongs to the range in which the offboarding was asked for.
//! 2. Times of tools count from when access to Ceven ended, as in the evidence of one offboarding. Where somebody is not
//!    out there is none.
//! 3. What needed attention stays in the report when it has been settled.
//! 4. No cell of a table is taken for a formula: what begins like one gets an apostrophe before it.
use std::fmt::Write as _;

use ceven_actors::{
    clock::rfc3339,
    domain::{
        audit::statement,
        id::OffboardingId,
        offboarding::{Offboarding, Proof, Status, Task, TaskState},
        step::Outcome,
    },
    organization::state::Snapshot,
    ports::StoreError,
};
use serde_json::{Map, Value, json};

use super::pack::out_after_ms;
use crate::app::App;

/// `type` of a signed report.
pub const REPORT: &str = "ceven.report";
/// The longest range, in milliseconds: a year and a month.
pub const LONGEST_MS: i64 = 397 * crate::tokens::DAY_MS;

/// Which leavers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// From this on, in milliseconds since 1970.
    pub from_ms: i64,
    /// Before this.
    pub to_ms: i64,
}

/// A place in a report: after the offboarding that was asked for then.
pub type Place = (i64, OffboardingId);

/// One leaver.
#[derive(Debug)]
pub struct Leaver {
    /// The offboarding.
    pub one: Offboarding,
    /// Its tools' parts.
    pub tasks: Vec<Task>,
}

impl Leaver {
    /// The tool that took longest, with its time in milliseconds (2).
    pub fn slowest(&self) -> Option<(&str, i64)> {
        let times = self.tasks.iter().filter_map(|task| Some((&*task.name, out_after_ms(&self.one, task)?)));
        times.max_by_key(|(_, after_ms)| *after_ms)
    }

    /// What needed a person, in words (3).
    pub fn attention(&self) -> Vec<String> {
        self.tasks.iter().filter_map(|task| Some(format!("{}: {}", task.name, attention(task)?))).collect()
    }

    fn view(&self) -> Value {
        let mut view = self.one.view();
        view["took_ms"] = json!(self.one.took_ms());
        view["slowest_tool"] =
            json!(self.slowest().map(|(name, after_ms)| json!({ "name": name, "after_ms": after_ms })));
        let tools = self.tasks.iter().map(|task| {
            json!({
                "name": task.name, "kind": task.kind, "state": task.state, "account": task.matched,
                "finished_at": task.finished_ms.map(rfc3339), "proof": task.proof(), "after_ms": out_after_ms(&self.one, task),
                "tries": task.attempt, "attention": attention(task),
            })
        });
        view["tools"] = tools.collect();
        view
    }

    /// One line of a table a tool, or one in all where there were no tools.
    fn rows(&self, table: &mut String) {
        let one = &self.one;
        let time = |at_ms: Option<i64>| at_ms.map(rfc3339).unwrap_or_default();
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let person = [
            one.id.to_string(),
            one.user.to_string(),
            one.user_name.to_string(),
            one.cause.name().to_owned(),
            one.asked_by.to_string(),
            rfc3339(one.asked_ms),
            time(one.begun_ms),
            time(one.finished_ms),
            number(one.took_ms()),
            one.status.name().to_owned(),
        ];
        let slowest = self.slowest().map(|(name, _)| name.to_owned());
        let tool = |task: &Task| {
            [
                task.name.to_string(),
                task.kind.to_string(),
                task.state.name().to_owned(),
                task.matched.as_ref().map(|found| found.label.clone()).unwrap_or_default(),
                time(task.out_ms()),
                number(out_after_ms(one, task)),
                (slowest.as_deref() == Some(&*task.name)).to_string(),
                task.attempt.to_string(),
                attention(task).unwrap_or_default(),
                task.proof().map(Proof::words).unwrap_or_default().to_owned(),
            ]
        };
        let tools: Vec<_> = self.tasks.iter().map(tool).collect();
        for tool in
            tools.iter().map(<[String; 10]>::as_slice).chain(tools.is_empty().then_some([].as_slice()))
        {
            let blank = std::iter::repeat_n("", 10 - tool.len());
            line(table, person.iter().chain(tool).map(String::as_str).chain(blank));
        }
    }
}

/// Why a tool's part needed a person: it does still, someone did it by hand, or a try failed for what does not pass by
/// itself.
fn attention(task: &Task) -> Option<String> {
    let failed = task.steps.iter().filter(|step| matches!(step.outcome, Outcome::Failed(_)));
    let failed: Vec<_> = failed.map(|step| step.name.replace('_', " ")).collect();
    let lasting = |failure: &ceven_actors::domain::step::Failure| !failure.is_retryable();
    match (task.state, &task.note) {
        (TaskState::DoneByHand, Some(note)) => Some(format!("done by hand: {note}")),
        (TaskState::NeedsAttention, _) => Some(format!("needs attention: {}", failed.join(", "))),
        _ => {
            let failure =
                task.tries.iter().filter_map(|one| one.failure.as_ref()).find(|failure| lasting(failure))?;
            let class = json!(failure)["class"].as_str().unwrap_or_default().replace('_', " ");
            Some(format!("{class}, settled since"))
        }
    }
    .filter(|_| task.state != TaskState::Cancelled)
}

/// Columns of the table.
const COLUMNS: [&str; 20] = [
    "offboarding_id",
    "user_id",
    "user_name",
    "way",
    "asked_by",
    "asked_at",
    "access_ended_at",
    "finished_at",
    "took_ms",
    "status",
    "tool",
    "kind",
    "tool_state",
    "account",
    "tool_finished_at",
    "tool_after_ms",
    "is_slowest",
    "tries",
    "attention",
    "proof",
];

/// The first line of a table.
pub fn heading() -> String {
    let mut table = String::new();
    line(&mut table, COLUMNS.into_iter());
    table
}

/// Lines of a table (RFC 4180).
pub fn table(leavers: &[Leaver]) -> String {
    let mut table = String::new();
    leavers.iter().for_each(|leaver| leaver.rows(&mut table));
    table
}

fn line<'a>(table: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (number, cell) in cells.enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" }; // (4)
        match cell.contains(['"', ',', '\n', '\r']) || !guard.is_empty() {
            true => drop(write!(table, "{comma}\"{guard}{}\"", cell.replace('"', "\"\""))),
            false => drop(write!(table, "{comma}{cell}")),
        }
    }
    table.push_str("\r\n");
}

/// Leavers after a place, at most `count`, and the place to go on after when there may be more.
///
/// # Errors
/// When they cannot be read now.
pub async fn page(
    app: &App,
    snapshot: &Snapshot,
    range: Range,
    after: Option<Place>,
    count: u64,
) -> Result<(Vec<Leaver>, Option<Place>), StoreError> {
    let leavers = app.store.leavers(snapshot.profile().id, range, after, count).await?;
    let next = leavers.last().map(|last| (last.one.asked_ms, last.one.id));
    let is_full = leavers.len() as u64 == count;
    Ok((leavers, next.filter(|_| is_full)))
}

/// A page of a report as a signed statement.
pub fn signed(
    app: &App,
    snapshot: &Snapshot,
    range: Range,
    leavers: &[Leaver],
    next: Option<Place>,
) -> Value {
    let profile = snapshot.profile();
    let members = json!({
        "version": 1,
        "made_at": rfc3339(app.clock.now_ms()),
        "mode": profile.mode.name(),
        "org": { "id": profile.id, "slug": profile.slug, "name": profile.name },
        "from": rfc3339(range.from_ms),
        "to": rfc3339(range.to_ms),
        "summary": summary(leavers),
        "leavers": leavers.iter().map(Leaver::view).collect::<Vec<_>>(),
        "next_cursor": next.map(cursor),
    });
    let members = match members {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    statement::sign(&app.signing, REPORT, members)
}

/// Numbers over a page of leavers.
pub fn summary(leavers: &[Leaver]) -> Value {
    let count = |status: Status| leavers.iter().filter(|leaver| leaver.one.status == status).count();
    let mut times: Vec<_> = leavers.iter().filter_map(|leaver| leaver.one.took_ms()).collect();
    times.sort_unstable();
    json!({
        "leavers": leavers.len(),
        "done": count(Status::Done),
        "needs_attention": count(Status::NeedsAttention),
        "running": count(Status::Running),
        "held": count(Status::Held),
        "scheduled": count(Status::Scheduled),
        "cancelled": count(Status::Cancelled),
        "needed_attention": leavers.iter().filter(|leaver| !leaver.attention().is_empty()).count(),
        "median_ms": times.get(times.len() / 2),
        "longest_ms": times.last(),
    })
}

/// A place as a text for addresses.
pub fn cursor((asked_ms, id): Place) -> String {
    format!("{asked_ms}_{id}")
}

/// The place that a text names.
pub fn place(cursor: &str) -> Option<Place> {
    let (asked_ms, id) = cursor.split_once('_')?;
    Some((asked_ms.parse().ok()?, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let mut table = String::new();
        line(&mut table, ["a", "b,c", "d\"e", "=1+1", "-x", "f\ng"].into_iter());
        assert_eq!(table, "a,\"b,c\",\"d\"\"e\",\"'=1+1\",\"'-x\",\"f\ng\"\r\n");
        assert_eq!(heading().matches(',').count(), COLUMNS.len() - 1);
    }
}
