//! Secrets at rest: AES-256-GCM-SIV (RFC 8452), which forgives a nonce used twice, under keys that never enter the
//! database.
//!
//! 1. A sealed text names its key, so that keys can be exchanged while old texts are still readable.
//! 2. It is bound to its place (organization and purpose): moved elsewhere, it does not open.
//! 3. New texts are sealed under the first key.
use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

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

/// Seals and opens.
pub struct SecretBox {
    keys: Vec<Key>,
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
        let read = |text: &str| {
            let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == 32);
            let unbound = bytes.as_ref().and_then(|bytes| UnboundKey::new(&AES_256_GCM_SIV, bytes).ok());
            let (bytes, unbound) = bytes
                .as_ref()
                .zip(unbound)
                .ok_or_else(|| KeyError("security.master_key must be 32 bytes in base64".into()))?;
            let id = hex(&Sha256::digest([b"ceven key id ".as_slice(), bytes].concat())[..4]);
            Ok(Key { id, key: LessSafeKey::new(unbound) })
        };
        Ok(Self { keys: keys.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Seals a text for one place (2).
    pub fn seal(&self, clock: &dyn Clock, place: (OrganizationId, &str), text: &str) -> Option<Sealed> {
        let Key { id, key } = self.keys.first()?; // (3)
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
        let key = self.keys.iter().find(|key| version == VERSION && key.id == id)?;
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

/// The key in a file of its own, made when there is none: readable by its owner only.
///
/// # Errors
/// When the file can neither be read nor made.
pub fn key_in_file(clock: &dyn Clock, path: &Path) -> std::io::Result<String> {
    let mut bytes = [0; 32];
    clock.fill(&mut bytes);
    let key = STANDARD.encode(bytes);
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(key.as_bytes())?;
            file.sync_all()?;
            Ok(key)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => std::fs::read_to_string(path),
        Err(error) => Err(error),
    }
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
