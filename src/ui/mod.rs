//! The console: pages rendered here, forms that work without a script. One page, one file in `pages`.
//!
//! 1. Every form of someone signed in shows the session's CSRF token here, before its page is asked.
//! 2. Pages are kept by nobody, framed by nobody, and run nothing but our own file.
//! 3. A form answers with a redirect to a page of this host, or with a page; never with another host: Chromium
//!    would block it under `form-action 'self'`.
use std::{sync::Arc, time::Duration};

use ceven_actors::domain::audit::Mode;
use http::{HeaderValue, Method, StatusCode, header};
use maud::Markup;
use warp::reply::Response;

mod assets;
mod diff;
mod icon;
mod layout;
mod pages;
mod parts;
mod plot;

use crate::{
    app::App,
    http::{
        Incoming,
        body::read_form,
        cookie::Cookie,
        reply::Failure,
        right::Visit,
        session::{self, CSRF_FIELD, NotSignedIn},
    },
};
use pages::{
    api, attention, audit, audit_entry, connectors, coverage, dashboard, doctor, event_stream, handover,
    login, offboard, offboarding, okta, person, report, requests, settings, sso, team, tokens,
};

/// Bytes of a form.
const FORM_BYTES: usize = 64 * 1024;
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

type Answer = Result<Response, Failure>;

/// A request for a page of the console by someone signed in.
struct Ask<'a> {
    visit: Visit<'a>,
    query: String,
    form: Form,
}

/// Fields of a form.
#[derive(Default)]
struct Form(Vec<(String, String)>);

impl Form {
    /// A field; absent is empty.
    fn get(&self, name: &str) -> &str {
        self.typed(name).unwrap_or_default()
    }

    /// A field that was sent.
    fn typed(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// PostgreSQL keeps no NUL.
    fn storable(self) -> Result<Self, Failure> {
        match self.0.iter().find(|(_, value)| value.contains('\0')) {
            Some((name, _)) => Err(Failure::Bad(format!("{name} must hold no NUL character."))),
            None => Ok(self),
        }
    }

    /// Whether a box of that name and value is ticked.
    fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(key, ticked)| key == name && ticked == value)
    }
}

impl Ask<'_> {
    /// A parameter of the query; empty is absent.
    fn parameter(&self, name: &str) -> Option<String> {
        crate::http::api::parameter(&self.query, name)
    }
}

/// A target within the console: what is none becomes the dashboard.
pub fn safe_target(next: &str) -> &str {
    login::safe(next)
}

/// The login page after signing out here.
pub const SIGNED_OUT: &str = "/login?reason=signed_out";

/// The cookie that binds a code, or a question, to a browser at the console's host.
pub fn console_cookie(app: &App) -> Cookie {
    Cookie::at(&app.console_url, "ceven_console")
}

/// Whether an address is a page's.
pub fn is_page(segments: &[&str]) -> bool {
    matches!(segments, [""] | ["login", ..] | ["logout"] | ["app", ..] | ["assets", _])
}

/// Answers a request for a page.
pub async fn answer(app: &Arc<App>, segments: &[&str], incoming: Incoming) -> Response {
    let request_id = incoming.request_id.clone();
    let (method, path) = (incoming.method.clone(), incoming.path.clone());
    let here = here(&incoming);
    let response = match segments {
        ["assets", name] => assets::serve(name, &incoming.query),
        [""] => Ok(see_other("/app")),
        ["login"] => login::answer(app, incoming).await,
        ["login", step] => handover::answer(app, step, incoming).await,
        ["login", ..] => Err(Failure::Nowhere),
        _ => signed_in(app, segments, incoming).await,
    };
    let mut response = response.unwrap_or_else(|failure| {
        tracing::info!(%method, path = &*path, ?failure, "a page was refused");
        refused(app.store.mode(), &failure, &here, &request_id)
    });
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // Without any referrer browsers would not say which page a form came from.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value)); // (2)
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store")); // (2)
    response
}

/// Where to come back to after signing in: pages only. A form is not sent again; its page is where it was filled in.
fn here(incoming: &Incoming) -> String {
    match (incoming.method.is_safe(), incoming.query.as_str()) {
        (false, _) => {
            let page = incoming.headers.get(header::REFERER).and_then(|page| page.to_str().ok());
            let page = page.and_then(|page| page.parse::<http::Uri>().ok());
            let page = page.and_then(|page| page.into_parts().path_and_query);
            safe_target(page.as_ref().map_or("/app", |page| page.as_str())).to_owned()
        }
        (true, "") => format!("/{}", incoming.path),
        (true, query) => format!("/{}?{query}", incoming.path),
    }
}

fn refused(mode: Mode, failure: &Failure, here: &str, request_id: &str) -> Response {
    match failure {
        Failure::NotSignedIn(NotSignedIn::Never) => see_other(&login::address(here, None)),
        Failure::NotSignedIn(NotSignedIn::Ended) => see_other(&login::address(here, Some("session_ended"))),
        Failure::Csrf => page(failure.parts().0, layout::stale(mode, here, request_id)),
        failure => {
            let (status, detail) = failure.parts();
            let mut response = page(status, layout::error(mode, status, &detail, Some(request_id)));
            if let Some((name, value)) = failure.header() {
                response.headers_mut().insert(name, value);
            }
            response
        }
    }
}

/// A page for what went wrong outside the pages: a panic, a time-out.
pub fn failed(mode: Mode, status: StatusCode, detail: &str) -> Response {
    page(status, layout::error(mode, status, detail, None))
}

async fn signed_in(app: &Arc<App>, segments: &[&str], mut incoming: Incoming) -> Answer {
    let who = session::authenticate(app, &incoming.headers).await.map_err(Failure::NotSignedIn)?;
    let is_form = incoming.method == Method::POST;
    let form = if is_form { read(app, &mut incoming).await?.storable()? } else { Form::default() };
    if is_form && !who.is_meant(form.get(CSRF_FIELD)) {
        return Err(Failure::Csrf); // (1)
    }
    let visit = Visit { app, who, ip: incoming.client_ip, request_id: incoming.request_id };
    let ask = Ask { visit, query: incoming.query, form };
    // Where GET answers, HEAD does: hyper leaves the body out.
    let method = if incoming.method == Method::HEAD { Method::GET } else { incoming.method };
    route(&ask, method.as_str(), segments).await
}

/// The pages, one line an address.
async fn route(ask: &Ask<'_>, method: &str, segments: &[&str]) -> Answer {
    match (method, segments) {
        ("GET", ["app"]) => dashboard::show(ask).await,
        ("POST", ["logout"]) => login::sign_out(ask).await,
        ("GET", ["app", "sso"]) => sso::show(ask).await,
        ("GET", ["app", "sso", "events"]) => sso::follow(ask),
        ("GET", ["app", "sso", "requests"]) => requests::show(ask).await,
        ("GET", ["app", "sso", "tokens"]) => tokens::show(ask).await,
        ("POST", ["app", "sso", "tokens"]) => tokens::mint(ask).await,
        ("GET", ["app", "sso", "tokens", id, action @ ("rotate" | "revoke")]) => {
            tokens::confirm(ask, id, action)
        }
        ("POST", ["app", "sso", "tokens", id, "rotate"]) => tokens::rotate(ask, id).await,
        ("POST", ["app", "sso", "tokens", id, "revoke"]) => tokens::revoke(ask, id).await,
        ("GET", ["app", "team"]) => team::show(ask).await,
        ("GET", ["app", "team", id]) => person::show(ask, id).await,
        ("POST", ["app", "team", id, "role"]) => person::set_role(ask, id).await,
        ("POST", ["app", "team", id, "sessions"]) => person::end_sessions(ask, id).await,
        ("POST", ["app", "team", id, "sessions", session]) => person::end_session(ask, id, session).await,
        ("GET", ["app", "team", id, "offboard"]) => offboard::show(ask, id).await,
        ("POST", ["app", "team", id, "offboard"]) => offboard::begin(ask, id).await,
        ("GET", ["app", "offboardings"]) => offboarding::list(ask).await,
        ("GET", ["app", "offboardings", "report"]) => report::show(ask).await,
        ("POST", ["app", "offboardings", "release"]) => attention::release(ask).await,
        ("GET", ["app", "offboardings", id]) => offboarding::show(ask, id).await,
        ("POST", ["app", "offboardings", id, action @ ("retry" | "done" | "cancel")]) => {
            offboarding::act(ask, id, action).await
        }
        ("GET", ["app", "connectors"]) => connectors::show(ask).await,
        ("GET", ["app", "connectors", "new", kind]) => connectors::new(ask, kind),
        ("POST", ["app", "connectors", "new", kind]) => connectors::add(ask, kind).await,
        ("GET", ["app", "connectors", id]) => connectors::one(ask, id).await,
        ("POST", ["app", "connectors", id]) => connectors::save(ask, id).await,
        ("POST", ["app", "connectors", id, "check"]) => connectors::check(ask, id).await,
        ("POST", ["app", "connectors", id, "coverage"]) => coverage::begin(ask, id).await,
        ("POST", ["app", "connectors", id, "remove"]) => connectors::remove(ask, id).await,
        ("GET", ["app", "sso", "okta"]) => okta::show(ask).await,
        ("POST", ["app", "sso", "okta"]) => okta::save(ask).await,
        ("POST", ["app", "sso", "okta", "remove"]) => okta::remove(ask).await,
        ("POST", ["app", "sso", "okta", "stream"]) => event_stream::create(ask).await,
        ("POST", ["app", "sso", "okta", "stream", action @ ("status" | "verify" | "delete")]) => {
            event_stream::act(ask, action).await
        }
        ("GET", ["app", "audit"]) => audit::show(ask).await,
        ("POST", ["app", "audit", "verify"]) => audit::verify(ask).await,
        ("GET", ["app", "audit", "verify"]) => Ok(see_other("/app/audit")),
        ("GET", ["app", "audit", seq]) => audit_entry::show(ask, seq).await,
        ("GET", ["app", "api"]) => api::show(ask),
        ("GET", ["app", "settings"]) => settings::show(ask),
        ("POST", ["app", "settings", "guard"]) => settings::set_guard(ask).await,
        ("GET", ["app", "settings", "doctor"]) => doctor::show(ask),
        ("POST", ["app", "settings", "doctor"]) => doctor::run(ask).await,
        ("POST", ["app", "settings", "sessions", id]) => settings::end_session(ask, id).await,
        // What a form has shown is shown at its own address, which somebody may ask for again: then its page is shown.
        ("GET", ["app", "connectors", id, "check" | "coverage" | "remove"]) => Ok(see_other(&format!(
            "/app/connectors/{}",
            id.parse::<uuid::Uuid>().map_err(|_| Failure::Nowhere)?
        ))),
        ("GET", ["app", "sso", "okta", "stream", ..]) => Ok(see_other("/app/sso/okta")),
        ("GET", ["app", "settings", "guard"]) => Ok(see_other("/app/settings")),
        ("GET" | "POST", _) => Err(Failure::Nowhere),
        _ => Err(Failure::MethodNotAllowed("GET, HEAD, POST")),
    }
}

async fn read(app: &App, incoming: &mut Incoming) -> Result<Form, Failure> {
    let timeout = Duration::from_millis(app.settings.server.body_read_timeout_ms);
    let body = std::mem::take(&mut incoming.body);
    Ok(Form(read_form(&incoming.headers, body, FORM_BYTES, timeout).await?))
}

fn page(status: StatusCode, markup: Markup) -> Response {
    let mut response = Response::new(markup.into_string().into());
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// A page that shows what was asked for.
fn ok(markup: Markup) -> Answer {
    Ok(page(StatusCode::OK, markup))
}

/// `address` is one that this code has written; after a form, of this host (3).
fn see_other(address: &str) -> Response {
    let mut response = Response::new(String::new().into());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(value) = address.parse() {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}
