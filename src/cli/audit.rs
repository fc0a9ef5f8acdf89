//! `audit export`, `audit evidence`, `audit verify`.
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use ceven_actors::domain::audit::{Earlier, Report};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Output, document, organization, print, printed};
use crate::{
    app::App,
    evidence::{
        export::Export,
        pack::Pack,
        verify::{self, Verified, VerifyError},
    },
    store::audit_log::AuditFilter,
};

/// Verbs on the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the log as NDJSON, oldest first; the last line is a signed head.
    Export {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Begin after this number.
        #[arg(long, default_value_t = 0)]
        after_seq: u64,
    },
    /// Write the signed evidence of one offboarding as a ZIP file.
    Evidence {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Id of the offboarding.
        id: String,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify an export, a report or a pack of evidence, offline: exit code 5 when something is wrong with it.
    Verify(VerifyArguments),
}

/// What is verified, and what is known of it.
#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The export, the report or the pack; - for standard input.
    file: PathBuf,
    /// The public key that must have signed it, in base64: `audit verify` names it, and so does /app/settings.
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// An earlier export: everything in it must still be so.
    #[arg(long, value_name = "EXPORT")]
    earlier: Option<PathBuf>,
}

/// A key that was cut off must not look like evidence of somebody else's.
fn key(text: &str) -> Result<String, String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.len() == 32 => Ok(text.to_owned()),
        _ => Err("must be 32 bytes in base64".into()),
    }
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Export { org, after_seq } => export(app, &org, after_seq).await,
        Verb::Evidence { org, id, out } => evidence(app, &org, &id, &out).await,
        Verb::Verify(arguments) => verify(&arguments, false),
    }
}

async fn export(app: &App, org: &str, after_seq: u64) -> Result<Output, Failure> {
    let snapshot = app.fresh(organization(app, org).await?.id).await?;
    let mut export = Export::new(&snapshot, AuditFilter::default(), after_seq, app.clock.now_ms());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some(lines) = export.next(&app.store, &app.signing).await? {
        if let Err(error) = out.write_all(lines.as_bytes()) {
            return printed(Err(error)).map(|()| Output::Printed);
        }
    }
    printed(out.flush()).map(|()| Output::Printed)
}

async fn evidence(app: &App, org: &str, id: &str, out: &Path) -> Result<Output, Failure> {
    let snapshot = app.fresh(organization(app, org).await?.id).await?;
    let missing = || Failure::Failed(format!("there is no offboarding {id}"));
    let parsed = id.parse().map_err(|_| missing())?;
    let found = app.store.offboarding(snapshot.profile().id, parsed).await;
    let found = found.map_err(|error| Failure::Database(error.to_string()))?;
    let (one, tasks) = found.ok_or_else(missing)?;
    let zip = Pack::gather(app, &snapshot, &one, &tasks).await?.zip();
    let zip = zip.map_err(|error| Failure::Failed(error.to_string()))?;
    std::fs::write(out, zip).map_err(|error| unreadable(out, &error))?;
    let text = format!("{} has the evidence of {} ({}).", out.display(), one.user_name, one.status.name());
    Ok(document(json!({ "offboarding_id": one.id, "status": one.status, "file": out }), text))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", file.display()))
}

pub(super) fn verify(arguments: &VerifyArguments, json: bool) -> Result<Output, Failure> {
    let file = arguments.file.as_path();
    let earlier = earlier(arguments)?;
    let verified = match file.to_str() {
        Some("-") => verify::any(std::io::stdin().lock(), earlier),
        _ => {
            let input = File::open(file).map_err(|error| unreadable(file, &error))?;
            verify::any(BufReader::new(input), earlier)
        }
    };
    match verified {
        Ok(Verified::Log(report)) => told(&report, json),
        Ok(Verified::Leavers(leavers, key)) => {
            let text = format!("A report of {leavers} leavers; signed by {key}.");
            Ok(document(json!({ "ok": true, "leavers": leavers, "key": key }), text))
        }
        Err(VerifyError::Unreadable(error)) => Err(unreadable(file, &error)),
        Err(VerifyError::Wrong(why)) => Err(Failure::Check(why)),
    }
}

fn earlier(arguments: &VerifyArguments) -> Result<Earlier, Failure> {
    let known = match &arguments.earlier {
        None => Earlier::default(),
        Some(file) => {
            let input = File::open(file).map_err(|error| unreadable(file, &error))?;
            let last = BufReader::new(input).lines().last().transpose();
            let last = last.map_err(|error| unreadable(file, &error))?.unwrap_or_default();
            Earlier::from_head(&last)
                .ok_or_else(|| Failure::Check(format!("{} does not end in a signed head", file.display())))?
        }
    };
    Ok(Earlier { key: arguments.key.clone().or(known.key), ..known })
}

fn told(report: &Report, json: bool) -> Result<Output, Failure> {
    let range = report
        .first_seq
        .zip(report.last_seq)
        .map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
    let text = format!(
        "{} entries verified{range}{}{}.",
        report.entries,
        if report.contiguous { "" } else { "; some are left out" },
        report.key.as_ref().map_or(String::new(), |key| format!("; signed by {key}")),
    );
    let document = serde_json::to_value(report).unwrap_or_default();
    match (report.broken_at, report.reason) {
        (Some(at), Some(reason)) => {
            print(&if json { document.to_string() } else { text })?;
            Err(Failure::Check(format!("the chain is broken at entry {at}: {reason}")))
        }
        _ => Ok(super::document(document, text)),
    }
}
