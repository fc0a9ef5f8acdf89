//! Which organization a token of Okta is for, and which tokens need not be remembered any more.
use ceven_actors::domain::id::OrganizationId;
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{
    SqlStore, can_be_kept,
    entity::{okta_connection, used_token},
    within,
};

impl SqlStore {
    /// The organization that is connected to this issuer with this client.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn okta_owner(&self, issuer: &str, client_id: &str) -> Result<Option<OrganizationId>, DbErr> {
        if !can_be_kept(issuer) || !can_be_kept(client_id) {
            return Ok(None);
        }
        let id: Option<uuid::Uuid> = okta_connection::Entity::find()
            .filter(okta_connection::Column::Issuer.eq(issuer))
            .filter(okta_connection::Column::ClientId.eq(client_id))
            .select_only()
            .column(okta_connection::Column::OrgId)
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(id.map(OrganizationId))
    }

    /// Every organization that is connected to this issuer, the oldest first, at most `count`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn okta_owners(&self, issuer: &str, count: u64) -> Result<Vec<OrganizationId>, DbErr> {
        if !can_be_kept(issuer) {
            return Ok(Vec::new());
        }
        let ids: Vec<uuid::Uuid> = okta_connection::Entity::find()
            .filter(okta_connection::Column::Issuer.eq(issuer))
            .select_only()
            .column(okta_connection::Column::OrgId)
            .order_by_asc(okta_connection::Column::OrgId)
            .limit(count)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(ids.into_iter().map(OrganizationId).collect())
    }

    /// Forgets tokens that can no longer be obeyed anyway.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge_used_tokens(&self, before_ms: i64) -> Result<(), DbErr> {
        let purged = used_token::Entity::delete_many()
            .filter(used_token::Column::UntilMs.lt(before_ms))
            .exec(&self.writer);
        within(self.patience, purged).await.map(drop)
    }
}
