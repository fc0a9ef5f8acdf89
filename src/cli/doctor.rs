//! `doctor`: every check with what was found and what to do; exit code 5 when one has failed.
use std::{net::SocketAddr, sync::Arc};

use ceven_actors::clock::{Clock, SystemClock};
use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Output, document};
use crate::{
    app::{App, Role},
    config::Settings,
    doctor::{Finding, State, instance, is_well, organization},
};

/// What is looked at.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Slug of one organization; without it every organization is looked at.
    #[arg(long)]
    org: Option<String>,
}

pub(super) async fn run(settings: Settings, arguments: Arguments) -> Result<Output, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let condition = instance::reach(&settings).await;
    let is_complete = match &condition {
        Ok(condition) => condition.migrations().await.is_ok_and(|migrations| migrations.are_complete()),
        Err(_) => false,
    };
    // Starting a node would bring the tables up to date, which is not a doctor's to do.
    let app = match is_complete {
        true => {
            let bound = SocketAddr::from(([127, 0, 0, 1], 0));
            App::start(settings.clone(), clock.clone(), bound, Role::CommandLine).await.map(Some)
        }
        false => Ok(None),
    };
    let (app, unstarted) = match app {
        Ok(app) => (app, None),
        Err(error) => (None, Some(instance::unstarted(&error))),
    };
    let own = app.as_ref().map(App::instance);
    let reached = condition.as_ref().map_err(Clone::clone);
    let mut findings = instance::look(&settings, &clock, reached, own.as_deref()).await;
    findings.extend(unstarted);
    if let Some(app) = app {
        findings.extend(organizations(&app, arguments.org.as_deref()).await?);
        app.stop().await;
    }
    if let Ok(condition) = condition {
        condition.close().await;
    }
    Ok(told(&findings))
}

async fn organizations(app: &App, slug: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let profiles = match slug {
        Some(slug) => vec![super::organization(app, slug).await?],
        None => app.store.organizations().await?,
    };
    let mut findings = Vec::new();
    for profile in profiles {
        let snapshot = app.fresh(profile.id).await?;
        findings.extend(organization::look(app, &snapshot, &format!("{}: ", profile.slug)).await);
    }
    Ok(findings)
}

fn told(findings: &[Finding]) -> Output {
    let ok = is_well(findings);
    let json = json!({ "ok": ok, "checks": findings.iter().map(Finding::view).collect::<Vec<Value>>() });
    let lines = findings.iter().map(|finding| {
        let remedy = finding.remedy.iter().map(|remedy| format!("\n{:>10}{remedy}", "")).collect::<String>();
        format!("{:<9} {}: {}{remedy}", mark(finding.state), finding.name, finding.found)
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    if ok { document(json, text) } else { Output::Failed { json, text } }
}

const fn mark(state: State) -> &'static str {
    match state {
        State::Well => "ok",
        State::Doubtful => "WARNING",
        State::Failed => "FAILED",
        State::Skipped => "-",
    }
}
