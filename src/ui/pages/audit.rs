//! `/app/audit`: the log, newest first. The form's filter is the export's filter.
use ceven_actors::organization::state::Snapshot;
use maud::{Markup, html};
use serde_json::Value;

use crate::{
    http::{
        api::{audit_filter, parameter},
        reply::Failure,
    },
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::csrf,
    },
};

/// Entries of a page.
const PAGE: u64 = 50;
const FIELDS: [&str; 5] = ["from", "to", "action", "actor", "resource"];
/// Questions that auditors ask.
const QUESTIONS: [(&str, &str); 5] = [
    ("action=user.deactivate", "Who was deactivated"),
    ("action=user.role", "Role changes"),
    ("action=scim_token", "Tokens"),
    ("action=session", "Sign-ins"),
    ("action=session.refuse", "Refused sign-ins"),
];

/// 503: the log cannot be read now.
pub(in crate::ui) fn unreadable() -> Failure {
    ceven_actors::organization::message::OrganizationError::Unavailable.into()
}

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let filter = audit_filter(&ask.query, &right.who().snapshot)?;
    let before_seq = match ask.parameter("before").map(|text| text.parse::<u64>()) {
        None => u64::MAX,
        Some(Ok(seq)) => seq,
        Some(Err(_)) => return Err(Failure::Bad("before is a whole number.".into())),
    };
    let store = &ask.visit.app.store;
    let page = store.audit_latest(right.who().organization, &filter, before_seq, PAGE).await;
    let page = page.map_err(|_| unreadable())?;
    let is_filtered = !filter.is_empty();
    let export = html! {
        a.button href={ "/api/v1/sso/audit-export" (query(ask, None)) } download { "Export NDJSON" }
    };
    let main = html! {
        (form(ask, is_filtered))
        @if page.is_empty() && is_filtered {
            div.empty { p { strong { "No entry matches the filter." } } p { a.button href="/app/audit" { "Clear filters" } } }
        } @else {
            (rows(ask, &page))
        }
        nav.pages aria-label="Pages" {
            @if before_seq != u64::MAX { a.button href={ "/app/audit" (query(ask, None)) } { "Newest" } }
            @if let Some((last, _)) = page.last().filter(|_| page.len() as u64 == PAGE) {
                a.button href={ "/app/audit" (query(ask, Some(*last))) } { "Older" }
            }
        }
        details.about {
            summary { "What the log proves" }
            p { "Every entry holds the hash of the one before it: changing or removing one breaks the chain. "
                "Verify an export on your own machine, offline: " code { "ceven audit verify FILE" } ". "
                "Its last line is a signed head, so an export cannot be cut off unseen; with " code { "--earlier EXPORT" } " it is compared with one you kept." }
            p { "Exports are signed by the key " code { (ask.visit.app.signing.public()) } "." }
            form method="post" action="/app/audit/verify" { (csrf(ask)) button type="submit" { "Verify the whole log now" } }
        }
    };
    ok(framed(ask, Place::Audit, "Audit log", export, main))
}

/// Reads the whole log and says whether every entry follows the one before.
pub(in crate::ui) async fn verify(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let report = right.verify_log().await?;
    let main = html! {
        @if let Some(reason) = report.reason {
            div.notice.bad role="alert" { span.glyph aria-hidden="true" { "!" } p { strong { "The chain is broken at entry " (report.broken_at.unwrap_or_default()) } ": " (reason) "." } }
        } @else {
            div.notice.ok role="status" { span.glyph aria-hidden="true" { "✓" } p { (report.entries) " entries verified: every one follows the one before." } }
        }
        p { a.button href="/app/audit" { "Back to the log" } }
    };
    ok(framed(ask, Place::Audit, "Verification", html! {}, main))
}

fn form(ask: &Ask<'_>, is_filtered: bool) -> Markup {
    let value = |name: &str| ask.parameter(name).unwrap_or_default();
    html! {
        form.filters method="get" action="/app/audit" role="search" {
            label { span { "From" } input type="date" name="from" value=(value("from")); }
            label { span { "To" } input type="date" name="to" value=(value("to")); }
            label { span { "Action" } input name="action" value=(value("action")) placeholder="user.deactivate" spellcheck="false" autocapitalize="none"; }
            label { span { "Actor" } input name="actor" value=(value("actor")) placeholder="okta-production" spellcheck="false" autocapitalize="none"; }
            label { span { "Resource" } input name="resource" value=(value("resource")) placeholder="User, or an id" spellcheck="false" autocapitalize="none"; }
            button type="submit" { "Filter" }
            @if is_filtered { a.button.quiet href="/app/audit" { "Clear filters" } }
        }
        nav.chips aria-label="Questions" {
            @for (query, words) in QUESTIONS { a href={ "/app/audit?" (query) } aria-current=[(ask.query == query).then_some("true")] { (words) } }
        }
    }
}

/// The filter as a query, with a `?` when there is one.
fn query(ask: &Ask<'_>, before: Option<u64>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in FIELDS {
        if let Some(value) = parameter(&ask.query, name) {
            query.append_pair(name, &value);
        }
    }
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

/// Lines of the log as a table.
pub(in crate::ui) fn rows(ask: &Ask<'_>, lines: &[(u64, String)]) -> Markup {
    if lines.is_empty() {
        return html! { p.empty { "Nothing has happened yet." } };
    }
    html! {
        div.scroll { table.log {
            thead { tr {
                th scope="col" { "#" } th scope="col" { "Time" } th scope="col" { "Action" }
                th scope="col" { "Actor" } th scope="col" { "Resource" } th scope="col" { "Address" }
            } }
            tbody { @for (seq, line) in lines { (row(&ask.visit.who.snapshot, *seq, line)) } }
        } }
    }
}

/// A text inside a line; what is not there reads as nothing.
pub(in crate::ui) fn text<'v>(line: &'v Value, pointer: &str) -> &'v str {
    line.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn row(snapshot: &Snapshot, seq: u64, line: &str) -> Markup {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let at = text(&line, "/at");
    html! {
        tr {
            td.number { a href={ "/app/audit/" (seq) } aria-label={ "Entry " (seq) } { (seq) } }
            td { time datetime=(at) title=(at) { (at.get(..10).unwrap_or_default()) " " (at.get(11..19).unwrap_or_default()) } }
            td { code { (text(&line, "/action")) } }
            td.wide title=(text(&line, "/actor/id")) { (text(&line, "/actor/label")) }
            td.wide title=(text(&line, "/resource/id")) { (text(&line, "/resource/type")) " " span.muted { (name(snapshot, &line)) } }
            td.mono { @if text(&line, "/ip").is_empty() { span.muted { "–" } } @else { (text(&line, "/ip")) } }
        }
    }
}

/// Whose session it is.
fn person(snapshot: &Snapshot, line: &Value) -> Option<String> {
    let of =
        |member: &str| ["/after", "/before"].map(|state| text(line, &format!("{state}/person/{member}")));
    let id = of("id").into_iter().find(|id| !id.is_empty())?;
    match of("kind").contains(&"admin") {
        true => snapshot.admin(id.parse().ok()?).map(|admin| admin.email.to_string()),
        false => snapshot.user(id.parse().ok()?).map(|user| user.user_name.to_string()),
    }
}

/// What people call the resource: as the entry says, else as it is called today.
pub(in crate::ui) fn name(snapshot: &Snapshot, line: &Value) -> String {
    let names = [
        "/userName",
        "/displayName",
        "/label",
        "/email",
        "/name",
        "/account/label",
        "/identity/email",
        "/user/user_name",
        "/issuer",
    ];
    let found = ["/after", "/before"]
        .into_iter()
        .flat_map(|state| names.iter().map(move |name| text(line, &format!("{state}{name}"))))
        .find(|name| !name.is_empty());
    let id = text(line, "/resource/id");
    let today = || match text(line, "/resource/type") {
        "Group" => snapshot.group(id.parse().ok()?).map(|group| group.display_name.to_string()),
        "User" => snapshot.user(id.parse().ok()?).map(|user| user.user_name.to_string()),
        "Session" => person(snapshot, line),
        "Connector" => snapshot.connector(id.parse().ok()?).map(|connector| connector.name.to_string()),
        _ => None,
    };
    found.map(str::to_owned).or_else(today).unwrap_or_else(|| id.to_owned())
}
