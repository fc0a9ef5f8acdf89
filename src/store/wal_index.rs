//! Whether an SQLite database has changed, without a query.
//!
//! In WAL mode every commit, of whichever process, rewrites the header of the WAL index (`FILE-shm`): 48 bytes
//! with a change counter, the last frame, salts and a checksum, twice. Readers of SQLite itself decide by these
//! bytes what they see (<https://www.sqlite.org/walformat.html>, "The WAL-Index File Format" and "WAL-Index Header").
//!
//! 1. The two copies differ while a writer is between them: then nothing is known.
//! 2. The file must not be closed before the database is: on POSIX, closing any descriptor of a file drops
//!    the locks that this process holds on it, SQLite's own among them.
//! 3. SQLite removes the file when nobody has the database open, and makes another one later: a connection that has
//!    read through the index is held for as long as the file is looked at.
use std::{fs::File, os::unix::fs::FileExt as _};

use ceven_actors::ports::Fingerprint;
use sea_orm::{
    DatabaseConnection, DbErr,
    sqlx::{self, Sqlite, pool::PoolConnection},
};

const COPY_BYTES: usize = size_of::<Fingerprint>();

/// The WAL index of a database that this process has open.
pub struct WalIndex {
    file: File,
    held: PoolConnection<Sqlite>,
}

impl WalIndex {
    /// Opens the index of a database and keeps one of its connections; nothing when there is none, as for one in
    /// memory.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(database: &DatabaseConnection) -> Result<Option<Self>, DbErr> {
        let failed = |error: sqlx::Error| DbErr::Query(sea_orm::RuntimeErr::SqlxError(error.into()));
        let mut held = database.get_sqlite_connection_pool().acquire().await.map_err(failed)?;
        sqlx::query("SELECT count(*) FROM sqlite_master").fetch_one(&mut *held).await.map_err(failed)?; // (3)
        // Where the file is, SQLite knows best.
        let query = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        let name: String = sqlx::query_scalar(query).fetch_one(&mut *held).await.map_err(failed)?;
        Ok(File::open(format!("{name}-shm")).ok().map(|file| Self { file, held }))
    }

    /// Changes with every commit; one system call, no lock.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let mut copies = [0; 2 * COPY_BYTES];
        self.file.read_exact_at(&mut copies, 0).ok()?;
        let (first, second) = copies.split_at(COPY_BYTES);
        if first == second { first.try_into().ok() } else { None } // (1)
    }

    /// Gives the connection back; the file is for the caller to close, after the database (2).
    pub fn let_go(self) -> File {
        drop(self.held);
        self.file
    }
}
