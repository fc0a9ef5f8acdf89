//! People whom an identity provider pushes to GitHub over SCIM: they go the way they came, so that no stale identity
//! stays behind.
//!
//! <https://docs.github.com/en/enterprise-cloud@latest/rest/scim>,
//! <https://docs.github.com/en/enterprise-cloud@latest/rest/enterprise-admin/scim>
//!
//! 1. At an organization `active: false` takes the person out of it and deletes the identity with its id: 404
//!    afterwards is what was wished.
//! 2. At an enterprise with managed users it suspends the account, and login and address are obfuscated.
//! 3. Who is found is compared again here. Two records of one name are a person's task.
//! 4. Who has no record is a member like any other at an organization; at an enterprise with managed users there is
//!    nobody without.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::{Session, judge, must};
use super::{GitHub, text};
use crate::connector::pass::{Failure, Halt, Outcome, Pass, Step};
use crate::connector::step::{Fetched, removal};
use crate::connector::wire::{Method, Request, escape};

/// Whose SCIM it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioning {
    /// The organization's.
    Organization,
    /// That of an enterprise with managed users.
    ManagedUsers,
}

/// A person's record.
pub struct Record {
    url: String,
    /// Whether it lets the person in.
    pub is_active: bool,
}

impl GitHub {
    /// The person's record, where an identity provider pushes people.
    pub fn record(&self, pass: &mut Pass<'_>, session: &Session<'_>) -> Result<Option<Record>, Halt> {
        let Some(provisioning) = self.provisioning else { return Ok(None) };
        let found = self.find_record(pass, session, provisioning)?;
        let record = must(pass, "scim_record", found)?;
        if record.is_none() && provisioning == Provisioning::ManagedUsers {
            let detail = "the enterprise's SCIM does not know the person".to_owned();
            return Err(pass.fail("scim_record", Failure::Conflict { detail })); // (4)
        }
        Ok(record)
    }

    fn find_record(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        provisioning: Provisioning,
    ) -> Fetched<Option<Record>> {
        let users = self.users_url(provisioning);
        let leaver = pass.leaver();
        let mut folded = BTreeSet::new();
        let names = [&leaver.user_name].into_iter().chain(&leaver.emails).map(|name| name.trim());
        for name in names.filter(|name| !name.is_empty() && folded.insert(name.to_lowercase())) {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let filter = escape(&format!("userName eq \"{quoted}\""));
            let url = format!("{users}?filter={filter}&startIndex=1&count=2");
            let page = match pass.fetch(self.scim(session, Request::read(Method::Get, url)), judge)? {
                Ok(page) => page.json(),
                Err(failure) => return Ok(Err(failure)),
            };
            let Some(all) = page["Resources"].as_array() else {
                let detail = "a list of SCIM users that is none".to_owned();
                return Ok(Err(Failure::Malformed { detail }));
            };
            let is_named = |user: &&Value| text(user, "userName").to_lowercase() == name.to_lowercase();
            let fitting: Vec<&Value> = all.iter().filter(is_named).collect(); // (3)
            match fitting.as_slice() {
                [] => {}
                [user] if !text(user, "id").is_empty() => {
                    let url = format!("{users}/{}", escape(text(user, "id")));
                    return Ok(Ok(Some(Record { url, is_active: user["active"] != false })));
                }
                [_] => return Ok(Err(Failure::Malformed { detail: "a SCIM user without id".into() })),
                several => return Ok(Err(Failure::Ambiguous { count: several.len() })),
            }
        }
        Ok(Ok(None))
    }

    /// Ends it with the one record.
    pub fn deprovision(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        record: &Record,
    ) -> Result<(), Halt> {
        let outcome = match record.is_active {
            false => Outcome::Already,
            true => {
                // Each in the form that its own page shows.
                let operation = match self.has_managed_users() {
                    true => json!({ "op": "replace", "path": "active", "value": false }),
                    false => json!({ "op": "replace", "value": { "active": false } }),
                };
                let body = json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                    "Operations": [operation],
                });
                let request = Request::write(Method::Patch, record.url.clone()).json(body);
                let answer = pass.try_write(self.scim(session, request))?;
                answer.map_or(Outcome::Planned, |answer| removal(&answer, judge)) // (1)
            }
        };
        let undo = "Assign the person to GitHub at the identity provider again.".to_owned();
        pass.report(Step {
            name: if self.has_managed_users() { "suspend" } else { "membership" }.to_owned(),
            undo: matches!(outcome, Outcome::Done | Outcome::Planned).then_some(undo),
            outcome,
            detail: Some("over SCIM".to_owned()),
        });
        Ok(())
    }

    /// Whether the record still says that the person is there.
    pub fn is_provisioned(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        record: &Record,
    ) -> Fetched<bool> {
        let request = self.scim(session, Request::read(Method::Get, record.url.clone()));
        Ok(pass.find(request, judge)?.map(|user| user.is_some_and(|user| user.json()["active"] != false)))
    }

    /// The rung of the check.
    pub fn check_scim(&self, pass: &mut Pass<'_>, session: &Session<'_>) -> Result<(), Halt> {
        let Some(provisioning) = self.provisioning else { return Ok(()) };
        let url = format!("{}?startIndex=1&count=1", self.users_url(provisioning));
        pass.rung("scim", self.scim(session, Request::read(Method::Get, url)), judge)?;
        Ok(())
    }

    /// Whether accounts belong to the enterprise.
    pub fn has_managed_users(&self) -> bool {
        self.provisioning == Some(Provisioning::ManagedUsers)
    }

    fn users_url(&self, provisioning: Provisioning) -> String {
        let place = match (provisioning, &self.enterprise) {
            (Provisioning::ManagedUsers, Some(enterprise)) => {
                format!("enterprises/{}", escape(&enterprise.slug))
            }
            _ => format!("organizations/{}", escape(&self.api.organization)),
        };
        format!("{}/scim/v2/{place}/Users", self.api.base_url)
    }

    /// In the name of whom the SCIM obeys.
    fn scim(&self, session: &Session<'_>, request: Request) -> Request {
        match &self.enterprise {
            Some(enterprise) if self.has_managed_users() => enterprise.session(&self.api).scim(request),
            _ => session.scim(request),
        }
    }
}
