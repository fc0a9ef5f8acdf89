//! Credentials that a simulator gave out, and how often it was asked. Kept apart from the tool's own state, so that
//! an injected fault can turn that back without taking tokens away.
use std::collections::{HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven_actors::clock::Clock;
use sha2::{Digest as _, Sha256};

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whom it stands for.
    pub subject: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: i64,
    /// Thumbprint of the key it is bound to (RFC 9449).
    pub bound_to: Option<String>,
}

/// How many requests a tool takes in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests.
    pub requests: u32,
    /// In so many seconds.
    pub window_secs: u32,
}

/// Where a caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a window.
    pub limit: u32,
    /// Left in this one.
    pub remaining: u32,
    /// When the next one begins, milliseconds since 1970.
    pub reset_ms: i64,
}

/// Tokens, numbers used once, and the count of requests.
#[derive(Debug, Clone, Default)]
pub struct Access {
    tokens: HashMap<String, Grant>,
    used_once: HashSet<String>,
    window_ends_ms: i64,
    asked: u32,
}

impl Access {
    /// Makes a token.
    pub fn issue(&mut self, clock: &dyn Clock, prefix: &str, grant: Grant) -> String {
        let token = format!("{prefix}{}", random_text(clock));
        self.tokens.insert(token.clone(), grant);
        token
    }

    /// Takes a token that was made elsewhere.
    pub fn insert(&mut self, token: String, grant: Grant) {
        self.tokens.insert(token, grant);
    }

    /// What a token allows now.
    pub fn grant(&self, token: &str, now_ms: i64) -> Option<&Grant> {
        self.tokens.get(token).filter(|grant| grant.expires_ms > now_ms)
    }

    /// Every token that has not been ended.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }

    /// Ends a token. Whether there was one.
    pub fn revoke(&mut self, token: &str) -> bool {
        self.tokens.remove(token).is_some()
    }

    /// Ends every token that was given out, as after a change of the client's secret.
    pub fn revoke_all(&mut self) {
        self.tokens.clear();
    }

    /// Whether this number comes for the first time.
    pub fn first_use(&mut self, number: &str) -> bool {
        self.used_once.insert(number.to_owned())
    }

    /// Whether a number is known; it counts once only.
    pub fn take(&mut self, number: &str) -> bool {
        self.used_once.remove(number)
    }

    /// Counts one request. `Err` when there is none left in this window.
    pub fn count(&mut self, limit: Limit, now_ms: i64) -> Result<Rate, Rate> {
        if now_ms >= self.window_ends_ms {
            self.window_ends_ms = now_ms + i64::from(limit.window_secs) * 1000;
            self.asked = 0;
        }
        self.asked = self.asked.saturating_add(1);
        let remaining = limit.requests.saturating_sub(self.asked);
        let rate = Rate { limit: limit.requests, remaining, reset_ms: self.window_ends_ms };
        if self.asked > limit.requests { Err(rate) } else { Ok(rate) }
    }
}

/// 192 random bits as text.
pub fn random_text(clock: &dyn Clock) -> String {
    let mut bytes = [0; 24];
    clock.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `length` random letters and digits, as vendors write ids.
pub fn random_id(clock: &dyn Clock, prefix: &str, length: usize, alphabet: &[u8]) -> String {
    let mut bytes = vec![0; length];
    clock.fill(&mut bytes);
    let letters = bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]));
    prefix.chars().chain(letters).collect()
}

/// `length` letters and digits that the same `name` always leads to: someone keeps their id when everything else is
/// made anew.
pub fn stable_id(prefix: &str, length: usize, name: &str) -> String {
    let digest = Sha256::digest(name);
    let letters = digest.iter().map(|byte| char::from(ALPHANUMERIC[usize::from(*byte) % ALPHANUMERIC.len()]));
    prefix.chars().chain(letters.take(length)).collect()
}

/// Letters and digits.
pub const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Capitals and digits.
pub const CAPITALS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Digits; the first may be a zero.
pub const DIGITS: &[u8] = b"0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends() {
        let mut access = Access::default();
        let limit = Limit { requests: 2, window_secs: 60 };
        assert_eq!(access.count(limit, 1000).map(|rate| rate.remaining), Ok(1));
        assert!(access.count(limit, 2000).is_ok());
        assert_eq!(access.count(limit, 3000).map_err(|rate| rate.reset_ms), Err(61_000));
        assert!(access.count(limit, 61_000).is_ok());
    }
}
