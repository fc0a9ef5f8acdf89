//! The server as a whole: its configuration, its database, its disk, and its place in the network.
use std::{path::Path, sync::Arc};

use ceven_actors::clock::Clock;

use super::{Finding, Round, is_well, outside};
use crate::{
    app::{App, StartError},
    config::Settings,
    store::{
        condition::{Condition, Migrations},
        sqlite_file,
    },
};

/// Below this the database is about to stop.
const NO_SPACE_BYTES: u64 = 256 * 1_024 * 1_024;
const LITTLE_SPACE_BYTES: u64 = 2 * 1_024 * 1_024 * 1_024;

/// Looks at everything that concerns no single organization. `own` is what servers of this database call themselves,
/// when that is known; `condition` the way to the database, when there is one.
pub async fn look(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    condition: Result<&Condition, Finding>,
    own: Option<&str>,
) -> Vec<Finding> {
    let mut round = Round::default();
    round.add("configuration", async { configuration(settings, clock) });
    match condition {
        Ok(condition) => round.add("database", database(condition, clock)),
        Err(finding) => round.add("database", async { vec![finding] }),
    }
    round.add("disk", async { vec![disk(&settings.database.url)] });
    round.add("public address", outside::look(settings, clock, own));
    round.findings().await
}

/// The same as far as an admin of one organization may know it: whether it is well, and nothing about how it is made.
pub async fn look_from_inside(app: &App) -> Vec<Finding> {
    let mut round = Round::default();
    round.add("database", async {
        vec![match app.store.ping().await {
            Ok(()) => Finding::well("database", "The database answers."),
            Err(_) => {
                Finding::failed("database", "The database does not answer.", "Tell whoever runs this server.")
            }
        }]
    });
    round.add("public address", async {
        let own = app.instance();
        let all = outside::look(&app.settings, &app.clock, Some(&own)).await;
        all.into_iter()
            .map(|finding| Finding {
                remedy: finding
                    .remedy
                    .map(|_| "Tell whoever runs this server: `ceven doctor` says more.".into()),
                ..finding
            })
            .filter(|finding| finding.name != "edge")
            .collect()
    });
    round.findings().await
}

fn configuration(settings: &Settings, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let mut findings = vec![Finding::well("configuration", "Every setting can be read.")];
    findings.push(match settings.secret_box(&**clock) {
        Ok(_) => Finding::well("master key", "The key of stored secrets is there."),
        Err(error) => Finding::failed(
            "master key",
            format!("{error}."),
            "Give 32 bytes in base64 as CEVEN_SECURITY__MASTER_KEY_FILE: `ceven init` makes such a file.",
        ),
    });
    if let Err(error) = settings.guard() {
        findings.push(Finding::failed(
            "outgoing addresses",
            format!("{error}."),
            "Write ranges such as 10.1.2.0/24 into security.outbound_allow.",
        ));
    }
    let is_open = !settings.server.listen.ip().is_loopback();
    if is_open
        && settings.security.trusted_proxies.is_empty()
        && settings.server.public_url.starts_with("https://")
    {
        findings.push(Finding::doubtful(
            "listener",
            format!(
                "{} listens beyond this machine, without TLS and without a proxy it believes.",
                settings.server.listen
            ),
            "Listen on the loopback or a private network, and name the proxy in security.trusted_proxies.",
        ));
    }
    if !settings.admin.listen.ip().is_loopback() {
        findings.push(Finding::doubtful(
            "admin listener",
            format!("{} asks nobody who they are, and is not on the loopback.", settings.admin.listen),
            "Listen on 127.0.0.1, or on an address that only the monitoring reaches.",
        ));
    }
    findings
}

/// What keeps a node from starting on a database that is in order.
pub fn unstarted(error: &StartError) -> Finding {
    let remedy = "Mend it, and look again: what concerns organizations could not be looked at.";
    Finding::failed("start", format!("A server could not start: {error}."), remedy)
}

/// A way to the database, or what stands in it.
///
/// # Errors
/// The finding.
pub async fn reach(settings: &Settings) -> Result<Condition, Finding> {
    let connected = Condition::connect(&settings.database.url, settings.database_timeout()).await;
    connected.map_err(|error| {
        let remedy = match sqlite_file(&settings.database.url) {
            Some(file) if !Path::new(file).exists() => {
                return Finding::doubtful("database", format!("{file} does not exist yet."), "`ceven serve` or `ceven migrate` makes it.");
            }
            Some(_) => "See that the file is a database, and may be read and written by this account.",
            None => "See that CEVEN_DATABASE__URL is right, that PostgreSQL runs, and that it lets this account in from here.",
        };
        Finding::failed("database", format!("It cannot be reached: {error}."), remedy)
    })
}

async fn database(condition: &Condition, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let failed = |error: &dyn std::fmt::Display| {
        Finding::failed("database", format!("{error}."), "See the database's own log.")
    };
    let mut findings = vec![Finding::well(
        "database",
        if condition.is_sqlite() { "SQLite answers." } else { "PostgreSQL answers." },
    )];
    match condition.migrations().await {
        Ok(migrations) => findings.push(tables(&migrations)),
        Err(error) => return vec![failed(&error)],
    }
    if !is_well(&findings) {
        return findings;
    }
    findings.push(match (condition.is_replica().await, condition.write().await) {
        (Ok(false), Ok(())) => Finding::well("writing", "Rows can be written."),
        (Ok(true), _) => Finding::failed(
            "writing",
            "This is a replica.",
            "Name the primary in CEVEN_DATABASE__URL: a replica may not know of a revocation yet.",
        ),
        (Err(error), _) | (_, Err(error)) => Finding::failed(
            "writing",
            format!("Nothing can be written: {error}."),
            "See that the disk has space and that this account may write.",
        ),
    });
    findings.push(match condition.stamp().await.as_ref().map(Option::as_deref) {
        Ok(Some("live") | None) => Finding::well("stamp", "The people of this database are real."),
        Ok(_) => Finding::failed(
            "stamp",
            "This database belongs to `ceven dev`.",
            "Give `ceven serve` a database of its own.",
        ),
        Err(error) => failed(error),
    });
    findings.push(match condition.durability().await {
        Ok(durability) if durability.is_durable => Finding::well(
            "durability",
            format!("What is acknowledged survives a loss of power ({}).", durability.said),
        ),
        Ok(durability) => Finding::failed(
            "durability",
            format!("What is acknowledged may be lost with the power ({}).", durability.said),
            "Set fsync and synchronous_commit on: a revocation that was confirmed must not come undone.",
        ),
        Err(error) => failed(&error),
    });
    if let Ok(Some(theirs_ms)) = condition.clock_ms().await {
        findings.push(outside::of_clocks("database clock", "the database", clock.now_ms() - theirs_ms));
    }
    findings
}

fn tables(Migrations { missing, later }: &Migrations) -> Finding {
    match (missing.as_slice(), later.as_slice()) {
        ([], []) => Finding::well("migrations", "The tables are up to date."),
        (missing, []) => Finding::failed(
            "migrations",
            format!("{} are missing: {}.", missing.len(), missing.join(", ")),
            "Run `ceven migrate`, or start `ceven serve`, which does.",
        ),
        (_, later) => Finding::failed(
            "migrations",
            format!(
                "A later Ceven has brought the tables up to date: {} is not known here.",
                later.join(", ")
            ),
            "Run the later one, or restore a backup from before the upgrade.",
        ),
    }
}

fn disk(url: &str) -> Finding {
    let Some(file) = sqlite_file(url) else {
        return Finding::skipped("disk", "The data is at PostgreSQL's, whose disk is not seen from here.");
    };
    let folder =
        Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let free = match rustix::fs::statvfs(folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            return Finding::failed(
                "disk",
                format!("{} cannot be looked at: {error}.", folder.display()),
                "Make the folder of the database, and let this account in.",
            );
        }
    };
    let found = format!("{} has {} MiB free.", folder.display(), free / 1_024 / 1_024);
    let remedy = "Make space: when none is left nothing can be written, offboardings neither.";
    match free {
        NO_SPACE_BYTES.. if free >= LITTLE_SPACE_BYTES => Finding::well("disk", found),
        NO_SPACE_BYTES.. => Finding::doubtful("disk", found, remedy),
        _ => Finding::failed("disk", found, remedy),
    }
}
