//! The log of SCIM requests in the database, and the last use of each token.
use std::collections::HashMap;

use ceven_actors::domain::id::{OrganizationId, TokenId};
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    TransactionTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use uuid::Uuid;

use super::{
    SqlStore,
    days::Days,
    entity::{scim_request, token_use},
    insert::{Inserted, insert},
    within,
};

pub use scim_request::Model as ScimRequest;
pub use token_use::Model as TokenUse;

impl Inserted for scim_request::ActiveModel {
    /// A request whose id is there already adds to its row.
    fn on_conflict() -> Option<OnConflict> {
        use scim_request::Column;
        let sum = |column: Column, name: &str| {
            Expr::col((scim_request::Entity, column)).add(Expr::cust(format!("excluded.{name}")))
        };
        let add = OnConflict::column(Column::Id)
            .update_column(Column::AtMs)
            .value(Column::Requests, sum(Column::Requests, "requests"))
            .value(Column::DurationUs, sum(Column::DurationUs, "duration_us"))
            .to_owned();
        Some(add)
    }
}

impl Inserted for token_use::ActiveModel {
    fn on_conflict() -> Option<OnConflict> {
        use token_use::Column;
        let columns = [Column::AtMs, Column::Ip, Column::UserAgent];
        Some(OnConflict::column(Column::TokenId).update_columns(columns).to_owned())
    }
}

impl SqlStore {
    /// Writes requests in one transaction.
    ///
    /// # Errors
    /// When the database does not take them; then none is written.
    pub async fn log_scim(&self, requests: Vec<ScimRequest>) -> Result<(), DbErr> {
        let days = Days::of(&requests);
        let transaction = within(self.patience, self.writer.begin()).await?;
        within(self.patience, insert::<scim_request::ActiveModel>(&transaction, requests.into_iter()))
            .await?;
        within(self.patience, days.add(&transaction)).await?;
        within(self.patience, transaction.commit()).await
    }

    /// Writes when tokens were last used.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_token_uses(&self, uses: Vec<TokenUse>) -> Result<(), DbErr> {
        within(self.patience, insert::<token_use::ActiveModel>(&self.writer, uses.into_iter())).await
    }

    /// A page of an organization's requests, oldest first, after an id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn scim_requests(
        &self,
        organization: OrganizationId,
        after: Option<Uuid>,
        page: u64,
    ) -> Result<Vec<ScimRequest>, DbErr> {
        let mut query = scim_request::Entity::find()
            .filter(scim_request::Column::OrgId.eq(organization.0))
            .order_by_asc(scim_request::Column::Id)
            .limit(page);
        if let Some(after) = after {
            query = query.filter(scim_request::Column::Id.gt(after));
        }
        query.all(&self.reader).await
    }

    /// An organization's latest requests, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn latest_scim_requests(
        &self,
        organization: OrganizationId,
        page: u64,
    ) -> Result<Vec<ScimRequest>, DbErr> {
        scim_request::Entity::find()
            .filter(scim_request::Column::OrgId.eq(organization.0))
            .order_by_desc(scim_request::Column::Id)
            .limit(page)
            .all(&self.reader)
            .await
    }

    /// When each token of an organization was last used, as far as any node has written it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token_uses(
        &self,
        organization: OrganizationId,
    ) -> Result<HashMap<TokenId, TokenUse>, DbErr> {
        let uses = token_use::Entity::find()
            .filter(token_use::Column::OrgId.eq(organization.0))
            .all(&self.reader)
            .await?;
        Ok(uses.into_iter().map(|used| (TokenId(used.token_id), used)).collect())
    }

    /// Forgets requests from before `before_ms`, at most `count` of them; how many it were. Their ids ascend with time
    /// (that of a minute's row begins with the minute), so they need no index of their own.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge_scim_requests(&self, before_ms: i64, count: u64) -> Result<u64, DbErr> {
        let before_ms = u64::try_from(before_ms).unwrap_or_default();
        let first_kept = uuid::Builder::from_unix_timestamp_millis(before_ms, &[0; 10]).into_uuid();
        let old = Query::select()
            .column(scim_request::Column::Id)
            .from(scim_request::Entity)
            .and_where(scim_request::Column::Id.lt(first_kept))
            .limit(count)
            .to_owned();
        let purged = scim_request::Entity::delete_many()
            .filter(scim_request::Column::Id.in_subquery(old))
            .exec(&self.writer);
        Ok(within(self.patience, purged).await?.rows_affected)
    }
}
