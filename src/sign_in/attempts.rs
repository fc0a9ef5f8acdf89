//! How often someone may try to sign in: counted for the account and for the address, known or not, before
//! anything is looked up. A sign-in that succeeds gives its attempt back.
use std::net::IpAddr;

use ceven_actors::domain::id::OrganizationId;
use dashmap::{DashMap, mapref::entry::Entry};

/// Keys that are kept at the same time; beyond it strangers wait, whoever is counted already does not.
const MAX_KEYS: usize = 100_000;

/// Attempts within a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// For one account.
    pub per_account: u32,
    /// From one address; of IPv6 the first 64 bits count, because a customer has them all.
    pub per_address: u32,
    /// Milliseconds of the window.
    pub window_ms: i64,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(Box<str>, Box<str>),
    Address(IpAddr),
    AddressAt(OrganizationId, IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun_ms: i64,
    count: u32,
}

/// Attempts of this process.
pub struct Attempts {
    limits: AttemptLimits,
    windows: DashMap<Key, Window>,
}

impl Attempts {
    /// Nobody has tried yet.
    pub fn new(limits: AttemptLimits) -> Self {
        Self { limits, windows: DashMap::new() }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// Milliseconds to wait when there were too many.
    pub fn count(&self, slug: &str, email: &str, ip: IpAddr, now_ms: i64) -> Result<(), i64> {
        self.add(address(ip), self.limits.per_address, now_ms)?;
        self.add(account(slug, email), self.limits.per_account, now_ms)
    }

    /// Counts an attempt from an address alone: at one organization, or at what is none.
    ///
    /// # Errors
    /// Milliseconds to wait when there were too many.
    pub fn count_address(&self, ip: IpAddr, whose: Option<OrganizationId>, now_ms: i64) -> Result<(), i64> {
        self.add(at(whose, ip), self.limits.per_address, now_ms)
    }

    /// How long an address has to wait there, if it has to; nothing is counted.
    pub fn wait_ms(&self, ip: IpAddr, whose: Option<OrganizationId>, now_ms: i64) -> Option<i64> {
        let window = self.windows.get(&at(whose, ip))?;
        let wait_ms = window.begun_ms + self.limits.window_ms - now_ms;
        (wait_ms > 0 && window.count >= self.limits.per_address).then_some(wait_ms)
    }

    /// Gives an attempt back.
    pub fn give_back(&self, slug: &str, email: &str, ip: IpAddr) {
        for key in [address(ip), account(slug, email)] {
            if let Some(mut window) = self.windows.get_mut(&key) {
                window.count = window.count.saturating_sub(1);
            }
        }
    }

    /// Forgets windows that are over.
    pub fn sweep(&self, now_ms: i64) {
        self.windows.retain(|_, window| now_ms < window.begun_ms + self.limits.window_ms);
    }

    fn add(&self, key: Key, limit: u32, now_ms: i64) -> Result<(), i64> {
        let is_full = self.windows.len() >= MAX_KEYS;
        match self.windows.entry(key) {
            Entry::Occupied(mut entry) => {
                let window = entry.get_mut();
                if now_ms >= window.begun_ms + self.limits.window_ms {
                    *window = Window { begun_ms: now_ms, count: 0 };
                }
                if window.count >= limit {
                    return Err(window.begun_ms + self.limits.window_ms - now_ms);
                }
                window.count += 1;
                Ok(())
            }
            Entry::Vacant(_) if is_full => Err(self.limits.window_ms),
            Entry::Vacant(entry) => {
                entry.insert(Window { begun_ms: now_ms, count: 1 });
                Ok(())
            }
        }
    }
}

fn account(slug: &str, email: &str) -> Key {
    Key::Account(slug.into(), email.to_lowercase().into())
}

fn address(ip: IpAddr) -> Key {
    Key::Address(network(ip))
}

fn at(whose: Option<OrganizationId>, ip: IpAddr) -> Key {
    whose.map_or_else(|| address(ip), |whose| Key::AddressAt(whose, network(ip)))
}

fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AttemptLimits = AttemptLimits { per_account: 2, per_address: 4, window_ms: 1_000 };

    #[test]
    fn accounts_and_addresses_are_limited_apart_and_for_a_while() {
        let attempts = Attempts::new(LIMITS);
        let (home, away): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        assert_eq!(attempts.count("acme", "ann", home, 0), Ok(()));
        assert_eq!(attempts.count("acme", "Ann", home, 1), Ok(()));
        assert_eq!(attempts.count("acme", "ann", away, 400), Err(600));
        assert_eq!(attempts.count("globex", "ann", home, 400), Ok(()));
        assert_eq!(attempts.count("acme", "bob", home, 400), Ok(()));
        assert_eq!(attempts.count("acme", "carl", home, 400), Err(600));
        assert_eq!(attempts.count("acme", "ann", home, 1_001), Ok(()));
        attempts.sweep(5_000);
        assert!(attempts.windows.is_empty());
    }

    #[test]
    fn what_an_address_does_at_one_organization_counts_nowhere_else() {
        let attempts = Attempts::new(LIMITS);
        let ip: IpAddr = [10, 0, 0, 1].into();
        let [acme, globex] = [1, 2].map(|number| Some(OrganizationId(uuid::Uuid::from_u128(number))));
        for _ in 0..4 {
            assert_eq!(attempts.count_address(ip, acme, 0), Ok(()));
        }
        assert_eq!(
            (attempts.count_address(ip, acme, 1), attempts.wait_ms(ip, acme, 400)),
            (Err(999), Some(600))
        );
        assert_eq!((attempts.wait_ms(ip, globex, 1), attempts.wait_ms(ip, None, 1)), (None, None));
        assert_eq!(
            (attempts.count_address(ip, globex, 1), attempts.count_address(ip, None, 1)),
            (Ok(()), Ok(()))
        );
    }

    #[test]
    fn whoever_succeeds_is_not_counted() {
        let attempts = Attempts::new(LIMITS);
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        for now_ms in 0..20 {
            assert_eq!(attempts.count("acme", "ann", ip, now_ms), Ok(()));
            attempts.give_back("acme", "ann", ip);
        }
        for host in 1..=4_u16 {
            let ip = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host).into();
            assert_eq!(attempts.count("acme", &host.to_string(), ip, 20), Ok(()));
        }
        assert!(attempts.count("acme", "x", "2001:db8::9".parse().unwrap(), 20).is_err());
    }
}
