//! `/api/v1/offboardings/{id}/events`: an offboarding as it goes, as server-sent events (HTML, "Server-sent events").
use std::{sync::Arc, time::Duration};

use ceven_actors::domain::{
    id::{OffboardingId, OrganizationId},
    offboarding::Status,
};
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use warp::Reply as _;

use super::{
    Answer, Call,
    audit_export::{Part, Parts},
    offboardings::view,
};
use crate::{app::App, http::right::missing};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);
/// A stream ends after this; browsers come back by themselves.
const LONGEST: Duration = Duration::from_secs(600);
/// Without news a comment tells proxies that the stream is alive.
const QUIET_LOOKS: u32 = 50;

pub(super) async fn follow(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    visit.seeing()?.offboarding(id).await?;
    let id = id.parse().map_err(|_| missing("Offboarding", id))?;
    let (app, organization) = (call.app.clone(), visit.who.organization);
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(app, organization, id, sender));
    let mut response = warp::reply::stream(Parts(receiver)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

async fn send(app: Arc<App>, organization: OrganizationId, id: OffboardingId, events: mpsc::Sender<Part>) {
    let until = tokio::time::Instant::now() + LONGEST;
    let (mut last, mut quiet) = (String::new(), 0);
    while tokio::time::Instant::now() < until {
        let Ok(Some((offboarding, tasks))) = app.store.offboarding(organization, id).await else { return };
        let text = view(&offboarding, &tasks).to_string();
        let event = if text != last {
            format!("data: {text}\n\n")
        } else if quiet >= QUIET_LOOKS {
            ": alive\n\n".to_owned()
        } else {
            String::new()
        };
        quiet = if event.is_empty() { quiet + 1 } else { 0 };
        if !event.is_empty() && events.send(Ok(event.into())).await.is_err() {
            return; // The client has left.
        }
        if offboarding.status != Status::Running {
            return;
        }
        last = text;
        tokio::time::sleep(LOOK).await;
    }
}
