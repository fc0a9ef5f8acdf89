//! Lists: an index answers what it can, anything else looks at every resource, on a thread where that
//! delays nobody and in a number that leaves the other threads alone.
use std::sync::Arc;

use ceven_actors::{
    domain::{group::Group, user::User},
    organization::state::Snapshot,
    protocol::scim::{
        Object,
        list::{ListQuery, Parameters, Resources},
        schema::{GROUP_TYPE, USER_TYPE},
    },
};
use http::StatusCode;

use super::{Answer, Request, render::Renderer, roles};
use crate::http::{
    auth::Refusal,
    reply::{self, ScimFailure},
};

/// Some 20 µs of work.
const RESOURCES_PER_SLICE: usize = 16;

/// A page of what fits, and how much fits.
pub(super) struct Page {
    pub(super) total: usize,
    pub(super) resources: Resources,
}

pub(super) fn reply_page(query: &ListQuery, page: &Page) -> Answer {
    Ok(reply::scim(StatusCode::OK, page.resources.envelope(page.total, query.start_index)))
}

pub(super) async fn users(request: &Request<'_>, parameters: &Parameters) -> Answer {
    let query = parameters.bind(&USER_TYPE, &request.app.settings.list_limits())?;
    let page = users_page(request, &query).await?;
    reply_page(&query, &page)
}

pub(super) async fn groups(request: &Request<'_>, parameters: &Parameters) -> Answer {
    let query = parameters.bind(&GROUP_TYPE, &request.app.settings.list_limits())?;
    let page = groups_page(request, &query).await?;
    reply_page(&query, &page)
}

/// The root: users, groups and roles in one list (RFC 7644 §3.4.2.1). A filter that makes no sense for one
/// of them fits none of these.
pub(super) async fn everything(request: &Request<'_>, parameters: &Parameters) -> Answer {
    let limits = request.app.settings.list_limits();
    let mut refused = None;
    let mut total = 0;
    let mut resources = Resources::default();
    let mut first = None;
    for kind in ceven_actors::protocol::scim::schema::RESOURCE_TYPES {
        let bound = match parameters.bind(kind, &limits) {
            Ok(bound) => bound,
            Err(error) => {
                refused = Some(error);
                continue;
            }
        };
        let (start_index, count) = (bound.start_index, bound.count);
        let query = ListQuery {
            start_index: start_index.saturating_sub(total).max(1),
            count: count - resources.count().min(count),
            ..bound
        };
        let page = match kind.name {
            "User" => users_page(request, &query).await?,
            "Group" => groups_page(request, &query).await?,
            _ => roles::page(request, &query),
        };
        // Before its place has come, a kind contributes nothing but its number.
        if start_index <= total + page.total {
            resources.extend(page.resources);
        }
        total += page.total;
        first.get_or_insert(start_index);
    }
    match (first, refused) {
        (Some(start_index), _) => Ok(reply::scim(StatusCode::OK, resources.envelope(total, start_index))),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Ok(reply::scim(StatusCode::OK, resources.envelope(0, 1))),
    }
}

async fn users_page(request: &Request<'_>, query: &ListQuery) -> Result<Page, ScimFailure> {
    let snapshot = &request.right.snapshot;
    let renderer = Renderer { snapshot, base_url: &request.app.scim_url };
    if query.filter.is_none() && query.sort.is_none() {
        let users: Vec<_> = snapshot.users(query.start_index - 1).take(query.count).collect();
        let resources =
            in_slices(&users, |text, user| renderer.push_user(text, user, &query.projection)).await;
        return Ok(Page { total: snapshot.user_count(), resources });
    }
    let with_groups = mentions(query, "groups");
    let (total, found) = match candidate(snapshot, query) {
        Some((user, true)) => page_of(user, query),
        Some((user, false)) => select(user.into_iter(), |user| judged(renderer, user, with_groups), query),
        None => {
            let query = query.clone();
            scan(request, move |snapshot, base_url| {
                let renderer = Renderer { snapshot, base_url };
                select(
                    snapshot.users(0).cloned(),
                    |user: &Arc<User>| judged(renderer, user, with_groups),
                    &query,
                )
            })
            .await?
        }
    };
    let resources = in_slices(&found, |text, user| renderer.push_user(text, user, &query.projection)).await;
    Ok(Page { total, resources })
}

/// A user as filters and sorting see it: who has no `active` has no access, and is found among those who have none.
fn judged(renderer: Renderer<'_>, user: &User, with_groups: bool) -> Object {
    let mut object = renderer.user_object(user, with_groups);
    object.entry("active").or_insert(user.active.into());
    object
}

/// Renders a page and lets other requests in between: a long page must not make short answers wait for it.
async fn in_slices<T>(found: &[T], render: impl Fn(&mut String, &T)) -> Resources {
    let mut resources = Resources::default();
    for (index, slice) in found.chunks(RESOURCES_PER_SLICE).enumerate() {
        if index > 0 {
            tokio::task::yield_now().await;
        }
        slice.iter().for_each(|one| resources.add(|text| render(text, one)));
    }
    resources
}

/// The one user that can fit, when an index can tell (`None` when there is none), and whether it surely fits.
fn candidate(snapshot: &Snapshot, query: &ListQuery) -> Option<(Option<Arc<User>>, bool)> {
    query.filter.as_ref()?.equalities().find_map(|(attribute, text, is_whole)| {
        let user = match &*attribute {
            "id" => text.parse().ok().and_then(|id| snapshot.user(id)),
            "userName" => snapshot.user_by_name(text),
            "externalId" => snapshot.user_by_external_id(text),
            _ => return None,
        };
        // A UUID can be written in several ways, of which only one is equal.
        Some((user.cloned(), is_whole && attribute != "id"))
    })
}

/// The page of at most one resource that fits.
fn page_of<T>(found: Option<T>, query: &ListQuery) -> (usize, Vec<T>) {
    let total = usize::from(found.is_some());
    (total, found.into_iter().skip(query.start_index - 1).take(query.count).collect())
}

async fn groups_page(request: &Request<'_>, query: &ListQuery) -> Result<Page, ScimFailure> {
    let snapshot = &request.right.snapshot;
    let renderer = Renderer { snapshot, base_url: &request.app.scim_url };
    let (total, found) = if query.filter.is_none() && query.sort.is_none() {
        let groups = snapshot.groups().skip(query.start_index - 1).take(query.count);
        (snapshot.group_count(), groups.cloned().collect())
    } else {
        let with_members = mentions(query, "members");
        match group_candidates(snapshot, query) {
            Some(groups) => {
                select(groups.into_iter(), |group| renderer.group_object(group, with_members), query)
            }
            None => {
                let query = query.clone();
                scan(request, move |snapshot, base_url| {
                    let renderer = Renderer { snapshot, base_url };
                    select(
                        snapshot.groups().cloned(),
                        |group: &Arc<Group>| renderer.group_object(group, with_members),
                        &query,
                    )
                })
                .await?
            }
        }
    };
    let resources =
        in_slices(&found, |text, group| renderer.push_group(text, group, &query.projection)).await;
    Ok(Page { total, resources })
}

/// The groups that can fit, when an index can tell: by id, or by a member.
fn group_candidates(snapshot: &Snapshot, query: &ListQuery) -> Option<Vec<Arc<Group>>> {
    query.filter.as_ref()?.equalities().find_map(|(attribute, text, _)| match &*attribute {
        "id" => Some(text.parse().ok().and_then(|id| snapshot.group(id)).cloned().into_iter().collect()),
        "members.value" => {
            Some(text.parse().map(|user| snapshot.groups_of(user).cloned().collect()).unwrap_or_default())
        }
        _ => None,
    })
}

fn mentions(query: &ListQuery, attribute: &str) -> bool {
    query.filter.as_ref().is_some_and(|filter| filter.mentions(attribute))
        || query.sort.is_some_and(|sort| sort.mentions(attribute))
}

/// Runs a look at everything on a thread of its own.
async fn scan<T: Send + 'static>(
    request: &Request<'_>,
    work: impl FnOnce(&Snapshot, &str) -> T + Send + 'static,
) -> Result<T, ScimFailure> {
    let (app, snapshot) = (request.app.clone(), request.right.snapshot.clone());
    let turn =
        app.scans.clone().acquire_owned().await.map_err(|_| ScimFailure::Refused(Refusal::Unavailable))?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work(&snapshot, &app.scim_url)
    });
    done.await.map_err(|_| ScimFailure::Refused(Refusal::Unavailable))
}

/// What fits, in order: how many, and those of the page.
pub(super) fn select<T>(
    all: impl Iterator<Item = T>,
    object: impl Fn(&T) -> Object,
    query: &ListQuery,
) -> (usize, Vec<T>) {
    let skip = query.start_index - 1;
    let fits = |object: &Object| query.filter.as_ref().is_none_or(|filter| filter.matches(object));
    let Some(sort) = &query.sort else {
        let mut total = 0;
        let mut page = Vec::new();
        for item in all {
            if fits(&object(&item)) {
                if total >= skip && page.len() < query.count {
                    page.push(item);
                }
                total += 1;
            }
        }
        return (total, page);
    };
    let mut found: Vec<_> = all
        .filter_map(|item| {
            let object = object(&item);
            fits(&object).then(|| (sort.value(&object), item))
        })
        .collect();
    // Stable: what is equal keeps the order of lists.
    found.sort_by(|(left, _), (right, _)| sort.compare(left, right));
    let total = found.len();
    (total, found.into_iter().skip(skip).take(query.count).map(|(_, item)| item).collect())
}
