//! The part of the Okta page that is about the event stream: registered, looked at, verified, deleted.
use ceven_actors::{connector::event_stream::Status, domain::okta::OktaConnection};
use http::StatusCode;
use maud::{Markup, html};

use super::okta;
use crate::{
    event_stream::{Credentials, FIELDS},
    ui::{
        Answer, Ask, ok, page,
        parts::{Tone, Wrong, csrf, pill, time},
        see_other,
    },
};

/// What an action has led to, for the page that shows it.
pub(in crate::ui) enum Notice {
    /// How the stream stands at the tenant.
    Status(Status),
    /// Why it was not done.
    Failed(Wrong),
}

/// What people call the fields.
fn title(field: &str) -> Option<&'static str> {
    FIELDS.iter().find(|known| known.name == field).map(|known| known.title)
}

fn label(field: &str) -> Markup {
    html! { span { (title(field).unwrap_or_default()) } }
}

pub(in crate::ui) fn card(ask: &Ask<'_>, okta: &OktaConnection, notice: Option<&Notice>) -> Markup {
    let wrong = match notice {
        Some(Notice::Failed(wrong)) => Some(wrong),
        _ => None,
    };
    html! {
        section.card #event-stream {
            h2 { "Event stream" }
            @if let Some(wrong) = wrong { (wrong.alert(title)) }
            @match &okta.stream {
                None => {
                    p.muted { "Okta can push security events (Shared Signals): a session revoked there ends here too. Register a service app in Okta with the scopes ssf.manage and ssf.read." }
                    form method="post" action="/app/sso/okta/stream" {
                        (csrf(ask))
                        label { (label("client_id")) input name="stream_client_id" required maxlength="255" value=(ask.form.get("stream_client_id")) autocomplete="off" spellcheck="false" aria-invalid=[Wrong::is_about(wrong, "client_id")]; }
                        label { (label("private_key")) textarea name="stream_private_key" required rows="4" autocomplete="off" spellcheck="false" placeholder="-----BEGIN PRIVATE KEY-----" aria-invalid=[Wrong::is_about(wrong, "private_key")] {} }
                        label { (label("key_id")) input name="stream_key_id" maxlength="255" value=(ask.form.get("stream_key_id")) autocomplete="off" spellcheck="false" aria-invalid=[Wrong::is_about(wrong, "key_id")]; small { "Only when the app has several keys." } }
                        button.primary type="submit" { "Register" }
                    }
                }
                Some(stream) => {
                    p {
                        @if stream.asked.is_some() { (pill(Tone::Warn, "Verification asked for")) }
                        @else if stream.verified_ms.is_some() { (pill(Tone::Ok, "Verified")) }
                        @else { (pill(Tone::Plain, "Not verified")) }
                        @if let Some(Notice::Status(found)) = notice { " " (status(found)) }
                    }
                    dl {
                        dt { "Stream" } dd { code { (stream.id) } }
                        dt { "Verified" } dd { @if let Some(at_ms) = stream.verified_ms { (time(at_ms)) } @else { "–" } }
                        dt { "Events" } dd { @for event in &stream.events { div { (short(event)) } } }
                    }
                    div.buttons {
                        (button(ask, "status", "Ask how it stands", ""))
                        (button(ask, "verify", "Verify", ""))
                        (button(ask, "delete", "Delete", "danger"))
                    }
                }
            }
        }
    }
}

fn button(ask: &Ask<'_>, action: &str, words: &str, class: &str) -> Markup {
    html! { form method="post" action={ "/app/sso/okta/stream/" (action) } { (csrf(ask)) button.(class) type="submit" { (words) } } }
}

fn status(found: &Status) -> Markup {
    let tone = if found.status == "enabled" { Tone::Ok } else { Tone::Bad };
    html! {
        (pill(tone, &format!("Okta says: {}", found.status)))
        @if let Some(reason) = &found.reason { span.meta { (reason) } }
    }
}

/// The end of an event's type: `session-revoked`.
fn short(event: &str) -> &str {
    event.rsplit('/').next().unwrap_or(event)
}

pub(in crate::ui) async fn create(ask: &Ask<'_>) -> Answer {
    let field = |name: &str| ask.form.get(name).trim().to_owned();
    let credentials = Credentials::ServiceApp {
        client_id: field("stream_client_id"),
        key_id: Some(field("stream_key_id")),
        private_key: field("stream_private_key"),
    };
    done(ask, ask.visit.administering()?.create_stream(credentials).await).await
}

pub(in crate::ui) async fn act(ask: &Ask<'_>, action: &str) -> Answer {
    let right = ask.visit.administering()?;
    match action {
        "verify" => done(ask, right.verify_stream().await).await,
        "delete" => done(ask, right.delete_stream().await).await,
        _ => match right.stream_status().await {
            Ok(found) => ok(okta::with_notice(ask, Notice::Status(found)).await?),
            Err(failure) => done(ask, Err(failure)).await,
        },
    }
}

async fn done(ask: &Ask<'_>, result: Result<(), crate::http::reply::Failure>) -> Answer {
    match result {
        Ok(()) => Ok(see_other("/app/sso/okta#event-stream")),
        // Without a connection there is no card that could show why.
        Err(failure) if ask.visit.who.snapshot.okta().is_none() => Err(failure),
        Err(failure) => match failure.parts() {
            (status @ (StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::BAD_GATEWAY), _) => {
                Ok(page(status, okta::with_notice(ask, Notice::Failed(Wrong::of(&failure))).await?))
            }
            _ => Err(failure),
        },
    }
}
