//! Counting what happens: a few atomic additions, no lock, no waiting. Whoever wants to know reads while it goes on.
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Upper bounds of buckets for times of work inside the process and at its database, in microseconds.
pub const WORK_US: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];
/// Upper bounds of buckets for how many went together.
pub const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// How often each size of something was seen.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Upper bounds of all buckets but the last, which has none.
    pub bounds: &'static [u64],
    /// What was seen in each bucket, not cumulated.
    pub counts: Vec<u64>,
    /// Sum of everything that was seen.
    pub sum: u64,
}

impl Histogram {
    /// Has seen nothing. `bounds` rise.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Counts a time, in microseconds.
    pub fn observe_time(&self, took: Duration) {
        self.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was seen so far.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        Distribution { bounds: self.bounds, counts, sum: self.sum.load(Relaxed) }
    }
}

/// Counts by two names, each of a fixed list; what is not on a list is counted as `other`.
#[derive(Debug)]
pub struct Table {
    rows: Vec<&'static str>,
    columns: Vec<&'static str>,
    cells: Box<[AtomicU64]>,
}

const OTHER: &str = "other";

impl Table {
    /// Has counted nothing.
    pub fn new(rows: impl IntoIterator<Item = &'static str>, columns: &[&'static str]) -> Self {
        let rows: Vec<_> = rows.into_iter().chain([OTHER]).collect();
        let columns: Vec<_> = columns.iter().copied().chain([OTHER]).collect();
        let cells = (0..rows.len() * columns.len()).map(|_| AtomicU64::new(0)).collect();
        Self { rows, columns, cells }
    }

    /// Counts one.
    pub fn add(&self, row: &str, column: &str) {
        let place = |names: &[&str], wanted: &str| {
            names.iter().position(|name| *name == wanted).unwrap_or(names.len() - 1)
        };
        let cell = place(&self.rows, row) * self.columns.len() + place(&self.columns, column);
        self.cells[cell].fetch_add(1, Relaxed);
    }

    /// Every pair of names with its count; of `other` only what was counted.
    pub fn read(&self) -> Vec<(&'static str, &'static str, u64)> {
        let pairs = self.rows.iter().flat_map(|row| self.columns.iter().map(move |column| (*row, *column)));
        let counted = pairs.zip(&self.cells).map(|((row, column), count)| (row, column, count.load(Relaxed)));
        counted.filter(|(row, column, count)| *count > 0 || (*row != OTHER && *column != OTHER)).collect()
    }
}

/// How many there are at the moment.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

/// One of those that a [`Gauge`] counts, until it is dropped.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Gauge {
    /// Counts one more.
    pub fn enter(&self) -> Counted {
        self.0.fetch_add(1, Relaxed);
        Counted(self.clone())
    }

    /// Says how many there are.
    pub fn set(&self, count: usize) {
        self.0.store(i64::try_from(count).unwrap_or(i64::MAX), Relaxed);
    }

    /// How many there are.
    pub fn read(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// What the actors of a node count.
#[derive(Debug)]
pub struct Meter {
    /// How long commands waited in the mailbox of their organization, in microseconds.
    pub mailbox_wait: Histogram,
    /// Tools that are being worked at.
    pub connections: Gauge,
}

impl Default for Meter {
    fn default() -> Self {
        Self { mailbox_wait: Histogram::new(WORK_US), connections: Gauge::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_land_in_the_bucket_whose_bound_they_do_not_exceed() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1_000] {
            histogram.observe(value);
        }
        let read = histogram.read();
        assert_eq!((read.counts, read.sum), (vec![2, 2, 2], 1_062));
    }

    #[test]
    fn tables_have_a_place_for_everything() {
        let table = Table::new(["a", "b"], &["x"]);
        table.add("a", "x");
        table.add("a", "x");
        table.add("a", "never heard of");
        assert_eq!(table.read(), [("a", "x", 2), ("a", "other", 1), ("b", "x", 0)]);
    }

    #[test]
    fn gauges_forget_who_has_gone() {
        let gauge = Gauge::default();
        let one = gauge.enter();
        drop(gauge.enter());
        assert_eq!(gauge.read(), 1);
        drop(one);
        assert_eq!(gauge.read(), 0);
    }
}
