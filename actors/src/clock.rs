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

/// RFC 3339 with milliseconds, in UTC: `2026-11-24T01:02:03.456Z`; years from 0 to 9999.
pub fn rfc3339(at_ms: i64) -> String {
    let mut text = String::with_capacity(24);
    push_rfc3339(&mut text, at_ms);
    text
}

/// The same, at the end of a text.
pub fn push_rfc3339(to: &mut String, at_ms: i64) {
    let (at, millisecond) = time::OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000))
        .ok()
        .filter(|at| (0..10_000).contains(&at.year()))
        .map_or((time::OffsetDateTime::UNIX_EPOCH, 0), |at| (at, at_ms.rem_euclid(1_000)));
    // Every resource of an answer has two of these: digits are put in place instead of formatted one by one.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |from: usize, width: usize, value: u32| {
        let mut rest = value;
        for place in text[from..from + width].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    };
    put(0, 4, at.year().unsigned_abs());
    put(5, 2, u8::from(at.month()).into());
    put(8, 2, at.day().into());
    put(11, 2, at.hour().into());
    put(14, 2, at.minute().into());
    put(17, 2, at.second().into());
    put(20, 3, millisecond as u32);
    to.push_str(&String::from_utf8_lossy(&text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_milliseconds_in_utc() {
        assert_eq!(rfc3339(1_795_482_123_456), "2026-11-24T01:02:03.456Z");
        for (at_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_827_696_007, "2000-02-29T12:34:56.007Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "1970-01-01T00:00:00.000Z"),
            (i64::MIN, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(at_ms), text);
        }
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
