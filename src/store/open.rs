//! The way to the database: making the file of a new one, and saying why there is none.
use std::{fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, DbErr, RuntimeErr,
    sqlx::{Connection as _, PgConnection},
};

use super::{DatabaseError, StoreLimits, sqlite_file};

/// Makes the file of a new SQLite database, where the address says that it may be made. It is its owner's alone: hashes
/// of tokens and everybody's record are in it. SQLite gives its other files the same mode.
pub(super) fn make(url: &str) -> Result<(), DatabaseError> {
    let Some(file) = sqlite_file(url).filter(|_| url.contains("mode=rwc")) else { return Ok(()) };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(DatabaseError::File(file.to_owned(), error.to_string()))
        }
        _ => Ok(()),
    }
}

/// Why a database cannot be used, as far as it can be found out: SQLite has numbers for it, and a pool of connections
/// only knows that none came in time.
pub(super) async fn why(url: &str, error: DbErr, timeout: Duration) -> DatabaseError {
    if let Some(file) = sqlite_file(url) {
        let remedy = match error.to_string() {
            _ if !Path::new(file).exists() => {
                "there is no such file; with ?mode=rwc at its end, database.url makes it".to_owned()
            }
            text if text.contains("disk I/O error") || text.contains("full") => {
                format!("{text}; see whether the disk is full")
            }
            text if text.contains("readonly") => format!("{text}; this account may not write to it"),
            text => text,
        };
        return DatabaseError::File(file.to_owned(), remedy);
    }
    match tokio::time::timeout(timeout, PgConnection::connect(url)).await {
        Ok(Err(told)) => DatabaseError::Unreachable(DbErr::Conn(RuntimeErr::Internal(told.to_string()))),
        _ => DatabaseError::Unreachable(error),
    }
}

/// Texts of statements that a connection keeps as the database has read them: two dozen for each table that many rows are
/// written to at once.
const STATEMENTS: usize = 512;

/// How connections are made.
pub(super) fn options(url: &str, connections: u32, limits: &StoreLimits) -> ConnectOptions {
    use sea_orm::sqlx::{
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    };
    let timeout = limits.timeout;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .connect_timeout(timeout)
        .acquire_timeout(timeout)
        .sqlx_logging(false)
        // A connection of PostgreSQL may have died unseen; SQLite's is this process itself.
        .test_before_acquire(!url.starts_with("sqlite:"))
        .map_sqlx_sqlite_opts(move |options: SqliteConnectOptions| {
            // FULL: an acknowledged write survives the loss of power, not only the end of the process.
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(timeout)
                .statement_cache_capacity(STATEMENTS)
        })
        .map_sqlx_postgres_opts(move |options: PgConnectOptions| {
            options
                .options([("statement_timeout", timeout.as_millis().to_string())])
                .statement_cache_capacity(STATEMENTS)
        });
    options
}
