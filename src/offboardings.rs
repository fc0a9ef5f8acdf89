//! Offboardings that begin by themselves: tools' parts that wait, and those whose time has come. And those that do not:
//! what the guard against mass deactivation holds.
use std::{sync::Arc, time::Duration};

use ceven_actors::{
    domain::{
        caller::{Actor, Authority, Caller},
        id::{OffboardingId, OrganizationId},
        policy::Policy,
    },
    organization::message::{Answer, Command, OrganizationError},
};
use serde_json::{Value, json};
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

/// What was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// How many.
    pub count: usize,
    /// How many are held still.
    pub left: usize,
}

/// Lets the tools be told of what is held: of one, or of all that is held now, as many units as that takes.
///
/// # Errors
/// `NotFound` for one that is not held.
pub async fn release(
    app: &App,
    organization: OrganizationId,
    only: Option<OffboardingId>,
    caller: &Caller,
) -> Result<Released, OrganizationError> {
    let held = app.fresh(organization).await?.held().count();
    let mut count = 0;
    loop {
        let answered = app.execute(organization, Command::Release { only }, caller.clone()).await?;
        let Answer::Released(released) = answered.answer else { return Err(OrganizationError::Unavailable) };
        count += released;
        // What comes to be held meanwhile has not been looked at by anybody.
        if only.is_some() || released == 0 || count >= held {
            return Ok(Released { count, left: answered.snapshot.held().count() });
        }
    }
}

/// An organization's own settings as the API shows them.
pub fn policy_view(policy: Policy) -> Value {
    json!({ "mass_deactivation_guard": policy.guard })
}
