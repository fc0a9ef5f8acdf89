//! One pass over one tool, as a pure function of what has been answered so far.
//!
//! A tool's plan reads like a script that sends requests and waits. It is run from the top each time an answer has
//! come: requests already answered return at once, the first one that is not ends the run. So a plan keeps no state
//! anywhere, and a recorded list of answers is a test.
//!
//! 1. The same answers lead to the same requests in the same order.
//! 2. In a preview and in a check nothing that changes the tool is sent: the step is reported as planned.
//! 3. Every step ends with an outcome; a later step runs even if an earlier one failed, unless the plan stops.
//! 4. There is no retry inside a pass: the task's next try is the only one.
use uuid::Uuid;

use super::answer::{date_ms, on_our_clock};
use super::wire::{Answer, Purpose, Request, Response, SendError};
use crate::domain::okta::Identity;
pub use crate::domain::step::{Failure, Match, Outcome, Step};
use crate::protocol::scim::Object;

/// Whom to remove, and by what they may be recognized.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaver {
    /// Id in Ceven.
    pub user_id: Uuid,
    /// The pass that this belongs to; the same in each of its tries.
    pub offboarding_id: Uuid,
    /// Since when they are to be out, in milliseconds since 1970; the same in each try.
    pub since_ms: i64,
    /// SCIM `userName`.
    pub user_name: String,
    /// SCIM `externalId`: Okta's id of the user, when Okta provisions.
    pub external_id: Option<String>,
    /// Primary address first.
    pub emails: Vec<String>,
    /// Name for people.
    pub display_name: Option<String>,
    /// Every SCIM attribute, for those that name an account, such as `githubUsername`.
    pub attributes: Object,
    /// How the identity provider knows them, once they have signed in.
    pub identity: Option<Identity>,
    /// The account found earlier, or chosen by an admin: goes before any look-up.
    pub link: Option<Match>,
}

impl Leaver {
    /// For what is about no person.
    pub fn nobody() -> Self {
        Self {
            user_id: Uuid::nil(),
            offboarding_id: Uuid::nil(),
            since_ms: 0,
            user_name: String::new(),
            external_id: None,
            emails: Vec::new(),
            display_name: None,
            attributes: Object::new(),
            identity: None,
            link: None,
        }
    }
}

/// What the pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Remove the person.
    Run,
    /// Say what would be done.
    Preview,
}

/// Why a plan's run ends.
#[derive(Debug)]
pub enum Halt {
    /// An answer is needed.
    Send(Box<Request>),
    /// The pass is over; the steps say how.
    Stop,
}

/// What a pass starts from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Whom.
    pub leaver: &'a Leaver,
    /// What for.
    pub mode: Mode,
    /// When this try began, in milliseconds since 1970.
    pub now_ms: i64,
    /// Bytes nobody can guess, drawn for this try: for ids of assertions.
    pub random: [u8; 32],
}

/// How far a plan has come.
#[derive(Debug)]
pub struct Progress {
    /// Steps that have ended.
    pub steps: Vec<Step>,
    /// The account, once found.
    pub matched: Option<Match>,
    /// The request to send next; nothing when the pass is over.
    pub request: Option<Request>,
}

/// A run of a plan.
pub struct Pass<'a> {
    input: Input<'a>,
    answers: &'a [Answer],
    used: usize,
    steps: Vec<Step>,
    matched: Option<Match>,
}

/// Runs a plan over what has been answered so far.
pub fn run<'a>(
    input: Input<'a>,
    answers: &'a [Answer],
    plan: impl FnOnce(&mut Pass<'a>) -> Result<(), Halt>,
) -> Progress {
    let mut pass = Pass { input, answers, used: 0, steps: Vec::new(), matched: None };
    let request = match plan(&mut pass) {
        Err(Halt::Send(request)) => Some(*request),
        Err(Halt::Stop) | Ok(()) => None,
    };
    Progress { steps: pass.steps, matched: pass.matched, request }
}

impl<'a> Pass<'a> {
    /// Whom.
    pub fn leaver(&self) -> &'a Leaver {
        self.input.leaver
    }

    /// When this try began, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.input.now_ms
    }

    /// When the latest answer came, for what must be fresh at the tool: a long try outlives [`Pass::now_ms`].
    pub fn latest_ms(&self) -> i64 {
        let times = self.answers[..self.used].iter().flatten().map(|response| response.at_ms);
        times.fold(self.input.now_ms, i64::max)
    }

    /// How many answers the plan has used: what makes one [`Pass::nonce`] a request.
    pub fn answered(&self) -> usize {
        self.used
    }

    /// An id nobody can guess, another one for each `purpose`, the same in each run of this try.
    pub fn nonce(&self, purpose: &str) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        use sha2::{Digest as _, Sha256};
        URL_SAFE_NO_PAD
            .encode(Sha256::new().chain_update(self.input.random).chain_update(purpose).finalize().as_slice())
    }

    /// Sends what changes nothing, or gets a token.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn ask(&mut self, request: Request) -> Result<Answer, Halt> {
        debug_assert!(request.purpose != Purpose::Write, "{request:?} changes something");
        self.exchange(request)
    }

    /// Sends what changes something; nothing in a preview (2), where the caller reports
    /// [`Outcome::Planned`]. [`Pass::write`] does both.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn try_write(&mut self, request: Request) -> Result<Option<Answer>, Halt> {
        debug_assert!(request.purpose == Purpose::Write, "{request:?} changes nothing");
        match self.input.mode {
            Mode::Run => self.exchange(request).map(Some),
            Mode::Preview => Ok(None), // (2)
        }
    }

    /// One step that is one request: sends it and reports what `judge` makes of the answer.
    /// Returns whether the step stands as wished (done or already so).
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn write(
        &mut self,
        name: &str,
        undo: Option<&str>,
        request: Request,
        judge: impl FnOnce(&Answer) -> Outcome,
    ) -> Result<bool, Halt> {
        let outcome = match self.try_write(request)? {
            Some(answer) => judge(&answer),
            None => Outcome::Planned,
        };
        let fine = matches!(outcome, Outcome::Done | Outcome::Already);
        self.report(Step {
            name: name.to_owned(),
            undo: undo.filter(|_| matches!(outcome, Outcome::Done | Outcome::Planned)).map(str::to_owned),
            outcome,
            detail: None,
        });
        Ok(fine)
    }

    /// Notes how a step ended (3).
    pub fn report(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Notes how a step ended, in short.
    pub fn note(&mut self, name: &str, outcome: Outcome, detail: impl Into<Option<String>>) {
        self.report(Step { name: name.to_owned(), outcome, detail: detail.into(), undo: None });
    }

    /// Notes a failure and ends the pass.
    pub fn fail(&mut self, name: &str, failure: Failure) -> Halt {
        self.note(name, Outcome::Failed(failure), None);
        Halt::Stop
    }

    /// Notes which account it is. One that an earlier try found is known by what it was found by then.
    pub fn found(&mut self, mut found: Match) {
        if let Some(link) = self.leaver().link.as_ref().filter(|link| link.external_id == found.external_id) {
            found.matched_by.clone_from(&link.matched_by);
        }
        self.note("resolve", Outcome::Done, format!("{} (by {})", found.label, found.matched_by));
        self.matched = Some(found);
    }

    /// Notes that the person has no account there, and ends the pass.
    pub fn not_there(&mut self) -> Halt {
        self.note("resolve", Outcome::skipped("no account at this tool"), None);
        Halt::Stop
    }

    /// Whether this run only says what would be done.
    pub fn is_preview(&self) -> bool {
        self.input.mode == Mode::Preview
    }

    fn exchange(&mut self, request: Request) -> Result<Answer, Halt> {
        let answer = self.answers.get(self.used).ok_or_else(|| Halt::Send(Box::new(request)))?;
        self.used += 1; // (1)
        Ok(answer.clone())
    }
}

/// What a failed answer means when the tool has no words of its own for it; nothing for 2xx.
///
/// 401 is [`Failure::Auth`], 403 [`Failure::Permission`], 429 [`Failure::RateLimited`] until `Retry-After`, as is 503
/// that names one; 408, 425 and other 5xx are [`Failure::Transient`], anything else [`Failure::Malformed`].
pub fn classify(answer: &Answer) -> Option<Failure> {
    let response = match answer {
        Ok(response) => response,
        Err(error @ (SendError::Timeout | SendError::Connection)) => {
            return Some(Failure::Transient { detail: error.to_string() });
        }
        Err(error) => return Some(Failure::Malformed { detail: error.to_string() }),
    };
    let status = response.status;
    match status {
        200..300 => None,
        401 => Some(Failure::Auth { detail: "the tool answered 401".into() }),
        403 => Some(Failure::Permission { missing: "the tool answered 403".into() }),
        429 => Some(Failure::RateLimited { until_ms: retry_after_ms(response) }),
        503 if response.header("retry-after").is_some() => {
            Some(Failure::RateLimited { until_ms: retry_after_ms(response) })
        }
        408 | 425 | 500.. => Some(Failure::Transient { detail: format!("the tool answered {status}") }),
        _ => Some(Failure::Malformed { detail: format!("the tool answered {status}") }),
    }
}

/// `Retry-After` as a time: seconds, or a date of the tool's clock (RFC 9110 §10.2.3).
pub fn retry_after_ms(response: &Response) -> Option<i64> {
    let said = response.header("retry-after")?.trim();
    match said.parse::<i64>() {
        Ok(secs) => Some(response.at_ms.saturating_add(secs.clamp(0, 86_400) * 1_000)),
        Err(_) => Some(on_our_clock(response, date_ms(said)?)),
    }
}
