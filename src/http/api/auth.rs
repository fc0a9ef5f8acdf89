//! `/auth/login`, `/auth/logout`, `/me`.
use ceven_actors::{clock::rfc3339, domain::session::Ending};
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::{Answer, Call, text};
use crate::{
    http::{
        reply::{self, Failure},
        session::{self, SignedIn},
    },
    sign_in::{Credentials, SignInRefusal, sign_in},
};

impl From<SignInRefusal> for Failure {
    fn from(refusal: SignInRefusal) -> Self {
        match refusal {
            SignInRefusal::Wrong => Self::WrongPassword,
            SignInRefusal::Limited { wait_ms } => Self::Limited { wait_ms },
            SignInRefusal::Unavailable => Self::NotSignedIn(session::NotSignedIn::Unavailable),
        }
    }
}

pub(super) async fn login(mut call: Call<'_>) -> Answer {
    if !session::is_own_page(call.app, &call.incoming.headers) {
        return Err(Failure::Csrf);
    }
    let body = call.object().await?;
    let required = |name: &str| {
        text(&body, name)?.ok_or_else(|| Failure::Bad("org, email and password are required.".into()))
    };
    let credentials =
        Credentials { org: required("org")?, email: required("email")?, password: required("password")? };
    let started = sign_in(call.app, credentials, &call.origin()).await?;
    let cookie = session::set_cookie(call.app, &started);
    let cookie = cookie.ok_or_else(|| Failure::Bad("The session cannot be kept.".into()))?;
    let mut headers = http::HeaderMap::new();
    headers.insert(header::COOKIE, cookie.clone());
    let who = session::authenticate(call.app, &headers).await.map_err(Failure::NotSignedIn)?;
    let mut response = reply::json(StatusCode::OK, &view(&who));
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

pub(super) async fn logout(call: Call<'_>) -> Answer {
    let visit = call.visit().await?;
    visit.end_session(visit.who.session.id, Ending::SignedOut).await?;
    let mut response = reply::no_content();
    if let Some(cookie) = session::clear_cookie(call.app) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(super) async fn me(call: &Call<'_>) -> Answer {
    Ok(reply::json(StatusCode::OK, &view(&call.visit().await?.who)))
}

fn view(who: &SignedIn) -> Value {
    let profile = who.snapshot.profile();
    json!({
        "id": who.session.person.uuid(), "kind": who.session.person.kind(),
        "email": who.card.email, "display_name": who.card.name, "role": who.role.id(),
        "organization": { "id": profile.id, "slug": profile.slug, "name": profile.name },
        "session": {
            "id": who.session.id, "created_at": rfc3339(who.session.created_ms),
            "expires_at": rfc3339(who.session.expires_ms),
        },
        "csrf_token": who.csrf,
    })
}
