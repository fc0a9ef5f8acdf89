//! `/app/sso/requests`: what Okta asked and what it was told. A refusal names its cause and, where Ceven knows it, its
//! remedy.
use maud::{Markup, html};

use crate::{
    store::scim_log::ScimRequest,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        pages::sso::tabs,
        parts::{Tone, ago, pill, scroll},
    },
};

/// Rows of the page.
const SHOWN: u64 = 100;

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let latest = ask.visit.administering()?.latest_scim_requests(SHOWN).await?;
    let now_ms = ask.visit.app.clock.now_ms();
    let main = html! {
        (tabs("/app/sso/requests"))
        @if latest.is_empty() {
            div.empty { p { strong { "Nothing has been asked yet." } }
                p { "Paste a token into Okta and click " strong { "Test API Credentials" } ": its calls appear here within a second or two." } }
        } @else {
            p.muted { "The latest " (latest.len()) " of the last days. Reads that are alike are counted by minute." }
            (scroll("Requests", html! { table {
                thead { tr {
                    th scope="col" { "When" } th scope="col" { "Request" } th scope="col" { "Answer" }
                    th scope="col" { "Cause and remedy" } th scope="col" { "From" }
                } }
                tbody { @for row in &latest { (line(row, now_ms)) } }
            } }))
        }
    };
    ok(framed(ask, Place::Sso, "Single sign-on", html! {}, main))
}

fn line(row: &ScimRequest, now_ms: i64) -> Markup {
    let tone = match row.status {
        ..400 => Tone::Ok,
        400..500 => Tone::Warn,
        _ => Tone::Bad,
    };
    html! {
        tr {
            td { (ago(row.at_ms, now_ms)) }
            th.path scope="row" { code { (row.method) " /" (row.path) }
                @if row.requests > 1 { div.meta { (row.requests) " times within a minute" } } }
            td { (pill(tone, &row.status.to_string())) }
            td.cause { @if let Some(detail) = &row.detail { (detail) @if let Some(remedy) = remedy(row) { div.meta { (remedy) } } } }
            td { (row.ip) @if let (Some(id), 400..) = (&row.request_id, row.status) { div.meta { code.cut title=(id) { (id) } } } }
        }
    }
}

fn is_resource(path: &str) -> bool {
    matches!(path.split('/').collect::<Vec<_>>()[..], ["Users" | "Groups", _])
}

/// What to do about a refusal.
pub(super) fn remedy(row: &ScimRequest) -> Option<&'static str> {
    match row.status {
        401 => Some("Mint a token under SCIM Tokens and paste it into Okta's Provisioning → Integration."),
        403 => Some("The token is for the audit export: mint one that opens SCIM."),
        404 if is_resource(&row.path) => {
            Some("Okta knows someone who is not here: in Okta, unassign and assign them again.")
        }
        404 => Some("The base URL ends with /api/v1/scim/v2, without a slash or more segments."),
        409 => Some("Somebody active has this name or external id: unassign one of the two in Okta."),
        413 => Some("The request is larger than server.body_bytes or server.group_body_bytes allow."),
        429 | 503 => Some("Okta tries again by itself."),
        _ => None,
    }
}
