//! Offboardings that begin by themselves: tools' parts that wait, and those whose time has come.
use std::{sync::Arc, time::Duration};

use ceven_actors::{
    domain::caller::{Actor, Authority, Caller},
    organization::message::Command,
};
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Looks for work every now and then, until `stop`: another process may have left it, or this one before it ended.
pub async fn tick(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_millis(app.settings.offboarding.tick_ms.max(50)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => look(&app).await,
        }
    }
}

async fn look(app: &App) {
    let (waiting, scheduled) = match app.store.due(app.clock.now_ms()).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "offboardings that are due could not be read");
            return;
        }
    };
    for organization in waiting {
        // Loading it, or catching up, wakes its connections.
        if let Err(error) = app.fresh(organization).await {
            tracing::warn!(%organization, %error, "an organization with work to do could not be loaded");
        }
    }
    for (organization, id) in scheduled {
        let caller = Caller {
            actor: Actor { kind: "system", id: id.to_string(), label: "schedule".into() },
            authority: Authority::System,
            ip: None,
            request_id: id.to_string(),
        };
        let begun = match app.fresh(organization).await {
            Ok(_) => app.execute(organization, Command::BeginScheduled { id }, caller).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = begun {
            tracing::warn!(%organization, offboarding = %id, %error, "a scheduled offboarding could not begin");
        }
    }
}
