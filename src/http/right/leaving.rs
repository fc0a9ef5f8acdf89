//! What an admin may do about people's leaving.
use std::{collections::HashMap, sync::Arc};

use ceven_actors::{
    domain::{
        connector::Connector,
        id::{ConnectorId, OffboardingId, UserId},
        policy::Policy,
        user::User,
    },
    organization::message::{Answer, Command, OffboardOptions, OrganizationError},
};

use super::Administering;
use crate::{
    coverage::{self, Coverage, Going},
    http::reply::Failure,
    offboardings::{self, Released},
    preview::{self, Preview, Stale},
};

impl Administering<'_> {
    /// Begins to look for the accounts of all active people at a tool.
    ///
    /// # Errors
    /// 409 while that is going on, and for a tool that is paused or has none.
    pub fn begin_coverage(&self, connector: &Arc<Connector>) -> Result<Going, Failure> {
        let snapshot = &self.who().snapshot;
        let active = snapshot.users(0).filter(|user| user.active);
        let people = active.map(|user| (user.clone(), snapshot.identity_of(user.id).cloned()));
        let begun = coverage::begin(self.0.app, self.who().organization, connector.clone(), people.collect());
        begun.map_err(|refused| OrganizationError::Conflict(refused.to_string()).into())
    }

    /// What was found last at each tool.
    ///
    /// # Errors
    /// 503 when it cannot be read now.
    pub async fn coverages(&self) -> Result<HashMap<ConnectorId, Coverage>, Failure> {
        let found = self.0.app.store.coverages(self.who().organization).await;
        Ok(found.map_err(|_| OrganizationError::Unavailable)?.into_iter().collect())
    }

    /// What offboarding a person would do.
    pub async fn preview(&self, user: &Arc<User>) -> Preview {
        preview::preview(self.0.app, &self.who().snapshot, user).await
    }

    /// Whether what a preview said is still so.
    ///
    /// # Errors
    /// 400 for what is no preview of this server, 409 for one that no longer holds.
    pub async fn still_so(&self, user: &Arc<User>, receipt: &str) -> Result<(), Failure> {
        let so = preview::still_so(self.0.app, &self.who().snapshot, user, receipt).await;
        so.map_err(|(stale, _)| match stale {
            Stale::Unknown => Failure::Bad(stale.to_string()),
            _ => OrganizationError::Conflict(stale.to_string()).into(),
        })
    }

    /// Ends a person's access, everywhere.
    ///
    /// # Errors
    /// 404, or 409 for the last admin and for someone who is being offboarded.
    pub async fn offboard(&self, id: UserId, options: OffboardOptions) -> Result<OffboardingId, Failure> {
        self.offboarding(Command::Offboard { id, options: Arc::new(options) }).await
    }

    /// Cancels, tries again, or marks as done by hand.
    ///
    /// # Errors
    /// 404 for what is finished or was never there.
    pub async fn offboarding(&self, command: Command) -> Result<OffboardingId, Failure> {
        match self.0.execute(command).await?.answer {
            Answer::Offboarding(id) => Ok(id),
            _ => Err(OrganizationError::Unavailable.into()),
        }
    }

    /// Decides for the organization.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn set_policy(&self, policy: Policy) -> Result<(), Failure> {
        self.0.execute(Command::SetPolicy { policy }).await.map(drop)
    }

    /// Lets the tools be told of what the guard holds: of one, or of all.
    ///
    /// # Errors
    /// 404 for one that is not held.
    pub async fn release(&self, only: Option<OffboardingId>) -> Result<Released, Failure> {
        let visit = self.0;
        let caller = visit.who.caller(visit.ip, &visit.request_id);
        Ok(offboardings::release(visit.app, visit.who.organization, only, &caller).await?)
    }
}
