//! Whose GitHub account it is, and whether it may be removed.
//!
//! 1. The stored numeric id: a login can be renamed.
//! 2. The SAML identity whose NameID or user name is one of the person's addresses or the user name, compared again
//!    here.
//! 3. An attribute of the person that holds the login, such as `githubUsername`.
//!
//! Never a public e-mail address: anyone can write any address there.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::GitHub;
use super::api::{Session, judge, must};
use crate::connector::pass::{Failure, Halt, Leaver, Match, Pass};
use crate::connector::step::Fetched;
use crate::connector::wire::escape;

const IDENTITIES: &str = "samlIdentityProvider { externalIdentities(first: 2, userName: $name) { totalCount \
     nodes { samlIdentity { nameId username } scimIdentity { username } user { databaseId login id } } } }";

/// An account at GitHub.
pub struct Account {
    /// The unchanging number.
    pub id: u64,
    /// The id that GraphQL wants.
    pub node_id: String,
    /// The name, which can change.
    pub login: String,
    is_person: bool,
}

impl Account {
    fn of(user: &Value) -> Option<Self> {
        Some(Self {
            id: user["id"].as_u64()?,
            node_id: user["node_id"].as_str()?.to_owned(),
            login: user["login"].as_str()?.to_owned(),
            is_person: user["type"] == "User",
        })
    }

    fn of_identity(user: &Value) -> Option<Self> {
        Some(Self {
            id: user["databaseId"].as_u64()?,
            node_id: user["id"].as_str()?.to_owned(),
            login: user["login"].as_str()?.to_owned(),
            is_person: true,
        })
    }

    fn found(self, matched_by: &str) -> (Match, Self) {
        let found = Match {
            external_id: self.id.to_string(),
            label: format!("@{}", self.login),
            matched_by: matched_by.to_owned(),
        };
        (found, self)
    }
}

/// Whom the organization knows under the person's names.
#[derive(Default)]
pub struct Known {
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Whether there is a SAML identity that nobody has ever signed in with.
    pub has_unlinked: bool,
}

/// What is known of the account's membership before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// `active` or `pending`.
    pub state: String,
    /// `member` or `admin`, which is an owner.
    pub role: String,
    /// Whether leaving the organization is possible at all.
    pub is_direct: bool,
    /// Enterprise teams that keep the person in.
    pub teams: Vec<String>,
}

impl Membership {
    /// Nothing when the role is not told: then nobody knows whether it is an owner.
    fn of(body: &Value) -> Option<Self> {
        let teams = body["enterprise_teams_providing_indirect_membership"].as_array();
        Some(Self {
            state: body["state"].as_str()?.to_owned(),
            role: body["role"].as_str()?.to_owned(),
            is_direct: body["direct_membership"] != false,
            teams: teams.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

impl GitHub {
    /// The accounts that fit, with what each was found by, and whether there is an identity without one.
    pub fn candidates(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
    ) -> Result<(Vec<(Match, Account)>, bool), Halt> {
        if let Some(link) = &pass.leaver().link {
            let url = session.url(&format!("user/{}", escape(&link.external_id)));
            let found = self.read_account(pass, session, url)?;
            let account = must(pass, "resolve", found)?;
            return Ok((account.into_iter().map(|account| account.found("link")).collect(), false)); // (1)
        }
        let login = attribute(pass.leaver(), &self.login_attribute);
        let linked = match self.by_saml(pass, session)? {
            // The attribute needs no such right.
            Err(Failure::Permission { .. }) if login.is_some() => Known::default(),
            linked => must(pass, "resolve", linked)?,
        };
        let Known { accounts, has_unlinked } = linked;
        if !accounts.is_empty() {
            return Ok((accounts.into_iter().map(|account| account.found("saml")).collect(), has_unlinked)); // (2)
        }
        let Some(login) = login else { return Ok((Vec::new(), has_unlinked)) };
        let found = self.read_account(pass, session, session.url(&format!("users/{}", escape(&login))))?;
        let account = must(pass, "resolve", found)?;
        let same = account.filter(|account| account.login.eq_ignore_ascii_case(&login));
        Ok((same.into_iter().map(|account| account.found("attribute")).collect(), has_unlinked)) // (3)
    }

    /// Accounts linked to the person's SAML identity, at the enterprise or the organization.
    fn by_saml(&self, pass: &mut Pass<'_>, session: &Session<'_>) -> Fetched<Known> {
        let leaver = pass.leaver();
        let mut folded = BTreeSet::new();
        let names = leaver.emails.iter().chain([&leaver.user_name]).map(|name| name.trim());
        let mut known = Known::default();
        // As it is spelled: nobody says whether GitHub's filter heeds the case.
        for name in names.filter(|name| !name.is_empty() && folded.insert(name.to_lowercase())) {
            let provider = match self.identities(pass, session, name)? {
                Ok(provider) => provider,
                Err(failure) => return Ok(Err(failure)),
            };
            let identities = &provider["externalIdentities"];
            if identities["totalCount"].as_u64().unwrap_or_default() > 1 {
                let count = identities["totalCount"].as_u64().unwrap_or(2).try_into().unwrap_or(2);
                return Ok(Err(Failure::Ambiguous { count }));
            }
            let nodes = match identities["nodes"].as_array() {
                Some(nodes) => nodes.iter(),
                None if provider.is_null() => [].iter(),
                None => return Ok(Err(Failure::Malformed { detail: "identities without nodes".into() })),
            };
            for node in nodes.filter(|node| is_named(node, name)) {
                known.accounts.extend(Account::of_identity(&node["user"]));
                known.has_unlinked |= node["user"].is_null();
            }
        }
        Ok(Ok(known))
    }

    /// The provider with the identities of this name; `Null` without SAML.
    fn identities(&self, pass: &mut Pass<'_>, session: &Session<'_>, name: &str) -> Fetched<Value> {
        if let Some(enterprise) = &self.enterprise {
            let query = format!(
                "query($slug: String!, $name: String!) {{ enterprise(slug: $slug) {{ ownerInfo {{ {IDENTITIES} }} }} }}"
            );
            let variables = json!({ "slug": enterprise.slug, "name": name });
            match enterprise.session(&self.api).query(pass, &query, variables)? {
                // Each organization may have a provider of its own instead.
                Ok(data) if data["enterprise"]["ownerInfo"]["samlIdentityProvider"].is_null() => {}
                Ok(data) => return Ok(Ok(data["enterprise"]["ownerInfo"]["samlIdentityProvider"].clone())),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let query = format!(
            "query($org: String!, $name: String!) {{ organization(login: $org) {{ {IDENTITIES} }} }}"
        );
        let data = session.query(pass, &query, json!({ "org": self.api.organization, "name": name }))?;
        Ok(data.map(|data| data["organization"]["samlIdentityProvider"].clone()))
    }

    fn read_account(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        url: String,
    ) -> Fetched<Option<Account>> {
        let found = pass.find(session.read(url), judge)?;
        Ok(found.and_then(|response| match response.map(|response| Account::of(&response.json())) {
            None => Ok(None),
            Some(Some(account)) => Ok(Some(account)),
            Some(None) => Err(Failure::Malformed { detail: "a user without id and login".into() }),
        }))
    }

    /// The membership of an account; nothing when it is no member.
    pub fn membership(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        login: &str,
    ) -> Fetched<Option<Membership>> {
        let url = self.api.org(&format!("memberships/{}", escape(login)));
        let found = pass.find(session.read(url), judge)?;
        Ok(found.and_then(|response| match response.map(|response| Membership::of(&response.json())) {
            None => Ok(None),
            Some(Some(membership)) => Ok(Some(membership)),
            Some(None) => Err(Failure::Malformed { detail: "a membership without role".into() }),
        }))
    }

    /// Stops at whom no program removes; else tells the membership.
    pub fn guard(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        account: &Account,
    ) -> Result<Option<Membership>, Halt> {
        let protected = |detail: &str| Failure::Protected { detail: detail.to_owned() };
        if !account.is_person {
            return Err(pass.fail("guard", protected("a bot or an organization, no person")));
        }
        let read = self.membership(pass, session, &account.login)?;
        let membership = must(pass, "guard", read)?;
        if membership.as_ref().is_some_and(|membership| membership.role == "admin") {
            let url = self.api.org("members?role=admin&per_page=2");
            let owners = pass.fetch(session.read(url), judge)?;
            let owners = must(pass, "guard", owners)?.json();
            let detail = match owners.as_array().map_or(0, Vec::len) {
                0 | 1 => "the last owner of the organization",
                _ => "an owner of the organization: make them a member first",
            };
            return Err(pass.fail("guard", protected(detail)));
        }
        Ok(membership)
    }
}

fn is_named(identity: &Value, name: &str) -> bool {
    let names = ["/samlIdentity/nameId", "/samlIdentity/username", "/scimIdentity/username"];
    let mut said = names.iter().filter_map(|path| identity.pointer(path)?.as_str());
    said.any(|said| said.to_lowercase() == name.to_lowercase())
}

/// A text attribute of the person, at the top or in one of the extensions.
fn attribute(leaver: &Leaver, name: &str) -> Option<String> {
    let extensions = leaver.attributes.iter().filter(|(key, _)| key.contains(':')).map(|(_, value)| value);
    let mut all = leaver.attributes.get(name).into_iter().chain(extensions.filter_map(|part| part.get(name)));
    let text = all.find_map(Value::as_str)?.trim().trim_start_matches('@');
    (!text.is_empty()).then(|| text.to_owned())
}
