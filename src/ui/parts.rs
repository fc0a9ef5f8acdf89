//! Pieces that several pages share.
use ceven_actors::{clock::rfc3339, connector::ConfigError, domain::session::Session};
use http::StatusCode;
use maud::{Markup, html};

use super::{Answer, Ask, page};
pub(super) use crate::html::scroll;
use crate::http::{api::used_ms, reply::Failure, session::CSRF_FIELD};

/// The field that every form carries.
pub(super) fn csrf(ask: &Ask<'_>) -> Markup {
    html! { input type="hidden" name=(CSRF_FIELD) value=(ask.visit.who.csrf); }
}

/// Why a form is shown again.
pub(super) struct Wrong {
    field: Option<String>,
    words: String,
}

impl Wrong {
    /// What a refusal was about.
    pub(super) fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Field(ConfigError { field, reason }) => {
                Self { field: Some(field.clone()), words: format!("{reason}.") }
            }
            _ => Self::new(failure.parts().1),
        }
    }

    /// In words that name no field.
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self { field: None, words: words.into() }
    }

    /// Above the form. `title` knows what people call a field.
    pub(super) fn alert(&self, title: impl Fn(&str) -> Option<&'static str>) -> Markup {
        let field = self.field.as_deref().map(|field| title(field).unwrap_or(field));
        html! { p.error role="alert" { @if let Some(field) = field { strong { (field) } " " } (self.words) } }
    }

    /// For `aria-invalid` of a field.
    pub(super) fn is_about(wrong: Option<&Self>, field: &str) -> Option<&'static str> {
        wrong.is_some_and(|wrong| wrong.field.as_deref() == Some(field)).then_some("true")
    }
}

/// A form that was refused for what is in it is shown again with the reason.
pub(super) fn again(failure: Failure, form: impl FnOnce(&Wrong) -> Markup) -> Answer {
    let (status, wrong) = (failure.parts().0, Wrong::of(&failure));
    match status {
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT => Ok(page(status, form(&wrong))),
        _ => Err(failure),
    }
}

/// A time, to the minute; the exact one is in its title.
pub(super) fn time(at_ms: i64) -> Markup {
    let exact = rfc3339(at_ms);
    html! { time datetime=(exact) title=(exact) { (exact[..10]) " " (exact[11..16]) } }
}

/// A time that lies ahead, with its zone; a script says besides which that is for the reader.
pub(super) fn planned(at_ms: i64) -> Markup {
    html! { (time(at_ms)) " UTC" span.meta data-local=(rfc3339(at_ms)) {} }
}

/// How long ago, in one word and a number.
pub(super) fn ago(at_ms: i64, now_ms: i64) -> Markup {
    let exact = rfc3339(at_ms);
    let seconds = (now_ms - at_ms).max(0) / 1_000;
    let words = match seconds {
        0..=59 => "just now".to_owned(),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    };
    html! { time datetime=(exact) title=(exact) { (words) } }
}

/// How a state is shown: a glyph, a word and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Ok,
    /// Soon to be looked at.
    Warn,
    /// Ended or wrong.
    Bad,
    /// Neither.
    Plain,
}

impl Tone {
    const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("ok", "●"),
            Self::Warn => ("warn", "▲"),
            Self::Bad => ("bad", "■"),
            Self::Plain => ("plain", "○"),
        }
    }
}

/// A state.
pub(super) fn pill(tone: Tone, words: &str) -> Markup {
    let (class, glyph) = tone.parts();
    html! { span.pill.(class) { span.glyph aria-hidden="true" { (glyph) } (words) } }
}

/// Something to know about, and what to do about it.
pub(super) fn notice(tone: Tone, title: Markup, words: Markup, action: Markup) -> Markup {
    let (class, glyph) = tone.parts();
    html! {
        div.notice.(class) {
            span.glyph aria-hidden="true" { (glyph) }
            div { strong { (title) } p { (words) } }
            (action)
        }
    }
}

/// A value to copy: selectable in any case, with a button where there is a script.
pub(super) fn copyable(id: &str, label: &str, value: &str) -> Markup {
    html! {
        span.copyable {
            code id=(id) { (value) }
            button.copy type="button" data-copy=(id) aria-label={ "Copy " (label) } hidden { "Copy" }
        }
    }
}

/// Someone's sessions; `end` is where the form that ends one goes, its id behind it.
pub(super) fn sessions<'s>(
    ask: &Ask<'_>,
    sessions: impl Iterator<Item = &'s std::sync::Arc<Session>>,
    end: Option<&str>,
) -> Markup {
    let now_ms = ask.visit.app.clock.now_ms();
    let live: Vec<_> = sessions.filter(|session| session.is_live(now_ms)).collect();
    if live.is_empty() {
        return html! { p.empty { "No sessions. A session appears here when the person signs in." } };
    }
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { "Started" } th scope="col" { "Last used" } th scope="col" { "Address" }
                th scope="col" { "Browser" } th scope="col" { "Ends" }
                @if end.is_some() { th scope="col" { span.hidden { "Actions" } } }
            } }
            tbody { @for session in live.into_iter().rev() {
                tr {
                    td { (time(session.created_ms)) }
                    td {
                        @if session.id == ask.visit.who.session.id { (pill(Tone::Ok, "This session")) }
                        @else { (ago(used_ms(ask.visit.app, session), now_ms)) }
                    }
                    td.mono { @if let Some(ip) = session.ip { (ip) } @else { "–" } }
                    td.wide title=(session.user_agent) { (browser(&session.user_agent)) }
                    td { (time(session.expires_ms)) }
                    @if let Some(end) = end {
                        td.actions { form method="post" action={ (end) "/" (session.id) } {
                            (csrf(ask))
                            button.small type="submit" { "End" }
                        } }
                    }
                }
            } }
        } }
    }
}

/// What a browser calls itself, in two words where they can be found.
fn browser(user_agent: &str) -> String {
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let product = find(&[
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (product, system) {
        (Some(product), Some(system)) => format!("{product} on {system}"),
        (Some(product), None) => product.to_owned(),
        _ if user_agent.is_empty() => "–".to_owned(),
        _ => user_agent.chars().take(40).collect(),
    }
}
