//! Every answer's status, headers and dialect: the RFC 7644 envelope under `/scim/v2`, RFC 9457 elsewhere.
use ceven_actors::{organization::message::OrganizationError, protocol::scim::ScimError};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use warp::reply::Response;

use super::auth::Refusal;

/// Media type of SCIM (RFC 7644 §8.1).
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a SCIM request is not answered with what it asked for.
#[derive(Debug)]
pub enum ScimFailure {
    /// A protocol error as it is.
    Scim(ScimError),
    /// No right.
    Refused(Refusal),
    /// 405 with the methods there are.
    MethodNotAllowed(&'static str),
}

impl From<ScimError> for ScimFailure {
    fn from(error: ScimError) -> Self {
        Self::Scim(error)
    }
}

impl From<Refusal> for ScimFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<OrganizationError> for ScimFailure {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::NotFound { resource, id } => Self::Scim(ScimError::not_found(resource, &id)),
            OrganizationError::Conflict(detail) => Self::Scim(ScimError::uniqueness(detail)),
            OrganizationError::Invalid(error) => Self::Scim(error),
            OrganizationError::Forbidden => {
                Self::Refused(Refusal::Unauthorized("The bearer token is no longer valid."))
            }
            OrganizationError::Busy => {
                Self::Scim(ScimError::new(429, "Too many requests are waiting; try again."))
            }
            OrganizationError::Unavailable => Self::Refused(Refusal::Unavailable),
        }
    }
}

/// A SCIM answer with a body.
pub fn scim(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}

/// 204.
pub fn no_content() -> Response {
    let mut response = Response::new(String::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A SCIM error, and its sentence for the log.
pub fn scim_failure(failure: ScimFailure) -> (Response, Option<String>) {
    let (error, extra) = match failure {
        ScimFailure::Scim(error) => {
            let retry = (error.status == 429).then(|| (header::RETRY_AFTER, HeaderValue::from_static("1")));
            (error, retry)
        }
        ScimFailure::Refused(Refusal::Unauthorized(detail)) => (
            ScimError::new(401, detail),
            Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ceven\""))),
        ),
        ScimFailure::Refused(Refusal::WrongKind) => {
            (ScimError::new(403, "This token is not for SCIM."), None)
        }
        ScimFailure::Refused(Refusal::Unavailable) => {
            let detail =
                "The service is not available at the moment; nothing was changed that was not confirmed.";
            (ScimError::new(503, detail), Some((header::RETRY_AFTER, HeaderValue::from_static("5"))))
        }
        ScimFailure::MethodNotAllowed(allow) => {
            let detail = format!("This endpoint takes {allow} only.");
            (ScimError::new(405, detail), Some((header::ALLOW, HeaderValue::from_static(allow))))
        }
    };
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = scim(status, error.to_json().to_string());
    if let Some((name, value)) = extra {
        response.headers_mut().insert(name, value);
    }
    let kind = error
        .scim_type
        .map_or(String::new(), |kind| format!("{}: ", json!(kind).as_str().unwrap_or_default()));
    (response, Some(format!("{kind}{}", error.detail)))
}

/// An RFC 9457 problem.
pub fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({ "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response
}
