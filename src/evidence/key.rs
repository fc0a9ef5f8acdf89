//! The key that signs evidence: drawn once for a database, kept in it sealed, the same on every node.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ceven_actors::{
    clock::Clock,
    domain::{id::OrganizationId, okta::Sealed},
    protocol::signature::SigningKey,
};
use uuid::Uuid;

use crate::{
    secretbox::SecretBox,
    store::{DatabaseError, SqlStore},
};

/// Its name among what the database says of itself.
pub const NAME: &str = "signing_key";
/// It belongs to no organization.
const PLACE: (OrganizationId, &str) = (OrganizationId(Uuid::nil()), NAME);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It is sealed under a master key that is not here.
    #[error(
        "the key that signs evidence is sealed under another master key: give it in security.old_master_keys"
    )]
    Unreadable,
}

/// The key of this database, drawn now when it has none.
///
/// # Errors
/// [`KeyError`].
pub async fn signing_key(
    store: &SqlStore,
    secrets: &SecretBox,
    clock: &dyn Clock,
) -> Result<SigningKey, KeyError> {
    let mut seed = [0; 32];
    clock.fill(&mut seed);
    let first = secrets.seal(clock, PLACE, &STANDARD.encode(seed)).ok_or(KeyError::Unreadable)?;
    let kept = store.keep(NAME, &first.0).await.map_err(DatabaseError::from)?;
    let seed = secrets.open(PLACE, &Sealed(kept.into())).and_then(|text| STANDARD.decode(text).ok());
    let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.try_into().ok());
    seed.and_then(|seed| SigningKey::from_seed(&seed)).ok_or(KeyError::Unreadable)
}

/// Seals the key of this database anew under the master key for new texts; whether there was anything to do.
///
/// # Errors
/// [`KeyError`].
pub async fn reseal(store: &SqlStore, secrets: &SecretBox, clock: &dyn Clock) -> Result<bool, KeyError> {
    let kept = Sealed(store.keep(NAME, "").await.map_err(DatabaseError::from)?.into());
    let Some(new) = secrets.reseal(clock, PLACE, &kept).map_err(|_| KeyError::Unreadable)? else {
        return Ok(false);
    };
    Ok(store.exchange(NAME, &kept.0, &new.0).await.map_err(DatabaseError::from)?)
}
