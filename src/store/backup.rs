//! A copy of an SQLite database while it is being written, and what is to be known of one that has come back.
//!
//! 1. The copy is the state at one moment: everything acknowledged before it was begun is in it.
//! 2. Only its owner can read it: it holds whatever the database holds.
//! 3. It is on the disk, its name included, before it is called done; a copy that failed leaves nothing behind.
use std::{fs::File, os::unix::fs::OpenOptionsExt as _, path::Path};

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use super::SqlStore;

/// A copy that was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has tools of its own.
    #[error("this is for SQLite; PostgreSQL is backed up with pg_dump")]
    NotSqlite,
    /// The file cannot be written; also when there is one already.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The database refuses.
    #[error("the database could not be copied: {0}")]
    Database(#[from] DbErr),
}

const RESTORED: &str = "restored";

impl SqlStore {
    /// Copies an SQLite database into a new file; how many bytes it has.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn copy_to(&self, path: &Path) -> Result<u64, BackupError> {
        if self.reader.get_database_backend() != DbBackend::Sqlite {
            return Err(BackupError::NotSqlite);
        }
        let failed = |error| BackupError::File(path.display().to_string(), error);
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?; // (2)
        // SQLite writes into a file that is there when it is empty, and leaves its mode as it is.
        let into = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            "VACUUM INTO ?",
            [path.to_string_lossy().into_owned().into()],
        );
        let copied = async {
            self.reader.execute_raw(into).await?; // (1)
            persist(path).map_err(failed)
        };
        let copied = copied.await;
        if copied.is_err() {
            let _ = std::fs::remove_file(path); // (3)
        }
        copied
    }

    /// When the database has come back from a backup, in milliseconds since 1970; nothing when it never has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn restored_ms(&self) -> Result<Option<i64>, DbErr> {
        Ok(self.word(RESTORED).await?.and_then(|at| at.parse().ok()))
    }

    /// Notes that it has come back now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_restored(&self, now_ms: i64) -> Result<(), DbErr> {
        let now = now_ms.to_string();
        let known = self.keep(RESTORED, &now).await?;
        if known != now {
            self.exchange(RESTORED, &known, &now).await?;
        }
        Ok(())
    }
}

/// (3)
fn persist(path: &Path) -> std::io::Result<u64> {
    let file = File::open(path)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(file.metadata()?.len())
}
