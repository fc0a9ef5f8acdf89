//! Signing out, here and at Okta (OpenID Connect RP-Initiated Logout 1.0).
//!
//! 1. The session here ends first, whatever becomes of the one at Okta.
//! 2. An ID token is kept encrypted for its session alone, and goes when the session ends. One that is longer than the
//!    setting is not kept: it fits no address.
//! 3. It goes back to nobody but its issuer: only while the organization is still connected to the issuer and the client
//!    that it names, and only to the address that an admin has saved.
//! 4. The way back is the console's login page and nothing else: Okta compares it character by character.
//! 5. `state` is drawn anew and kept by the browser: what comes back unasked says nothing.
use ceven_actors::{
    domain::{
        audit::hex,
        id::{OrganizationId, SessionId},
        okta::Sealed,
        session::Session,
    },
    organization::state::Snapshot,
    protocol::jose::Jws,
};

use super::okta::Departure;
use crate::app::App;

/// Where an ID token belongs (2).
pub(crate) fn place(session: SessionId) -> String {
    format!("id token of session {session}")
}

/// Seals the ID token that a session begins with.
pub(super) fn seal(app: &App, organization: OrganizationId, id: SessionId, token: &str) -> Option<Sealed> {
    let fits = token.len() <= app.settings.session.id_token_bytes; // (2)
    fits.then(|| app.secrets.seal(&*app.clock, (organization, &place(id)), token)).flatten()
}

/// Where a session that began at Okta ends there as well; nothing for another one.
pub fn at_okta(app: &App, snapshot: &Snapshot, session: &Session) -> Option<Departure> {
    let okta = snapshot.okta()?;
    let endpoint = okta.metadata.end_session_endpoint.as_deref()?;
    let token = app.secrets.open((snapshot.profile().id, &place(session.id)), session.id_token.as_ref()?)?;
    let claims = Jws::parse(&token).ok()?.claims;
    let names_client = match &claims["aud"] {
        serde_json::Value::Array(list) => list.iter().any(|one| *one == okta.client_id),
        single => *single == okta.client_id,
    };
    if claims["iss"] != okta.issuer() || !names_client {
        return None; // (3)
    }
    let mut random = [0; 32];
    app.clock.fill(&mut random);
    let state = hex(&random); // (5)
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("id_token_hint", &token)
        .append_pair("post_logout_redirect_uri", &format!("{}/login", app.console_url)) // (4)
        .append_pair("state", &state);
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    Some(Departure { url: format!("{endpoint}{separator}{}", query.finish()), browser: state })
}
