//! Every answer's status, headers and dialect: the RFC 7644 envelope under `/scim/v2`, RFC 9457 elsewhere.
use ceven_actors::{
    connector::ConfigError, organization::message::OrganizationError, protocol::scim::ScimError,
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use warp::reply::Response;

use super::{auth::Refusal, session::NotSignedIn};

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
            OrganizationError::Replayed => {
                Self::Refused(Refusal::Unauthorized("The token has been used before."))
            }
            OrganizationError::Busy => {
                Self::Scim(ScimError::new(429, "Too many requests are waiting; try again."))
            }
            OrganizationError::Unavailable => Self::Refused(Refusal::Unavailable),
        }
    }
}

/// Why a request elsewhere is not answered with what it asked for.
#[derive(Debug)]
pub enum Failure {
    /// Nobody is signed in.
    NotSignedIn(NotSignedIn),
    /// The bearer token opens nothing here.
    Refused(Refusal),
    /// The role does not allow it; the sentence says which one does.
    Forbidden(&'static str),
    /// An unsafe request that no page of this session has sent.
    Csrf,
    /// A sign-in with a wrong organization, address or password.
    WrongPassword,
    /// Too often.
    Limited {
        /// When to try again.
        wait_ms: i64,
    },
    /// The request makes no sense; the sentence says why.
    Bad(String),
    /// A field of it cannot be used.
    Field(ConfigError),
    /// Someone else that had to be asked refuses or does not answer; the sentence says why.
    Upstream(String),
    /// The body cannot be read.
    Body(ScimError),
    /// The organization refuses.
    Organization(OrganizationError),
    /// Nothing at this address.
    Nowhere,
    /// 405 with the methods there are.
    MethodNotAllowed(&'static str),
    /// An endpoint that the API's description has and the route table has not: a mistake here.
    NotRouted,
}

impl From<OrganizationError> for Failure {
    fn from(error: OrganizationError) -> Self {
        Self::Organization(error)
    }
}

impl From<ScimError> for Failure {
    fn from(error: ScimError) -> Self {
        Self::Body(error)
    }
}

impl Failure {
    /// Status and a sentence for whoever asked.
    pub fn parts(&self) -> (StatusCode, String) {
        const AWAY: &str =
            "The service is not available at the moment; nothing was changed that was not confirmed.";
        let (status, detail): (u16, &str) = match self {
            Self::NotSignedIn(NotSignedIn::Unavailable) | Self::Refused(Refusal::Unavailable) => (503, AWAY),
            Self::NotSignedIn(NotSignedIn::Never) => (401, "Sign in first."),
            Self::NotSignedIn(NotSignedIn::Ended) => (401, "The session has ended; sign in again."),
            Self::Refused(Refusal::Unauthorized(detail)) => (401, detail),
            Self::Refused(Refusal::WrongKind) => (403, "This token is not for the audit log."),
            Self::Forbidden(detail) => (403, detail),
            Self::Csrf => (403, "The request carries no CSRF token of this session (X-Ceven-CSRF)."),
            Self::WrongPassword => (401, "Organization, address or password is wrong."),
            Self::Limited { .. } => (429, "Too many attempts; try again later."),
            Self::Bad(detail) => (400, detail),
            Self::Field(error) => (400, &error.reason),
            Self::Upstream(detail) => (502, detail),
            Self::Body(error) => (error.status, &error.detail),
            Self::Organization(OrganizationError::NotFound { .. }) | Self::Nowhere => {
                (404, "There is nothing at this address.")
            }
            Self::Organization(OrganizationError::Conflict(detail)) => (409, detail),
            Self::Organization(OrganizationError::Invalid(error)) => (error.status, &error.detail),
            Self::Organization(OrganizationError::Forbidden) => {
                (403, "Your right to this has been withdrawn.")
            }
            Self::Organization(OrganizationError::Replayed) => (401, "The token has been used before."),
            Self::Organization(OrganizationError::Busy) => (429, "Too many requests are waiting; try again."),
            Self::Organization(OrganizationError::Unavailable) => (503, AWAY),
            Self::MethodNotAllowed(allow) => (405, allow),
            Self::NotRouted => (501, "This endpoint is described, and not there."),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self {
            Self::MethodNotAllowed(allow) => (status, format!("This endpoint takes {allow} only.")),
            Self::Field(error) => (status, error.to_string()),
            _ => (status, detail.to_owned()),
        }
    }

    /// The header that belongs to the status.
    pub fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        let status = self.parts().0;
        match (self, status.as_u16()) {
            (Self::Limited { wait_ms }, _) => {
                Some((header::RETRY_AFTER, HeaderValue::from((wait_ms.max(&1) + 999) / 1_000)))
            }
            (_, 429) => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            (_, 503) => Some((header::RETRY_AFTER, HeaderValue::from_static("5"))),
            (Self::Refused(_), 401) => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ceven\"")))
            }
            (Self::MethodNotAllowed(allow), _) => {
                HeaderValue::from_str(allow).ok().map(|allow| (header::ALLOW, allow))
            }
            _ => None,
        }
    }
}

/// A failure as a problem.
pub fn failure(failure: &Failure) -> Response {
    let (status, detail) = failure.parts();
    let mut response = problem(status, &detail);
    if let Some((name, value)) = failure.header() {
        response.headers_mut().insert(name, value);
    }
    response
}

/// An answer in JSON.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
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
