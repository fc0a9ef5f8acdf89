//! Handing the person's files and calendars over to someone else, when wished. Google does it in its own time, also for
//! a suspended user; it must be done before anyone deletes the account.
//!
//! <https://developers.google.com/workspace/admin/data-transfer/reference/rest>
//!
//! 1. What runs or is done is not asked for again. What was done when the person left an earlier time is not what is
//!    meant: they have other files now.
//! 2. Private files go along: the account may be deleted afterwards.
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::GoogleWorkspace;
use super::account::{Account, read_user};
use super::api::{Scope, Token, judge};
use crate::connector::pass::{Failure, Halt, Outcome, Pass};
use crate::connector::step::{Fetched, change};
use crate::connector::wire::{Method, escape};

const NAME: &str = "data_transfer";
/// By how much Google's clock may differ from ours.
const CLOCKS_MS: i64 = 300_000;
/// Names of the applications that have something to hand over, with their parameters.
/// <https://developers.google.com/workspace/admin/data-transfer/v1/parameters>
const DRIVE: &str = "Drive and Docs";
const CALENDAR: &str = "Calendar";

impl GoogleWorkspace {
    /// Hands everything over to the user of this address.
    pub fn hand_over(
        &self,
        pass: &mut Pass<'_>,
        directory: &Token<'_>,
        account: &Account,
        to: &str,
    ) -> Result<(), Halt> {
        let outcome = match self.transfer(pass, directory, account, to)? {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note(NAME, outcome, format!("to {to}"));
        Ok(())
    }

    fn transfer(
        &self,
        pass: &mut Pass<'_>,
        directory: &Token<'_>,
        account: &Account,
        to: &str,
    ) -> Fetched<Outcome> {
        let heir = match read_user(pass, directory, to)? {
            Ok(Some(heir)) if heir.id != account.id && !heir.is_suspended => heir,
            Ok(_) => {
                let detail = format!("{to} is no active user, or leaves as well");
                return Ok(Err(Failure::Conflict { detail }));
            }
            Err(failure) => return Ok(Err(failure)),
        };
        let token = match self.api.token(pass, Scope::Transfer)? {
            Ok(token) => token,
            Err(failure) => return Ok(Err(failure)),
        };
        let path = format!("transfers?maxResults=100&oldOwnerUserId={}", escape(&account.id));
        let known = match token.list(pass, &path, "dataTransfers")? {
            Ok(known) => known,
            Err(failure) => return Ok(Err(failure)),
        };
        let is_it = |one: &&Value| {
            one["oldOwnerUserId"] == account.id.as_str()
                && one["newOwnerUserId"] == heir.id.as_str()
                && one["overallTransferStatusCode"] != "failed"
                && (one["overallTransferStatusCode"] != "completed"
                    || is_since_leaving(one, pass.leaver().since_ms))
        };
        if let Some(known) = known.iter().find(is_it) {
            return Ok(Ok(state(known))); // (1)
        }
        let applications = match token.list(pass, "applications?maxResults=100", "applications")? {
            Ok(applications) => applications.iter().filter_map(part).collect::<Vec<_>>(),
            Err(failure) => return Ok(Err(failure)),
        };
        if applications.is_empty() {
            return Ok(Ok(Outcome::skipped("no application has something to hand over")));
        }
        let body = json!({
            "oldOwnerUserId": account.id,
            "newOwnerUserId": heir.id,
            "applicationDataTransfers": applications,
        });
        let answer = pass.try_write(token.write(Method::Post, "transfers").json(body))?;
        Ok(Ok(match &answer {
            None => Outcome::Planned,
            Some(answer) => match (change(answer, judge), answer) {
                (Outcome::Done, Ok(response)) => state(&response.json()),
                (outcome, _) => outcome,
            },
        }))
    }
}

/// Whether it was asked for since the person is to be out; one that does not say when is taken for it.
fn is_since_leaving(transfer: &Value, since_ms: i64) -> bool {
    let requested = transfer["requestTime"].as_str().and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
    requested.is_none_or(|at| at.unix_timestamp() * 1_000 + CLOCKS_MS >= since_ms)
}

/// How far a transfer is.
fn state(transfer: &Value) -> Outcome {
    let word = |name: &str| transfer[name].as_str().unwrap_or_default().to_owned();
    match word("overallTransferStatusCode").as_str() {
        "completed" => Outcome::Already,
        _ => Outcome::Pending { reference: format!("transfer {}", word("id")) },
    }
}

/// One application's part of the transfer.
fn part(application: &Value) -> Option<Value> {
    let parameters = match application["name"].as_str()? {
        DRIVE => json!([{ "key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"] }]), // (2)
        CALENDAR => json!([]),
        _ => return None,
    };
    let id = application["id"].as_str()?;
    Some(json!({ "applicationId": id, "applicationTransferParams": parameters }))
}
