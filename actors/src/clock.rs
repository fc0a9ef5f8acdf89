//! Time and randomness as parameters: nothing else in the workspace reads a clock or draws bytes.
use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

/// Where "now" and random bytes come from. Tests set both.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
    /// Fills `bytes` with bytes nobody can guess.
    fn fill(&self, bytes: &mut [u8]);

    /// A fresh version 7 UUID (RFC 9562 §5.7): ids sort by the time they were made.
    fn new_id(&self) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(self.now_ms().unsigned_abs(), &random).into_uuid()
    }
}

/// The machine's clock and the operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    }

    /// Ids are made for every request: their bytes are drawn a page at a time. Secrets, which are longer, are not.
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > ID_BYTES {
            return draw(bytes);
        }
        DRAWN.with_borrow_mut(|(unused, page)| {
            if *unused < bytes.len() {
                draw(page);
                *unused = page.len();
            }
            let (_, rest) = page[..*unused].split_at_mut(*unused - bytes.len());
            bytes.copy_from_slice(rest);
            rest.fill(0);
            *unused -= bytes.len();
        });
    }
}

/// More than an id has of them.
const ID_BYTES: usize = 16;

thread_local! {
    /// How many bytes of the page nobody has had yet, and the page.
    static DRAWN: RefCell<(usize, [u8; 1_024])> = const { RefCell::new((0, [0; 1_024])) };
}

#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "the one place that draws bytes; without a random source nothing here is safe"
)]
fn draw(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has a random source");
}

/// RFC 3339 with milliseconds, in UTC: `2026-11-24T01:02:03.456Z`.
pub fn rfc3339(at_ms: i64) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(FORMAT).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00.000Z".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_milliseconds_in_utc() {
        assert_eq!(rfc3339(1_795_482_123_456), "2026-11-24T01:02:03.456Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn no_bytes_are_given_twice() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..10_000 {
            let mut bytes = [0; 40];
            let length = 9 + index % 31;
            SystemClock.fill(&mut bytes[..length]);
            assert!(seen.insert(bytes[..8].to_vec()), "{index}");
        }
    }

    #[test]
    fn ids_carry_their_time() {
        let id = SystemClock.new_id();
        assert_eq!(id.get_version_num(), 7);
        assert_ne!(id, SystemClock.new_id());
    }
}
