//! Tokens that were obeyed once, for as long as their copies could be obeyed again.
use imbl::OrdMap;

use super::Map;
use crate::domain::{okta::UsedToken, token::Digest};

/// Forgotten at most, each time another is remembered.
const FORGOTTEN: usize = 8;

#[derive(Debug, Clone, Default)]
pub(super) struct UsedTokens {
    until: Map<Digest, i64>,
    /// The same by time, so that the oldest are forgotten first.
    by_time: OrdMap<(i64, Digest), ()>,
}

impl UsedTokens {
    pub(super) fn contains(&self, token: &UsedToken) -> bool {
        self.until.contains_key(&token.key)
    }

    pub(super) fn put(&mut self, token: UsedToken) {
        if self.until.insert(token.key, token.until_ms).is_none() {
            self.by_time.insert((token.until_ms, token.key), ());
        }
        self.forget(token.used_ms);
    }

    /// Forgets a few whose time is over.
    fn forget(&mut self, now_ms: i64) {
        for _ in 0..FORGOTTEN {
            let Some(((until_ms, key), ())) = self.by_time.get_min().cloned() else { return };
            if until_ms > now_ms {
                return;
            }
            self.by_time.remove(&(until_ms, key));
            self.until.remove(&key);
        }
    }
}
