//! `/app/sso/tokens`.
//!
//! 1. A token is in one answer only, which nobody keeps: neither the browser's cache nor its history.
//! 2. What a form cannot be asked to take back has a page of its own that names the consequence.
use std::collections::HashMap;

use ceven_actors::{
    connector::ConfigError,
    domain::{
        id::TokenId,
        token::{Token, TokenKind},
    },
};
use maud::{Markup, html};

use crate::{
    http::{reply::Failure, right::missing},
    store::scim_log::TokenUse,
    tokens::{self, DAY_MS, OVERLAP_MS},
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        pages::sso::tabs,
        parts::{Tone, Wrong, again, ago, copyable, csrf, pill, time},
        see_other,
    },
};

/// Days to choose from; empty is for ever.
const LIFETIMES: [(&str, &str); 4] =
    [("", "Never"), ("30", "30 days"), ("90", "90 days"), ("365", "One year")];
const SOON_MS: i64 = 14 * DAY_MS;

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let uses = ask.visit.administering()?.token_uses().await?;
    let main = html! { (tabs("/app/sso/tokens")) (new(ask, None)) (list(ask, &uses)) };
    ok(framed(ask, Place::Sso, "Single sign-on", html! {}, main))
}

fn new(ask: &Ask<'_>, wrong: Option<&Wrong>) -> Markup {
    html! {
        details.new open[wrong.is_some()] {
            summary.button.primary { "New Token" }
            form.card method="post" action="/app/sso/tokens" {
                (csrf(ask))
                @if let Some(wrong) = wrong { (wrong.alert(|_| None)) }
                label { span { "Label" }
                    input name="label" required maxlength="120" value=(ask.form.get("label")) placeholder="okta-production" autocomplete="off" spellcheck="false";
                    small { "Names the token in the audit log." }
                }
                label { span { "Opens" }
                    select name="kind" {
                        option value="scim" { "SCIM: provisioning from Okta" }
                        option value="audit" { "Audit: export of the audit log" }
                    }
                }
                label { span { "Expires" }
                    select name="days" { @for (days, words) in LIFETIMES { option value=(days) { (words) } } }
                }
                button.primary type="submit" { "Generate" }
            }
        }
    }
}

fn list(ask: &Ask<'_>, uses: &HashMap<TokenId, TokenUse>) -> Markup {
    let now_ms = ask.visit.app.clock.now_ms();
    let mut all: Vec<_> = ask.visit.who.snapshot.tokens().cloned().collect();
    if all.is_empty() {
        return html! {
            div.empty { p { strong { "No tokens yet." } }
                p { "Okta needs one to push people. Click " strong { "New Token" } ", give it a label such as okta-production, and generate it." } }
        };
    }
    // Live ones first, the newest of them on top.
    all.sort_by_key(|token| (!token.is_live(now_ms), std::cmp::Reverse(token.created_ms)));
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { "Label" } th scope="col" { "Opens" } th scope="col" { "State" }
                th scope="col" { "Last used" } th scope="col" { "Created" } th scope="col" { "Expires" } th scope="col" { span.hidden { "Actions" } }
            } }
            tbody { @for token in &all {
                tr.faint[!token.is_live(now_ms)] {
                    th scope="row" { (token.label) div.meta { code.cut title=(token.id) { (token.id) } } }
                    td { (kind(token.kind)) }
                    td { (state(token, now_ms)) }
                    td { @match uses.get(&token.id) {
                        Some(used) => { (ago(used.at_ms, now_ms)) div.meta { (used.ip) } }
                        None => span.muted { "Never" }
                    } }
                    td { (ago(token.created_ms, now_ms)) }
                    td { @match token.expires_ms { Some(at) => (time(at)), None => "Never" } }
                    td.actions { @if token.is_live(now_ms) {
                        a.button.small href={ "/app/sso/tokens/" (token.id) "/rotate" } { "Rotate" }
                        a.button.small.danger href={ "/app/sso/tokens/" (token.id) "/revoke" } { "Revoke" }
                    } }
                }
            } }
        } }
    }
}

fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Scim => "SCIM",
        TokenKind::Audit => "Audit export",
    }
}

fn state(token: &Token, now_ms: i64) -> Markup {
    match tokens::state(token, now_ms) {
        "revoked" => pill(Tone::Bad, "Revoked"),
        "expired" => pill(Tone::Bad, "Expired"),
        _ if token.expires_ms.is_some_and(|expires| expires < now_ms + SOON_MS) => {
            pill(Tone::Warn, "Ends soon")
        }
        _ => pill(Tone::Ok, "Live"),
    }
}

pub(in crate::ui) async fn mint(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let kind = ask.form.get("kind").parse().map_err(Failure::Bad)?;
    let lifetime_ms = match ask.form.get("days") {
        "" => None,
        days => Some(whole_days("days", days, 1)?),
    };
    match right.mint_token(ask.form.get("label"), kind, lifetime_ms).await {
        Ok((raw, token)) => shown_once(ask, &raw, &token, html! {}),
        Err(failure) => {
            let uses = right.token_uses().await?;
            again(failure, |wrong| {
                let main = html! { (tabs("/app/sso/tokens")) (new(ask, Some(wrong))) (list(ask, &uses)) };
                framed(ask, Place::Sso, "Single sign-on", html! {}, main)
            })
        }
    }
}

/// Days of a form, in milliseconds.
fn whole_days(name: &str, days: &str, fewest: u16) -> Result<i64, Failure> {
    let days = days.parse().ok().filter(|days| *days >= fewest);
    let days = days.map(|days: u16| i64::from(days) * DAY_MS);
    days.ok_or_else(|| Failure::Field(ConfigError::new(name, "must be a number of days")))
}

/// (1)
fn shown_once(ask: &Ask<'_>, raw: &str, token: &Token, note: Markup) -> Answer {
    let header = format!("Bearer {raw}");
    let main = html! {
        (tabs("/app/sso/tokens"))
        section.card.token data-once="/app/sso/tokens" {
            h2 { "The token " (token.label) }
            div.notice.warn role="status" {
                span.glyph aria-hidden="true" { "▲" }
                div { strong { "Copy it now: it is shown this once." } p { "Only a hash of it is kept. If it is lost, rotate the token." } }
            }
            dl.fields {
                dt { "Token" } dd { (copyable("token", "the token", raw)) }
                @if token.kind == TokenKind::Scim {
                    dt { "As Okta's HTTP Header wants it" } dd { (copyable("bearer", "the header", &header)) }
                }
            }
            (note)
            p { a.button.primary href="/app/sso/tokens" { "I have stored it" } }
        }
    };
    ok(framed(ask, Place::Sso, "Single sign-on", html! {}, main))
}

fn find(ask: &Ask<'_>, id: &str) -> Result<std::sync::Arc<Token>, Failure> {
    let token = id.parse().ok().and_then(|id| ask.visit.who.snapshot.token(id)).cloned();
    token.ok_or_else(|| missing("Token", id))
}

/// (2)
pub(in crate::ui) fn confirm(ask: &Ask<'_>, id: &str, action: &str) -> Answer {
    ask.visit.administering()?;
    let token = find(ask, id)?;
    let is_rotation = action == "rotate";
    let main = html! {
        (tabs("/app/sso/tokens"))
        section.card {
            h2 { (if is_rotation { "Rotate" } else { "Revoke" }) " the token " (token.label) "?" }
            @if is_rotation {
                p { "A new token is made and shown once. The old one works on for the time you choose, so that you can paste the new one into Okta without a gap." }
            } @else {
                p { "Every request with this token is refused from the next one on. Okta's pushes fail until you paste another token. This cannot be undone." }
            }
            form method="post" action={ "/app/sso/tokens/" (token.id) "/" (action) } {
                (csrf(ask))
                @if is_rotation {
                    label { span { "The old token works on for" }
                        select name="overlap_days" {
                            option value="7" selected { "7 days" } option value="1" { "1 day" } option value="0" { "No longer: it ends now" }
                        }
                    }
                }
                div.buttons {
                    button.primary[is_rotation].danger[!is_rotation] type="submit" { (if is_rotation { "Rotate token" } else { "Revoke token" }) }
                    a.button href="/app/sso/tokens" { "Cancel" }
                }
            }
        }
    };
    ok(framed(ask, Place::Sso, "Single sign-on", html! {}, main))
}

pub(in crate::ui) async fn rotate(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let old = find(ask, id)?;
    let overlap_ms = match ask.form.get("overlap_days") {
        "" => OVERLAP_MS,
        days => whole_days("overlap_days", days, 0)?,
    };
    let (raw, token) = right.rotate_token(old.id, overlap_ms).await?;
    let ends_ms = ask.visit.app.clock.now_ms() + overlap_ms;
    let note = html! {
        p.muted { @if overlap_ms > 0 { "The old token works until " (time(ends_ms)) "." } @else { "The old token has ended." } }
    };
    shown_once(ask, &raw, &token, note)
}

pub(in crate::ui) async fn revoke(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    right.revoke_token(find(ask, id)?.id).await?;
    Ok(see_other("/app/sso/tokens?done=revoked"))
}
