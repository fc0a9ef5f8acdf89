//! Who of an organization's active people has no account at a tool, or several that fit: whom an offboarding would not
//! remove there.
//!
//! 1. Nothing is written at the tool: each person is looked up as a preview would, as far as the account.
//! 2. Requests go at half of the tool's pace: removals go on meanwhile. What was read once is not read again in the same
//!    run, so a tool that can only be listed is listed once.
//! 3. One run of a tool at a time on a node. What was found before stands until a run has ended.
//! 4. A tool that refuses the credentials, or cannot be reached, ends the run, which says so.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ceven_actors::{
    clock::rfc3339,
    connection::{Pace, Tokens, ToolLimits, leaver},
    connector::{
        Kind, Tool, is_at, kind,
        pass::{self, Failure, Input, Mode, Outcome, Progress},
        wire::{Answer, Method, Purpose, Request, SendError},
    },
    domain::{
        connector::Connector,
        id::{ConnectorId, OrganizationId, UserId},
        okta::Identity,
        user::User,
    },
    ports::{Outbound as _, Tools as _},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;

/// A tool that has no accounts to look up.
pub const WITHOUT_ACCOUNTS: &str = "webhook";
/// People that are named; all of them are counted.
const NAMED: usize = 1_000;
/// Requests for one person.
const REQUESTS: usize = 500;
/// Bytes of answers that are kept for a run (2).
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// How often a person is tried while the tool is busy, and how long to wait at most in between.
const TRIES: u32 = 4;
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Someone whom an offboarding would not remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Who.
    pub user: UserId,
    /// Their user name at that time.
    pub user_name: String,
    /// Why.
    pub why: String,
}

/// What a run has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Milliseconds since 1970.
    pub begun_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: i64,
    /// Active people who were looked up.
    pub people: usize,
    /// Of them, with one account.
    pub matched: usize,
    /// Without an account.
    pub missing: usize,
    /// With several accounts that fit.
    pub ambiguous: usize,
    /// About whom the tool gave no answer.
    pub unknown: usize,
    /// The first of those who are not matched.
    pub gaps: Vec<Gap>,
    /// Why the run ended before everyone was looked up.
    pub stopped: Option<String>,
}

impl Coverage {
    /// As the API shows it.
    pub fn view(&self) -> Value {
        let Self { people, matched, missing, ambiguous, unknown, gaps, stopped, .. } = self;
        json!({
            "begun_at": rfc3339(self.begun_ms), "ended_at": rfc3339(self.ended_ms), "people": people,
            "matched": matched, "missing": missing, "ambiguous": ambiguous, "unknown": unknown, "gaps": gaps,
            "stopped": stopped,
        })
    }

    fn note(&mut self, user: &User, found: Found) {
        self.people += 1;
        let (count, why) = match found {
            Found::One => {
                self.matched += 1;
                return;
            }
            Found::Nobody => (&mut self.missing, "no account".to_owned()),
            Found::Several(count) => (&mut self.ambiguous, format!("{count} accounts fit")),
            Found::Unknown(why) => (&mut self.unknown, why),
        };
        *count += 1;
        if self.gaps.len() < NAMED {
            self.gaps.push(Gap { user: user.id, user_name: user.user_name.to_string(), why });
        }
    }
}

/// Runs of this node (3).
#[derive(Default)]
pub struct Runs(Mutex<HashMap<ConnectorId, Going>>);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Going {
    /// Milliseconds since 1970.
    pub begun_ms: i64,
    /// People looked up so far.
    pub done: usize,
    /// People in all.
    pub of: usize,
}

impl Runs {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<ConnectorId, Going>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The run of a tool that is going on here.
    pub fn of(&self, connector: ConnectorId) -> Option<Going> {
        self.with(|runs| runs.get(&connector).copied())
    }
}

/// Why no run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One is going on (3).
    #[error("This tool is being looked through already.")]
    Running,
    /// There is nothing to look up.
    #[error("This tool has no accounts that could be looked up.")]
    WithoutAccounts,
    /// Nothing of use would be found.
    #[error("This tool is paused, because it refuses its credentials: save its settings again first.")]
    Paused,
}

/// Someone to look up, and how the identity provider knows them.
pub type Person = (Arc<User>, Option<Identity>);

/// Begins a run in the background.
///
/// # Errors
/// [`Refused`].
pub fn begin(
    app: &Arc<App>,
    organization: OrganizationId,
    connector: Arc<Connector>,
    people: Vec<Person>,
) -> Result<Going, Refused> {
    match &connector {
        one if &*one.kind == WITHOUT_ACCOUNTS => return Err(Refused::WithoutAccounts),
        one if one.paused.is_some() => return Err(Refused::Paused),
        _ => {}
    }
    let going = Going { begun_ms: app.clock.now_ms(), done: 0, of: people.len() };
    let is_new = app.coverage.with(|runs| match runs.contains_key(&connector.id) {
        true => false,
        false => runs.insert(connector.id, going).is_none(),
    });
    if !is_new {
        return Err(Refused::Running);
    }
    let app = app.clone();
    tokio::spawn(async move {
        let found = run(&app, organization, &connector, &people).await;
        if let Err(error) = app.store.keep_coverage(organization, connector.id, &found).await {
            tracing::warn!(connector = %connector.id, %error, "what was found at a tool could not be kept");
        }
        app.coverage.with(|runs| runs.remove(&connector.id));
    });
    Ok(going)
}

async fn run(app: &App, organization: OrganizationId, connector: &Connector, people: &[Person]) -> Coverage {
    let mut found = Coverage { begun_ms: app.clock.now_ms(), ..Coverage::default() };
    match Look::new(app, organization, connector) {
        Err(error) => found.stopped = Some(error),
        Ok(mut look) => {
            for person in people {
                match look.find(person).await {
                    Ok(one) => found.note(&person.0, one),
                    Err(why) => {
                        found.stopped = Some(why); // (4)
                        break;
                    }
                }
                app.coverage.with(|runs| {
                    if let Some(going) = runs.get_mut(&connector.id) {
                        going.done += 1;
                    }
                });
            }
        }
    }
    found.ended_ms = app.clock.now_ms();
    found
}

/// What there is of a person at a tool.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    One,
    Nobody,
    Several(usize),
    Unknown(String),
}

struct Look<'a> {
    app: &'a App,
    kind: &'static Kind,
    tool: Box<dyn Tool>,
    tokens: Tokens,
    /// Half of what the tool bears: offboardings go on meanwhile (2).
    limits: ToolLimits,
    pace: Pace,
    kept: HashMap<String, Answer>,
    kept_bytes: usize,
}

impl<'a> Look<'a> {
    fn new(app: &'a App, organization: OrganizationId, connector: &Connector) -> Result<Self, String> {
        let kind = kind(&connector.kind).ok_or("this kind of tool is not known")?;
        let tool = app.toolbox.tool(organization, connector).map_err(|error| error.to_string())?;
        let whole = app.settings.tools.get(kind.id).copied().unwrap_or_default();
        let limits = ToolLimits { per_minute: whole.per_minute / 2, ..whole };
        let (tokens, pace) = (Tokens::default(), Pace::default());
        Ok(Self { app, kind, tool, tokens, limits, pace, kept: HashMap::new(), kept_bytes: 0 })
    }

    /// Looks one person up; an error ends the run (4).
    async fn find(&mut self, person: &Person) -> Result<Found, String> {
        for tried in 1.. {
            let progress = self.look(person).await;
            let failure = progress.steps.iter().find_map(|step| match &step.outcome {
                Outcome::Failed(failure) => Some(failure),
                _ => None,
            });
            return Ok(match failure {
                _ if progress.matched.is_some() => Found::One,
                None => Found::Nobody,
                Some(Failure::Ambiguous { count }) => Found::Several(*count),
                Some(Failure::Auth { detail }) => {
                    return Err(format!("the tool refuses its credentials: {detail}"));
                }
                Some(Failure::Permission { missing }) => {
                    return Err(format!("a right is missing: {missing}"));
                }
                Some(failure) if failure.is_retryable() && tried < TRIES => {
                    self.wait(failure, tried).await;
                    continue;
                }
                Some(failure) if failure.is_retryable() => return Err("the tool does not answer".into()),
                Some(failure) => {
                    Found::Unknown(json!(failure)["detail"].as_str().unwrap_or("no answer").into())
                }
            });
        }
        Err("the tool does not answer".into())
    }

    async fn wait(&self, failure: &Failure, tried: u32) {
        let named = match failure {
            Failure::RateLimited { until_ms: Some(until_ms) } => {
                u64::try_from(until_ms - self.app.clock.now_ms()).unwrap_or_default()
            }
            _ => 500 << tried,
        };
        tokio::time::sleep(Duration::from_millis(named).min(LONGEST_WAIT)).await;
    }

    /// The plan, as far as the account (1).
    async fn look(&mut self, (user, identity): &Person) -> Progress {
        let leaver = leaver(user, identity.as_ref(), None, self.app.clock.now_ms());
        let mut random = [0; 32];
        self.app.clock.fill(&mut random);
        let input = Input { leaver: &leaver, mode: Mode::Preview, now_ms: self.app.clock.now_ms(), random };
        let mut answers = Vec::new();
        loop {
            let mut progress = pass::run(input, &answers, |pass| self.tool.remove(pass));
            let is_known =
                progress.matched.is_some() || progress.steps.iter().any(|step| step.name == "resolve");
            match progress.request.take().filter(|_| !is_known && answers.len() < REQUESTS) {
                Some(request) => answers.push(self.answer(&request).await),
                None => return progress,
            }
        }
    }

    /// (2)
    async fn answer(&mut self, request: &Request) -> Answer {
        if let Purpose::Token(name) = request.purpose
            && let Some(kept) = self.tokens.get(name, self.app.clock.now_ms())
        {
            return Ok(kept);
        }
        if let Some(kept) = self.kept.get(&request.url).filter(|_| is_keepable(request)) {
            return kept.clone();
        }
        if !is_at(&self.tool.origins(), &request.url) {
            return Err(SendError::Blocked);
        }
        let wait_ms = self.pace.take_ms(self.app.clock.now_ms(), self.limits, false);
        tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
        let answer = self.app.tool_outbound.send(self.kind.id, request).await;
        if let Ok(response) = &answer {
            if let Purpose::Token(name) = request.purpose {
                self.tokens.keep(name, response);
            }
            let bytes = self.kept_bytes + response.body.len();
            if is_keepable(request) && response.is_success() && bytes <= KEPT_BYTES {
                self.kept_bytes = bytes;
                self.kept.insert(request.url.clone(), answer.clone());
            }
        }
        answer
    }
}

fn is_keepable(request: &Request) -> bool {
    request.purpose == Purpose::Read && request.method == Method::Get
}
