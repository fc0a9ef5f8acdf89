//! When the next request may be sent, so that a minute holds no more of them than the tool allows.

/// A tenth of a minute's requests may go out at once; after that they are spaced evenly (generic cell rate algorithm).
#[derive(Debug, Default)]
pub struct Pace {
    /// When the requests sent so far would have been due, had they been spaced evenly.
    due_ms: i64,
}

impl Pace {
    /// Takes the next place; returns how long to wait for it.
    pub fn take_ms(&mut self, now_ms: i64, per_minute: u32) -> i64 {
        let per_minute = i64::from(per_minute.max(1));
        let spacing_ms = 60_000 / per_minute;
        let burst_ms = spacing_ms * (per_minute / 10).max(1);
        self.due_ms = self.due_ms.max(now_ms) + spacing_ms;
        (self.due_ms - burst_ms - now_ms).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_never_holds_more_than_the_tool_allows_and_its_burst() {
        for per_minute in [1, 7, 60, 600] {
            let (mut pace, mut now_ms) = (Pace::default(), 1_000_000);
            let mut sent = Vec::new();
            for _ in 0..2_000 {
                now_ms += pace.take_ms(now_ms, per_minute);
                sent.push(now_ms);
            }
            let most = (0..sent.len())
                .map(|from| sent[from..].iter().take_while(|at| **at < sent[from] + 60_000).count())
                .max();
            let allowed = per_minute + (per_minute / 10).max(1);
            assert!(most <= Some(allowed as usize), "{per_minute}: {most:?}");
        }
    }

    #[test]
    fn a_first_request_goes_at_once() {
        assert_eq!(Pace::default().take_ms(5_000, 1), 0);
    }
}
