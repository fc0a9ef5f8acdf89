//! `dev`: everything on this machine, to look around and to see the main job done.
use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{Failure, Output, document, print};
use crate::{
    boot::stop_signal,
    dev::{
        run::{Dev, Options, RunError},
        scenario::{Scenario, Story, play},
        screen,
    },
};

/// How it runs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Address and port of the console; the loopback only. The simulators take the ports after it.
    #[arg(long, default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// Keep the data in this file, for the next run; without it, it goes with the process.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Play a scenario.
    #[arg(long, value_name = "NAME")]
    scenario: Option<Scenario>,
    /// Exit when the scenario is over: 0 when everything turned out as told, 5 when not.
    #[arg(long, requires = "scenario")]
    once: bool,
    /// Write the evidence of the scenario's offboarding to a file.
    #[arg(long, requires = "scenario", value_name = "FILE")]
    evidence: Option<PathBuf>,
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Real(text) => Self::Config(text),
            RunError::Failed(text) => Self::Failed(text),
        }
    }
}

pub(super) async fn run(arguments: Arguments, json: bool) -> Result<Output, Failure> {
    let Arguments { listen, data, scenario, once, evidence } = arguments;
    let dev = Dev::start(Options { listen, data }).await?;
    if !once {
        print(&if json { screen::view(&dev).to_string() } else { screen::text(&dev) })?;
    }
    let story = match scenario {
        Some(scenario) => Some(play(&dev, scenario).await),
        None => None,
    };
    let written = story.as_ref().map_or(Ok(()), |story| write_evidence(story, evidence));
    if !once {
        if let Some(story) = &story {
            eprintln!("\n{}", story.text());
        }
        stop_signal().await;
    }
    dev.stop().await;
    written?;
    match story.filter(|_| once) {
        None => Ok(Output::Printed),
        Some(story) if story.holds() => Ok(document(story.view(), story.text())),
        Some(story) => {
            print(&if json { story.view().to_string() } else { story.text() })?;
            Err(Failure::Check(story.verdict()))
        }
    }
}

fn write_evidence(story: &Story, file: Option<PathBuf>) -> Result<(), Failure> {
    match (file, &story.evidence) {
        (None, _) => Ok(()),
        (Some(file), Some(evidence)) => std::fs::write(&file, evidence)
            .map_err(|error| Failure::Failed(format!("{}: {error}", file.display()))),
        (Some(_), None) => Err(Failure::Failed("this scenario has no evidence".to_owned())),
    }
}
