//! Sign-ins under way, kept between the redirect to the identity provider and its answer.
//!
//! 1. An attempt is taken out by the first answer that names its state, and a handover by the first request with its
//!    code, whoever brings it: none is used twice, on whichever node.
//! 2. Only digests of what the browser holds are kept.
//! 3. What has expired is gone, at the latest when the next one begins.
use ceven_actors::protocol::secret::Digest;
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, sea_query::Expr,
};

use super::{
    SqlStore,
    entity::{handover, sign_in_attempt},
};

pub use handover::Model as Handover;
pub use sign_in_attempt::Model as SignInAttempt;

impl SqlStore {
    /// Keeps an attempt.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn begin_sign_in(&self, attempt: SignInAttempt, now_ms: i64) -> Result<(), DbErr> {
        sign_in_attempt::Entity::delete_many()
            .filter(sign_in_attempt::Column::ExpiresMs.lte(now_ms))
            .exec(&self.writer)
            .await?; // (3)
        sign_in_attempt::Entity::insert(attempt.into_active_model())
            .exec_without_returning(&self.writer)
            .await?;
        Ok(())
    }

    /// Takes the attempt of that state out (1); nothing when there is none, or it has expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_sign_in(&self, state: Digest, now_ms: i64) -> Result<Option<SignInAttempt>, DbErr> {
        let taken = sign_in_attempt::Entity::delete_many()
            .filter(sign_in_attempt::Column::StateDigest.eq(state.to_vec()))
            .exec_with_returning(&self.writer)
            .await?;
        Ok(taken.into_iter().next().filter(|attempt| now_ms < attempt.expires_ms))
    }

    /// Keeps a handover under its code.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn keep_handover(&self, handover: Handover, now_ms: i64) -> Result<(), DbErr> {
        handover::Entity::delete_many()
            .filter(handover::Column::ExpiresMs.lte(now_ms))
            .exec(&self.writer)
            .await?; // (3)
        handover::Entity::insert(handover.into_active_model()).exec_without_returning(&self.writer).await?;
        Ok(())
    }

    /// Takes the handover of that code out (1); nothing when there is none, or it has expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_handover(&self, code: Digest, now_ms: i64) -> Result<Option<Handover>, DbErr> {
        let taken = handover::Entity::delete_many()
            .filter(handover::Column::CodeDigest.eq(code.to_vec()))
            .exec_with_returning(&self.writer)
            .await?;
        Ok(taken.into_iter().next().filter(|handover| now_ms < handover.expires_ms))
    }

    /// Handovers that have not expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn handovers(&self, now_ms: i64) -> Result<Vec<Handover>, DbErr> {
        handover::Entity::find().filter(handover::Column::ExpiresMs.gt(now_ms)).all(&self.writer).await
    }

    /// Puts the same, sealed anew, in the place of what this row holds; false when it is gone or another one.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn reseal_handover(&self, row: &Handover, sealed: &str) -> Result<bool, DbErr> {
        let updated = handover::Entity::update_many()
            .col_expr(handover::Column::Sealed, Expr::value(sealed))
            .filter(handover::Column::CodeDigest.eq(row.code_digest.clone()))
            .filter(handover::Column::Sealed.eq(row.sealed.as_str()))
            .exec(&self.writer)
            .await?;
        Ok(updated.rows_affected == 1)
    }

    /// Looks at the handover of that code; nothing when there is none, or it has expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn handover(&self, code: Digest, now_ms: i64) -> Result<Option<Handover>, DbErr> {
        let found = handover::Entity::find_by_id(code.to_vec()).one(&self.reader).await?;
        Ok(found.filter(|handover| now_ms < handover.expires_ms))
    }
}
