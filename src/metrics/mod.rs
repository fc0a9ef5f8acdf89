//! `/metrics`: what a node counts, as OpenMetrics text.
//!
//! 1. Each part of the node counts for itself, with atomic additions only; it is put together here when it is asked for.
//! 2. No label names an organization or a person, and none takes a value from outside: their number is bounded.
//! 3. A database that does not answer costs a scrape the numbers that only it knows, nothing else.
use std::sync::atomic::Ordering;

use ceven_actors::meter::{Histogram, Table};
use prometheus_client::registry::Unit;

mod process;
pub mod requests;
mod text;

use crate::app::App;
use requests::Requests;
use text::{Family, Labels};

/// Media type of the answer (OpenMetrics 1.0).
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What nobody else counts.
pub struct Metrics {
    /// Requests at the public listener.
    pub requests: Requests,
    /// What came of Okta's tokens: kind of token, verdict.
    pub okta: Table,
}

impl Default for Metrics {
    fn default() -> Self {
        let verdicts = [
            "accepted",
            "already",
            "unknown_subject",
            "ambiguous",
            "malformed",
            "switched_off",
            "refused",
            "replayed",
            "unreadable",
            "limited",
            "busy",
            "unavailable",
        ];
        Self {
            requests: Requests::default(),
            okta: Table::new(["universal_logout", "security_event"], &verdicts),
        }
    }
}

fn labels<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    labels.map(|(name, value)| (name, value.to_owned())).into()
}

fn table(names: (&'static str, &'static str), table: &Table) -> Vec<(Labels, f64)> {
    let all = table.read().into_iter();
    all.map(|(row, column, count)| (labels([(names.0, row), (names.1, column)]), count as f64)).collect()
}

fn time(name: &'static str, help: &'static str, histogram: &Histogram) -> Family {
    Family::times(name, help, vec![(labels([]), histogram.read())])
}

fn size(name: &'static str, help: &'static str, histogram: &Histogram) -> Family {
    Family::sizes(name, help, vec![(labels([]), histogram.read())])
}

fn one(value: f64) -> Vec<(Labels, f64)> {
    vec![(labels([]), value)]
}

/// Everything that is counted, at this moment.
///
/// # Errors
/// None in practice: writing to a text does not fail.
pub async fn scrape(app: &App) -> Result<String, std::fmt::Error> {
    let mut families = of_requests(app);
    families.extend(of_organizations(app));
    families.extend(of_store(app));
    families.extend(of_offboardings(app).await);
    families.extend(of_access(app));
    families.extend(of_process());
    text::encode(families)
}

fn of_requests(app: &App) -> Vec<Family> {
    let (mut counts, mut times) = (Vec::new(), Vec::new());
    for (pattern, method, statuses, took) in app.metrics.requests.read() {
        times.push((labels([("route", pattern), ("method", method)]), took));
        counts.extend(statuses.into_iter().map(|(status, count)| {
            (labels([("route", pattern), ("method", method), ("status", status)]), count as f64)
        }));
    }
    vec![
        Family::counter("ceven_http_requests", "Requests answered at the public listener.", counts),
        Family::times("ceven_http_request_duration", "Until the answer began.", times),
    ]
}

fn of_organizations(app: &App) -> Vec<Family> {
    let (usual, reserved) = app.directory.permits_in_use();
    let meter = app.directory.meter();
    let actors = vec![
        (labels([("kind", "organization")]), app.directory.len() as f64),
        (labels([("kind", "connection")]), meter.connections.read() as f64),
    ];
    let permits =
        vec![(labels([("kind", "usual")]), usual as f64), (labels([("kind", "reserved")]), reserved as f64)];
    let held = one(app.revocations.held() as f64);
    vec![
        time("ceven_mailbox_wait", "How long commands waited for their organization.", &meter.mailbox_wait),
        Family::gauge(
            "ceven_permits_in_use",
            "Commands waiting at or being written for organizations.",
            permits,
        ),
        Family::gauge("ceven_actors", "Organizations in memory, and tools being worked at.", actors),
        Family::gauge("ceven_revocation_claims", "Tokens of Okta remembered as used.", held),
    ]
}

fn of_store(app: &App) -> Vec<Family> {
    let (journal, freshness) = (app.store.meter(), app.freshness.meter());
    let unchanged = one(freshness.unchanged.load(Ordering::Relaxed) as f64);
    vec![
        size("ceven_journal_batch_units", "Commands written in one transaction.", &journal.batch),
        time("ceven_journal_commit", "How long a transaction of the journal took.", &journal.commit),
        time(
            "ceven_freshness_query",
            "How long the database took to say how far organizations are.",
            &freshness.query,
        ),
        size("ceven_freshness_shared", "Requests that shared such a query.", &freshness.shared),
        Family::counter("ceven_freshness_unchanged", "Requests that needed no such query.", unchanged),
        Family::counter(
            "ceven_scim_log_dropped",
            "SCIM requests that were not logged because too many waited.",
            one(app.scim_log.dropped() as f64),
        ),
    ]
}

async fn of_offboardings(app: &App) -> Vec<Family> {
    let meter = app.store.meter();
    let mut families = vec![
        Family::counter(
            "ceven_tasks_ended",
            "Tools' parts of offboardings that left the state waiting, on this node.",
            table(("tool", "state"), &meter.tasks),
        ),
        time("ceven_time_to_revoke", "From the request until the last tool was done.", &meter.revoke),
        Family::counter(
            "ceven_outgoing_requests",
            "Requests to tools and issuers.",
            table(("service", "outcome"), &app.sent.outcomes),
        ),
        Family::times(
            "ceven_outgoing_request_duration",
            "How long they took.",
            app.sent.times().map(|(service, took)| (labels([("service", service)]), took.read())).collect(),
        ),
    ];
    let read = tokio::time::timeout(app.settings.database_timeout(), app.store.open_tasks()).await;
    if let Ok(Ok(open)) = read {
        let open = open.into_iter();
        let open =
            open.map(|(kind, state, count)| (labels([("tool", &kind), ("state", &state)]), count as f64));
        let help = "Tools' parts of offboardings that are not done, of all nodes.";
        families.push(Family::gauge("ceven_tasks", help, open.collect())); // (3)
    }
    families
}

fn of_access(app: &App) -> Vec<Family> {
    let waiting = one(app.access.waiting.read() as f64);
    vec![
        Family::gauge("ceven_argon2_waiting", "argon2id computations that wait for their turn.", waiting),
        time("ceven_argon2_wait", "How long they waited.", &app.access.wait),
        time("ceven_argon2", "How long they took.", &app.access.computation),
        Family::counter(
            "ceven_sign_ins",
            "Attempts to sign in.",
            table(("method", "outcome"), &app.sign_in.outcomes),
        ),
        Family::counter(
            "ceven_okta_tokens",
            "Tokens of Okta that ask for something.",
            table(("kind", "verdict"), &app.metrics.okta),
        ),
    ]
}

fn of_process() -> Vec<Family> {
    let version = vec![(labels([("version", env!("CARGO_PKG_VERSION"))]), 1.0)];
    let mut families = vec![Family::gauge("ceven_build", "The version that runs.", version)];
    families
        .extend(process::read().into_iter().map(|(name, help, value)| Family::gauge(name, help, one(value))));
    if let Some(secs) = process::cpu_secs() {
        let cpu = Family::counter("process_cpu", "Processor time.", one(secs));
        families.push(cpu.in_unit(Unit::Seconds));
    }
    families
}
