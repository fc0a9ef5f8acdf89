//! `/app/audit/{seq}`: one entry, and what it changed, field by field.
use maud::{Markup, html};
use serde_json::Value;

use super::audit::{name, text, unreadable};
use crate::{
    http::reply::Failure,
    store::audit_log::AuditFilter,
    ui::{
        Answer, Ask,
        diff::{Difference, differences},
        layout::{Place, framed},
        ok,
        parts::copyable,
    },
};

pub(in crate::ui) async fn show(ask: &Ask<'_>, seq: &str) -> Answer {
    let right = ask.visit.administering()?;
    let seq: u64 = seq.parse().ok().filter(|seq| *seq > 0).ok_or(Failure::Nowhere)?;
    let (organization, all) = (right.who().organization, AuditFilter::default());
    let page = ask.visit.app.store.audit_page(organization, &all, seq - 1, seq, 1).await;
    let (_, line) = page.map_err(|_| unreadable())?.pop().ok_or(Failure::Nowhere)?;
    let entry: Value = serde_json::from_str(&line).map_err(|_| unreadable())?;
    let last = right.who().snapshot.head().audit_seq;
    let resource = format!("{}/{}", text(&entry, "/resource/type"), text(&entry, "/resource/id"));
    let main = html! {
        p.crumb { a href="/app/audit" { "Audit log" } }
        div.columns {
            section.card {
                h2 { code { (text(&entry, "/action")) } }
                dl {
                    dt { "Time" } dd { time datetime=(text(&entry, "/at")) { (text(&entry, "/at")) } }
                    dt { "Actor" } dd { (text(&entry, "/actor/label")) " " span.muted { (text(&entry, "/actor/kind")) } }
                    dt { "Address" } dd.mono { @if text(&entry, "/ip").is_empty() { "–" } @else { (text(&entry, "/ip")) } }
                    dt { "Resource" } dd { (text(&entry, "/resource/type")) " " (name(&ask.visit.who.snapshot, &entry)) }
                    dt { "Request" } dd { code { (text(&entry, "/request_id")) } }
                }
            }
            section.card {
                h2 { "In the chain" }
                dl {
                    dt { "Number" } dd { (seq) " of " (last) }
                    dt { "Hash" } dd { (copyable("hash", "the hash", text(&entry, "/hash"))) }
                    dt { "Hash before" } dd { code { (text(&entry, "/prev_hash")) } }
                }
                p { a href={ "/app/audit?resource=" (form_urlencoded::byte_serialize(resource.as_bytes()).collect::<String>()) } { "Everything about this resource" } }
            }
        }
        section { h2 { "What changed" } (changes(&differences(&entry["before"], &entry["after"]))) }
        details { summary { "The line as it is exported" } pre tabindex="0" { (line) } }
        nav.pages aria-label="Entries" {
            @if seq > 1 { a.button href={ "/app/audit/" (seq - 1) } { "Entry " (seq - 1) } }
            @if seq < last { a.button href={ "/app/audit/" (seq + 1) } { "Entry " (seq + 1) } }
        }
    };
    ok(framed(ask, Place::Audit, &format!("Entry {seq}"), html! {}, main))
}

fn changes(differences: &[Difference]) -> Markup {
    if differences.is_empty() {
        return html! { p.empty { "The entry holds no change of a field." } };
    }
    html! {
        div.scroll { table.diff {
            thead { tr { th scope="col" { "Field" } th scope="col" { "Change" } th scope="col" { "Before" } th scope="col" { "After" } } }
            tbody { @for Difference { path, before, after } in differences {
                @let (class, sign, words) = match (before, after) {
                    (None, _) => ("added", "+", "added"),
                    (_, None) => ("removed", "−", "removed"),
                    _ => ("changed", "~", "changed"),
                };
                tr.(class) {
                    th scope="row" { code { (path) } }
                    td { span.glyph aria-hidden="true" { (sign) } " " (words) }
                    td { @if let Some(before) = before { del { (before) } } }
                    td { @if let Some(after) = after { ins { (after) } } }
                }
            } }
        } }
    }
}
