//! `/api/v1/offboardings/{id}/events`: an offboarding as it goes.
use std::{sync::Arc, time::Duration};

use ceven_actors::domain::{id::OffboardingId, offboarding::Status, role::Role};

use super::{Answer, Call, offboardings::view};
use crate::{
    app::App,
    http::{
        right::missing,
        stream::{Look, Watcher, events},
    },
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);

pub(super) async fn follow(call: &Call<'_>, id: &str) -> Answer {
    let visit = call.visit().await?;
    visit.seeing()?.offboarding(id).await?;
    let id: OffboardingId = id.parse().map_err(|_| missing("Offboarding", id))?;
    let look = move |app: Arc<App>, organization, _| async move {
        let (offboarding, tasks) = app.store.offboarding(organization, id).await.ok()??;
        let is_last = offboarding.status != Status::Running;
        Some(Look { text: view(&offboarding, &tasks).to_string(), is_last })
    };
    Ok(events(Watcher::new(&visit, Role::Member), LOOK, look))
}
