//! `/api/v1/sso/okta/oidc/{start,callback,handover}`: browsers on their way to Okta and back.
//!
//! 1. `iss` of Okta's tile must be one that an organization has saved, character by character; nothing is fetched from
//!    what an address says.
//! 2. Where to go afterwards is an address of the console, or the dashboard.
//! 3. An address is refused by a code on the login page; the cause is in the log.
use std::sync::Arc;

use ceven_actors::domain::id::OrganizationId;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

use crate::{
    app::App,
    http::{Incoming, api::parameter, body::read_form, cookie::Cookie, reply, session},
    sign_in::{
        handover::prove,
        okta::{Arrival, Departure, Errand, Landing, Refusal, arrive, depart},
        shared_tenant::{candidates, owners},
    },
    ui::{console_cookie, safe_target},
};

/// Longest hint that is passed on.
const HINT_BYTES: usize = 256;
const FORM_BYTES: usize = 16 * 1_024;
const COOKIE_SECS: i64 = 600;

pub(super) async fn start(app: &Arc<App>, mut incoming: Incoming) -> Response {
    if let Err(refused) = merge_form(app, &mut incoming).await {
        return refused;
    }
    let query = &incoming.query;
    let target = parameter(query, "next").or_else(|| own_target(app, query)).unwrap_or_default();
    let hint = parameter(query, "login_hint")
        .filter(|hint| hint.len() <= HINT_BYTES && !hint.chars().any(char::is_control));
    match depart_for(app, query, hint.as_deref(), safe_target(&target)).await {
        Ok(departure) => onward(app, &departure),
        Err(refusal) => refused(app, &refusal),
    }
}

async fn depart_for(
    app: &App,
    query: &str,
    login_hint: Option<&str>,
    target: &str,
) -> Result<Departure, Refusal> {
    let candidates = organizations(app, query, login_hint).await?;
    let (first, others) = candidates.split_first().ok_or_else(unknown)?;
    depart(app, Errand { organization: *first, others, login_hint, target }).await // (2)
}

/// The browser goes to Okta.
fn onward(app: &App, departure: &Departure) -> Response {
    let mut response = redirect(&departure.url);
    cookie(app).set(&mut response, &departure.browser, COOKIE_SECS);
    response
}

/// A start may come as a form (OpenID Connect Core §4); its fields count as the query's.
async fn merge_form(app: &App, incoming: &mut Incoming) -> Result<(), Response> {
    if incoming.method.is_safe() {
        return Ok(());
    }
    let timeout = std::time::Duration::from_millis(app.settings.server.body_read_timeout_ms);
    let body = std::mem::take(&mut incoming.body);
    let fields = read_form(&incoming.headers, body, FORM_BYTES, timeout).await;
    let fields = fields.map_err(|error| reply::failure(&error.into()))?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields);
    incoming.query = query.finish();
    Ok(())
}

/// `target_link_uri` of Okta's tile, as a path, when it is an address of the console.
fn own_target(app: &App, query: &str) -> Option<String> {
    let uri = parameter(query, "target_link_uri")?;
    uri.strip_prefix(&app.console_url).map(str::to_owned)
}

fn unknown() -> Refusal {
    Refusal::new("unknown_organization", "no organization fits")
}

/// The organizations that a start may be for, the one to begin with first.
async fn organizations(
    app: &App,
    query: &str,
    login_hint: Option<&str>,
) -> Result<Vec<OrganizationId>, Refusal> {
    let issuer = parameter(query, "iss");
    if let Some(slug) = parameter(query, "org") {
        let found = app.store.organization_by_slug(&slug.to_ascii_lowercase()).await;
        let id = found.map_err(|error| Refusal::new("unavailable", error))?.ok_or_else(unknown)?.id;
        let fits = match issuer {
            None => true,
            Some(issuer) => issuer_of(app, id).await?.is_some_and(|own| own == issuer), // (1)
        };
        return if fits { Ok(vec![id]) } else { Err(unknown()) };
    }
    if let Some(issuer) = issuer {
        return candidates(app, &issuer, login_hint).await; // (1)
    }
    let mut connected = Vec::new();
    for owner in owners(app, login_hint.unwrap_or_default()).await? {
        connected.extend(issuer_of(app, owner.id).await?.map(|issuer| (owner.id, issuer)));
    }
    match connected.split_first() {
        Some(((_, first), others)) if others.iter().any(|(_, issuer)| issuer != first) => {
            Err(Refusal::new("choose_organization", "organizations of several tenants own the domain"))
        }
        _ => Ok(connected.into_iter().map(|(id, _)| id).collect()),
    }
}

async fn issuer_of(app: &App, organization: OrganizationId) -> Result<Option<String>, Refusal> {
    let snapshot = app.fresh(organization).await.map_err(|error| Refusal::new("unavailable", error))?;
    Ok(snapshot.okta().map(|okta| okta.issuer().to_owned()))
}

pub(super) async fn callback(app: &Arc<App>, incoming: Incoming) -> Response {
    let text = |name: &str| parameter(&incoming.query, name);
    let arrival = Arrival {
        state: text("state").unwrap_or_default(),
        code: text("code").unwrap_or_default(),
        issuer: text("iss"),
        error: text("error"),
        browser: cookie(app).read(&incoming.headers).unwrap_or_default(),
    };
    let origin = incoming.origin();
    match arrive(app, &arrival, &origin).await {
        Ok(Landing::Onward(departure)) => onward(app, &departure),
        // The cookie is needed once more.
        Ok(Landing::HandedOver(url)) => redirect(&url),
        Ok(Landing::Asked(departure)) => {
            let mut response = redirect(&departure.url);
            console_cookie(app).set(&mut response, &departure.browser, COOKIE_SECS);
            cookie(app).clear(&mut response);
            response
        }
        Ok(Landing::SignedIn(started, target)) => {
            let mut response = redirect(&format!("{}{}", app.console_url, safe_target(&target))); // (2)
            if let Some(cookie) = session::set_cookie(app, &started) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            cookie(app).clear(&mut response);
            response
        }
        Err(refusal) => {
            refusal.log(&origin);
            let mut response = refused(app, &refusal);
            cookie(app).clear(&mut response);
            response
        }
    }
}

/// `/handover`: the browser that has signed in goes to the console's host.
pub(super) async fn handover(app: &Arc<App>, incoming: Incoming) -> Response {
    if incoming.method != Method::GET {
        return reply::failure(&reply::Failure::MethodNotAllowed("GET"));
    }
    let code = parameter(&incoming.query, "code").unwrap_or_default();
    let browser = cookie(app).read(&incoming.headers).unwrap_or_default();
    let mut response = match prove(app, &code, &browser).await {
        Ok(url) => redirect(&url),
        Err(refusal) => {
            refusal.log(&incoming.origin());
            refused(app, &refusal)
        }
    };
    cookie(app).clear(&mut response);
    response
}

/// (3)
fn refused(app: &App, refusal: &Refusal) -> Response {
    app.sign_in.outcomes.add("okta", refusal.code);
    redirect(&format!("{}{}", app.console_url, refusal.path()))
}

fn redirect(url: &str) -> Response {
    let mut response = Response::new(String::new().into());
    *response.status_mut() = StatusCode::FOUND;
    let headers: &mut HeaderMap = response.headers_mut();
    if let Ok(url) = url.parse() {
        headers.insert(header::LOCATION, url);
    }
    for (name, value) in
        [("cache-control", "no-store"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The cookie of a browser that is on its way to Okta.
fn cookie(app: &App) -> Cookie {
    Cookie::at(&app.public_url, "ceven_sign_in")
}
