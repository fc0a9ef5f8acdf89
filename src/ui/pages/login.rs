//! `/login` and `/logout`.
//!
//! 1. Where to go afterwards is an address of the console, or the dashboard: nobody is led elsewhere.
//! 2. What an address says went wrong is only ever a code; the words are here.
//! 3. A form may not lead to another host, not even by a redirect, so the way to Okta is a page that moves on.
use std::sync::Arc;

use ceven_actors::{domain::audit::Mode, protocol::secret::digest};
use http::{Method, StatusCode, header};
use maud::{Markup, html};
use warp::reply::Response;

use crate::{
    app::App,
    http::{
        Incoming,
        api::parameter,
        reply::Failure,
        session::{self, NotSignedIn},
        sign_out,
    },
    sign_in::{Credentials, okta::start_url, sign_in},
    ui::{Answer, Ask, Form, SIGNED_OUT, layout, page, read, see_other},
};

/// The address of the page.
pub(in crate::ui) fn address(next: &str, reason: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if next != "/app" && next != "/logout" {
        query.append_pair("next", next);
    }
    if let Some(reason) = reason {
        query.append_pair("reason", reason);
    }
    match query.finish() {
        query if query.is_empty() => "/login".into(),
        query => format!("/login?{query}"),
    }
}

/// (1)
pub(in crate::ui) fn safe(next: &str) -> &str {
    let is_ours =
        next.strip_prefix("/app").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours && is_plain && next.len() <= 2_048 { next } else { "/app" }
}

/// (2) Heading, explanation, and whether it is bad news.
fn reason(query: &str) -> Option<(&'static str, &'static str, bool)> {
    if let Some(code) = parameter(query, "okta_sso_error") {
        let (title, words) = match code.as_str() {
            "user_deactivated" | "okta_user_deactivated" => (
                "Your access has ended",
                "This person is deactivated in Ceven. An admin can reactivate them in Okta.",
            ),
            "okta_email_unverified" => (
                "Your mail address is not verified in Okta",
                "An Okta admin can send you a password reset: it marks the address as verified at the next sign-in.",
            ),
            "unknown_organization" | "not_connected" => (
                "No organization was found",
                "Check the address, or enter the short name of your organization instead.",
            ),
            "choose_organization" => (
                "Several organizations fit",
                "Enter the short name of your organization instead of your address.",
            ),
            "access_denied" => ("Okta did not let you in", "Ask your Okta admin to assign Ceven to you."),
            "not_linked" => (
                "This address belongs to someone else here",
                "An Okta admin can assign Ceven to you with provisioning, which links the two.",
            ),
            "expired" => (
                "The sign-in took too long",
                "It was begun in another browser, or more than ten minutes ago. Try again.",
            ),
            _ => (
                "Signing in with Okta did not work",
                "Try again. If it keeps failing, give your Okta admin the time of this attempt.",
            ),
        };
        return Some((title, words, true));
    }
    match parameter(query, "reason")?.as_str() {
        "session_ended" => Some((
            "Your session has ended",
            "It was idle for too long, its time was over, or it was ended by you or an admin. Sign in again.",
            true,
        )),
        "signed_out" => Some(("You are signed out", "Your session was ended on this device.", false)),
        _ => None,
    }
}

pub(in crate::ui) async fn answer(app: &Arc<App>, mut incoming: Incoming) -> Answer {
    match incoming.method {
        Method::GET | Method::HEAD => show(app, &incoming).await,
        Method::POST => {
            if !session::is_own_page(app, &incoming.headers) {
                return Err(Failure::Csrf);
            }
            let form = read(app, &mut incoming).await?;
            submit(app, &incoming, form).await
        }
        _ => Err(Failure::MethodNotAllowed("GET, HEAD, POST")),
    }
}

async fn show(app: &Arc<App>, incoming: &Incoming) -> Answer {
    let next = parameter(&incoming.query, "next").unwrap_or_default();
    if session::authenticate(app, &incoming.headers).await.is_ok() {
        return Ok(see_other(safe(&next)));
    }
    if let Some(who) = parameter(&incoming.query, "okta") {
        return Ok(page(StatusCode::OK, to_okta(app, &who, &next)));
    }
    let sent = sign_out::cookie(app);
    let has_returned = sent.read(&incoming.headers).is_some_and(|state| {
        parameter(&incoming.query, "state").is_some_and(|back| digest(&back) == digest(&state))
    });
    let alert = match has_returned {
        true => Some((
            "You are signed out",
            "Your session was ended on this device, and the one at Okta with it.",
            false,
        )),
        false => reason(&incoming.query),
    };
    let org = parameter(&incoming.query, "org").unwrap_or_default();
    let mut response = page(StatusCode::OK, form(app.store.mode(), alert, &org, "", &next));
    if has_returned {
        sent.clear(&mut response);
    }
    Ok(response)
}

async fn submit(app: &Arc<App>, incoming: &Incoming, fields: Form) -> Answer {
    let origin = incoming.origin();
    let (org, email, next) = (fields.get("org"), fields.get("email"), fields.get("next"));
    let credentials =
        Credentials { org: org.into(), email: email.into(), password: fields.get("password").into() };
    match sign_in(app, credentials, &origin).await.map_err(Failure::from) {
        Ok(started) => {
            let mut response = see_other(safe(next));
            if let Some(cookie) = session::set_cookie(app, &started) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(Failure::NotSignedIn(NotSignedIn::Unavailable)) => {
            Err(Failure::NotSignedIn(NotSignedIn::Unavailable))
        }
        Err(failure) => {
            tracing::info!(?failure, "a sign-in was refused");
            Ok(refused(app.store.mode(), &failure, org, email, next))
        }
    }
}

fn refused(mode: Mode, failure: &Failure, org: &str, email: &str, next: &str) -> Response {
    let words = match failure {
        Failure::Limited { .. } => (
            "Too many attempts",
            "Wait a few minutes, then try again. Nothing has changed in your account.",
            true,
        ),
        _ => (
            "Organization, address or password is wrong",
            "Check all three. We do not say which one, so that nobody can find out who has an account.",
            true,
        ),
    };
    let mut response = page(failure.parts().0, form(mode, Some(words), org, email, next));
    if let Some((name, value)) = failure.header() {
        response.headers_mut().insert(name, value);
    }
    response
}

/// (3) The cookie of the way there and back is the API host's.
fn to_okta(app: &App, who: &str, next: &str) -> Markup {
    let who = who.trim();
    let (name, who) = match who {
        address if address.contains('@') => ("login_hint", address.to_owned()),
        issuer if issuer.contains("://") => ("iss", issuer.trim_end_matches('/').to_owned()),
        // Slugs have no dot: this is a tenant without its scheme.
        host if host.contains('.') => ("iss", format!("https://{}", host.trim_end_matches('/'))),
        slug => ("org", slug.to_owned()),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(name, &who).append_pair("next", safe(next));
    let address = format!("{}?{}", start_url(app), query.finish());
    layout::onward("Signing in", &address, html! { p { "On to Okta … " a href=(address) { "Continue" } } })
}

fn form(mode: Mode, alert: Option<(&str, &str, bool)>, org: &str, email: &str, next: &str) -> Markup {
    let is_local = !email.is_empty();
    layout::bare(
        mode,
        "Sign in",
        html! {
            section.card.login {
                h1 { "Sign in" }
                @if let Some((title, words, is_bad)) = alert {
                    div.notice.bad[is_bad].ok[!is_bad] data-keep-typed[is_bad] role=(if is_bad { "alert" } else { "status" }) {
                        span.glyph aria-hidden="true" { (if is_bad { "!" } else { "✓" }) }
                        div { strong { (title) } p { (words) } }
                    }
                }
                form method="get" action="/login" aria-labelledby="sso" {
                    h2 id="sso" { "Single Sign-On" }
                    @if safe(next) != "/app" { input type="hidden" name="next" value=(safe(next)); }
                    label { span { "Work email, organization or Okta issuer" }
                        input name="okta" required maxlength="254" value=(org) autocomplete="username" autocapitalize="none" spellcheck="false" placeholder="you@company.com";
                    }
                    button.primary.wide type="submit" { "Sign in with Okta" }
                }
                details open[is_local] { summary { "Local admin" }
                form method="post" action="/login" {
                    input type="hidden" name="next" value=(safe(next));
                    label { span { "Organization" }
                        input name="org" value=(org) required maxlength="63" autocomplete="organization" autocapitalize="none" spellcheck="false" placeholder="acme";
                    }
                    label { span { "Work email" }
                        input type="email" name="email" value=(email) required maxlength="254" autocomplete="username";
                    }
                    label { span { "Password" }
                        input type="password" name="password" required maxlength="1024" autocomplete="current-password";
                    }
                    button.wide type="submit" { "Sign in" }
                }
                }
            }
        },
    )
}

/// Ends the session of this browser, and at Okta the one it began with (3).
pub(in crate::ui) async fn sign_out(ask: &Ask<'_>) -> Answer {
    let onward = ask.visit.sign_out().await?;
    let mut response = match &onward {
        None => see_other(SIGNED_OUT),
        Some(onward) => {
            let words = html! { p { "You are signed out of Ceven. On to Okta … " a href=(onward.url) { "Continue" } } };
            page(StatusCode::OK, layout::onward("Signing out", &onward.url, words))
        }
    };
    sign_out::forget(ask.visit.app, &mut response, onward.as_ref());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for ours in ["/app", "/app/team?q=a%20b", "/app?x", "/app/audit/7"] {
            assert_eq!(safe(ours), ours);
        }
        for other in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/application",
            "/app\\x",
            "/app/\r\nset-cookie: x",
            "javascript:alert(1)",
            "/login",
            "\\/app",
            "/app@evil.example",
        ] {
            assert_eq!(safe(other), "/app", "{other}");
        }
    }
}
