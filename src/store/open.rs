//! The way to the database: making the file of a new one, and saying why there is none.
use std::{
    fs::OpenOptions,
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use sea_orm::{
    ConnAcquireErr, ConnectOptions, DbErr, RuntimeErr,
    sqlx::{self, Connection as _, PgConnection, postgres::PgPoolOptions},
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
        .test_before_acquire(false)
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
        })
        .map_sqlx_postgres_pool_opts(move |pool: PgPoolOptions| {
            pool.before_acquire(move |connection, known| match known.idle_for < FRESH {
                true => Box::pin(async { Ok(true) }),
                false => Box::pin(answers(connection, timeout / 8)),
            })
            .after_release(move |connection, _| Box::pin(answers(connection, timeout)))
        });
    options
}

/// An answer, or no longer than that: a connection whose other end has gone without a word never gives one, and neither
/// does it fail.
pub(super) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let answered = tokio::time::timeout(patience, answer).await;
    answered.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))
}

/// A connection that was used so lately is taken as it is.
const FRESH: Duration = Duration::from_millis(50);

/// Whether PostgreSQL is there still. A connection may have died without a word, with the machine at its other end: then it
/// would be waited for by whoever takes it, and by the pool that takes it back, for a quarter of an hour.
async fn answers(connection: &mut PgConnection, limit: Duration) -> Result<bool, sqlx::Error> {
    let pinged = tokio::time::timeout(limit, connection.ping()).await;
    pinged.unwrap_or_else(|_| Err(io::Error::from(ErrorKind::TimedOut).into())).map(|()| true)
}
