//! `user list`.
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Output, document, lines, organization};
use crate::app::App;

/// Verbs on users.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List users.
    List {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    let Verb::List { org } = verb;
    let snapshot = app.fresh(organization(app, &org).await?.id).await?;
    let state = |active: bool| if active { "active" } else { "deactivated" };
    let json: Value = snapshot
        .users(0)
        .map(|user| {
            json!({
                "id": user.id, "user_name": user.user_name, "external_id": user.external_id, "active": user.active,
                "role": user.roles.strongest().id(),
            })
        })
        .collect();
    let text = snapshot.users(0).map(|user| {
        format!("{}\t{}\t{}\t{}", user.id, state(user.active), user.roles.strongest().id(), user.user_name)
    });
    Ok(document(json, lines(text.collect(), "No users.")))
}
