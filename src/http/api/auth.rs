//! `/auth/login`, `/auth/logout`, `/me`.
use ceven_actors::clock::rfc3339;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::{Answer, Call, text};
use crate::{
    http::{
        reply::{self, Failure},
        session::{self, SignedIn},
        sign_out,
    },
    sign_in::{Credentials, SignInRefusal, sign_in},
    ui::SIGNED_OUT,
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
        return Err(Failure::Forbidden("A page of another site may not sign anyone in."));
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

/// `next` is where a browser goes now: to Okta, when the session began there, otherwise to the login page.
pub(super) async fn logout(call: Call<'_>) -> Answer {
    let onward = call.visit().await?.sign_out().await?;
    let here = || format!("{}{}", call.app.console_url, SIGNED_OUT);
    let next = onward.as_ref().map_or_else(here, |onward| onward.url.clone());
    let mut response = reply::json(StatusCode::OK, &json!({ "next": next }));
    sign_out::forget(call.app, &mut response, onward.as_ref());
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
