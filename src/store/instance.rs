//! What the database says of itself, the same for every node on it.
use ceven_actors::domain::audit::Mode;
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};

use super::{
    DatabaseError, SqlStore,
    entity::{instance, organization},
};

const MODE: &str = "mode";

impl SqlStore {
    /// The word under a name: the one that is there, or else `first`, from now on and for everyone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep(&self, name: &str, first: &str) -> Result<String, DbErr> {
        if let Some(word) = self.word(name).await? {
            return Ok(word);
        }
        let row = instance::Model { name: name.to_owned(), value: first.to_owned() };
        instance::Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::column(instance::Column::Name).do_nothing().to_owned())
            .exec_without_returning(&self.writer)
            .await?;
        self.word(name).await?.ok_or_else(|| DbErr::RecordNotFound(name.to_owned()))
    }

    /// The word under a name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn word(&self, name: &str) -> Result<Option<String>, DbErr> {
        Ok(instance::Entity::find_by_id(name).one(&self.writer).await?.map(|row| row.value))
    }

    /// Another word under a name, if it is still `old`; whether it was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn exchange(&self, name: &str, old: &str, new: &str) -> Result<bool, DbErr> {
        let updated = instance::Entity::update_many()
            .col_expr(instance::Column::Value, Expr::value(new))
            .filter(instance::Column::Name.eq(name))
            .filter(instance::Column::Value.eq(old))
            .exec(&self.writer)
            .await?;
        Ok(updated.rows_affected == 1)
    }

    /// Whether the people of this database are real. A database without a word on it takes `wanted`; one that has
    /// organizations already is live.
    ///
    /// # Errors
    /// [`DatabaseError::OtherMode`] when it is not as wanted.
    pub async fn stamp(&self, wanted: Option<Mode>) -> Result<Mode, DatabaseError> {
        let used = organization::Entity::find().count(&self.writer).await? > 0;
        let first = wanted.filter(|_| !used).unwrap_or_default();
        let mode = match self.keep(MODE, first.name()).await?.as_str() {
            "dev" => Mode::Dev,
            _ => Mode::Live,
        };
        if wanted.is_some_and(|wanted| wanted != mode) {
            return Err(DatabaseError::OtherMode(mode.name()));
        }
        let _ = self.mode.set(mode);
        Ok(mode)
    }

    /// Refuses a database that says it is of another kind, before anything of it is touched. One without a word passes.
    ///
    /// # Errors
    /// [`DatabaseError::OtherMode`].
    pub async fn refuse_other(&self, wanted: Mode) -> Result<(), DatabaseError> {
        // A database without the table has no word either.
        let known = instance::Entity::find_by_id(MODE).one(&self.writer).await.ok().flatten();
        match known.filter(|row| row.value != wanted.name()) {
            Some(_) if wanted == Mode::Dev => Err(DatabaseError::OtherMode(Mode::Live.name())),
            Some(_) => Err(DatabaseError::OtherMode(Mode::Dev.name())),
            None => Ok(()),
        }
    }

    /// Whether the people of this database are real, as [`SqlStore::stamp`] has found.
    pub fn mode(&self) -> Mode {
        self.mode.get().copied().unwrap_or_default()
    }
}
