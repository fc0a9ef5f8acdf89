//! `audit export`, `audit verify`.
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use ceven_actors::domain::audit::Verifier;
use clap::Subcommand;

use super::{Failure, Output, organization};
use crate::{app::App, store::audit_log::AuditFilter};

/// Lines read from the database at a time: an export of any length takes the same memory.
const PAGE: u64 = 1_000;

/// Verbs on the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the log as NDJSON, oldest first.
    Export {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Begin after this number.
        #[arg(long, default_value_t = 0)]
        after_seq: u64,
    },
    /// Verify an export, offline: exit code 5 when its chain is broken.
    Verify {
        /// The export; - for standard input.
        file: PathBuf,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Export { org, after_seq } => export(app, &org, after_seq).await,
        Verb::Verify { file } => verify(&file, false),
    }
}

async fn export(app: &App, org: &str, mut after_seq: u64) -> Result<Output, Failure> {
    let organization = organization(app, org).await?.id;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    loop {
        let all = AuditFilter::default();
        let page = app.store.audit_page(organization, &all, after_seq, u64::MAX, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after_seq = *last;
        for (_, line) in &page {
            writeln!(out, "{line}").map_err(|error| Failure::Failed(error.to_string()))?;
        }
    }
    out.flush().map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(Output::Printed)
}

pub(super) fn verify(file: &Path, json: bool) -> Result<Output, Failure> {
    let unreadable = |error: std::io::Error| Failure::Failed(format!("{}: {error}", file.display()));
    let mut input: Box<dyn std::io::Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(file).map_err(unreadable)?),
    };
    let mut verifier = Verifier::default();
    for line in BufReader::new(&mut input).split(b'\n') {
        verifier.line(&String::from_utf8_lossy(&line.map_err(unreadable)?));
    }
    let report = verifier.finish();
    let range = report
        .first_seq
        .zip(report.last_seq)
        .map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
    let text = format!(
        "{} entries verified{range}{}.",
        report.entries,
        if report.contiguous { "" } else { "; some are left out" }
    );
    let document = serde_json::to_value(&report).unwrap_or_default();
    match (report.broken_at, report.reason) {
        (Some(at), Some(reason)) => {
            println!("{}", if json { document.to_string() } else { text });
            Err(Failure::Check(format!("the chain is broken at entry {at}: {reason}")))
        }
        _ => Ok(super::document(document, text)),
    }
}
