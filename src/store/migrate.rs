//! Bringing the tables up to date, by whichever process comes first: the others wait, and find it done.
use ceven_migrations::{Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use super::{DatabaseError, SqlStore};

/// PostgreSQL's advisory lock of whoever migrates: a number that nothing else on this database uses.
const MIGRATING: i64 = 0x0063_6576_656e; // "ceven"

impl SqlStore {
    /// Brings the tables up to date: all of it, or nothing.
    ///
    /// # Errors
    /// When the database refuses, or is of a later version.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        if self.is_up_to_date().await? {
            return Ok(());
        }
        let turn = self.turn().await?;
        Migrator::install(&turn).await?;
        Migrator::up(&turn, None).await?;
        Ok(turn.commit().await?)
    }

    /// Whether there is nothing to do. The table of what was done comes with the first migration.
    async fn is_up_to_date(&self) -> Result<bool, DatabaseError> {
        let known: Vec<_> = Migrator::migrations().iter().map(|one| one.name().to_owned()).collect();
        let Ok(applied) = Migrator::get_migration_models(&self.reader).await else { return Ok(false) };
        if let Some(later) = applied.iter().find(|one| !known.contains(&one.version)) {
            return Err(DatabaseError::Later(later.version.clone()));
        }
        Ok(applied.len() == known.len())
    }

    /// A transaction that no other process has meanwhile, however long it takes.
    async fn turn(&self) -> Result<DatabaseTransaction, DbErr> {
        if self.writer.get_database_backend() != DbBackend::Postgres {
            let mode = Some(SqliteTransactionMode::Immediate);
            let options = TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() };
            return self.writer.begin_with_options(options).await;
        }
        let turn = self.writer.begin().await?;
        turn.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        turn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
        Ok(turn)
    }
}
