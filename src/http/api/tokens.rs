//! `/sso/scim-tokens`.
use ceven_actors::domain::{
    id::TokenId,
    token::{Token, TokenKind},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Call, text};
use crate::{
    http::{
        reply::{self, Failure},
        right::missing,
    },
    tokens::{self, OVERLAP_MS, duration_ms},
};

pub(super) async fn list(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let right = visit.administering()?;
    let now_ms = call.app.clock.now_ms();
    let uses = right.token_uses().await?;
    let tokens = right.who().snapshot.tokens();
    let items: Vec<_> = tokens.map(|token| tokens::view(token, uses.get(&token.id), now_ms)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "items": items })))
}

pub(super) async fn mint(mut call: Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let right = visit.administering()?;
    let body = call.object().await?;
    let label = text(&body, "label")?.unwrap_or_default();
    let kind = text(&body, "kind")?.map_or(Ok(TokenKind::Scim), |kind| kind.parse()).map_err(Failure::Bad)?;
    let (raw, token) = right.mint_token(&label, kind, duration(&body, "expires_in")?).await?;
    Ok(shown_once(&raw, &token))
}

pub(super) async fn rotate(mut call: Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    let right = visit.administering()?;
    let body = call.object().await?;
    let overlap_ms = duration(&body, "overlap")?.unwrap_or(OVERLAP_MS);
    let (raw, token) = right.rotate_token(token_id(id)?, overlap_ms).await?;
    Ok(shown_once(&raw, &token))
}

pub(super) async fn revoke(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    visit.administering()?.revoke_token(token_id(id)?).await?;
    Ok(reply::no_content())
}

fn shown_once(raw: &str, token: &Token) -> warp::reply::Response {
    reply::json(StatusCode::CREATED, &tokens::shown_once(raw, token))
}

fn token_id(id: &str) -> Result<TokenId, Failure> {
    id.parse().map_err(|_| missing("Token", id))
}

fn duration(body: &Map<String, Value>, name: &str) -> Result<Option<i64>, Failure> {
    let given = text(body, name)?.filter(|given| !given.is_empty());
    given
        .map(|given| duration_ms(&given))
        .transpose()
        .map_err(|reason| Failure::Bad(format!("{name}: {reason}.")))
}
