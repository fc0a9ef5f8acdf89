//! Signing out over HTTP, by the console's form and by the API alike.
use ceven_actors::domain::session::Ending;
use warp::reply::Response;

use super::{
    cookie::Cookie,
    reply::Failure,
    right::Visit,
    session::{self, SignedIn},
};
use crate::{
    app::App,
    sign_in::{okta::Departure, sign_out},
};

/// How long a browser may take to sign out at Okta and come back.
const COOKIE_SECS: i64 = 600;

impl Visit<'_> {
    /// Signs out: where the browser goes to end the session at Okta as well, when it began there.
    ///
    /// # Errors
    /// 503 when the session cannot be ended.
    pub async fn sign_out(&self) -> Result<Option<Departure>, Failure> {
        let SignedIn { session, snapshot, .. } = &self.who;
        let onward = sign_out::at_okta(self.app, snapshot, session);
        self.end_session(session.id, Ending::SignedOut { at_okta: onward.is_some() }).await?;
        Ok(onward)
    }
}

/// The cookie of a browser that was sent to Okta to sign out there.
pub fn cookie(app: &App) -> Cookie {
    Cookie::at(&app.console_url, "ceven_sign_out")
}

/// Takes away the cookie of a session that has ended, and remembers that the browser was sent onward.
pub fn forget(app: &App, response: &mut Response, onward: Option<&Departure>) {
    session::cookie(app).clear(response);
    if let Some(onward) = onward {
        cookie(app).set(response, &onward.browser, COOKIE_SECS);
    }
}
