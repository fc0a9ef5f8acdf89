//! Whether an SQLite database has changed, without a query.
//!
//! In WAL mode every commit, of whichever process, rewrites the header of the WAL index (`FILE-shm`): 48 bytes
//! with a change counter, the last frame, salts and a checksum, twice. Readers of SQLite itself decide by these
//! bytes what they see (<https://www.sqlite.org/walformat.html>, "The WAL-Index File Format" and "WAL-Index Header").
//!
//! 1. The two copies differ while a writer is between them: then nothing is known.
//! 2. The file must not be closed before the database is: on POSIX, closing any descriptor of a file drops
//!    the locks that this process holds on it, SQLite's own among them.
//! 3. SQLite removes the file when nobody has the database open, and makes another one later: a removed file
//!    shows nothing.
use std::{
    fs::File,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};

use ceven_actors::ports::Fingerprint;

const COPY_BYTES: usize = size_of::<Fingerprint>();

/// The WAL index of a database that this process has open.
pub struct WalIndex(File);

impl WalIndex {
    /// Opens the index beside a database file; nothing when there is none, as for one in memory.
    pub fn open(database: &Path) -> Option<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push("-shm");
        File::open(name).ok().map(Self)
    }

    /// Changes with every commit; two system calls, no lock.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        if self.0.metadata().ok()?.nlink() == 0 {
            return None; // (3)
        }
        let mut copies = [0; 2 * COPY_BYTES];
        self.0.read_exact_at(&mut copies, 0).ok()?;
        let (first, second) = copies.split_at(COPY_BYTES);
        if first == second { first.try_into().ok() } else { None } // (1)
    }
}
