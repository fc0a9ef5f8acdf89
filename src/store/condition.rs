//! What state the database is in, for whoever looks after it. Nothing here changes anything.
use std::time::Duration;

use ceven_migrations::{Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr, EntityTrait as _,
    IntoActiveModel as _, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};

use super::{StoreLimits, entity::instance, open::options};

/// A connection of its own: it works on databases that no node could start on.
pub struct Condition(DatabaseConnection);

/// How safe what was acknowledged is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// Whether it survives the loss of power.
    pub is_durable: bool,
    /// What decides it, as the database says.
    pub said: String,
}

/// How the tables stand to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    /// What the database lacks.
    pub missing: Vec<String>,
    /// What only a later program knows.
    pub later: Vec<String>,
}

impl Migrations {
    /// Whether this program can work on them.
    pub fn are_complete(&self) -> bool {
        self.missing.is_empty() && self.later.is_empty()
    }
}

impl Condition {
    /// Connects, and makes no file.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn connect(url: &str, timeout: Duration) -> Result<Self, DbErr> {
        let limits = StoreLimits { batch_units: 1, readers: 1, writers: 1, timeout };
        let url = url.replace("mode=rwc", "mode=rw");
        Ok(Self(Database::connect(options(&url, 1, &limits)).await?))
    }

    /// Whether it is SQLite.
    pub fn is_sqlite(&self) -> bool {
        self.0.get_database_backend() == DbBackend::Sqlite
    }

    /// Which migrations it has, held against those of this program.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn migrations(&self) -> Result<Migrations, DbErr> {
        let applied = match self.texts("SELECT version FROM seaql_migrations").await {
            Ok(known) => known,
            // The table comes with the first migration.
            Err(DbErr::Query(_) | DbErr::Exec(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let known: Vec<_> = Migrator::migrations().iter().map(|one| one.name().to_owned()).collect();
        let (common, later): (Vec<_>, Vec<_>) = applied.into_iter().partition(|name| known.contains(name));
        let missing = known.into_iter().filter(|name| !common.contains(name)).collect();
        Ok(Migrations { missing, later })
    }

    /// Writes a row, and takes it back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write(&self) -> Result<(), DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let transaction = self.0.begin_with_options(options).await?;
        let row = instance::Model { name: "doctor".into(), value: String::new() };
        instance::Entity::insert(row.into_active_model()).exec_without_returning(&transaction).await?;
        transaction.rollback().await
    }

    /// `live` or `dev`; nothing before its first start.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stamp(&self) -> Result<Option<String>, DbErr> {
        Ok(instance::Entity::find_by_id("mode").one(&self.0).await?.map(|row| row.value))
    }

    /// How safe what was acknowledged is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn durability(&self) -> Result<Durability, DbErr> {
        if self.is_sqlite() {
            let journal = self.texts("SELECT journal_mode FROM pragma_journal_mode").await?.concat();
            let level =
                self.texts("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await?.concat();
            // 2 is FULL, 3 is EXTRA.
            let is_durable = journal == "wal" && ["2", "3"].contains(&level.as_str());
            return Ok(Durability { is_durable, said: format!("journal {journal}, synchronous {level}") });
        }
        let setting = |name: &str| format!("SELECT setting FROM pg_settings WHERE name = '{name}'");
        let fsync = self.texts(&setting("fsync")).await?.concat();
        let commit = self.texts(&setting("synchronous_commit")).await?.concat();
        let is_durable = fsync == "on" && commit != "off";
        Ok(Durability { is_durable, said: format!("fsync {fsync}, synchronous_commit {commit}") })
    }

    /// Whether it is a PostgreSQL server that takes no writes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_replica(&self) -> Result<bool, DbErr> {
        Ok(!self.is_sqlite() && self.texts("SELECT pg_is_in_recovery()::text").await?.concat() == "true")
    }

    /// The database's clock, in milliseconds since 1970; nothing for SQLite, which has this machine's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clock_ms(&self) -> Result<Option<i64>, DbErr> {
        if self.is_sqlite() {
            return Ok(None);
        }
        let query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text";
        Ok(self.texts(query).await?.concat().parse().ok())
    }

    /// Ends the connection.
    pub async fn close(self) {
        let _ = self.0.close().await;
    }

    async fn texts(&self, query: &str) -> Result<Vec<String>, DbErr> {
        let statement = Statement::from_string(self.0.get_database_backend(), query);
        self.0.query_all_raw(statement).await?.iter().map(|row| row.try_get_by_index(0)).collect()
    }
}
