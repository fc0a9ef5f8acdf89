//! Reading the audit log: one filter for pages and for exports, so that what is seen is what is exported.
use ceven_actors::domain::id::OrganizationId;
use sea_orm::{
    ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select, sea_query::LikeExpr,
};

use super::{DatabaseError, SqlStore, entity::audit, scope::in_organization};

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Not before, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Before, in milliseconds since 1970.
    pub to_ms: Option<i64>,
    /// `user.create`, or `user` for every action on users.
    pub action: Option<String>,
    /// Ids of actors, any of them; nothing for all.
    pub actors: Option<Vec<String>>,
    /// Type of the resource.
    pub resource_type: Option<String>,
    /// Ids of resources, any of them; nothing for all.
    pub resource_ids: Option<Vec<String>>,
}

impl AuditFilter {
    /// Whether it leaves nothing out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn select(&self, organization: OrganizationId) -> Select<audit::Entity> {
        let mut query = in_organization::<audit::Entity>(organization);
        if let Some(from_ms) = self.from_ms {
            query = query.filter(audit::Column::AtMs.gte(from_ms));
        }
        if let Some(to_ms) = self.to_ms {
            query = query.filter(audit::Column::AtMs.lt(to_ms));
        }
        if let Some(action) = &self.action {
            query = match action.contains('.') {
                true => query.filter(audit::Column::Action.eq(action)),
                false => query.filter(audit::Column::Action.like(noun(action))),
            };
        }
        if let Some(actors) = &self.actors {
            query = query.filter(audit::Column::ActorId.is_in(actors));
        }
        if let Some(resource_type) = &self.resource_type {
            query = query.filter(audit::Column::ResourceType.eq(resource_type));
        }
        if let Some(resource_ids) = &self.resource_ids {
            query = query.filter(audit::Column::ResourceId.is_in(resource_ids));
        }
        query
    }
}

/// Every action of a noun; signs with a meaning in LIKE stand for themselves.
fn noun(noun: &str) -> LikeExpr {
    let escaped = noun.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    LikeExpr::new(format!("{escaped}.%")).escape('\\')
}

impl SqlStore {
    /// A page of the log, oldest first: numbers and lines after `after_seq` up to `through_seq`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit_page(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        after_seq: u64,
        through_seq: u64,
        page: u64,
    ) -> Result<Vec<(u64, String)>, DatabaseError> {
        let query = filter
            .select(organization)
            .filter(audit::Column::Seq.gt(number(after_seq)))
            .filter(audit::Column::Seq.lte(number(through_seq)))
            .order_by_asc(audit::Column::Seq);
        self.lines(query, page).await
    }

    /// A page of the log, newest first: numbers and lines before `before_seq`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit_latest(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        before_seq: u64,
        page: u64,
    ) -> Result<Vec<(u64, String)>, DatabaseError> {
        let query = filter
            .select(organization)
            .filter(audit::Column::Seq.lt(number(before_seq)))
            .order_by_desc(audit::Column::Seq);
        self.lines(query, page).await
    }

    async fn lines(
        &self,
        query: Select<audit::Entity>,
        page: u64,
    ) -> Result<Vec<(u64, String)>, DatabaseError> {
        let lines: Vec<(i64, String)> = query
            .limit(page)
            .select_only()
            .columns([audit::Column::Seq, audit::Column::Line])
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(lines.into_iter().map(|(seq, line)| (seq as u64, line)).collect())
    }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
