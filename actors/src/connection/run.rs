//! One try of one task, from the first request to the report.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::{
    Ports,
    pace::{Pace, ToolLimits},
};
use crate::{
    connector::{
        Tool, is_at,
        pass::{self, Failure, Input, Leaver, Mode, Outcome, Progress, Step},
        wire::{Answer, Purpose, Request, Response, SendError},
    },
    domain::{
        caller::{Actor, Authority, Caller, Stamp},
        offboarding::{Task, Try, next_try_ms, not_before_ms, verdict},
        okta::Identity,
        user::User,
    },
    organization::{
        Organization,
        message::{Answer as Decided, Command, OrganizationError, Report},
    },
};

/// Requests of one try; a plan that asks for more is going round in circles.
const REQUESTS: usize = 2_000;
/// How often a report is tried again while the organization is busy or restarting.
const REPORT_TRIES: u32 = 60;
const REPORT_PAUSE: Duration = Duration::from_millis(250);

/// Answers to requests for tokens, by name, with the time until which they are used (5).
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<&'static str, (Response, i64)>>);

impl Tokens {
    /// A kept answer that can still be used.
    pub fn get(&self, name: &str, now_ms: i64) -> Option<Response> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(name).filter(|(_, until_ms)| now_ms < *until_ms).map(|(response, _)| response.clone())
    }

    /// Keeps an answer as long as it says that its token lives.
    pub fn keep(&self, name: &'static str, response: &Response) {
        let Some(until_ms) = usable_until_ms(response) else { return };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(name, (response.clone(), until_ms));
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// When four fifths of a token's life are over, if the answer says how long that is.
fn usable_until_ms(response: &Response) -> Option<i64> {
    let body = response.json();
    let life_ms = match (body["expires_in"].as_i64(), body["expires_at"].as_str()) {
        (Some(secs), _) => secs.saturating_mul(1_000),
        (None, Some(at)) => {
            let format = &time::format_description::well_known::Rfc3339;
            let at = time::OffsetDateTime::parse(at, format).ok()?;
            i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()? - response.at_ms
        }
        _ => return None,
    };
    response.is_success().then(|| response.at_ms + life_ms / 5 * 4)
}

/// When the tool listens again, if it has had enough.
fn listens_again_ms(steps: &[Step], now_ms: i64) -> Option<i64> {
    steps.iter().find_map(|step| match &step.outcome {
        Outcome::Failed(Failure::RateLimited { until_ms }) => Some(not_before_ms(now_ms, *until_ms)),
        _ => None,
    })
}

pub(super) struct Run {
    pub(super) organization: Arc<Organization>,
    pub(super) ports: Arc<Ports>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) pace: Arc<Mutex<Pace>>,
    pub(super) lease_ends_ms: Arc<AtomicI64>,
    pub(super) limits: ToolLimits,
    pub(super) origins: Vec<String>,
    pub(super) tool: Arc<dyn Tool>,
    pub(super) task: Arc<Task>,
}

/// Who a leaver is to a tool; `identity` is how the identity provider knows them. Nobody leaves where there is no task:
/// then they would now.
pub fn leaver(user: &User, identity: Option<&Identity>, task: Option<&Task>, now_ms: i64) -> Leaver {
    let attributes = user.object();
    let display = |name: &str| attributes.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    Leaver {
        user_id: user.id.0,
        offboarding_id: task.map(|task| task.offboarding.0).unwrap_or_default(),
        since_ms: task.map_or(now_ms, |task| task.created_ms),
        user_name: user.user_name.to_string(),
        external_id: user.external_id.as_deref().map(str::to_owned),
        emails: user.emails.iter().map(ToString::to_string).collect(),
        display_name: display("displayName"),
        attributes,
        identity: identity.cloned(),
        link: task.and_then(|task| task.matched.clone()),
    }
}

impl Run {
    /// Runs the plan and reports. A try that ends without a report (the node is going down, or has lost
    /// the lease) is begun again, unless its task was closed.
    pub(super) async fn drive(&self) {
        let begun_ms = self.ports.clock.now_ms();
        let snapshot = self.organization.published.load_full();
        let Some(user) = snapshot.user_even_deleted(self.task.user) else { return };
        let identity = snapshot.identity_of(user.id);
        let leaver = leaver(user, identity, Some(&self.task), begun_ms);
        let mut progress = self.pass(&leaver).await;
        let is_refused = |steps: &[Step]| matches!(verdict(steps), Some(Failure::Auth { .. }));
        if let Some((ended, true)) = &progress
            && is_refused(&ended.steps)
        {
            self.tokens.forget(); // (5)
            progress = self.pass(&leaver).await;
        }
        let Some((ended, _)) = progress else { return };
        let ended_ms = self.ports.clock.now_ms();
        let failure = verdict(&ended.steps).cloned();
        let mut random = [0; 4];
        self.ports.clock.fill(&mut random);
        let attempt = self.task.attempt + 1;
        let next_ms = failure
            .as_ref()
            .map_or(ended_ms, |failure| next_try_ms(ended_ms, attempt, failure, u32::from_be_bytes(random)));
        let one = Try { begun_ms, ended_ms, failure };
        self.report(ended, Some((one, next_ms))).await;
    }

    /// One run of the plan to its end, and whether a kept token was used. Nothing when the organization or the lease is
    /// gone, or the task is no longer to be done.
    async fn pass(&self, leaver: &Leaver) -> Option<(Progress, bool)> {
        let mut random = [0; 32];
        self.ports.clock.fill(&mut random);
        let input = Input { leaver, mode: Mode::Run, now_ms: self.ports.clock.now_ms(), random };
        let (mut answers, mut reported, mut used_kept): (Vec<Answer>, usize, bool) = (Vec::new(), 0, false);
        // Whether the step that is under way has changed something: then it is ended, and written down.
        let mut is_midway = false;
        let mut untold = None;
        loop {
            let mut progress = pass::run(input, &answers, |pass| self.tool.remove(pass));
            if let Some(until_ms) = listens_again_ms(&progress.steps, self.ports.clock.now_ms()) {
                self.pace().close(until_ms);
                progress.request = None; // (9)
            }
            let Some(request) = progress.request.take() else { return Some((progress, used_kept)) };
            if answers.len() >= REQUESTS {
                let detail = format!("the plan asked for more than {REQUESTS} requests");
                let outcome = Outcome::Failed(Failure::Malformed { detail });
                progress.steps.push(Step { name: "plan".into(), outcome, detail: None, undo: None });
                return Some((progress, used_kept));
            }
            if progress.steps.len() > reported {
                (reported, is_midway) = (progress.steps.len(), false);
                let soft = progress
                    .steps
                    .iter()
                    .any(|step| matches!(step.outcome, Outcome::Failed(Failure::Auth { .. })));
                // Refused credentials may be a kept token's fault, which a second pass will tell.
                if soft {
                    untold = Some(progress);
                } else if !self.report(progress, None).await {
                    return None; // (2)
                }
            }
            if let Some(kept) = self.kept(&request) {
                used_kept = true;
                answers.push(Ok(kept));
                continue;
            }
            self.wait().await;
            if self.ports.clock.now_ms() >= self.lease_ends_ms.load(Ordering::Relaxed) {
                return None; // (1)
            }
            if !is_midway && self.is_over() {
                if let Some(progress) = untold {
                    self.report(progress, None).await;
                }
                return None; // (10)
            }
            is_midway |= request.purpose == Purpose::Write;
            answers.push(self.answer(&request).await);
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer that is kept from before.
    fn kept(&self, request: &Request) -> Option<Response> {
        let Purpose::Token(name) = request.purpose else { return None };
        self.tokens.get(name, self.ports.clock.now_ms())
    }

    /// Until the tool bears another request (3) (4).
    async fn wait(&self) {
        let now_ms = self.ports.clock.now_ms();
        let wait_ms = self.pace().take_ms(now_ms, self.limits, self.task.urgent);
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
        }
    }

    async fn answer(&self, request: &Request) -> Answer {
        if !is_at(&self.origins, &request.url) {
            return Err(SendError::Blocked); // (6)
        }
        let answer = self.ports.outbound.send(&self.task.kind, request).await;
        if let (Purpose::Token(name), Ok(response)) = (request.purpose, &answer) {
            self.tokens.keep(name, response);
        }
        answer
    }

    /// Whether the task was closed since, or overtaken.
    fn is_over(&self) -> bool {
        let snapshot = self.organization.published.load();
        let task = snapshot.task(self.task.id).filter(|task| task.state.is_open());
        task.is_none_or(|task| task.attempt != self.task.attempt)
    }

    /// Makes durable what the try has come to; false when it cannot be done, or the try is over.
    async fn report(&self, progress: Progress, ended: Option<(Try, i64)>) -> bool {
        let report = Arc::new(Report {
            task: self.task.id,
            attempt: self.task.attempt,
            steps: progress.steps,
            matched: progress.matched,
            ended,
        });
        for _ in 0..REPORT_TRIES {
            let clock = &*self.ports.clock;
            let stamp = Stamp { at_ms: clock.now_ms(), new_id: clock.new_id(), entry_id: clock.new_id() };
            let command = Command::Report { report: report.clone() };
            match self.organization.execute(command, caller(&self.task), stamp).await {
                Ok(answered) => return !matches!(answered.answer, Decided::Over), // (10)
                Err(OrganizationError::Busy | OrganizationError::Unavailable) => {
                    tokio::time::sleep(REPORT_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(task = %self.task.id, %error, "a report was refused");
                    return false;
                }
            }
        }
        false
    }
}

/// Ceven itself, at work for an offboarding.
fn caller(task: &Task) -> Caller {
    Caller {
        actor: Actor {
            kind: "system",
            id: task.connector.to_string(),
            label: format!("connector {}", task.name),
        },
        authority: Authority::System,
        ip: None,
        request_id: task.offboarding.to_string(),
    }
}
