//! `connector add`, `list`, `check`, `remove`.
use std::{path::PathBuf, sync::Arc};

use ceven_actors::{
    connector::{Field, KINDS, Kind, pass::Outcome},
    domain::{
        connector::Connector,
        id::{ConnectorId, OrganizationId},
    },
    organization::message::{Command, ToolChange},
};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Failure, Output, document, lines, organization};
use crate::{app::App, connectors, store::DatabaseError};

/// Verbs on connected tools.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Connect a tool.
    Add {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Kind of tool.
        #[arg(long, value_parser = kind)]
        kind: String,
        /// What to call it.
        #[arg(long)]
        name: String,
        /// A JSON object with the tool's settings, secrets within; `connector kinds` says which.
        #[arg(long, value_name = "FILE")]
        config_file: PathBuf,
    },
    /// List the kinds of tools, and the settings of each.
    Kinds,
    /// List connected tools.
    List {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
    /// Go up a tool's ladder of checks; nothing is changed there.
    Check {
        /// Id of the connector.
        id: ConnectorId,
        /// Slug of the organization; the one whose tool it is without it.
        #[arg(long)]
        org: Option<String>,
    },
    /// Disconnect a tool.
    Remove {
        /// Id of the connector.
        id: ConnectorId,
        /// Slug of the organization; the one whose tool it is without it.
        #[arg(long)]
        org: Option<String>,
    },
}

fn kind(text: &str) -> Result<String, String> {
    let known: Vec<_> = KINDS.iter().map(|kind| kind.id).collect();
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be one of {}", known.join(", "))),
    }
}

fn kind_view(kind: &Kind) -> Value {
    let fields = kind.fields.iter().map(|field| {
        json!({
            "name": field.name, "title": field.title, "help": field.help, "required": field.required,
            "secret": field.secret, "default": field.default, "options": field.options,
        })
    });
    json!({ "id": kind.id, "title": kind.title, "settings": fields.collect::<Vec<_>>() })
}

fn kinds_text() -> String {
    let of_field = |field: &Field| {
        let must = if field.required { "required" } else { "optional" };
        let secret = if field.secret { ", secret" } else { "" };
        let options =
            if field.options.is_empty() { String::new() } else { format!(" ({})", field.options.join("|")) };
        format!("  {}: {must}{secret}{options}. {}", field.name, field.help)
    };
    let of_kind = |kind: &Kind| {
        let fields = kind.fields.iter().map(of_field);
        std::iter::once(format!("{} ({})", kind.id, kind.title)).chain(fields).collect::<Vec<_>>().join("\n")
    };
    KINDS.iter().map(of_kind).collect::<Vec<_>>().join("\n\n")
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Add { org, kind, name, config_file } => {
            let organization = organization(app, &org).await?;
            let settings = read(&config_file)?;
            let record = connectors::record(app, organization.id, None, (&kind, &name), settings);
            let record = Arc::new(record.map_err(|error| Failure::Failed(error.to_string()))?);
            app.fresh(organization.id).await?;
            let command = Command::SetConnector { change: ToolChange::added(record.clone()) };
            app.execute(organization.id, command, app.operator()).await?;
            Ok(document(record.view(), format!("Connected {} ({}).", record.name, record.id)))
        }
        Verb::Kinds => Ok(document(KINDS.iter().map(kind_view).collect(), kinds_text())),
        Verb::List { org } => {
            let organization = organization(app, &org).await?;
            let snapshot = app.fresh(organization.id).await?;
            let text = lines(
                snapshot.connectors().map(|one| format!("{}\t{}\t{}", one.id, one.kind, one.name)).collect(),
                "No tools are connected.",
            );
            Ok(document(snapshot.connectors().map(|one| one.view()).collect(), text))
        }
        Verb::Check { id, org } => {
            let (organization, connector) = find(app, org.as_deref(), id).await?;
            let steps = connectors::check(app, organization, &connector).await;
            let steps = steps.map_err(|error| Failure::Check(error.to_string()))?;
            let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
            let text = lines(
                steps
                    .iter()
                    .map(|step| {
                        let sign = if failed(&step.outcome) { "FAILED" } else { "ok" };
                        format!("{sign}\t{}\t{}\t{}", step.title(), step.outcome.words(), step.explain())
                    })
                    .collect(),
                "This tool has no checks.",
            );
            let json = json!({ "checks": steps });
            match steps.iter().any(|step| failed(&step.outcome)) {
                true => Ok(Output::Failed { json, text }),
                false => Ok(document(json, text)),
            }
        }
        Verb::Remove { id, org } => {
            let (organization, connector) = find(app, org.as_deref(), id).await?;
            app.execute(organization, Command::RemoveConnector { id }, app.operator()).await?;
            Ok(document(json!({ "id": id, "removed": true }), format!("Disconnected {}.", connector.name)))
        }
    }
}

async fn find(
    app: &App,
    org: Option<&str>,
    id: ConnectorId,
) -> Result<(OrganizationId, Arc<Connector>), Failure> {
    let unknown = || Failure::Failed(format!("no tool {id} is connected"));
    let organization = match org {
        Some(slug) => organization(app, slug).await?.id,
        None => app.store.connector_owner(id).await.map_err(DatabaseError::from)?.ok_or_else(unknown)?,
    };
    let connector = app.fresh(organization).await?.connector(id).cloned();
    Ok((organization, connector.ok_or_else(unknown)?))
}

fn read(file: &std::path::Path) -> Result<Map<String, Value>, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| Failure::Failed(format!("{shown}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::Failed(format!("{shown}: {error}")))
}
