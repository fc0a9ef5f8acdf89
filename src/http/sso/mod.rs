//! `/api/v1/sso/okta`: what Okta itself sends.
use std::sync::Arc;

use warp::reply::Response;

mod oidc;
mod security_events;
mod universal_logout;

pub use security_events::PATH as SECURITY_EVENTS;
pub use universal_logout::PATH as UNIVERSAL_LOGOUT;

use super::{Incoming, api, reply};
use crate::app::App;

pub(super) async fn answer(app: &Arc<App>, segments: &[&str], incoming: Incoming) -> Response {
    if let Err(failure) = api::described(&incoming.method, &[&["sso", "okta"], segments].concat()) {
        return reply::failure(&failure);
    }
    match segments {
        ["universal-logout"] => universal_logout::answer(app, incoming).await,
        ["security-events"] => security_events::answer(app, incoming).await,
        ["oidc", "start"] => oidc::start(app, incoming).await,
        ["oidc", "callback"] => oidc::callback(app, incoming).await,
        ["oidc", "handover"] => oidc::handover(app, incoming).await,
        _ => reply::failure(&reply::Failure::NotRouted),
    }
}
