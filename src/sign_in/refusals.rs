//! Refused sign-ins, counted until their minute is over: one audit entry for each account and address, however
//! often someone guesses. What was typed is looked up only then, and goes no further than this memory: people
//! type passwords where their name belongs.
use std::{collections::HashMap, net::IpAddr};

use ceven_actors::{
    domain::{
        caller::{Actor, Authority, Caller},
        id::{AdminId, OrganizationId},
        session::Refusals,
    },
    organization::message::Command,
};
use dashmap::{DashMap, mapref::entry::Entry};

use crate::app::App;

/// Pairs of account and address that are counted within a minute; more of them are only logged.
const MAX_KEYS: usize = 10_000;

/// What was typed, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    slug: Box<str>,
    email: Box<str>,
    ip: IpAddr,
}

/// Counts of the current minute.
#[derive(Default)]
pub struct RefusalCounts {
    counts: DashMap<Key, Refusals>,
}

impl RefusalCounts {
    /// Counts one.
    pub fn note(&self, slug: &str, email: &str, ip: IpAddr, is_limited: bool, now_ms: i64) {
        let is_full = self.counts.len() >= MAX_KEYS;
        let one = Refusals {
            account: None,
            count: 1,
            limited: u64::from(is_limited),
            from_ms: now_ms,
            until_ms: now_ms,
        };
        match self.counts.entry(Key { slug: slug.into(), email: email.to_lowercase().into(), ip }) {
            Entry::Occupied(mut entry) => merge(entry.get_mut(), &one),
            Entry::Vacant(_) if is_full => tracing::warn!(%ip, "too many refused sign-ins to note each"),
            Entry::Vacant(entry) => {
                entry.insert(one);
            }
        }
    }

    /// Takes what was counted so far.
    fn take(&self) -> Vec<(Key, Refusals)> {
        let keys: Vec<_> = self.counts.iter().map(|entry| entry.key().clone()).collect();
        keys.iter().filter_map(|key| self.counts.remove(key)).collect()
    }
}

fn merge(into: &mut Refusals, other: &Refusals) {
    into.count += other.count;
    into.limited += other.limited;
    into.from_ms = into.from_ms.min(other.from_ms);
    into.until_ms = into.until_ms.max(other.until_ms);
}

/// Writes what was counted to the audit logs of the organizations that exist.
pub async fn write(app: &App) {
    let mut entries: HashMap<(OrganizationId, Option<AdminId>, IpAddr), Refusals> = HashMap::new();
    for (key, refusals) in app.sign_in.refusals.take() {
        tracing::info!(ip = %key.ip, count = refusals.count, "sign-ins were refused");
        let Ok(Some(profile)) = app.store.organization_by_slug(&key.slug).await else { continue };
        let Ok(snapshot) = app.fresh(profile.id).await else { continue };
        let account = snapshot.admin_by_email(&key.email).map(|admin| admin.id);
        let entry = entries.entry((profile.id, account, key.ip));
        entry.and_modify(|all| merge(all, &refusals)).or_insert(Refusals { account, ..refusals });
    }
    for ((organization, _, ip), refusals) in entries {
        let caller = Caller {
            actor: Actor { kind: "system", id: "ceven".into(), label: "ceven".into() },
            authority: Authority::Nobody,
            ip: Some(ip),
            request_id: app.clock.new_id().to_string(),
        };
        if let Err(error) = app.execute(organization, Command::NoteRefusals { refusals }, caller).await {
            tracing::warn!(%error, "refused sign-ins could not be noted");
        }
    }
}
