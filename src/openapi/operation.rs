//! What is said of one operation, and which one a request is for.
use std::sync::LazyLock;

use super::operations::OPERATIONS;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Everyone,
    /// Whoever is signed in.
    Person,
    /// Members and admins.
    Member,
    /// Admins.
    Admin,
    /// Admins, and bearer tokens of the kind `audit`.
    AdminOrToken,
    /// Okta, by a token that it has signed.
    Okta,
    /// Whoever has an event that a connected tenant has signed.
    Event,
    /// Bearer tokens of the kind `scim`.
    Scim,
}

/// A parameter of the query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its schema's name.
    pub schema: &'static str,
    /// One sentence.
    pub about: &'static str,
}

/// A body.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// Its media types; the first is the usual one.
    pub media_types: &'static [&'static str],
    /// Its schema's name.
    pub schema: &'static str,
    /// Whether it must be there.
    pub required: bool,
}

/// What a request that succeeds is answered with.
#[derive(Debug, Clone, Copy)]
pub struct Success {
    /// Its status.
    pub status: u16,
    /// Media types with the names of their schemas; none when there is no body.
    pub content: &'static [(&'static str, &'static str)],
    /// One sentence.
    pub about: &'static str,
}

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Method.
    pub method: &'static str,
    /// Path below `/api/v1`; a segment in braces stands for any text.
    pub path: &'static str,
    /// `operationId`: unique.
    pub id: &'static str,
    /// What it is about, for a list.
    pub tag: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Who may call.
    pub access: Access,
    /// Parameters of the query, all optional.
    pub query: &'static [Parameter],
    /// Body of the request.
    pub body: Option<Body>,
    /// What success looks like.
    pub success: Success,
    /// What it looks like in a special case.
    pub special: Option<Success>,
    /// Statuses of refusals besides those that follow from access, path and body.
    pub refusals: &'static [u16],
}

pub(super) const JSON: &str = "application/json";
const NO_CONTENT: Success = Success { status: 204, content: &[], about: "Done." };

impl Operation {
    /// One that everyone may call and that answers 204 without a body, until more is said.
    pub(super) const fn new(
        tag: &'static str,
        method: &'static str,
        path: &'static str,
        id: &'static str,
        about: &'static str,
    ) -> Self {
        let (access, success) = (Access::Everyone, NO_CONTENT);
        Self {
            method,
            path,
            id,
            tag,
            about,
            access,
            query: &[],
            body: None,
            success,
            special: None,
            refusals: &[],
        }
    }

    pub(super) const fn by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    pub(super) const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn takes(self, schema: &'static str) -> Self {
        self.takes_as(&[JSON], schema)
    }

    pub(super) const fn may_take(self, schema: &'static str) -> Self {
        Self { body: Some(Body { media_types: &[JSON], schema, required: false }), ..self }
    }

    pub(super) const fn takes_as(self, media_types: &'static [&'static str], schema: &'static str) -> Self {
        Self { body: Some(Body { media_types, schema, required: true }), ..self }
    }

    pub(super) const fn gives(
        self,
        status: u16,
        content: &'static [(&'static str, &'static str)],
        about: &'static str,
    ) -> Self {
        Self { success: Success { status, content, about }, ..self }
    }

    pub(super) const fn or_gives(
        self,
        status: u16,
        content: &'static [(&'static str, &'static str)],
        about: &'static str,
    ) -> Self {
        Self { special: Some(Success { status, content, about }), ..self }
    }

    pub(super) const fn refuses(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    /// Names of the parameters in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(parameter_name)
    }

    /// Whether it changes nothing.
    pub fn is_safe(&self) -> bool {
        self.method == "GET"
    }

    /// Every status that a request may be refused with, in ascending order.
    pub fn all_refusals(&self) -> Vec<u16> {
        let by_access: &[u16] = match (self.access, self.is_safe()) {
            (Access::Everyone, _) => &[],
            (Access::Person, true) => &[401, 503],
            // An unsafe request needs its CSRF token, and waits for its turn.
            (Access::Person, false) => &[401, 403, 429, 503],
            (Access::Member | Access::Admin | Access::AdminOrToken, true) => &[401, 403, 503],
            (Access::Member | Access::Admin | Access::AdminOrToken, false) => &[401, 403, 429, 503],
            (Access::Okta | Access::Event, _) => &[429, 503],
            (Access::Scim, _) => &[401, 403, 429, 503],
        };
        let by_path: &[u16] = if self.path_parameters().next().is_some() { &[404] } else { &[] };
        let by_body: &[u16] = if self.body.is_some() { &[400, 408, 413, 415] } else { &[] };
        let by_query: &[u16] = if self.query.is_empty() { &[] } else { &[400] };
        let mut all = [by_access, by_path, by_body, by_query, self.refusals].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn parameter_name(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// A path with what it takes.
struct Endpoint {
    segments: Vec<&'static str>,
    allow: String,
    operations: Vec<&'static Operation>,
}

/// Paths without parameters first, so that a word goes before any text.
static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for operation in OPERATIONS {
        let segments: Vec<_> = operation.path.trim_start_matches('/').split('/').collect();
        match endpoints.iter_mut().find(|endpoint| endpoint.segments == segments) {
            Some(endpoint) => endpoint.operations.push(operation),
            None => {
                endpoints.push(Endpoint { segments, allow: String::new(), operations: vec![operation] });
            }
        }
    }
    for endpoint in &mut endpoints {
        let has = |method: &str| endpoint.operations.iter().any(|operation| operation.method == method);
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| has(method));
        let methods: Vec<_> =
            methods.map(|method| if method == "GET" { "GET, HEAD" } else { method }).collect();
        endpoint.allow = methods.join(", ");
    }
    endpoints.sort_by_key(|endpoint| {
        endpoint.segments.iter().filter(|segment| parameter_name(segment).is_some()).count()
    });
    endpoints
});

/// No operation fits a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// There is nothing at this path.
    Path,
    /// There is, for these methods.
    Method(&'static str),
}

/// The operation of a request. GET stands for HEAD too.
///
/// # Errors
/// [`Unknown`].
pub fn find(method: &str, segments: &[&str]) -> Result<&'static Operation, Unknown> {
    let is_here = |endpoint: &&Endpoint| {
        endpoint.segments.len() == segments.len()
            && endpoint.segments.iter().zip(segments).all(|(known, asked)| {
                known == asked || (parameter_name(known).is_some() && !asked.is_empty())
            })
    };
    let endpoint = ENDPOINTS.iter().find(is_here).ok_or(Unknown::Path)?;
    let fitting = endpoint.operations.iter().find(|operation| operation.method == method);
    fitting.copied().ok_or(Unknown::Method(&endpoint.allow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_operation_of_a_request() {
        assert_eq!(find("GET", &["users", "x"]).unwrap().path, "/users/{id}");
        assert_eq!(find("PUT", &["users"]).unwrap_err(), Unknown::Method("GET, HEAD"));
        assert_eq!(
            find("POST", &["connectors", "x"]).unwrap_err(),
            Unknown::Method("GET, HEAD, PUT, DELETE")
        );
        assert_eq!(find("GET", &["users", ""]).unwrap_err(), Unknown::Path);
        assert_eq!(find("GET", &["none"]).unwrap_err(), Unknown::Path);
    }

    #[test]
    fn operations_are_told_apart() {
        for (index, one) in OPERATIONS.iter().enumerate() {
            assert!(one.path.starts_with('/') && one.about.ends_with('.'), "{}", one.id);
            for other in &OPERATIONS[..index] {
                assert_ne!(one.id, other.id);
                assert!((one.method, one.path) != (other.method, other.path), "{}", one.id);
            }
        }
    }
}
