//! `/api/v1` besides SCIM: one line an endpoint. Every unsafe request of a session shows its CSRF token here,
//! before anything else happens, so that no handler can forget to ask.
use std::{sync::Arc, time::Duration};

use ceven_actors::protocol::scim::ScimError;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use warp::reply::Response;

mod audit_export;
mod auth;
mod connectors;
mod events;
mod evidence;
pub mod instance;
mod offboardings;
mod okta;
mod report;
mod sessions;
mod settings;
mod tokens;
mod users;

use super::{
    Incoming,
    body::read_json,
    reply::{self, Failure},
    right::Visit,
    session::{self, CSRF_HEADER},
};
use crate::{
    app::App,
    openapi::{self, Unknown},
    sign_in::Origin,
};

pub use audit_export::filter as audit_filter;
pub use offboardings::{
    MAX_ACCOUNT_CHARACTERS, MAX_NOTE_CHARACTERS, account, note, time_ms, view as offboarding_view,
};
pub use report::{after as report_after, range as report_range};
pub use sessions::used_ms;
pub use users::{people_filter, role_named};

type Answer = Result<Response, Failure>;

/// Bytes of a body of this API.
const BODY_BYTES: usize = 64 * 1024;

/// A request.
struct Call<'a> {
    app: &'a Arc<App>,
    incoming: Incoming,
}

pub(super) async fn answer(app: &Arc<App>, segments: &[&str], incoming: Incoming) -> Response {
    let (method, path) = (incoming.method.clone(), incoming.path.clone());
    let mut response = route(Call { app, incoming }, segments).await.unwrap_or_else(|failure| {
        tracing::info!(%method, path = &*path, ?failure, "a request was refused");
        reply::failure(&failure)
    });
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn route(call: Call<'_>, segments: &[&str]) -> Answer {
    // Where GET answers, HEAD does: hyper leaves the body out.
    let method =
        if call.incoming.method == Method::HEAD { Method::GET } else { call.incoming.method.clone() };
    described(&method, segments)?;
    match (method.as_str(), segments) {
        ("GET", ["openapi.json"]) => Ok(reply::json(StatusCode::OK, &openapi::of_node(call.app))),
        ("POST", ["auth", "login"]) => auth::login(call).await,
        ("POST", ["auth", "logout"]) => auth::logout(call).await,
        ("GET", ["instance"]) => Ok(instance::get(&call)),
        ("GET", ["me"]) => auth::me(&call).await,
        ("GET", ["sessions"]) => sessions::list(&call).await,
        ("DELETE", ["sessions", id]) => sessions::end(&call, id).await,
        ("GET", ["sso", "scim-tokens"]) => tokens::list(&call).await,
        ("POST", ["sso", "scim-tokens"]) => tokens::mint(call).await,
        ("DELETE", ["sso", "scim-tokens", id]) => tokens::revoke(&call, id).await,
        ("POST", ["sso", "scim-tokens", id, "rotate"]) => tokens::rotate(call, id).await,
        ("GET", ["sso", "audit-export"]) => audit_export::export(&call).await,
        ("GET", ["users"]) => users::list(&call).await,
        ("GET", ["users", id]) => users::get(&call, id).await,
        ("POST" | "PUT" | "PATCH", ["users", id, "role"]) => users::role(call, id).await,
        ("GET", ["users", id, "sessions"]) => users::sessions(&call, id).await,
        ("DELETE", ["users", id, "sessions"]) => users::end_sessions(&call, id).await,
        ("GET", ["sso", "okta"]) => okta::get(&call).await,
        ("PUT", ["sso", "okta"]) => okta::set(call).await,
        ("DELETE", ["sso", "okta"]) => okta::remove(&call).await,
        ("GET", ["connectors"]) => connectors::list(&call).await,
        ("POST", ["connectors"]) => connectors::add(call).await,
        ("GET", ["connectors", id]) => connectors::get(&call, id).await,
        ("PUT", ["connectors", id]) => connectors::change(call, id).await,
        ("DELETE", ["connectors", id]) => connectors::remove(&call, id).await,
        ("POST", ["connectors", id, "check"]) => connectors::check(&call, id).await,
        ("POST", ["connectors", id, "coverage"]) => connectors::begin_coverage(&call, id).await,
        ("GET", ["connectors", id, "coverage"]) => connectors::coverage(&call, id).await,
        ("POST", ["users", id, "offboard"]) => offboardings::offboard(call, id).await,
        ("GET", ["offboardings"]) => offboardings::list(&call).await,
        ("GET", ["offboardings", "report"]) => report::get(&call).await,
        ("POST", ["offboardings", "release"]) => offboardings::release(call).await,
        ("GET", ["offboardings", id]) => offboardings::get(&call, id).await,
        ("GET", ["offboardings", id, "events"]) => events::follow(&call, id).await,
        ("GET", ["offboardings", id, "evidence"]) => evidence::download(&call, id).await,
        ("POST", ["offboardings", id, "retry"]) => offboardings::retry(call, id).await,
        ("POST", ["offboardings", id, "done"]) => offboardings::mark_done(call, id).await,
        ("POST", ["offboardings", id, "cancel"]) => offboardings::cancel(&call, id).await,
        ("GET", ["settings"]) => settings::get(&call).await,
        ("PUT", ["settings"]) => settings::set(call).await,
        _ => Err(Failure::NotRouted),
    }
}

/// Whether the API's description has it: 405 where it has other methods, 404 where it has none. So nothing is served
/// that is not described.
///
/// # Errors
/// [`Failure::Nowhere`] or [`Failure::MethodNotAllowed`].
pub(super) fn described(method: &Method, segments: &[&str]) -> Result<(), Failure> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    match openapi::find(method, segments) {
        Ok(_) => Ok(()),
        Err(Unknown::Path) => Err(Failure::Nowhere),
        Err(Unknown::Method(allow)) => Err(Failure::MethodNotAllowed(allow)),
    }
}

impl<'a> Call<'a> {
    /// The request of someone signed in; an unsafe one only when a page of theirs meant it.
    async fn visit(&self) -> Result<Visit<'a>, Failure> {
        let headers = &self.incoming.headers;
        let who = session::authenticate(self.app, headers).await.map_err(Failure::NotSignedIn)?;
        let csrf = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !self.incoming.method.is_safe() && !who.is_meant(csrf) {
            return Err(Failure::Csrf);
        }
        Ok(Visit {
            app: self.app,
            who,
            ip: self.incoming.client_ip,
            request_id: self.incoming.request_id.clone(),
        })
    }

    fn origin(&self) -> Origin {
        self.incoming.origin()
    }

    /// The body as an object; no body is an empty one.
    async fn object(&mut self) -> Result<Map<String, Value>, Failure> {
        let timeout = Duration::from_millis(self.app.settings.server.body_read_timeout_ms);
        let body = std::mem::take(&mut self.incoming.body);
        let has_no_body =
            self.incoming.headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
                && !self.incoming.headers.contains_key(header::TRANSFER_ENCODING);
        if has_no_body {
            return Ok(Map::new());
        }
        match read_json(&self.incoming.headers, body, BODY_BYTES, timeout).await? {
            Value::Object(object) => Ok(object),
            _ => Err(ScimError::new(400, "The body must be a JSON object.").into()),
        }
    }

    /// A parameter of the query; empty is absent.
    fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.incoming.query, name)
    }
}

/// A parameter of a query; empty is absent.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    exact_parameter(query, name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// A parameter of a query as it is, such as a cursor, whose spaces count; empty is absent.
pub fn exact_parameter(query: &str, name: &str) -> Option<String> {
    let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
}

/// A text of a body. PostgreSQL keeps no NUL.
fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Failure> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => {
            Err(Failure::Bad(format!("{name} must hold no NUL character.")))
        }
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Failure::Bad(format!("{name} must be a text."))),
    }
}
