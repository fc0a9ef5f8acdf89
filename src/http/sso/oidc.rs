//! `/api/v1/sso/okta/oidc/{start,callback}`: browsers on their way to Okta and back.
//!
//! 1. `iss` of Okta's tile must be one that an organization has saved, character by character; nothing is fetched from
//!    what an address says.
//! 2. Where to go afterwards is an address of the console, or the dashboard.
//! 3. An address is refused by a code on the login page; the cause is in the log.
use std::sync::Arc;

use ceven_actors::domain::id::OrganizationId;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;

use crate::{
    app::App,
    http::{Incoming, api::parameter, body::read_form, reply, session},
    sign_in::{
        Origin,
        okta::{Arrival, Departure, Refusal, arrive, depart},
    },
    ui::safe_target,
};

/// Longest hint that is passed on.
const HINT_BYTES: usize = 256;
const FORM_BYTES: usize = 16 * 1_024;
const COOKIE_SECS: u32 = 600;

pub(super) async fn start(app: &Arc<App>, mut incoming: Incoming) -> Response {
    if let Err(refused) = merge_form(app, &mut incoming).await {
        return refused;
    }
    let query = &incoming.query;
    let target = parameter(query, "next").or_else(|| own_target(app, query)).unwrap_or_default();
    let hint = parameter(query, "login_hint")
        .filter(|hint| hint.len() <= HINT_BYTES && !hint.chars().any(char::is_control));
    let departed = match organization(app, query, hint.as_deref()).await {
        Ok(organization) => depart(app, organization, hint.as_deref(), safe_target(&target)).await, // (2)
        Err(refusal) => Err(refusal),
    };
    match departed {
        Ok(Departure { url, browser }) => {
            let mut response = redirect(&url);
            if let Some(cookie) = cookie(app, &browser, COOKIE_SECS) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(refusal) => refused(&refusal),
    }
}

/// A start may come as a form (OpenID Connect Core §4); its fields count as the query's.
async fn merge_form(app: &App, incoming: &mut Incoming) -> Result<(), Response> {
    if incoming.method.is_safe() {
        return Ok(());
    }
    let timeout = std::time::Duration::from_millis(app.settings.server.body_read_timeout_ms);
    let body = std::mem::replace(&mut incoming.body, Box::pin(futures_util::stream::empty()));
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

async fn organization(app: &App, query: &str, hint: Option<&str>) -> Result<OrganizationId, Refusal> {
    let unavailable =
        |error: &dyn std::fmt::Display| Refusal { code: "unavailable", cause: error.to_string() };
    let unknown = || Refusal { code: "unknown_organization", cause: "no organization fits".into() };
    if let Some(slug) = parameter(query, "org") {
        let found = app.store.organization_by_slug(&slug.to_ascii_lowercase()).await;
        return found.map_err(|error| unavailable(&error))?.map(|profile| profile.id).ok_or_else(unknown);
    }
    if let Some(issuer) = parameter(query, "iss") {
        let owners = app.store.okta_owners(&issuer, 2).await.map_err(|error| unavailable(&error))?; // (1)
        return match owners.as_slice() {
            [] => Err(unknown()),
            [one] => Ok(*one),
            _ => Err(Refusal { code: "choose_organization", cause: "several organizations share it".into() }),
        };
    }
    let domain = hint.and_then(|hint| hint.rsplit_once('@')).map(|(_, domain)| domain).ok_or_else(unknown)?;
    let all = app.store.organizations().await.map_err(|error| unavailable(&error))?;
    let owns = |domains: &[String]| domains.iter().any(|own| own.eq_ignore_ascii_case(domain));
    let mut owners = all.iter().filter(|profile| owns(&profile.domains));
    match (owners.next(), owners.next()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => Err(unknown()),
        _ => {
            Err(Refusal { code: "choose_organization", cause: "several organizations own the domain".into() })
        }
    }
}

pub(super) async fn callback(app: &Arc<App>, incoming: Incoming) -> Response {
    let text = |name: &str| parameter(&incoming.query, name);
    let arrival = Arrival {
        state: text("state").unwrap_or_default(),
        code: text("code").unwrap_or_default(),
        issuer: text("iss"),
        error: text("error"),
        browser: session::cookie_value(&incoming.headers, cookie_name(app)).unwrap_or_default(),
    };
    let user_agent = incoming.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let origin = Origin {
        ip: incoming.client_ip,
        user_agent: user_agent.unwrap_or_default().to_owned(),
        request_id: app.clock.new_id().to_string(),
    };
    let mut response = match arrive(app, &arrival, &origin).await {
        Ok((started, target)) => {
            let mut response = redirect(&format!("{}{}", app.console_url, safe_target(&target))); // (2)
            if let Some(cookie) = session::set_cookie(app, &started) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(refusal) => {
            tracing::info!(request_id = origin.request_id, ip = %origin.ip, ?refusal, "a sign-in with Okta was refused");
            refused(&refusal)
        }
    };
    if let Some(cookie) = cookie(app, "", 0) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// (3)
fn refused(refusal: &Refusal) -> Response {
    redirect(&format!("/login?okta_sso_error={}", refusal.code))
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

fn cookie_name(app: &App) -> &'static str {
    if app.public_url.starts_with("https://") { "__Host-ceven_sign_in" } else { "ceven_sign_in" }
}

fn cookie(app: &App, value: &str, secs: u32) -> Option<HeaderValue> {
    let secure = if app.public_url.starts_with("https://") { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Lax{secure}", cookie_name(app))
        .parse()
        .ok()
}
