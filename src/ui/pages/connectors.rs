//! `/app/connectors`: the tools that people are removed from.
use ceven_actors::{
    connector::{
        Field, KINDS, Kind, Shape, kind,
        pass::{Outcome, Step},
    },
    domain::connector::Connector,
};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::coverage;
use crate::{
    connectors::MAX_NAME_CHARACTERS,
    coverage::Coverage,
    http::reply::Failure,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        parts::{Tone, Wrong, again, csrf, pill, scroll, time},
        see_other,
    },
};

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let found = right.coverages().await?;
    let snapshot = &right.who().snapshot;
    let open = snapshot.tasks().filter(|task| task.state.is_open()).count();
    let main = html! {
        p.lead { "When someone is offboarded, by Okta or from here, Ceven removes them from each of these tools and reads back that they are gone." }
        @if snapshot.connectors().next().is_none() {
            div.empty { p { strong { "No tools are connected." } } p { "Connect the first one below." } }
        } @else {
            div.scroll { table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Tool" } th scope="col" { "State" } th scope="col" { "Waiting" } th scope="col" { "Accounts found" } th scope="col" { "Connected" } } }
                tbody { @for connector in snapshot.connectors() {
                    tr {
                        th scope="row" { a href={ "/app/connectors/" (connector.id) } { (connector.name) } }
                        td { (title(connector)) }
                        td { (state(connector)) }
                        td { (snapshot.tasks().filter(|task| task.connector == connector.id && task.state.is_open()).count()) }
                        td { (coverage::summary(ask, connector, found.get(&connector.id))) }
                        td { (time(connector.created_ms)) }
                    }
                } }
            } }
            @if open > 0 { p.meta { (open) " removals are waiting or being tried again." } }
        }
        section {
            h2 { "Connect a tool" }
            div.chips { @for kind in KINDS { a href={ "/app/connectors/new/" (kind.id) } { (kind.title) } } }
        }
    };
    ok(framed(ask, Place::Connectors, "Tools", html! {}, main))
}

fn title(connector: &Connector) -> &str {
    kind(&connector.kind).map_or(&connector.kind, |kind| kind.title)
}

pub(in crate::ui) fn state(connector: &Connector) -> Markup {
    match &connector.paused {
        Some(_) => pill(Tone::Bad, "Paused"),
        None => pill(Tone::Ok, "Connected"),
    }
}

pub(in crate::ui) fn new(ask: &Ask<'_>, kind_id: &str) -> Answer {
    ask.visit.administering()?;
    let kind = kind(kind_id).ok_or(Failure::Nowhere)?;
    ok(new_page(ask, kind, None))
}

fn new_page(ask: &Ask<'_>, kind: &Kind, wrong: Option<&Wrong>) -> Markup {
    let main = html! {
        p.crumb { a href="/app/connectors" { "Tools" } }
        form.card method="post" action={ "/app/connectors/new/" (kind.id) } {
            (csrf(ask))
            (inputs(ask, kind, (kind.title, None), wrong))
            button.primary type="submit" { "Connect" }
            p.meta { "Secrets are encrypted before they are stored and never shown again." }
        }
    };
    framed(ask, Place::Connectors, &format!("Connect {}", kind.title), html! {}, main)
}

/// Fields of a kind of tool: what was typed last, else what stands, else the default.
fn inputs(
    ask: &Ask<'_>,
    kind: &Kind,
    (name, old): (&str, Option<&Connector>),
    wrong: Option<&Wrong>,
) -> Markup {
    let title = |name: &str| match kind.fields.iter().find(|field| field.name == name) {
        Some(field) => Some(field.title),
        None => (name == "name").then_some("Name"),
    };
    let name = ask.form.typed("name").unwrap_or(name);
    html! {
        @if let Some(wrong) = wrong { (wrong.alert(title)) }
        label { span { "Name" }
            input name="name" required maxlength=(MAX_NAME_CHARACTERS) value=(name) autocomplete="off" aria-invalid=[Wrong::is_about(wrong, "name")]; }
        @for field in kind.fields {
            @let is_kept = old.is_some_and(|old| old.secrets.iter().any(|name| name == field.name));
            label {
                span { (field.title) @if !field.required && field.options.is_empty() { " (optional)" } }
                (input(field, &standing(ask, field, old), is_kept, Wrong::is_about(wrong, field.name)))
                small { (field.help) }
            }
            @if is_kept && !field.required {
                label.choice { input type="checkbox" name=(FORGET) value=(field.name); span { "Remove the " (field.title) " that is kept" } }
            }
        }
    }
}

/// Boxes of secrets that are to go; nothing is typed in their fields.
const FORGET: &str = "forget";

fn standing(ask: &Ask<'_>, field: &Field, old: Option<&Connector>) -> String {
    match (ask.form.typed(field.name), old.and_then(|old| old.settings.get(field.name))) {
        (Some(typed), _) => typed.to_owned(),
        (None, Some(Value::String(text))) => text.clone(),
        (None, Some(other)) => other.to_string(),
        (None, None) => String::new(),
    }
}

/// A choice, for people.
fn words(option: &str) -> &str {
    match option {
        "true" => "Yes",
        "false" => "No",
        other => other,
    }
}

/// Where a setting is typed. Secrets are never shown again.
fn input(field: &Field, value: &str, is_kept: bool, invalid: Option<&str>) -> Markup {
    let (is_required, unchanged) = (field.required && !is_kept, is_kept.then_some("Unchanged"));
    let kind = match field.shape {
        _ if field.secret => "password",
        Shape::Address => "url",
        Shape::Email => "email",
        Shape::Text | Shape::File => "text",
    };
    html! {
        @if !field.options.is_empty() {
            select name=(field.name) aria-invalid=[invalid] {
                @for option in field.options {
                    option value=(option) selected[value == *option || (value.is_empty() && field.default == Some(option))] { (words(option)) }
                }
            }
        } @else if field.shape == Shape::File {
            textarea name=(field.name) rows="4" maxlength=(field.max_characters()) autocomplete="off" spellcheck="false"
                required[is_required] placeholder=[unchanged] aria-invalid=[invalid] {}
        } @else {
            input type=(kind) name=(field.name) value=[(!field.secret).then_some(value)] maxlength=(field.max_characters())
                required[is_required] placeholder=[unchanged.or(field.default)] aria-invalid=[invalid]
                autocomplete=(if field.secret { "new-password" } else { "off" }) spellcheck="false";
        }
    }
}

pub(in crate::ui) async fn add(ask: &Ask<'_>, kind_id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let kind = kind(kind_id).ok_or(Failure::Nowhere)?;
    match right.set_connector(None, (kind.id, ask.form.get("name")), typed(ask, kind)).await {
        Ok(saved) => Ok(see_other(&format!("/app/connectors/{}?done=connected", saved.id))),
        Err(failure) => again(failure, |wrong| new_page(ask, kind, Some(wrong))),
    }
}

/// What a form says of each setting; a secret that is to go is null.
fn typed(ask: &Ask<'_>, kind: &Kind) -> Map<String, Value> {
    let value = |field: &Field| match ask.form.get(field.name) {
        "" if ask.form.has(FORGET, field.name) => Value::Null,
        text => text.into(),
    };
    kind.fields.iter().map(|field| (field.name.to_owned(), value(field))).collect()
}

pub(in crate::ui) async fn one(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let connector = right.connector(id)?;
    let found = right.coverages().await?;
    ok(one_page(ask, &connector, (None, found.get(&connector.id)), None))
}

fn one_page(
    ask: &Ask<'_>,
    connector: &Connector,
    (checks, found): (Option<&[Step]>, Option<&Coverage>),
    wrong: Option<&Wrong>,
) -> Markup {
    let address = format!("/app/connectors/{}", connector.id);
    let main = html! {
        p.crumb { a href="/app/connectors" { "Tools" } }
        @if let Some(paused) = &connector.paused {
            div.notice.bad { span.glyph aria-hidden="true" { "■" } p { strong { "Paused." } " The tool refuses its credentials: " (paused.reason) ". Removals wait until the settings are saved again." } }
        }
        @if let Some(checks) = checks { (ladder(checks)) }
        div.columns {
            @if let Some(kind) = kind(&connector.kind) {
                form.card method="post" action=(address) {
                    (csrf(ask))
                    h2 { "Settings" }
                    (inputs(ask, kind, (&connector.name, Some(connector)), wrong))
                    button.primary type="submit" { "Save" }
                }
            }
            div {
                section.card {
                    h2 { "Check" }
                    p { "Goes through the credentials and every right that is needed. Nothing is changed at the tool." }
                    form method="post" action={ (address) "/check" } { (csrf(ask)) button type="submit" { "Run the check" } }
                }
                (coverage::card(ask, connector, found))
                section.card {
                    h2 { "Disconnect" }
                    p { "People are no longer removed from here. Removals that are still waiting are cancelled." }
                    details.new { summary.button { "Disconnect…" }
                        p { "Its credentials are forgotten: to connect it again they have to be given again." }
                        form method="post" action={ (address) "/remove" } { (csrf(ask)) button.danger type="submit" { "Disconnect" } }
                    }
                }
            }
        }
        @if let Some(found) = found { (coverage::gaps(found)) }
    };
    framed(ask, Place::Connectors, &connector.name, html! { (state(connector)) }, main)
}

fn ladder(checks: &[Step]) -> Markup {
    html! {
        section { h2 { "Result of the check" } (scroll("Result of the check", html! { table {
            thead { tr { th scope="col" { "Check" } th scope="col" { "Result" } th scope="col" { "What it says" } } }
            tbody { @for step in checks { tr {
                th scope="row" { (step.title()) }
                td { (outcome(&step.outcome)) }
                td.wide { (step.explain()) }
            } } }
        } })) }
    }
}

/// An outcome as a word.
pub(in crate::ui) fn outcome(outcome: &Outcome) -> Markup {
    let tone = match outcome {
        Outcome::Done | Outcome::Already => Tone::Ok,
        Outcome::Planned | Outcome::Skipped { .. } => Tone::Plain,
        Outcome::Failed(failure) if !failure.is_retryable() => Tone::Bad,
        Outcome::Pending { .. } | Outcome::Failed(_) => Tone::Warn,
    };
    pill(tone, outcome.words())
}

pub(in crate::ui) async fn save(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let old = right.connector(id)?;
    let kind = kind(&old.kind).ok_or(Failure::Nowhere)?;
    match right.set_connector(Some(&old), (&old.kind, ask.form.get("name")), typed(ask, kind)).await {
        Ok(saved) => Ok(see_other(&format!("/app/connectors/{}?done=saved", saved.id))),
        Err(failure) => again(failure, |wrong| one_page(ask, &old, (None, None), Some(wrong))),
    }
}

pub(in crate::ui) async fn check(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    let connector = right.connector(id)?;
    let steps = right.check_connector(&connector).await?;
    ok(one_page(ask, &connector, (Some(&steps), None), None))
}

pub(in crate::ui) async fn remove(ask: &Ask<'_>, id: &str) -> Answer {
    let right = ask.visit.administering()?;
    right.remove_connector(right.connector(id)?.id).await?;
    Ok(see_other("/app/connectors?done=disconnected"))
}
