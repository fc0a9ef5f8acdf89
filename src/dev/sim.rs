//! The machine that every simulator shares: a loopback listener, the tool's state behind a lock, faults, a journal.
//!
//! A tool is a state machine without IO: [`Tool`] says which addresses it has and answers one request at a time.
//! Order of judgement, as at the vendors: address, method, rate limit, credentials, right, then the tool's handler.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ceven_actors::clock::Clock;
use serde::Serialize;
use serde_json::Value;

use super::{
    AccountView, Person,
    access::{Access, Limit, Rate},
    control,
    errand::{Errand, Sent},
    faults::{Faults, Kind},
    hold::{Moment, Stop},
    route::{Found, Route, find},
    wire::{Answer, Refusal, Request},
};

/// Requests kept in the journal; the oldest go first.
const JOURNAL: usize = 10_000;
/// What a handler has besides the tool's state.
pub struct Call<'a> {
    /// The request.
    pub request: &'a Request,
    /// Tokens given out.
    pub access: &'a mut Access,
    /// Time and random bytes.
    pub clock: &'a dyn Clock,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Address of the simulator, without a last slash.
    pub base: &'a str,
    /// Whom the credentials stand for.
    pub subject: String,
    pub(super) captured: Vec<(&'static str, String)>,
}

impl Call<'_> {
    /// What stands in the path at `{name}`; empty when the route has no such place.
    pub fn at(&self, name: &str) -> &str {
        self.captured.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// Seconds since 1970.
    pub fn now_secs(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// Whether the bearer token is known and has one of these scopes (any token when there are none to have).
    ///
    /// # Errors
    /// Unknown, ended or without the scope.
    pub fn bearer(&mut self, scopes: &[&str]) -> Result<(), Refusal> {
        let token = self.request.authorization("Bearer").ok_or(Refusal::Credentials)?;
        let grant = self.access.grant(token, self.now_ms).ok_or(Refusal::Credentials)?;
        if grant.bound_to.is_some() {
            return Err(Refusal::Credentials);
        }
        if !scopes.is_empty() && !scopes.iter().any(|scope| grant.scopes.iter().any(|has| has == scope)) {
            return Err(Refusal::Right(scopes[0].to_owned()));
        }
        self.subject.clone_from(&grant.subject);
        Ok(())
    }
}

/// A tool without its listener.
pub trait Tool: Clone + Send + Sized + 'static {
    /// Its name, as Ceven's connectors call it.
    const NAME: &'static str;
    /// Every address that it answers.
    const ROUTES: &'static [Route<Self>];

    /// Told once, before the first request, where it is reached.
    fn listening(&mut self, _base: &str) {}
    /// A person more. The same person twice makes two accounts with one e-mail address.
    fn seed(&mut self, person: &Person, clock: &dyn Clock);
    /// Judges the credentials of a request to a route that needs one of `scopes`.
    ///
    /// # Errors
    /// [`Refusal::Credentials`] or [`Refusal::Right`].
    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal>;
    /// Says no in the tool's words.
    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer;
    /// How much it takes.
    fn limit(&self) -> Limit;
    /// Headers that tell a caller where it stands.
    fn rate_headers(&self, _rate: &Rate) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// Whether a request only looks.
    fn reads(request: &Request) -> bool {
        request.is_get()
    }
    /// Everything it knows, for people and tests; no secrets.
    fn state(&self) -> Value;
    /// Everyone's account, as an admin of the tool sees it.
    fn accounts(&self) -> Vec<AccountView> {
        Vec::new()
    }
    /// What its page offers for an account: a control, which is given `{email}`, and words.
    fn buttons(&self, _account: &AccountView) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    /// What its page offers besides: a control and words.
    fn tool_buttons(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// Calls to others that came out of what it did since the last time.
    fn errands(&mut self) -> Vec<Errand> {
        Vec::new()
    }
    /// Does something that only a simulator can; its name comes from `POST /_sim/do/{name}`.
    ///
    /// # Errors
    /// What was wrong with it.
    fn control(&mut self, name: &str, _body: &Value, _clock: &dyn Clock) -> Result<Value, String> {
        Err(format!("{} has no control {name:?}", Self::NAME))
    }
}

/// One request of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Method.
    pub method: String,
    /// Path as sent, without the query.
    pub path: String,
    /// Query as sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Whether it asks for a change of the tool's state.
    pub changes: bool,
    /// Status of the answer.
    pub status: u16,
    /// When it was decided, milliseconds since 1970.
    pub at_ms: i64,
    /// The fault that met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

pub(super) struct World<T> {
    pub(super) tool: T,
    pub(super) access: Access,
    pub(super) faults: Faults,
    pub(super) journal: Vec<Received>,
    pub(super) sent: Vec<Sent>,
    /// Name and address of the others, for people.
    pub(super) links: Vec<(&'static str, String)>,
    /// What reads are shown, and how many of them.
    stale: Option<(T, u32)>,
    pub(super) limit: Option<Limit>,
    pub(super) stop: Option<Arc<Stop>>,
    pub(super) latency: Duration,
}

pub(super) struct Shared<T> {
    world: Mutex<World<T>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) base: String,
    client: reqwest::Client,
}

impl<T: Tool> Shared<T> {
    pub(super) fn new(tool: T, clock: Arc<dyn Clock>, base: String, client: reqwest::Client) -> Self {
        let world = World {
            tool,
            access: Access::default(),
            faults: Faults::default(),
            journal: Vec::new(),
            sent: Vec::new(),
            links: Vec::new(),
            stale: None,
            limit: None,
            stop: None,
            latency: Duration::ZERO,
        };
        Self { world: Mutex::new(world), clock, base, client }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World<T>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what the tool wants sent, each on its own task.
    pub(super) fn run_errands(self: &Arc<Self>) {
        let errands = self.world().tool.errands();
        for errand in errands {
            let shared = self.clone();
            tokio::spawn(async move {
                let sent = errand.send(&shared.client).await;
                shared.world().sent.push(sent);
            });
        }
    }

    /// The whole answer to one request.
    pub(super) async fn answer(self: Arc<Self>, request: Request) -> Answer {
        if let Some(answer) = control::answer(&self, &request) {
            return answer;
        }
        let stop = self.world().stop.clone().filter(|stop| stop.is_next());
        if let Some(stop) = &stop {
            stop.wait(Moment::Before).await;
        }
        let (answer, delay, latency) = {
            let mut world = self.world();
            let (answer, delay) = world.decide(&request, &*self.clock, &self.base);
            (answer, delay, world.latency)
        };
        self.run_errands();
        if let Some(stop) = &stop {
            stop.wait(Moment::After).await;
        }
        let delay = delay.unwrap_or_default() + latency;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        answer
    }
}

impl<T: Tool> World<T> {
    fn decide(&mut self, request: &Request, clock: &dyn Clock, base: &str) -> (Answer, Option<Duration>) {
        let now_ms = clock.now_ms();
        let found = find(T::ROUTES, request);
        let is_protected = matches!(&found, Found::Route(route, _) if route.scopes.is_some());
        let changes = is_protected && !T::reads(request);
        let fault = self.faults.take(request, changes);
        let counted = self.access.count(self.limit.unwrap_or_else(|| self.tool.limit()), now_ms);
        let mut rate = counted.unwrap_or_else(|rate| rate);
        let result = match (fault, counted) {
            (Some(Kind::Status { status: 429, reset_secs }), _) => {
                rate.remaining = 0;
                rate.reset_ms = now_ms + i64::from(reset_secs.unwrap_or(1)) * 1000;
                Err(limited(rate, now_ms))
            }
            (Some(Kind::Status { status, .. }), _) => Err(Refusal::Broken(status)),
            (Some(Kind::WrongCredentials), _) => Err(Refusal::Credentials),
            (_, Err(rate)) => Err(limited(rate, now_ms)),
            (kind, Ok(_)) => {
                let call = Call {
                    request,
                    access: &mut self.access,
                    clock,
                    now_ms,
                    base,
                    subject: String::new(),
                    captured: Vec::new(),
                };
                match kind {
                    Some(Kind::AcceptButKeep) => run(&mut self.tool.clone(), found, call),
                    Some(Kind::DelayReadBack { reads }) => {
                        let before = self.tool.clone();
                        let result = run(&mut self.tool, found, call);
                        self.stale.get_or_insert((before, 0)).1 += reads;
                        result
                    }
                    _ => match &mut self.stale {
                        Some((before, _)) if is_protected && !changes => run(before, found, call),
                        _ => run(&mut self.tool, found, call),
                    },
                }
            }
        };
        if is_protected && !changes {
            self.count_stale_read();
        }
        let answer = result.unwrap_or_else(|refusal| self.tool.refuse(&refusal, request));
        let answer = self.with_headers(answer, &rate, now_ms);
        self.write_down(request, (answer.status.as_u16(), changes), now_ms, fault);
        (answer, fault.and_then(|kind| kind.delay()))
    }

    fn count_stale_read(&mut self) {
        if let Some((_, left)) = &mut self.stale {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.stale = None;
            }
        }
    }

    /// The tool's headers, and the simulator's own time: a caller that computes a reset from `Date` gets it right.
    fn with_headers(&self, mut answer: Answer, rate: &Rate, now_ms: i64) -> Answer {
        answer.headers.extend(self.tool.rate_headers(rate));
        answer.headers.push(("date", super::http_date(now_ms)));
        answer
    }

    fn write_down(
        &mut self,
        request: &Request,
        (status, changes): (u16, bool),
        at_ms: i64,
        fault: Option<Kind>,
    ) {
        if self.journal.len() >= JOURNAL {
            self.journal.remove(0);
        }
        self.journal.push(Received {
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.raw_query.clone(),
            changes,
            status,
            at_ms,
            fault: fault.map(|kind| kind.name()),
        });
    }
}

fn limited(rate: Rate, now_ms: i64) -> Refusal {
    Refusal::Limited { reset_ms: rate.reset_ms, wait_ms: rate.reset_ms - now_ms }
}

fn run<T: Tool>(tool: &mut T, found: Found<T>, mut call: Call<'_>) -> Result<Answer, Refusal> {
    let route = match found {
        Found::Nothing => return Err(Refusal::Address),
        Found::OtherMethods(allowed) => return Err(Refusal::Method(allowed)),
        Found::Route(route, captured) => {
            call.captured = captured;
            route
        }
    };
    if let Some(scopes) = route.scopes {
        tool.authorize(&mut call, scopes)?;
    }
    (route.handle)(tool, &mut call)
}
