//! When the next request may be sent, so that a tool never gets more of them than it allows.
//!
//! 1. After a quiet while `burst` requests may go at once; after that they are spaced evenly (generic cell rate
//!    algorithm). A span of n minutes never holds more than `burst + n * per_minute`.
//! 2. Half of the burst is kept for urgent passes: a queue of others, however long, leaves it alone.
//! 3. A tool that has said when it listens again is not asked for anyone before.
use serde::Deserialize;

/// What a tool may be asked to bear. Its own limit for a window of n minutes is kept when `burst + n * per_minute`
/// stays within it; with a small burst little of the limit is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolLimits {
    /// Requests a minute, in the long run.
    pub per_minute: u32,
    /// Requests at once after a quiet while.
    pub burst: u32,
    /// Passes at the same time; urgent ones have as many places of their own.
    pub concurrency: u32,
}

impl Default for ToolLimits {
    /// What any tool bears.
    fn default() -> Self {
        Self { per_minute: 60, burst: 10, concurrency: 1 }
    }
}

/// The requests of one tool, so far.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the requests sent so far would have been due, had they been spaced evenly, in microseconds.
    due_us: i64,
    closed_until_ms: i64,
}

impl Pace {
    /// The tool takes nothing before this time (3).
    pub(super) fn close(&mut self, until_ms: i64) {
        self.closed_until_ms = self.closed_until_ms.max(until_ms);
    }

    /// Until when the tool takes nothing (3).
    pub(super) fn closed_until_ms(&self) -> i64 {
        self.closed_until_ms
    }

    /// Takes the next place; returns how long to wait for it.
    pub fn take_ms(&mut self, now_ms: i64, limits: ToolLimits, urgent: bool) -> i64 {
        let spacing_us = 60_000_000 / i64::from(limits.per_minute.max(1));
        let burst = i64::from(limits.burst.max(2));
        let open = if urgent { burst } else { burst / 2 }; // (2)
        let now_us = now_ms.saturating_mul(1_000);
        self.due_us = self.due_us.max(now_us) + spacing_us;
        let wait_us = self.due_us - spacing_us * open - now_us; // (1)
        (wait_us.max(0) + 999) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_minute: u32, burst: u32) -> ToolLimits {
        ToolLimits { per_minute, burst, concurrency: 1 }
    }

    #[test]
    fn no_span_holds_more_than_the_tool_allows() {
        for (per_minute, burst) in [(1, 2), (7, 2), (60, 10), (76, 400), (90_000, 100)] {
            for urgent_each in [1, 3, 2_000] {
                let (mut pace, mut now_ms) = (Pace::default(), 1_000_000);
                let mut sent = Vec::new();
                for index in 1..2_000 {
                    now_ms += pace.take_ms(now_ms, limits(per_minute, burst), index % urgent_each == 0);
                    sent.push(now_ms);
                }
                for minutes in [1, 5] {
                    let span_ms = i64::from(minutes) * 60_000;
                    let most = (0..sent.len())
                        .map(|from| sent[from..].iter().take_while(|at| **at < sent[from] + span_ms).count())
                        .max();
                    let allowed = burst + minutes * per_minute;
                    assert!(most <= Some(allowed as usize), "{per_minute}, {burst}: {most:?}");
                }
            }
        }
    }

    #[test]
    fn a_queue_gets_along_at_the_whole_rate() {
        let (mut pace, mut now_ms) = (Pace::default(), 0);
        for _ in 0..1_000 {
            now_ms += pace.take_ms(now_ms, limits(7_000, 20), false);
        }
        assert!((8_400..=8_600).contains(&now_ms), "{now_ms}");
    }

    #[test]
    fn urgent_requests_pass_a_queue() {
        let mut pace = Pace::default();
        let queue: Vec<i64> = (0..10).map(|_| pace.take_ms(5_000, limits(60, 10), false)).collect();
        assert_eq!(queue, [0, 0, 0, 0, 0, 1_000, 2_000, 3_000, 4_000, 5_000]);
        // Those who wait have taken places that are not due yet.
        let now_ms = 10_000;
        let urgent: Vec<i64> = (0..6).map(|_| pace.take_ms(now_ms, limits(60, 10), true)).collect();
        assert_eq!(urgent, [0, 0, 0, 0, 0, 1_000]);
        assert_eq!(pace.take_ms(now_ms, limits(60, 10), false), 7_000, "which others make up for");
    }
}
