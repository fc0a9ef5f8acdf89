//! `okta stream create`, `status`, `verify`, `delete`.
use std::{path::PathBuf, time::Duration};

use ceven_actors::{connector::event_stream::Status, domain::okta::Stream};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Output, document, okta::read_secret, organization};
use crate::{
    app::App,
    event_stream::{self, Credentials, StreamError},
};

/// How often it is looked whether a verification has come.
const LOOK: Duration = Duration::from_millis(250);

/// Which organization.
#[derive(Debug, Args)]
pub(super) struct Org {
    /// Slug of the organization.
    #[arg(long)]
    org: String,
}

/// Verbs on the event stream.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Register the stream at the tenant, or find it again.
    Create {
        #[command(flatten)]
        org: Org,
        /// Client id of a service app with ssf.manage and ssf.read.
        #[arg(long, requires = "api_key_file", conflicts_with = "access_token_stdin")]
        api_client_id: Option<String>,
        /// Its private key, RSA in PEM.
        #[arg(long, requires = "api_client_id", value_name = "FILE")]
        api_key_file: Option<PathBuf>,
        /// The kid of that key, when the app has several.
        #[arg(long, requires = "api_client_id")]
        api_key_id: Option<String>,
        /// Read an access token from standard input instead.
        #[arg(long)]
        access_token_stdin: bool,
    },
    /// Ask the tenant how the stream stands.
    Status {
        #[command(flatten)]
        org: Org,
    },
    /// Ask the tenant for a verification event.
    Verify {
        #[command(flatten)]
        org: Org,
        /// Wait until it has come, for so many seconds at most; exit 5 when it has not.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
        wait: Option<u64>,
    },
    /// Delete the stream at the tenant.
    Delete {
        #[command(flatten)]
        org: Org,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Create { org, api_client_id, api_key_file, api_key_id, access_token_stdin } => {
            let credentials = match (api_client_id, api_key_file) {
                (Some(client_id), Some(file)) => {
                    let read = std::fs::read_to_string(&file);
                    let private_key =
                        read.map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
                    Some(Credentials::ServiceApp { client_id, key_id: api_key_id, private_key })
                }
                _ if access_token_stdin => Some(Credentials::AccessToken(read_secret()?)),
                _ => None,
            };
            let organization = organization(app, &org.org).await?;
            let stream = event_stream::create(app, organization.id, credentials, app.operator()).await?;
            Ok(document(stream.view(), format!("The stream {} sends its events to {}.", stream.id, org.org)))
        }
        Verb::Status { org } => {
            let organization = organization(app, &org.org).await?;
            let Status { stream, status, reason } = event_stream::status(app, organization.id).await?;
            let text = format!(
                "{}: {status}{}\n{}",
                stream.id,
                reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default(),
                stream.events.join("\n")
            );
            let view = json!({ "id": stream.id, "status": status, "reason": reason, "events": stream.events,
                "audiences": stream.audiences, "endpoint_url": stream.endpoint_url });
            Ok(document(view, text))
        }
        Verb::Verify { org, wait } => verify(app, &org.org, wait).await,
        Verb::Delete { org } => {
            let organization = organization(app, &org.org).await?;
            event_stream::delete(app, organization.id, app.operator()).await?;
            Ok(document(json!({ "deleted": true }), format!("{} has no event stream any more.", org.org)))
        }
    }
}

async fn verify(app: &App, org: &str, wait: Option<u64>) -> Result<Output, Failure> {
    let organization = organization(app, org).await?.id;
    event_stream::verify(app, organization, app.operator()).await?;
    let Some(secs) = wait else {
        let text = "The tenant was asked for a verification event.".to_owned();
        return Ok(document(json!({ "asked": true }), text));
    };
    let until_ms = app.clock.now_ms().saturating_add_unsigned(secs.saturating_mul(1_000));
    loop {
        let snapshot = app.fresh(organization).await?;
        let stream = snapshot.okta().and_then(|okta| okta.stream.as_ref());
        let stream: &Stream = stream.ok_or(StreamError::NoStream)?;
        if stream.asked.is_none() {
            return Ok(document(stream.view(), "The verification event has come.".into()));
        }
        if app.clock.now_ms() >= until_ms {
            return Err(Failure::Check(format!("no verification event has come within {secs} s")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Organization(error) => error.into(),
            StreamError::Transmitter(_) => Self::Check(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}
