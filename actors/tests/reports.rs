//! What reports of tries come to: once, for the try they belong to, and however long a tool was away.
use std::sync::Arc;

use ceven_actors::{
    domain::{
        audit::Mode,
        caller::{Actor, Authority, Caller, Stamp},
        connector::Connector,
        id::{ConnectorId, OrganizationId},
        offboarding::{Task, Try},
        step::{Failure, Outcome, Step},
    },
    organization::{
        decide::decide,
        message::{Answer, Command, OrganizationError, Report, ToolChange},
        state::Snapshot,
    },
    ports::Profile,
    protocol::scim::Object,
};
use serde_json::json;
use uuid::Uuid;

fn operator() -> Caller {
    Caller {
        actor: Actor { kind: "operator", id: "x".into(), label: "x".into() },
        authority: Authority::Operator,
        ip: None,
        request_id: "r".into(),
    }
}

/// Applies a command at a time; the state it leads to, and its answer.
fn at(state: &Snapshot, number: u128, at_ms: i64, command: &Command) -> (Snapshot, Answer) {
    let stamp = Stamp { at_ms, new_id: Uuid::from_u128(number << 8), entry_id: Uuid::nil() };
    let decision = decide(state, command, &operator(), stamp).unwrap();
    let mut after = state.clone();
    decision.changes.iter().for_each(|change| after.apply(change));
    (after, decision.answer)
}

/// A person, a tool, and the task of removing the one from the other.
fn leaving() -> (Snapshot, Arc<Connector>, Arc<Task>) {
    let profile = Profile {
        id: OrganizationId(Uuid::nil()),
        slug: "x".into(),
        name: "X".into(),
        domains: vec![],
        mode: Mode::Live,
    };
    let tool = Arc::new(Connector {
        id: ConnectorId(Uuid::from_u128(7)),
        kind: "webhook".into(),
        name: "Hook".into(),
        settings: Object::new(),
        secrets: vec![],
        sealed: None,
        paused: None,
        created_ms: 0,
        removed: false,
    });
    let attributes = json!({ "userName": "ada" }).as_object().cloned().unwrap();
    let (state, _) =
        at(&Snapshot::new(profile), 1, 0, &Command::SetConnector { change: ToolChange::added(tool.clone()) });
    let (state, answer) = at(&state, 2, 0, &Command::CreateUser { attributes });
    let Answer::User { id, .. } = answer else { panic!("{answer:?}") };
    let (state, _) = at(&state, 3, 0, &Command::Offboard { id, options: Arc::default() });
    let task = state.tasks().next().unwrap().clone();
    (state, tool, task)
}

/// The same settings, saved once more.
fn again(tool: &Arc<Connector>) -> ToolChange {
    ToolChange { connector: tool.clone(), seen: Some(tool.clone()) }
}

fn report(task: &Task, failure: Option<Failure>, ended_ms: Option<i64>) -> Command {
    let outcome = failure.clone().map_or(Outcome::Done, Outcome::Failed);
    Command::Report {
        report: Arc::new(Report {
            task: task.id,
            attempt: task.attempt,
            steps: vec![Step { name: "deliver".into(), outcome, detail: None, undo: None }],
            matched: None,
            ended: ended_ms.map(|at_ms| (Try { begun_ms: at_ms, ended_ms: at_ms, failure }, at_ms + 1)),
        }),
    }
}

#[test]
fn a_tool_that_is_mended_after_days_is_tried_for_another_day() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let (state, tool, task) = leaving();
    let refused = Failure::Auth { detail: "401".into() };
    let (state, _) = at(&state, 4, 1, &report(&task, Some(refused), Some(1)));
    assert!(state.connector(tool.id).unwrap().paused.is_some());
    let (state, _) = at(&state, 5, 3 * DAY_MS, &Command::SetConnector { change: again(&tool) });
    let task = state.task(task.id).unwrap().clone();
    let broken = Failure::Transient { detail: "502".into() };
    for (number, at_ms, is_open) in [(6, 3 * DAY_MS + 1, true), (7, 4 * DAY_MS + 2, false)] {
        let (after, _) = at(&state, number, at_ms, &report(&task, Some(broken.clone()), Some(at_ms)));
        assert_eq!(after.task(task.id).unwrap().state.is_open(), is_open, "{at_ms}");
    }
}

#[test]
fn a_try_whose_task_was_closed_is_told_so_and_written_down_once() {
    let (state, _, task) = leaving();
    let (_, answer) = at(&state, 4, 1, &report(&task, None, None));
    assert_eq!(answer, Answer::Noted);
    for close in [
        Command::CancelOffboarding { id: task.offboarding },
        Command::MarkDone { task: task.id, note: "by hand".into() },
    ] {
        let (closed, _) = at(&state, 5, 2, &close);
        let (after, answer) = at(&closed, 6, 3, &report(&task, None, None));
        assert_eq!((answer, after.closed_task(task.id).unwrap().steps.len()), (Answer::Over, 1));
        assert_eq!(after.closed_task(task.id).unwrap().state, closed.closed_task(task.id).unwrap().state);
        let stamp = Stamp { at_ms: 4, new_id: Uuid::nil(), entry_id: Uuid::nil() };
        let again = decide(&after, &report(&task, None, None), &operator(), stamp).unwrap();
        assert!(again.is_nothing() && again.answer == Answer::Over, "{again:?}");
    }
    let overtaken = Task { attempt: task.attempt + 1, ..(*task).clone() };
    assert_eq!(at(&state, 7, 5, &report(&overtaken, None, None)).1, Answer::Over);
}

#[test]
fn what_was_done_stays_done_when_a_later_try_has_no_reason_for_it() {
    let (state, _, task) = leaving();
    let step = |outcome| vec![Step { name: "backup_codes".into(), outcome, detail: None, undo: None }];
    let mut task = (*state.task(task.id).unwrap().clone()).clone();
    assert_eq!(task.merge(&step(Outcome::Done)).len(), 1);
    assert!(task.merge(&step(Outcome::skipped("suspended"))).is_empty());
    assert!(task.merge(&step(Outcome::Already)).is_empty());
    assert_eq!(task.steps[0].outcome, Outcome::Done);
}

#[test]
fn a_tool_that_has_had_enough_listens_when_an_admin_says_so() {
    let (state, tool, task) = leaving();
    let enough = Failure::RateLimited { until_ms: Some(3_600_000) };
    let (state, _) = at(&state, 4, 1, &report(&task, Some(enough), Some(1)));
    assert_eq!(state.task(task.id).unwrap().closed_until_ms(), Some(3_600_000));
    let retry = Command::Retry { id: task.offboarding, task: None, account: None };
    for mend in [retry, Command::SetConnector { change: again(&tool) }] {
        let (after, _) = at(&state, 5, 2, &mend);
        assert_eq!(after.task(task.id).unwrap().closed_until_ms(), None, "{mend:?}");
    }
}

#[test]
fn of_two_admins_who_change_a_tool_the_later_one_is_told() {
    let (state, tool, _) = leaving();
    let named = |name: &str| ToolChange {
        connector: Arc::new(Connector { name: name.into(), ..(*tool).clone() }),
        seen: Some(tool.clone()),
    };
    let stamp = Stamp { at_ms: 9, new_id: Uuid::nil(), entry_id: Uuid::nil() };
    let refused = |state: &Snapshot, change| {
        decide(state, &Command::SetConnector { change }, &operator(), stamp).unwrap_err()
    };
    let (changed, _) = at(&state, 4, 1, &Command::SetConnector { change: named("First") });
    assert!(matches!(refused(&changed, named("Second")), OrganizationError::Conflict(_)));
    assert!(matches!(refused(&state, ToolChange::added(tool.clone())), OrganizationError::Conflict(_)));
    let (gone, _) = at(&state, 5, 1, &Command::RemoveConnector { id: tool.id });
    assert!(matches!(refused(&gone, named("Second")), OrganizationError::NotFound { .. }));
}
