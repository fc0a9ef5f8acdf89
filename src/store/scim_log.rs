//! The log of SCIM requests in the database, and the last use of each token.
use std::collections::HashMap;

use ceven_actors::domain::id::{OrganizationId, TokenId};
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, TransactionTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use uuid::Uuid;

use super::{
    SqlStore, days,
    entity::{scim_request, token_use},
};

pub use scim_request::Model as ScimRequest;
pub use token_use::Model as TokenUse;

/// Rows of one statement: 12 columns each.
const ROWS_PER_STATEMENT: usize = 500;

impl SqlStore {
    /// Writes requests and uses in one transaction. A request whose id is there already adds to its row.
    ///
    /// # Errors
    /// When the database does not take them; then none is written.
    pub async fn log_scim(&self, requests: &[ScimRequest], uses: &[TokenUse]) -> Result<(), DbErr> {
        use scim_request::Column;
        let sum = |column: Column, name: &str| {
            Expr::col((scim_request::Entity, column)).add(Expr::cust(format!("excluded.{name}")))
        };
        let add = OnConflict::column(Column::Id)
            .update_column(Column::AtMs)
            .value(Column::Requests, sum(Column::Requests, "requests"))
            .value(Column::DurationUs, sum(Column::DurationUs, "duration_us"))
            .to_owned();
        let transaction = self.writer.begin().await?;
        for rows in requests.chunks(ROWS_PER_STATEMENT) {
            let rows = rows.iter().map(|row| row.clone().into_active_model());
            scim_request::Entity::insert_many(rows)
                .on_conflict(add.clone())
                .exec_without_returning(&transaction)
                .await?;
        }
        days::count(&transaction, requests).await?;
        let replace = OnConflict::column(token_use::Column::TokenId)
            .update_columns([token_use::Column::AtMs, token_use::Column::Ip, token_use::Column::UserAgent])
            .to_owned();
        for rows in uses.chunks(ROWS_PER_STATEMENT) {
            let rows = rows.iter().map(|row| row.clone().into_active_model());
            token_use::Entity::insert_many(rows)
                .on_conflict(replace.clone())
                .exec_without_returning(&transaction)
                .await?;
        }
        transaction.commit().await
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

    /// Forgets requests from before `before_ms`, at most `count` of them; how many it were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge_scim_requests(&self, before_ms: i64, count: u64) -> Result<u64, DbErr> {
        let old = Query::select()
            .column(scim_request::Column::Id)
            .from(scim_request::Entity)
            .and_where(scim_request::Column::AtMs.lt(before_ms))
            .limit(count)
            .to_owned();
        let purged = scim_request::Entity::delete_many()
            .filter(scim_request::Column::Id.in_subquery(old))
            .exec(&self.writer)
            .await?;
        Ok(purged.rows_affected)
    }
}
