//! `dev`: everything on this machine, to look around and to see the main job done.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ceven_actors::{connector::pass::Outcome, domain::offboarding::Status};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Failure, Output, document};
use crate::{
    dev::run::{Dev, RunError},
    http::api::offboarding_view,
};

/// What is played.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scenario {
    /// Someone leaves: every tool is told and read back.
    Offboard,
}

/// How it runs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Address and port of the console; the loopback only.
    #[arg(long, default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// Play a scenario.
    #[arg(long)]
    scenario: Option<Scenario>,
    /// Exit when the scenario is over: 0 when it came out well, 5 when not.
    #[arg(long, requires = "scenario")]
    once: bool,
    /// Write the evidence of the scenario's offboarding to a file.
    #[arg(long, requires = "scenario", value_name = "FILE")]
    evidence: Option<PathBuf>,
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<Output, Failure> {
    let dev = Dev::start(arguments.listen).await?;
    if !arguments.once {
        eprintln!("{}", dev.welcome());
    }
    let played = match arguments.scenario {
        Some(Scenario::Offboard) => Some(offboard(&dev, arguments.evidence.as_deref()).await?),
        None => None,
    };
    if !arguments.once {
        if let Some((_, text, _)) = &played {
            eprintln!("{text}");
        }
        let _ = tokio::signal::ctrl_c().await;
    }
    dev.stop().await;
    match played {
        Some((view, text, true)) => Ok(document(view, text)),
        Some((_, text, false)) => Err(Failure::Check(text)),
        None => Ok(Output::Printed),
    }
}

/// The document, the waterfall in words, and whether everyone is out of everywhere.
async fn offboard(dev: &Dev, evidence: Option<&Path>) -> Result<(serde_json::Value, String, bool), Failure> {
    let (one, tasks) = dev.offboard("dana@acme.example").await?;
    if let Some(file) = evidence {
        dev.write_evidence(&one, &tasks, file).await?;
    }
    let begun_ms = one.begun_ms.unwrap_or(one.asked_ms);
    let mut lines = vec![format!("{} leaves: {}", one.user_name, one.status.name())];
    for task in &tasks {
        let ended_ms = task.tries.last().map_or(begun_ms, |last| last.ended_ms);
        lines.push(format!(
            "{:<22} {:<16} {:>6} ms  {} tries",
            task.name,
            task.state.name(),
            ended_ms - begun_ms,
            task.attempt
        ));
        lines.extend(task.steps.iter().map(|step| {
            let outcome = match &step.outcome {
                Outcome::Failed(failure) => format!("failed: {}", json!(failure)),
                other => json!(other)["status"].as_str().unwrap_or_default().to_owned(),
            };
            format!("    {:<20} {outcome}", step.name)
        }));
    }
    Ok((offboarding_view(&one, &tasks), lines.join("\n"), one.status == Status::Done))
}
