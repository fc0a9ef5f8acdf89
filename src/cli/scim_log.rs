//! `scim-log export`.
use std::io::Write as _;

use ceven_actors::clock::rfc3339;
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{Failure, Output, organization};
use crate::{
    app::App,
    store::{DatabaseError, scim_log::ScimRequest},
};

/// Rows read from the database at a time.
const PAGE: u64 = 1_000;

/// Verbs on the log of SCIM requests.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the requests as NDJSON, oldest first; reads are counted by minute.
    Export {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Begin after the request with this id.
        #[arg(long)]
        after: Option<Uuid>,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    let Verb::Export { org, mut after } = verb;
    let organization = organization(app, &org).await?.id;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    loop {
        let page = app.store.scim_requests(organization, after, PAGE).await.map_err(DatabaseError::from)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in &page {
            writeln!(out, "{}", line(row)).map_err(|error| Failure::Failed(error.to_string()))?;
        }
    }
    out.flush().map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(Output::Printed)
}

fn line(row: &ScimRequest) -> serde_json::Value {
    json!({
        "id": row.id,
        "at": rfc3339(row.at_ms),
        "token_id": row.token_id,
        "ip": row.ip,
        "method": row.method,
        "path": row.path,
        "status": row.status,
        "detail": row.detail,
        "request_id": row.request_id,
        "requests": row.requests,
        "duration_us": row.duration_us,
    })
}
