//! Bringing the tables up to date, by whichever process comes first.
use ceven_migrations::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, TransactionTrait as _};

use super::{DatabaseError, SqlStore};

/// PostgreSQL's advisory lock of whoever migrates: a number that nothing else on this database uses.
const MIGRATING: i64 = 0x0063_6576_656e; // "ceven"

impl SqlStore {
    /// Brings the tables up to date, one process at a time.
    ///
    /// # Errors
    /// When the database refuses, or is of a later version.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let turn = self.turn().await?;
        let migrated = self.migrate_alone().await;
        turn.commit().await?;
        migrated
    }

    /// Whoever comes meanwhile waits until it is over, however long that takes. SQLite's own lock does as much.
    async fn turn(&self) -> Result<DatabaseTransaction, DbErr> {
        let turn = self.reader.begin().await?;
        if turn.get_database_backend() == DbBackend::Postgres {
            turn.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            turn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
        }
        Ok(turn)
    }

    async fn migrate_alone(&self) -> Result<(), DatabaseError> {
        Migrator::install(&self.writer).await?;
        let known: Vec<_> = Migrator::migrations().iter().map(|one| one.name().to_owned()).collect();
        let applied = Migrator::get_migration_models(&self.writer).await?;
        if let Some(later) = applied.into_iter().find(|one| !known.contains(&one.version)) {
            return Err(DatabaseError::Later(later.version));
        }
        Ok(Migrator::up(&self.writer, None).await?)
    }
}
