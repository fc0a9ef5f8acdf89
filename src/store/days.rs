//! What happened on each day, for the dashboard: it costs the same however long the logs are.
//!
//! 1. Requests are counted when they are logged, in the same transaction: a row an organization and day.
//! 2. Entries of the audit log are counted through an index that holds two actions only. The actions stand in the
//!    statement: a planner does not see that a parameter is one of them.
use std::collections::BTreeMap;

use ceven_actors::domain::id::OrganizationId;
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};
use uuid::Uuid;

use super::{
    SqlStore,
    entity::{audit, scim_day, scim_request},
    insert::{Inserted, insert},
    scope::in_organization,
};

pub use scim_day::Model as ScimDay;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Entries of a day since 1970, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entries {
    /// Sign-ins.
    pub sign_ins: i64,
    /// Offboardings that began: people who lost their access.
    pub offboardings: i64,
}

/// (1) Requests by organization and day.
pub(super) struct Days(BTreeMap<(Uuid, i64), ScimDay>);

impl Days {
    pub(super) fn of(requests: &[scim_request::Model]) -> Self {
        let mut days = BTreeMap::new();
        for request in requests {
            let Some(org_id) = request.org_id else { continue };
            let day = request.at_ms / DAY_MS;
            let row = days.entry((org_id, day)).or_insert(ScimDay { org_id, day, accepted: 0, refused: 0 });
            *(if request.status < 400 { &mut row.accepted } else { &mut row.refused }) += request.requests;
        }
        Self(days)
    }

    /// Adds them to those that are counted, in the order of their keys: two nodes never wait for each other's rows.
    pub(super) async fn add(self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        insert::<scim_day::ActiveModel>(transaction, self.0.into_values()).await
    }
}

impl Inserted for scim_day::ActiveModel {
    fn on_conflict() -> Option<OnConflict> {
        use scim_day::Column;
        let sum = |column: Column, name: &str| {
            Expr::col((scim_day::Entity, column)).add(Expr::cust(format!("excluded.{name}")))
        };
        let add = OnConflict::columns([Column::OrgId, Column::Day])
            .value(Column::Accepted, sum(Column::Accepted, "accepted"))
            .value(Column::Refused, sum(Column::Refused, "refused"))
            .to_owned();
        Some(add)
    }
}

impl SqlStore {
    /// Requests of an organization on each day since `since_day`, oldest first; a day without any is left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn scim_days(
        &self,
        organization: OrganizationId,
        since_day: i64,
    ) -> Result<Vec<ScimDay>, DbErr> {
        scim_day::Entity::find()
            .filter(scim_day::Column::OrgId.eq(organization.0))
            .filter(scim_day::Column::Day.gte(since_day))
            .order_by_asc(scim_day::Column::Day)
            .all(&self.reader)
            .await
    }

    /// Entries of an organization's audit log on each day since `since_day`; a day without any is left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit_days(
        &self,
        organization: OrganizationId,
        since_day: i64,
    ) -> Result<BTreeMap<i64, Entries>, DbErr> {
        let day = || Expr::col(audit::Column::AtMs).div(Expr::cust(DAY_MS.to_string()));
        let counts: Vec<(String, i64, i64)> = in_organization::<audit::Entity>(organization)
            .filter(Expr::cust("action IN ('session.start', 'offboarding.start')")) // (2)
            .filter(audit::Column::AtMs.gte(since_day * DAY_MS))
            .select_only()
            .column(audit::Column::Action)
            .expr(day())
            .expr(Expr::cust("COUNT(*)"))
            .group_by(Expr::col(audit::Column::Action))
            .group_by(day())
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut days: BTreeMap<i64, Entries> = BTreeMap::new();
        for (action, day, count) in counts {
            let entries = days.entry(day).or_default();
            *(if action == "session.start" { &mut entries.sign_ins } else { &mut entries.offboardings }) =
                count;
        }
        Ok(days)
    }
}
