//! What a GitHub account holds in an organization, and taking it away.
use serde_json::{Value, json};

use super::account::{Account, Membership};
use super::api::{Session, entries, judge, must};
use super::provisioning::Record;
use super::{GitHub, text};
use crate::connector::pass::{Failure, Halt, Outcome, Pass, Step};
use crate::connector::step::{Fetched, Item, addresses, change, is_not_found, removal};
use crate::connector::wire::{Answer, Method, escape};

/// GitHub takes this many token ids at once.
const MAX_TOKENS: usize = 100;

impl GitHub {
    /// All authorizations at once, where GitHub has that call (202: queued), else one by one.
    pub fn revoke_authorizations(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: &Account,
    ) -> Result<(), Halt> {
        const NAME: &str = "sso_credentials";
        let listed = match self.authorizations(pass, session, account)? {
            Ok(Some(listed)) => Ok(listed),
            Ok(None) => {
                pass.note(NAME, Outcome::skipped("the organization has no SAML single sign-on"), None);
                return Ok(());
            }
            Err(failure) => Err(failure),
        };
        if listed.as_ref().is_ok_and(|listed| !listed.is_empty()) {
            let path = format!("credential-authorizations/{}/revoke", escape(&account.login));
            let answer = pass.try_write(session.write(Method::Post, self.api.org(&path)))?;
            match answer {
                Some(answer) if is_unavailable(&answer) => {}
                Some(answer) => {
                    pass.note(NAME, accepted(&answer), None);
                    return Ok(());
                }
                None => {
                    pass.note(NAME, Outcome::Planned, None);
                    return Ok(());
                }
            }
        }
        let items = listed
            .map(|listed| listed.iter().filter_map(|entry| self.authorization(session, entry)).collect());
        pass.sweep(NAME, None, items, judge)
    }

    fn authorization(&self, session: &Session<'_>, entry: &Value) -> Option<Item> {
        let id = entry["credential_id"].as_u64()?;
        let url = self.api.org(&format!("credential-authorizations/{id}"));
        Some(Item {
            label: format!("{} {id}", text(entry, "credential_type")),
            request: session.write(Method::Delete, url),
        })
    }

    /// The account's authorizations; nothing where there is no SAML.
    fn authorizations(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: &Account,
    ) -> Fetched<Option<Vec<Value>>> {
        let login = escape(&account.login);
        let url = self.api.org(&format!("credential-authorizations?per_page=100&login={login}"));
        // Only the first page can be 404, and it is short: a person has few credentials.
        let first = match pass.find(session.read(url.clone()), judge)? {
            Ok(Some(first)) => first,
            Ok(None) => return Ok(Ok(None)),
            Err(failure) => return Ok(Err(failure)),
        };
        let is_own = |entry: &Value| text(entry, "login").eq_ignore_ascii_case(&account.login);
        let entries = match first.header("link") {
            Some(_) => session.list(pass, url)?,
            None => entries(&first),
        };
        Ok(entries.map(|entries| Some(entries.into_iter().filter(is_own).collect())))
    }

    /// Fine-grained personal access tokens.
    pub fn revoke_tokens(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: &Account,
    ) -> Result<(), Halt> {
        const NAME: &str = "personal_access_tokens";
        let ids = match self.tokens(pass, session, account)? {
            Ok(ids) => ids,
            Err(failure) => {
                pass.note(NAME, Outcome::Failed(failure), None);
                return Ok(());
            }
        };
        let mut outcome = Outcome::Already;
        for chunk in ids.chunks(MAX_TOKENS) {
            let request = session.write(Method::Post, self.api.org("personal-access-tokens"));
            let body = json!({ "action": "revoke", "pat_ids": chunk });
            let answer = pass.try_write(request.json(body))?;
            outcome = answer.map_or(Outcome::Planned, |answer| accepted(&answer));
            if matches!(outcome, Outcome::Failed(_)) {
                break;
            }
        }
        let detail = (!ids.is_empty()).then(|| format!("{} in all", ids.len()));
        pass.note(NAME, outcome, detail);
        Ok(())
    }

    fn tokens(&self, pass: &mut Pass<'_>, session: &Session<'_>, account: &Account) -> Fetched<Vec<u64>> {
        let login = escape(&account.login);
        let url = self.api.org(&format!("personal-access-tokens?per_page=100&owner%5B%5D={login}"));
        let listed = session.list(pass, url)?;
        // Compared again: a filter that is not understood would list everyone's.
        Ok(listed.map(|listed| {
            let own = listed.iter().filter(|entry| entry["owner"]["id"] == account.id);
            own.filter_map(|entry| entry["id"].as_u64()).collect()
        }))
    }

    /// Out of the organization, then out of its repositories.
    pub fn leave(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: &Account,
        membership: Option<&Membership>,
    ) -> Result<(), Halt> {
        let login = escape(&account.login);
        match membership {
            None => pass.note("membership", Outcome::Already, None),
            Some(membership) if !membership.is_direct => {
                pass.note("membership", Outcome::skipped("no direct member"), None);
            }
            Some(membership) => {
                let request = session.write(Method::Delete, self.api.org(&format!("memberships/{login}")));
                let undo = format!(
                    "Invite @{} to the organization again: within three months GitHub offers to restore role, teams and \
                     forks.",
                    account.login
                );
                let answer = pass.try_write(request)?;
                let outcome = answer.map_or(Outcome::Planned, |answer| removal(&answer, judge));
                pass.report(Step {
                    name: "membership".into(),
                    undo: matches!(outcome, Outcome::Done | Outcome::Planned).then_some(undo),
                    outcome,
                    detail: Some(format!("{} {}", membership.state, membership.role)),
                });
            }
        }
        let keeps_in = |membership: &&Membership| !membership.is_direct || !membership.teams.is_empty();
        if let Some(membership) = membership.filter(keeps_in) {
            // While someone is a member, GitHub refuses to end outside collaboration.
            let detail = format!("{}; only the enterprise's owner can end it", indirect(membership));
            pass.note("enterprise_teams", Outcome::Failed(Failure::Conflict { detail }), None);
            return Ok(());
        }
        let request = session.write(Method::Delete, self.api.org(&format!("outside_collaborators/{login}")));
        let undo = "Add the person to the repositories again.";
        pass.write("outside_collaborator", Some(undo), request, |answer| {
            removal(answer, judge_collaborator)
        })?;
        Ok(())
    }

    /// Invitations to the account or to one of the person's addresses.
    pub fn cancel_invitations(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: Option<&Account>,
    ) -> Result<(), Halt> {
        let items = self.invitations(pass, session, account)?;
        pass.sweep("invitations", None, items, judge)
    }

    fn invitations(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: Option<&Account>,
    ) -> Fetched<Vec<Item>> {
        let emails = addresses(pass.leaver());
        let listed = session.list(pass, self.api.org("invitations?per_page=100"))?;
        let is_own = |entry: &&Value| {
            let login = text(entry, "login");
            account.is_some_and(|account| account.login.eq_ignore_ascii_case(login))
                || emails.contains(&text(entry, "email").to_lowercase())
        };
        let item = |entry: &Value| {
            let id = entry["id"].as_u64()?;
            let label = match text(entry, "email") {
                "" => format!("@{}", text(entry, "login")),
                email => email.to_owned(),
            };
            let request = session.write(Method::Delete, self.api.org(&format!("invitations/{id}")));
            Some(Item { label, request })
        };
        Ok(listed.map(|listed| listed.iter().filter(is_own).filter_map(item).collect()))
    }

    /// For a person without an account: a SCIM record that was never linked to one, and an open invitation, are all there
    /// can be. A record whose account is only not found may be an owner's, whom no program removes.
    pub fn remove_without_account(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        has_unlinked: bool,
    ) -> Result<(), Halt> {
        let record = if self.has_managed_users() { None } else { self.record(pass, session)? };
        if record.as_ref().is_some_and(|record| record.is_active) && !has_unlinked {
            let detail = "SCIM knows the person, and nothing says under which account".to_owned();
            return Err(pass.fail("scim_record", Failure::Conflict { detail }));
        }
        let listed = self.invitations(pass, session, None)?;
        let items = must(pass, "invitations", listed)?;
        let what = match (&record, items.is_empty()) {
            (None, true) => return Err(pass.not_there()),
            (None, false) => "no account, but an open invitation",
            (Some(_), true) => "no account, but a record in SCIM",
            (Some(_), false) => "no account, but a record in SCIM and an open invitation",
        };
        pass.note("resolve", Outcome::skipped(what), None);
        if let Some(record) = &record {
            self.deprovision(pass, session, record)?;
        }
        pass.sweep("invitations", None, Ok(items), judge)?;
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        let listed = self.invitations(pass, session, None)?;
        let left = must(pass, "verify", listed)?;
        let mut left: Vec<String> =
            left.into_iter().map(|item| format!("the invitation of {}", item.label)).collect();
        if let Some(record) = &record {
            let read = self.is_provisioned(pass, session, record)?;
            if must(pass, "verify", read)? {
                left.push("active in SCIM".to_owned());
            }
        }
        let gone =
            if record.is_some() { "no open invitation, not active in SCIM" } else { "no open invitation" };
        pass.verified(&left, gone);
        Ok(())
    }

    /// Reads back membership and what was queued. What is still queued is neither done nor refused.
    pub fn verify(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: &Account,
        record: Option<&Record>,
    ) -> Result<(), Halt> {
        if pass.is_preview() {
            pass.verified(&[], "");
            return Ok(());
        }
        let mut left = Vec::new();
        let read = self.membership(pass, session, &account.login)?;
        match must(pass, "verify", read)? {
            Some(membership) if !membership.teams.is_empty() => left.push(indirect(&membership)),
            Some(membership) => left.push(format!("membership {}", membership.state)),
            None => {}
        }
        if let Some(record) = record {
            let read = self.is_provisioned(pass, session, record)?;
            if must(pass, "verify", read)? {
                left.push("active in SCIM".to_owned());
            }
        }
        if let Some(enterprise) = self.enterprise.as_ref().filter(|_| !self.has_managed_users()) {
            let read = enterprise.has(pass, &self.api, account)?;
            if must(pass, "verify", read)? {
                left.push(format!("still in the enterprise {}", enterprise.slug));
            }
        }
        let authorizations = self.authorizations(pass, session, account)?.map(Option::unwrap_or_default);
        let authorizations = readable(pass, authorizations)?.map(|all| all.len());
        let tokens = self.tokens(pass, session, account)?;
        let tokens = readable(pass, tokens)?.map(|all| all.len());
        let queued = authorizations.unwrap_or_default() + tokens.unwrap_or_default();
        let gone = match (authorizations, tokens) {
            (Some(_), Some(_)) => "no member, no credentials",
            _ => "no member; credentials could not be read",
        };
        if left.is_empty() && queued > 0 {
            let reference = format!("{queued} credentials are not revoked yet");
            pass.note("verify", Outcome::Pending { reference }, None);
        } else {
            pass.verified(&left, gone);
        }
        Ok(())
    }
}

/// A list read back; nothing when it may not be read, which has failed its own step already.
fn readable<T>(pass: &mut Pass<'_>, listed: Result<T, Failure>) -> Result<Option<T>, Halt> {
    match listed {
        Err(Failure::Permission { .. }) => Ok(None),
        listed => must(pass, "verify", listed).map(Some),
    }
}

fn indirect(membership: &Membership) -> String {
    match membership.teams.as_slice() {
        [] => "still in, though not directly".into(),
        teams => format!("still in through the enterprise team {}", teams.join(", ")),
    }
}

/// The call that revokes all at once is not on every plan.
fn is_unavailable(answer: &Answer) -> bool {
    is_not_found(answer) || matches!(judge(answer), Some(Failure::Permission { .. }))
}

/// 202: GitHub does it soon.
fn accepted(answer: &Answer) -> Outcome {
    match (change(answer, judge), answer) {
        (Outcome::Done, Ok(response)) if response.status == 202 => {
            let message = response.json()["message"].as_str().unwrap_or("queued").to_owned();
            Outcome::Pending { reference: message }
        }
        (outcome, _) => outcome,
    }
}

/// 422 says that the person is still a member: GitHub may be slow to see that the membership has ended.
fn judge_collaborator(answer: &Answer) -> Option<Failure> {
    match judge(answer)? {
        Failure::Conflict { detail } => Some(Failure::NotRemoved { detail }),
        other => Some(other),
    }
}
