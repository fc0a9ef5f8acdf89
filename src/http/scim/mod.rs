//! `/api/v1/scim/v2`: one line an endpoint (RFC 7644 §3.2).
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ceven_actors::{
    domain::{
        caller::{Actor, Authority, Caller},
        token::TokenKind,
    },
    organization::message::{Answered as Executed, Command},
    protocol::scim::{Object, ScimError, ScimType, list::Parameters},
};
use http::{Method, StatusCode};
use serde_json::Value;
use warp::reply::Response;

mod discovery;
mod groups;
mod lists;
pub mod log;
mod render;
mod roles;
mod users;

use log::Answered;

use super::{
    Incoming,
    auth::{Authenticated, authenticate},
    body::read_json,
    reply::{self, ScimFailure},
};
use crate::app::App;

type Answer = Result<Response, ScimFailure>;

/// An authenticated SCIM request.
struct Request<'a> {
    app: &'a Arc<App>,
    right: Authenticated,
    incoming: &'a mut Incoming,
    /// What of the body was ignored.
    ignored: &'a OnceLock<String>,
}

/// `path` is what follows the base of SCIM.
pub(super) async fn answer(app: &Arc<App>, path: &str, mut incoming: Box<Incoming>) -> Response {
    let at_ms = app.clock.now_ms();
    let path = path.trim_start_matches('/');
    let ignored = OnceLock::new();
    let mut right = None;
    let answer = match authenticate(app, &incoming.headers, TokenKind::Scim).await {
        Ok(authenticated) => {
            right = Some((authenticated.organization, Some(authenticated.token.id)));
            let request = Request { app, right: authenticated, incoming: &mut incoming, ignored: &ignored };
            route(request, path).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    let (response, detail) = match answer {
        Ok(response) => (response, ignored.into_inner()),
        Err(failure) => reply::scim_failure(failure),
    };
    app.scim_log.note(Answered {
        right,
        at_ms,
        ip: incoming.client_ip,
        method: &incoming.method,
        path,
        status: response.status().as_u16(),
        detail,
        request_id: &incoming.request_id,
        duration: incoming.begun.elapsed(),
        user_agent: incoming.headers.get(http::header::USER_AGENT),
    });
    response
}

async fn route(request: Request<'_>, path: &str) -> Answer {
    // Where GET answers, HEAD does: hyper leaves the body out.
    let method =
        if request.incoming.method == Method::HEAD { Method::GET } else { request.incoming.method.clone() };
    let segments: Vec<&str> = if path.is_empty() { vec![] } else { path.split('/').collect() };
    match (method.as_str(), segments.as_slice()) {
        ("GET", []) => Box::pin(lists::everything(&request, &request.parameters())).await,
        ("POST", [".search"]) => Box::pin(search(request, "")).await,
        ("GET", ["Users"]) => lists::users(&request, &request.parameters()).await,
        ("POST", ["Users"]) => users::create(request).await,
        ("POST", ["Users", ".search"]) => Box::pin(search(request, "Users")).await,
        ("GET", ["Users", id]) => users::get(&request, id),
        ("PUT", ["Users", id]) => users::replace(request, id).await,
        ("PATCH", ["Users", id]) => users::patch(request, id).await,
        ("DELETE", ["Users", id]) => users::delete(request, id).await,
        ("GET", ["Groups"]) => lists::groups(&request, &request.parameters()).await,
        ("POST", ["Groups"]) => groups::create(request).await,
        ("POST", ["Groups", ".search"]) => Box::pin(search(request, "Groups")).await,
        ("GET", ["Groups", id]) => groups::get(&request, id),
        ("PUT", ["Groups", id]) => groups::replace(request, id).await,
        ("PATCH", ["Groups", id]) => groups::patch(request, id).await,
        ("DELETE", ["Groups", id]) => groups::delete(request, id).await,
        ("GET", ["Roles"]) => roles::list(&request, &request.parameters()),
        ("POST", ["Roles", ".search"]) => Box::pin(search(request, "Roles")).await,
        ("GET", ["Roles", id]) => roles::get(&request, id),
        ("GET", ["ServiceProviderConfig"]) => discovery::service_provider_config(&request),
        ("GET", ["ResourceTypes"]) => discovery::resource_types(&request),
        ("GET", ["ResourceTypes", id]) => discovery::resource_type(&request, id),
        ("GET", ["Schemas"]) => discovery::schemas(&request),
        ("GET", ["Schemas", id]) => discovery::schema(&request, id),
        (_, known) => Err(unmatched(known)),
    }
}

/// 405 where there is an endpoint for another method, 404 elsewhere.
fn unmatched(segments: &[&str]) -> ScimFailure {
    let allow = match segments {
        [".search"] | ["Users" | "Groups" | "Roles", ".search"] => "POST",
        []
        | ["Roles" | "ServiceProviderConfig" | "ResourceTypes" | "Schemas"]
        | ["Roles" | "ResourceTypes" | "Schemas", _] => "GET, HEAD",
        ["Users" | "Groups"] => "GET, HEAD, POST",
        ["Users" | "Groups", _] => "GET, HEAD, PUT, PATCH, DELETE",
        _ => return ScimError::new(404, "There is no such endpoint.").into(),
    };
    ScimFailure::MethodNotAllowed(allow)
}

async fn search(mut request: Request<'_>, endpoint: &str) -> Answer {
    let parameters = request.search_body().await?;
    match endpoint {
        "Users" => lists::users(&request, &parameters).await,
        "Groups" => lists::groups(&request, &parameters).await,
        "Roles" => roles::list(&request, &parameters),
        _ => lists::everything(&request, &parameters).await,
    }
}

impl Request<'_> {
    /// Parameters of the query string.
    fn parameters(&self) -> Parameters {
        Parameters::from_pairs(form_urlencoded::parse(self.incoming.query.as_bytes()))
    }

    async fn search_body(&mut self) -> Result<Parameters, ScimFailure> {
        let body = self.json(self.app.settings.server.body_bytes).await?;
        Ok(Parameters::from_search(&body)?)
    }

    async fn json(&mut self, limit_bytes: usize) -> Result<Value, ScimError> {
        let timeout = Duration::from_millis(self.app.settings.server.body_read_timeout_ms);
        let body = std::mem::take(&mut self.incoming.body);
        Box::pin(read_json(&self.incoming.headers, body, limit_bytes, timeout)).await
    }

    async fn object(&mut self, limit_bytes: usize) -> Result<Object, ScimError> {
        match self.json(limit_bytes).await? {
            Value::Object(object) => Ok(object),
            _ => Err(ScimError::bad(ScimType::InvalidSyntax, "The body must be a JSON object.")),
        }
    }

    /// Gives the token's organization a command.
    async fn execute(&self, command: Command) -> Result<Executed, ScimFailure> {
        let token = &self.right.token;
        let caller = Caller {
            actor: Actor { kind: "scim_token", id: token.id.to_string(), label: token.label.to_string() },
            authority: Authority::Token(token.id),
            ip: Some(self.incoming.client_ip),
            request_id: self.incoming.request_id.clone(),
        };
        Ok(Box::pin(self.app.execute(self.right.organization, command, caller)).await?)
    }

    /// Notes what of a body was ignored: the client cannot see it from the answer.
    fn note_ignored(&self, ignored: &[String]) {
        if !ignored.is_empty() {
            let _ = self.ignored.set(format!("Unknown attributes were ignored: {}.", ignored.join(", ")));
        }
    }
}

/// 201 or 200 with a resource and its address.
fn resource(created: bool, location: String, body: String) -> Response {
    let mut response = reply::scim(if created { StatusCode::CREATED } else { StatusCode::OK }, body);
    if let Ok(value) = location.try_into() {
        response.headers_mut().insert(http::header::LOCATION, value);
    }
    response
}
