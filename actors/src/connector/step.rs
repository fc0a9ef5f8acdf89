//! Moves that the plans of several tools share: ask, page, sweep, choose the one account.
use std::collections::BTreeSet;

use super::pass::{Failure, Halt, Leaver, Match, Outcome, Pass, Step};
use super::wire::{Answer, Request, Response};

/// What a tool's failed answer means; nothing when it did not fail.
pub type Judge = fn(&Answer) -> Option<Failure>;

/// What was asked for, or why it could not be had.
pub type Fetched<T> = Result<Result<T, Failure>, Halt>;

/// More pages than any real list has: a server that never ends must not hold a pass for ever.
const MAX_PAGES: usize = 200;

/// Names shown in a step's detail; the count tells the rest.
const MAX_NAMES: usize = 20;

/// One thing of a list that a step removes.
pub struct Item {
    /// What an admin recognizes.
    pub label: String,
    /// The request that removes it.
    pub request: Request,
}

impl Pass<'_> {
    /// Sends what changes nothing, and judges the answer.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn fetch(&mut self, request: Request, judge: Judge) -> Fetched<Response> {
        let answer = self.ask(request)?;
        Ok(match (judge(&answer), answer) {
            (Some(failure), _) => Err(failure),
            (None, Ok(response)) => Ok(response),
            (None, Err(error)) => Err(Failure::Transient { detail: error.to_string() }),
        })
    }

    /// The same for what may be absent: 404 is nothing.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn find(&mut self, request: Request, judge: Judge) -> Fetched<Option<Response>> {
        let answer = self.ask(request)?;
        Ok(match (is_not_found(&answer), judge(&answer), answer) {
            (true, _, _) => Ok(None),
            (false, Some(failure), _) => Err(failure),
            (false, None, Ok(response)) => Ok(Some(response)),
            (false, None, Err(error)) => Err(Failure::Transient { detail: error.to_string() }),
        })
    }

    /// Every page of a list. `next` makes the request of the page that follows.
    ///
    /// # Errors
    /// [`Halt::Send`] while one is not answered.
    pub fn pages(
        &mut self,
        first: Request,
        judge: Judge,
        next: impl Fn(&Response) -> Option<Request>,
    ) -> Fetched<Vec<Response>> {
        let mut pages = Vec::new();
        let mut request = first;
        while pages.len() < MAX_PAGES {
            let page = match self.fetch(request, judge)? {
                Ok(page) => page,
                Err(failure) => return Ok(Err(failure)),
            };
            let following = next(&page);
            pages.push(page);
            match following {
                Some(following) => request = following,
                None => return Ok(Ok(pages)),
            }
        }
        Ok(Err(Failure::Malformed { detail: format!("a list of more than {MAX_PAGES} pages") }))
    }

    /// One step that removes everything of a list, one request each, and goes on when one fails. `undo` is how one
    /// thing is given back; its sentence ends with the names of those that were removed.
    ///
    /// # Errors
    /// [`Halt::Send`] while one is not answered.
    pub fn sweep(
        &mut self,
        name: &str,
        undo: Option<&str>,
        listed: Result<Vec<Item>, Failure>,
        judge: Judge,
    ) -> Result<(), Halt> {
        self.sweep_as(name, undo, listed, |answer| removal(answer, judge))
    }

    /// [`Pass::sweep`] where the tool has another word than 404 for what is gone already.
    ///
    /// # Errors
    /// [`Halt::Send`] while one is not answered.
    pub fn sweep_as(
        &mut self,
        name: &str,
        undo: Option<&str>,
        listed: Result<Vec<Item>, Failure>,
        settle: impl Fn(&Answer) -> Outcome,
    ) -> Result<(), Halt> {
        let items = match listed {
            Ok(items) if items.is_empty() => {
                self.note(name, Outcome::Already, "there is none".to_owned());
                return Ok(());
            }
            Ok(items) => items,
            Err(failure) => {
                self.note(name, Outcome::Failed(failure), None);
                return Ok(());
            }
        };
        let wanted = items.len();
        let mut gone = Vec::new();
        let mut failed = None;
        let (mut planned, mut done) = (false, false);
        for item in items {
            match self.try_write(item.request)?.map(|answer| settle(&answer)) {
                None => planned = true,
                Some(Outcome::Failed(failure)) => {
                    // A tool that is tired or does not know us answers every further request alike.
                    let hopeless = matches!(failure, Failure::RateLimited { .. } | Failure::Auth { .. });
                    failed.get_or_insert(failure);
                    if hopeless {
                        break;
                    }
                    continue;
                }
                Some(outcome) => done |= outcome == Outcome::Done,
            }
            gone.push(item.label);
        }
        let detail = match failed {
            None => names(&gone),
            Some(_) => format!("{} of {wanted}: {}", gone.len(), names(&gone)),
        };
        self.report(Step {
            name: name.to_owned(),
            undo: undo.filter(|_| done || planned).map(|undo| format!("{undo}: {}", gone.join(", "))),
            detail: Some(detail),
            outcome: match failed {
                Some(failure) => Outcome::Failed(failure),
                None if planned => Outcome::Planned,
                None if done => Outcome::Done,
                None => Outcome::Already,
            },
        });
        Ok(())
    }

    /// Notes a step that can be undone as long as it was done now, or would be.
    pub fn reversible(&mut self, name: &str, outcome: Outcome, undo: &str) {
        let undo = matches!(outcome, Outcome::Done | Outcome::Planned).then(|| undo.to_owned());
        self.report(Step { name: name.to_owned(), outcome, detail: None, undo });
    }

    /// The one account among those that fit, with what was read about it. None ends the pass as "not there", several
    /// (by id) as ambiguous: nobody guesses.
    ///
    /// # Errors
    /// [`Halt::Stop`] unless there is exactly one.
    pub fn choose<T>(&mut self, candidates: Vec<(Match, T)>) -> Result<T, Halt> {
        let ids: BTreeSet<&str> = candidates.iter().map(|(found, _)| found.external_id.as_str()).collect();
        match ids.len() {
            0 | 1 => {}
            count => return Err(self.fail("resolve", Failure::Ambiguous { count })),
        }
        let (found, account) = candidates.into_iter().next().ok_or_else(|| self.not_there())?;
        self.found(found);
        Ok(account)
    }

    /// Notes the last step: what reading back says. A preview reads nothing back.
    pub fn verified(&mut self, still_there: &[String], gone: &str) {
        let outcome = match (self.is_preview(), still_there.is_empty()) {
            (true, _) => return self.note("verify", Outcome::Planned, None),
            (false, true) => Outcome::Done,
            (false, false) => Outcome::Failed(Failure::NotRemoved { detail: still_there.join("; ") }),
        };
        let detail = matches!(outcome, Outcome::Done).then(|| gone.to_owned());
        self.note("verify", outcome, detail);
    }

    /// One rung of a check that is one read: done when it was allowed.
    ///
    /// # Errors
    /// [`Halt::Send`] while it is not answered.
    pub fn rung(&mut self, name: &str, request: Request, judge: Judge) -> Result<Option<Response>, Halt> {
        let fetched = self.fetch(request, judge)?;
        let (outcome, response) = match fetched {
            Ok(response) => (Outcome::Done, Some(response)),
            Err(failure) => (Outcome::Failed(failure), None),
        };
        self.note(name, outcome, None);
        Ok(response)
    }
}

/// What became of something that should be gone: 404 says that it was gone already.
pub fn removal(answer: &Answer, judge: Judge) -> Outcome {
    match is_not_found(answer) {
        true => Outcome::Already,
        false => change(answer, judge),
    }
}

/// What became of a change.
pub fn change(answer: &Answer, judge: Judge) -> Outcome {
    judge(answer).map_or(Outcome::Done, Outcome::Failed)
}

/// Every address the person may be known by, in lower case, each once; the user name when it looks like one and
/// there is no other.
pub fn addresses(leaver: &Leaver) -> Vec<String> {
    let mut known = BTreeSet::new();
    let user_name = Some(&leaver.user_name).filter(|name| leaver.emails.is_empty() && name.contains('@'));
    let all = leaver.emails.iter().chain(user_name);
    all.map(|email| email.trim().to_lowercase())
        .filter(|email| !email.is_empty() && known.insert(email.clone()))
        .collect()
}

/// Scheme, host and port of addresses, each once.
pub fn origins(urls: &[&str]) -> Vec<String> {
    let all = urls.iter().filter_map(|url| crate::protocol::oidc::origin(url));
    all.map(|(scheme, authority)| format!("{scheme}://{authority}"))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Whether the answer is 404.
pub fn is_not_found(answer: &Answer) -> bool {
    matches!(answer, Ok(response) if response.status == 404)
}

fn names(all: &[String]) -> String {
    let shown = all.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(MAX_NAMES) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}
