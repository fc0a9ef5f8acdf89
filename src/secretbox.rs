//! Secrets at rest: AES-256-GCM-SIV (RFC 8452), which forgives a nonce used twice, under keys that never enter the
//! database.
//!
//! 1. A sealed text names its key, so that keys can be exchanged while old texts are still readable.
//! 2. It is bound to its place (organization and purpose): moved elsewhere, it does not open.
//! 3. New texts are sealed under the first key.
//! 4. Keys in a file are read again before a text is sealed, and when a text names a key that is not known: another
//!    process may have exchanged them.
//! 5. The file is exchanged whole, and what it held before is kept beside it. While it holds several keys, texts are
//!    being sealed anew; that goes on where it ended.
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ceven_actors::{
    clock::Clock,
    domain::{audit::hex, id::OrganizationId, okta::Sealed},
};
use sha2::{Digest as _, Sha256};

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 12;

struct Key {
    id: String,
    key: LessSafeKey,
}

impl Key {
    fn read(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == 32);
        let unbound = bytes.as_ref().and_then(|bytes| UnboundKey::new(&AES_256_GCM_SIV, bytes).ok());
        let (bytes, unbound) = bytes
            .as_ref()
            .zip(unbound)
            .ok_or_else(|| KeyError("security.master_key must be 32 bytes in base64".into()))?;
        let id = hex(&Sha256::digest([b"ceven key id ".as_slice(), bytes].concat())[..4]);
        Ok(Self { id, key: LessSafeKey::new(unbound) })
    }
}

/// Seals and opens.
pub struct SecretBox {
    keys: RwLock<Arc<[Key]>>,
    /// The file of keys, and the keys that go after those in it (4).
    file: Option<(PathBuf, Vec<String>)>,
}

/// A key that cannot be used, in words for whoever set it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

impl SecretBox {
    /// Keys as 32 bytes in base64, the one for new texts first.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        let keys = keys.into_iter().map(Key::read).collect::<Result<_, _>>()?;
        Ok(Self { keys: RwLock::new(keys), file: None })
    }

    /// Keys in a file, a line each, made when there is none; `old` ones go after them.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn in_file(clock: &dyn Clock, path: &Path, old: &[String]) -> Result<Self, KeyError> {
        let shown = path.display();
        let text = key_in_file(clock, path).map_err(|error| {
            KeyError(format!("the file {shown}, which keeps the key of stored secrets: {error}"))
        })?;
        let read = Self::new(text.lines().chain(old.iter().map(String::as_str)))
            .map_err(|error| KeyError(format!("the file {shown}: {error}")))?;
        Ok(Self { file: Some((path.to_owned(), old.to_owned())), ..read })
    }

    /// (4)
    fn read_again(&self) {
        let Some((path, old)) = &self.file else { return };
        let read = std::fs::read_to_string(path).map_err(|error| KeyError(error.to_string()));
        let read = read.and_then(|text| Self::new(text.lines().chain(old.iter().map(String::as_str))));
        match read {
            Ok(read) => {
                let keys = read.keys.into_inner().unwrap_or_else(PoisonError::into_inner);
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
            }
            Err(error) => tracing::warn!(file = %path.display(), %error, "the keys could not be read again"),
        }
    }

    fn keys(&self) -> Arc<[Key]> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Id of the key for new texts.
    pub fn key_id(&self) -> String {
        self.read_again();
        self.keys().first().map(|key| key.id.clone()).unwrap_or_default()
    }

    /// The text sealed anew under the key for new texts; nothing when it is so already.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be opened here.
    pub fn reseal(
        &self,
        clock: &dyn Clock,
        place: (OrganizationId, &str),
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, KeyError> {
        if sealed.0.split('.').nth(1) == Some(&self.key_id()) {
            return Ok(None);
        }
        let text = self.open(place, sealed);
        let sealed = text.and_then(|text| self.seal(clock, place, &text));
        let why = || KeyError(format!("{} cannot be opened with the keys that are here", place.1));
        sealed.map(Some).ok_or_else(why)
    }

    /// Seals a text for one place (2).
    pub fn seal(&self, clock: &dyn Clock, place: (OrganizationId, &str), text: &str) -> Option<Sealed> {
        self.read_again(); // (4)
        let keys = self.keys();
        let Key { id, key } = keys.first()?; // (3)
        let mut nonce = [0; NONCE_BYTES];
        clock.fill(&mut nonce);
        let mut bytes = text.as_bytes().to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad(place)), &mut bytes)
            .ok()?;
        let sealed = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &bytes].concat());
        Some(Sealed(format!("{VERSION}.{id}.{sealed}").into())) // (1)
    }

    /// Opens a text; nothing when its key is not here, or it belongs elsewhere.
    pub fn open(&self, place: (OrganizationId, &str), sealed: &Sealed) -> Option<String> {
        let mut parts = sealed.0.split('.');
        let (version, id, text) = (parts.next()?, parts.next()?, parts.next()?);
        if !self.keys().iter().any(|key| key.id == id) {
            self.read_again(); // (4)
        }
        let keys = self.keys();
        let key = keys.iter().find(|key| version == VERSION && key.id == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, bytes) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = bytes.to_vec();
        let opened = key.key.open_in_place(nonce, Aad::from(aad(place)), &mut bytes).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

fn aad((organization, purpose): (OrganizationId, &str)) -> String {
    format!("ceven\0{organization}\0{purpose}")
}

/// The keys in a file of their own, one made when there is none: readable by its owner only.
///
/// # Errors
/// When the file can neither be read nor made.
pub fn key_in_file(clock: &dyn Clock, path: &Path) -> io::Result<String> {
    let key = drawn(clock);
    match write_new(path, &key) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::read_to_string(path),
        Err(error) => Err(error),
    }
}

/// Keeps others from exchanging the key file, until it is dropped: `is_sole` is for whoever exchanges it, and nobody else may
/// then look either; without it many may. The lock is on the folder, because the file itself is exchanged.
///
/// # Errors
/// When it is taken, or the folder cannot be opened.
pub fn hold_still(path: &Path, is_sole: bool) -> io::Result<File> {
    let folder = open_folder(path)?;
    match if is_sole { folder.try_lock() } else { folder.try_lock_shared() } {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("`ceven keys rotate` or `ceven backup` is at work with it: try again later"))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Draws a key for new texts and puts it before the one in the file, unless that was done before and is not finished
/// (5). Returns where the old key is kept.
///
/// # Errors
/// When a file cannot be read or written; then the file is as it was.
pub fn begin_rotation(clock: &dyn Clock, path: &Path) -> io::Result<PathBuf> {
    let old = std::fs::read_to_string(path)?;
    let last = old.lines().last().unwrap_or_default().trim();
    let id = Key::read(last).map_err(|error| io::Error::other(error.to_string()))?.id;
    let kept = beside(path, &id);
    match write_new(&kept, last) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if old.lines().filter(|line| !line.trim().is_empty()).count() == 1 {
        exchange(path, &format!("{}\n{last}", drawn(clock)))?;
    }
    Ok(kept)
}

/// Leaves only the key for new texts in the file: everything is sealed under it (5).
///
/// # Errors
/// When the file cannot be read or written, or that is not its first key; then it is as it was.
pub fn end_rotation(path: &Path, key: &str) -> io::Result<()> {
    let keys = std::fs::read_to_string(path)?;
    let first = keys.lines().next().unwrap_or_default();
    match Key::read(first.trim()) {
        Ok(found) if found.id == key => exchange(path, first),
        _ => Err(io::Error::other("it has been exchanged meanwhile")),
    }
}

fn drawn(clock: &dyn Clock) -> String {
    let mut bytes = [0; 32];
    clock.fill(&mut bytes);
    STANDARD.encode(bytes)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whoever reads the file finds the old text or the new one, after a loss of power too.
fn exchange(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, "new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(&new, text)?;
    std::fs::rename(&new, path)?;
    open_folder(path)?.sync_all()
}

fn open_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests {
    use ceven_actors::clock::SystemClock;

    use super::*;

    #[test]
    fn opens_in_its_place_and_nowhere_else() {
        let (one, two) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let (old, both) = (SecretBox::new([&*one]).unwrap(), SecretBox::new([&*two, &*one]).unwrap());
        let organization = OrganizationId(SystemClock.new_id());
        let sealed = old.seal(&SystemClock, (organization, "okta"), "secret").unwrap();
        assert!(!sealed.0.contains("secret"));
        assert_eq!(both.open((organization, "okta"), &sealed).as_deref(), Some("secret"));
        assert_eq!(both.open((organization, "slack"), &sealed), None);
        assert_eq!(both.open((OrganizationId(SystemClock.new_id()), "okta"), &sealed), None);
        let new = both.seal(&SystemClock, (organization, "okta"), "secret").unwrap();
        assert_eq!(old.open((organization, "okta"), &new), None, "sealed under the new key");
        assert!(SecretBox::new(["short"]).is_err());
    }

    #[test]
    fn the_key_file_is_made_once_and_for_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = key_in_file(&SystemClock, &path).unwrap();
        assert_eq!(key_in_file(&SystemClock, &path).unwrap(), key);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
