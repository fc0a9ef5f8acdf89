//! `/login/{bind,handover,organization}`: what the console's host does when a browser comes from the API's
//! ([`sign_in::handover`](crate::sign_in::handover)), and the choice between organizations of one tenant.
use std::sync::Arc;

use http::{Method, StatusCode, header};
use maud::{Markup, html};
use warp::reply::Response;

use crate::{
    app::App,
    http::{Incoming, api::parameter, reply::Failure, session},
    sign_in::{
        Origin,
        handover::{Choice, Opened, bind, choice, open},
        okta::{Refusal, start_url},
    },
    ui::{Answer, console_cookie, layout, login, page, see_other},
};

/// As long as a question may be looked at.
const COOKIE_SECS: i64 = 600;

pub(in crate::ui) async fn answer(app: &Arc<App>, step: &str, incoming: Incoming) -> Answer {
    // A code is used up: whoever only looks must not do that.
    if incoming.method != Method::GET {
        return Err(Failure::MethodNotAllowed("GET"));
    }
    let code = parameter(&incoming.query, "code").unwrap_or_default();
    let browser = console_cookie(app).read(&incoming.headers).unwrap_or_default();
    let origin = incoming.origin();
    let answered = match step {
        "bind" => bind(app, &code).await.map(|departure| {
            let mut response = see_other(&departure.url);
            console_cookie(app).set(&mut response, &departure.browser, COOKIE_SECS);
            response
        }),
        "handover" => open(app, &code, &browser, &origin).await.map(|opened| enter(app, opened)),
        "organization" => {
            let choice = choice(app, &code, &browser).await;
            choice.map(|choice| page(StatusCode::OK, question(app, &choice)))
        }
        _ => return Err(Failure::Nowhere),
    };
    Ok(answered.unwrap_or_else(|refusal| refused(app, &refusal, &origin)))
}

fn enter(app: &App, opened: Opened) -> Response {
    match opened {
        Opened::Choice(path) => see_other(&path),
        Opened::Session(started, target) => {
            let mut response = see_other(login::safe(&target));
            if let Some(cookie) = session::set_cookie(app, &started) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            console_cookie(app).clear(&mut response);
            response
        }
    }
}

fn refused(app: &App, refusal: &Refusal, origin: &Origin) -> Response {
    refusal.log(origin);
    app.sign_in.outcomes.add("okta", refusal.code);
    let mut response = see_other(&refusal.path());
    console_cookie(app).clear(&mut response);
    response
}

/// Links, not a form: each begins a sign-in of that organization anew, which Okta answers without asking again.
fn question(app: &App, choice: &Choice) -> Markup {
    let start = |slug: &str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("org", slug).append_pair("next", login::safe(&choice.target));
        format!("{}?{}", start_url(app), query.finish())
    };
    layout::bare(
        app.store.mode(),
        "Choose an organization",
        html! {
            section.card {
                h1 { "Choose an organization" }
                p { "Okta has confirmed who you are. Where do you want to sign in?" }
                ul.choices {
                    @for (slug, name) in &choice.organizations {
                        li { a.button href=(start(slug)) { strong { (name) } small { (slug) } } }
                    }
                }
                p.muted { a href="/login" { "Back to sign-in" } }
            }
        },
    )
}
