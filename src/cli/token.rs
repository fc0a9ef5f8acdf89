//! `token mint`, `list`, `rotate`, `revoke`.
use std::sync::Arc;

use ceven_actors::{
    clock::rfc3339,
    domain::{
        id::TokenId,
        token::{Token, TokenKind},
    },
    organization::message::Command,
};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Output, document, lines, organization};
use crate::{
    app::App,
    store::DatabaseError,
    tokens::{self, duration_ms},
};

/// Verbs on tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Mint a token; it is shown this once.
    Mint {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// What to call it.
        #[arg(long)]
        label: String,
        /// What it opens: scim or audit.
        #[arg(long, default_value = "scim")]
        kind: TokenKind,
        /// How long it works, such as 90d or 12h; for ever without it.
        #[arg(long, value_parser = duration_ms)]
        expires_in: Option<i64>,
    },
    /// List tokens.
    List {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
    /// Mint a successor; the old token works on for the overlap.
    Rotate {
        /// Id of the token.
        id: TokenId,
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// How long the old one still works.
        #[arg(long, default_value = "7d", value_parser = duration_ms)]
        overlap: i64,
    },
    /// Revoke a token, at once and everywhere.
    Revoke {
        /// Id of the token.
        id: TokenId,
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Mint { org, label, kind, expires_in } => {
            let organization = organization(app, &org).await?.id;
            let (raw, token) = draw(app, &label, kind, expires_in)?;
            app.execute(organization, Command::MintToken { token: token.clone() }, app.operator()).await?;
            Ok(shown_once(&raw, &token))
        }
        Verb::List { org } => list(app, &org).await,
        Verb::Rotate { id, org, overlap } => {
            let organization = organization(app, &org).await?.id;
            let old = app.fresh(organization).await?.token(id).cloned();
            let old = old.ok_or_else(|| Failure::Failed(format!("there is no token {id}")))?;
            let lifetime_ms = old.expires_ms.map(|expires| expires - old.created_ms);
            let (raw, token) = draw(app, &old.label, old.kind, lifetime_ms)?;
            let ends_ms = app.clock.now_ms() + overlap;
            app.execute(
                organization,
                Command::RotateToken { id, token: token.clone(), ends_ms },
                app.operator(),
            )
            .await?;
            Ok(shown_once(&raw, &token))
        }
        Verb::Revoke { id, org } => {
            let organization = organization(app, &org).await?.id;
            app.execute(organization, Command::RevokeToken { id }, app.operator()).await?;
            Ok(document(json!({ "id": id, "revoked": true }), format!("Revoked {id}.")))
        }
    }
}

fn draw(
    app: &App,
    label: &str,
    kind: TokenKind,
    lifetime_ms: Option<i64>,
) -> Result<(String, Arc<Token>), Failure> {
    tokens::draw(&*app.clock, label, kind, lifetime_ms).map_err(|error| Failure::Failed(error.to_string()))
}

fn shown_once(raw: &str, token: &Token) -> Output {
    let until = token.expires_ms.map_or(String::new(), |at| format!(", works until {}", rfc3339(at)));
    let text = format!("{} ({}{until}). The token, shown this once:\n{raw}", token.label, token.id);
    document(tokens::shown_once(raw, token), text)
}

async fn list(app: &App, org: &str) -> Result<Output, Failure> {
    let organization = organization(app, org).await?.id;
    let snapshot = app.fresh(organization).await?;
    let uses = app.store.token_uses(organization).await.map_err(DatabaseError::from)?;
    let now_ms = app.clock.now_ms();
    let json: Value =
        snapshot.tokens().map(|token| tokens::view(token, uses.get(&token.id), now_ms)).collect();
    let used = |token: &Token| {
        uses.get(&token.id).map_or("never used".to_owned(), |used| format!("used {}", rfc3339(used.at_ms)))
    };
    let text = snapshot
        .tokens()
        .map(|token| {
            let state = tokens::state(token, now_ms);
            format!("{}\t{}\t{state}\t{}\t{}", token.id, token.kind, token.label, used(token))
        })
        .collect();
    Ok(document(json, lines(text, "No tokens.")))
}
