//! The window of used tokens: five minutes of 1,000 tokens a second, in memory.
use std::time::{Duration, Instant};

use ceven_actors::{
    domain::{audit::Mode, change::Change, id::OrganizationId, okta::UsedToken},
    organization::state::Snapshot,
    ports::Profile,
    revocation::Revocations,
};

use crate::process::own_memory_kib;

const LIVE: usize = 300_000;
const MINUTES_5_MS: i64 = 300_000;

fn token(number: usize) -> UsedToken {
    let at_ms = number as i64;
    UsedToken::new(
        "universal logout",
        "https://load.okta.com",
        &number.to_string(),
        at_ms + MINUTES_5_MS,
        at_ms,
    )
}

/// A duration in microseconds at a place of the sorted list.
fn at(sorted: &[Duration], part: f64) -> f64 {
    let index = ((sorted.len() - 1) as f64 * part) as usize;
    sorted[index].as_secs_f64() * 1e6
}

pub async fn measure() {
    println!("\nused tokens, {LIVE} of them live");
    let before = own_memory_kib();
    let revocations = Revocations::start(LIVE).await.expect("an actor");
    let claims = claim_all(&revocations, 0..LIVE).await;
    let bytes = own_memory_kib().saturating_sub(before) as f64 * 1_024.0 / LIVE as f64;
    // Each one that comes now is later than the end of the one that was first.
    let later = claim_all(&revocations, LIVE..LIVE * 2).await;
    println!(
        "  window: {bytes:.0} bytes each; a claim p50 {:.1} us, p99.9 {:.1} us; while the old ones end p50 {:.1} us, p99.9 {:.1} us, longest {:.0} us",
        at(&claims, 0.5),
        at(&claims, 0.999),
        at(&later, 0.5),
        at(&later, 0.999),
        at(&later, 1.0)
    );
    revocations.stop();

    let profile = Profile {
        id: OrganizationId(uuid::Uuid::nil()),
        slug: "x".into(),
        name: "x".into(),
        domains: vec![],
        mode: Mode::Live,
    };
    let before = own_memory_kib();
    let mut state = Snapshot::new(profile);
    let mut apply = |range: std::ops::Range<usize>| {
        let mut times: Vec<Duration> = range
            .map(|number| {
                let begun = Instant::now();
                state.apply(&Change::Used(token(number)));
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times
    };
    let first = apply(0..LIVE);
    let bytes = own_memory_kib().saturating_sub(before) as f64 * 1_024.0 / LIVE as f64;
    let later = apply(LIVE..LIVE * 2);
    println!(
        "  organization's state: {bytes:.0} bytes each; one p50 {:.1} us; while the old ones end p50 {:.1} us, p99.9 {:.1} us, longest {:.0} us",
        at(&first, 0.5),
        at(&later, 0.5),
        at(&later, 0.999),
        at(&later, 1.0)
    );
    assert!(state.is_used(&token(LIVE * 2 - 1)) && !state.is_used(&token(0)), "what has ended is forgotten");
}

async fn claim_all(revocations: &Revocations, range: std::ops::Range<usize>) -> Vec<Duration> {
    let mut times = Vec::with_capacity(range.len());
    for number in range {
        let begun = Instant::now();
        assert!(revocations.claim(token(number)).await, "a first one is refused");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}
