//! Requests by route, method and status. A route is a pattern that is known here, whatever the address says, so that nobody
//! outside decides how many there are; a test holds them against the route tables.
use std::{
    str::Split,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ceven_actors::meter::{Distribution, Histogram, WORK_US};
use http::{Method, StatusCode};

use crate::openapi::OPERATIONS;

/// Addresses of the console, besides those that the description of the API has; `{…}` is any one segment. Where two fit,
/// the one whose first difference is a name counts.
pub const PAGES: &[&str] = &[
    "/",
    "/login",
    "/login/{id}",
    "/logout",
    "/assets/{id}",
    "/app",
    "/app/sso",
    "/app/sso/events",
    "/app/sso/requests",
    "/app/sso/tokens",
    "/app/sso/tokens/{id}/rotate",
    "/app/sso/tokens/{id}/revoke",
    "/app/sso/okta",
    "/app/sso/okta/remove",
    "/app/sso/okta/stream",
    "/app/sso/okta/stream/status",
    "/app/sso/okta/stream/verify",
    "/app/sso/okta/stream/delete",
    "/app/team",
    "/app/team/{id}",
    "/app/team/{id}/role",
    "/app/team/{id}/sessions",
    "/app/team/{id}/sessions/{id}",
    "/app/team/{id}/offboard",
    "/app/offboardings",
    "/app/offboardings/release",
    "/app/offboardings/report",
    "/app/offboardings/{id}",
    "/app/offboardings/{id}/retry",
    "/app/offboardings/{id}/done",
    "/app/offboardings/{id}/cancel",
    "/app/connectors",
    "/app/connectors/new/{id}",
    "/app/connectors/{id}",
    "/app/connectors/{id}/check",
    "/app/connectors/{id}/coverage",
    "/app/connectors/{id}/remove",
    "/app/audit",
    "/app/audit/verify",
    "/app/audit/{id}",
    "/app/settings",
    "/app/settings/doctor",
    "/app/settings/guard",
    "/app/settings/sessions/{id}",
    "/app/api",
];
/// What of SCIM is served and not described.
const SCIM: [&str; 6] = [
    "/api/v1/scim/v2",
    "/api/v1/scim/v2/Users/.search",
    "/api/v1/scim/v2/Groups/.search",
    "/api/v1/scim/v2/Roles/.search",
    "/api/v1/scim/v2/ResourceTypes/{id}",
    "/api/v1/scim/v2/Schemas/{id}",
];
const ELSEWHERE: &str = "/elsewhere";
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"];
const STATUSES: [&str; 24] = [
    "200", "201", "202", "204", "302", "303", "304", "400", "401", "403", "404", "405", "408", "409", "410",
    "412", "413", "415", "422", "429", "500", "502", "503", "other",
];

/// A pattern and a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pattern: usize,
    method: usize,
}

impl Route {
    fn place(self) -> usize {
        self.pattern * METHODS.len() + self.method
    }
}

/// Counts of requests.
pub struct Requests {
    /// By pattern, method and status.
    counts: Box<[AtomicU64]>,
    /// By pattern and method.
    times: Vec<Histogram>,
}

/// Patterns that begin alike.
#[derive(Default)]
struct Node {
    /// Next segment, by name.
    named: Vec<(String, Node)>,
    /// Next segment, whatever it is.
    any: Option<Box<Node>>,
    /// Place of the pattern that ends here.
    pattern: Option<usize>,
}

impl Node {
    fn add(&mut self, pattern: &str, place: usize) {
        let mut node = self;
        for segment in pattern.trim_start_matches('/').split('/') {
            node = if segment.starts_with('{') {
                node.any.get_or_insert_default()
            } else {
                let known = node.named.iter().position(|(name, _)| name == segment);
                let at = known.unwrap_or_else(|| {
                    node.named.push((segment.to_owned(), Node::default()));
                    node.named.len() - 1
                });
                &mut node.named[at].1
            };
        }
        node.pattern.get_or_insert(place);
    }

    /// A name goes before whatever.
    fn find(&self, mut segments: Split<'_, char>) -> Option<usize> {
        let Some(segment) = segments.next() else { return self.pattern };
        let named = self.named.iter().find(|(name, _)| name == segment);
        let found = named.and_then(|(_, node)| node.find(segments.clone()));
        found.or_else(|| self.any.as_ref()?.find(segments))
    }
}

/// Every pattern there is.
struct Table {
    /// As they are shown; the last one is for everything else.
    patterns: Vec<String>,
    /// Where an address finds its pattern.
    tree: Node,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let described = OPERATIONS.iter().map(|operation| format!("/api/v1{}", operation.path));
    let others = PAGES.iter().chain(&SCIM).map(|pattern| (*pattern).to_owned());
    let mut patterns: Vec<String> = described.chain(others).collect();
    patterns.sort_by_key(|pattern| (pattern.matches('{').count(), pattern.clone()));
    patterns.dedup();
    let mut tree = Node::default();
    for (place, pattern) in patterns.iter().enumerate() {
        tree.add(pattern, place);
    }
    patterns.push(ELSEWHERE.to_owned());
    Table { patterns, tree }
});

/// Requests of one route: its pattern, its method, each status with its count, and how long they took.
pub type Counted<'r> = (&'r str, &'static str, Vec<(&'static str, u64)>, Distribution);

impl Default for Requests {
    fn default() -> Self {
        let routes = TABLE.patterns.len() * METHODS.len();
        Self {
            counts: (0..routes * STATUSES.len()).map(|_| AtomicU64::new(0)).collect(),
            times: (0..routes).map(|_| Histogram::new(WORK_US)).collect(),
        }
    }
}

impl Requests {
    /// The route of a request; `path` has no slash at either end.
    pub fn route(&self, method: &Method, path: &str) -> Route {
        let method = METHODS.iter().position(|name| *name == method.as_str());
        Route {
            pattern: TABLE.tree.find(path.split('/')).unwrap_or(TABLE.patterns.len() - 1),
            method: method.unwrap_or(METHODS.len() - 1),
        }
    }

    /// The pattern of a route, for people.
    pub fn pattern(&self, route: Route) -> &'static str {
        &TABLE.patterns[route.pattern]
    }

    /// Counts a request that has been answered.
    pub fn note(&self, route: Route, status: StatusCode, took: Duration) {
        let status = STATUSES.iter().position(|name| *name == status.as_str()).unwrap_or(STATUSES.len() - 1);
        self.counts[route.place() * STATUSES.len() + status].fetch_add(1, Ordering::Relaxed);
        self.times[route.place()].observe_time(took);
    }

    /// Every route that was asked for.
    pub fn read(&self) -> Vec<Counted<'_>> {
        let routes = (0..TABLE.patterns.len())
            .flat_map(|pattern| (0..METHODS.len()).map(move |method| Route { pattern, method }));
        let counted = routes.map(|route| {
            let counts = &self.counts[route.place() * STATUSES.len()..][..STATUSES.len()];
            let statuses = STATUSES.into_iter().zip(counts);
            let statuses = statuses.map(|(status, count)| (status, count.load(Ordering::Relaxed)));
            let statuses: Vec<_> = statuses.filter(|(_, count)| *count > 0).collect();
            (self.pattern(route), METHODS[route.method], statuses, self.times[route.place()].read())
        });
        counted.filter(|(_, _, statuses, _)| !statuses.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_find_their_pattern_and_strangers_share_one() {
        let requests = Requests::default();
        let pattern = |path: &str| requests.pattern(requests.route(&Method::GET, path)).to_string();
        assert_eq!(pattern("api/v1/scim/v2/Users/0192"), "/api/v1/scim/v2/Users/{id}");
        assert_eq!(pattern("api/v1/scim/v2/Users/.search"), "/api/v1/scim/v2/Users/.search");
        assert_eq!((pattern(""), pattern("app/team/x/role")), ("/".into(), "/app/team/{id}/role".into()));
        for stranger in ["wp-admin", "api/v2/users", "api/v1/users/1/2/3/4", "app/%00"] {
            assert_eq!(pattern(stranger), ELSEWHERE, "{stranger}");
        }
        let brew = Method::from_bytes(b"BREW").unwrap();
        requests.note(requests.route(&brew, "login"), StatusCode::IM_A_TEAPOT, Duration::ZERO);
        let read = requests.read();
        assert_eq!((read[0].0, read[0].1, &read[0].2), ("/login", "other", &vec![("other", 1)]));
        assert_eq!(read.len(), 1);
    }
}
