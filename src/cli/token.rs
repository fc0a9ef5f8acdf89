//! `token mint`, `list`, `rotate`, `revoke`.
use std::sync::Arc;

use ceven_actors::{
    clock::rfc3339,
    domain::{
        id::TokenId,
        token::{Token, TokenKind},
    },
    organization::message::Command,
    protocol,
};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Output, document, lines, organization};
use crate::{
    app::App,
    secret::{self, Strength},
    store::DatabaseError,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

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
            if label.trim().is_empty() {
                return Err(Failure::Failed("a token needs a label".into()));
            }
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
    let raw = protocol::secret::draw(&*app.clock);
    let verifier = secret::hash(&*app.clock, &raw, Strength::Token)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let created_ms = app.clock.now_ms();
    let token = Token {
        id: TokenId(app.clock.new_id()),
        label: label.into(),
        kind,
        digest: protocol::secret::digest(&raw),
        verifier: verifier.into(),
        created_ms,
        expires_ms: lifetime_ms.map(|lifetime| created_ms + lifetime),
        revoked_ms: None,
    };
    Ok((raw, Arc::new(token)))
}

fn shown_once(raw: &str, token: &Token) -> Output {
    let expires_at = token.expires_ms.map(rfc3339);
    let json = json!({ "id": token.id, "label": token.label, "kind": token.kind.name(), "token": raw, "expires_at": expires_at });
    let until = expires_at.map_or(String::new(), |at| format!(", works until {at}"));
    document(json, format!("{} ({}{until}). The token, shown this once:\n{raw}", token.label, token.id))
}

async fn list(app: &App, org: &str) -> Result<Output, Failure> {
    let organization = organization(app, org).await?.id;
    let snapshot = app.fresh(organization).await?;
    let uses = app.store.token_uses(organization).await.map_err(DatabaseError::from)?;
    let now_ms = app.clock.now_ms();
    let view = |token: &Arc<Token>| {
        let used = uses.get(&token.id);
        json!({
            "last_used_at": used.map(|used| rfc3339(used.at_ms)), "last_used_ip": used.map(|used| &used.ip), "last_used_by": used.map(|used| &used.user_agent),
            "id": token.id, "label": token.label, "kind": token.kind.name(), "live": token.is_live(now_ms),
            "created_at": rfc3339(token.created_ms), "expires_at": token.expires_ms.map(rfc3339), "revoked_at": token.revoked_ms.map(rfc3339),
        })
    };
    let json: Value = snapshot.tokens().map(view).collect();
    let state = |token: &Token| match (token.revoked_ms.is_some(), token.is_live(now_ms)) {
        (true, _) => "revoked",
        (_, true) => "live",
        _ => "expired",
    };
    let used = |token: &Token| {
        uses.get(&token.id).map_or("never used".to_owned(), |used| format!("used {}", rfc3339(used.at_ms)))
    };
    let text = snapshot
        .tokens()
        .map(|token| {
            format!("{}\t{}\t{}\t{}\t{}", token.id, token.kind, state(token), token.label, used(token))
        })
        .collect();
    Ok(document(json, lines(text, "No tokens.")))
}

/// `90d`, `12h`, `30m` or `45s` in milliseconds.
fn duration_ms(text: &str) -> Result<i64, String> {
    let unit_ms = match text.chars().last() {
        Some('d') => DAY_MS,
        Some('h') => DAY_MS / 24,
        Some('m') => 60_000,
        Some('s') => 1_000,
        _ => return Err("use a number and d, h, m or s, such as 90d".into()),
    };
    let number: i64 = text[..text.len() - 1]
        .parse()
        .map_err(|_| "use a number and d, h, m or s, such as 90d".to_owned())?;
    number
        .checked_mul(unit_ms)
        .filter(|ms| (0..=100 * 365 * DAY_MS).contains(ms))
        .ok_or_else(|| "that is too long".to_owned())
}
