//! Compact JWS (RFC 7515 §7.1) and key sets (RFC 7517), as far as Ceven needs them: RS256 and nothing else.
//!
//! 1. Three parts in base64url without padding, together at most [`MAX_BYTES`].
//! 2. Header and claims are JSON objects without a key twice.
//! 3. `alg` is exactly `RS256` (RFC 8725 §3.1): not `none`, no HMAC keyed with a public key, no other curve.
//! 4. `crit`, `b64` and `zip` change what the signature means: refused. `jwk`, `jku`, `x5c`, `x5u` bring keys of
//!    whoever made the token: never looked at.
//! 5. A key counts only when it is RSA of 2048 to 8192 bits, not for encryption, and not for another algorithm.
//! 6. A token with `kid` is verified with the keys of that id; one without with every key of the set.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::{json, scim::Object};

/// Longest token.
pub const MAX_BYTES: usize = 16 * 1_024;
/// Keys of a set that are looked at.
const MAX_KEYS: usize = 20;

/// A token that has been taken apart and not yet verified.
#[derive(Debug, Clone)]
pub struct Jws {
    /// Its header.
    pub header: Object,
    /// What it claims.
    pub claims: Value,
    message: String,
    signature: String,
}

/// Why a token is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// (1) (2)
    #[error("malformed token")]
    Malformed,
    /// (3) (4)
    #[error("algorithm not allowed")]
    Algorithm,
    /// `typ` says it is something else.
    #[error("wrong type of token")]
    Type,
    /// No key of that id.
    #[error("unknown key")]
    UnknownKey,
    /// No key of the set has made the signature.
    #[error("bad signature")]
    Signature,
}

impl Jws {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`JoseError`].
    pub fn parse(token: &str) -> Result<Self, JoseError> {
        let malformed = JoseError::Malformed;
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed); // (1)
        };
        if token.len() > MAX_BYTES || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(malformed); // (1)
        }
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed)?; // (1)
            match json::read(&bytes) {
                Ok(Value::Object(object)) => Ok(object),
                _ => Err(malformed), // (2)
            }
        };
        let (header_object, claims_object) = (object(header)?, object(claims)?);
        if header_object.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(JoseError::Algorithm); // (3)
        }
        if ["crit", "b64", "zip"].iter().any(|name| header_object.contains_key(*name)) {
            return Err(JoseError::Algorithm); // (4)
        }
        if header_object.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(malformed);
        }
        Ok(Self {
            header: header_object,
            claims: claims_object.into(),
            message: format!("{header}.{claims}"),
            signature: signature.to_owned(),
        })
    }

    /// Checks the type that the header states; without case, as media types are compared (RFC 7515 §4.1.9).
    ///
    /// # Errors
    /// [`JoseError::Type`] also when it states none.
    pub fn require_type(&self, typ: &str) -> Result<(), JoseError> {
        let stated = self.header.get("typ").and_then(Value::as_str).unwrap_or_default();
        // "application/" may be left out or not (RFC 7515 §4.1.9).
        let (prefix, rest) = stated.split_at_checked("application/".len()).unwrap_or_default();
        let stated = if prefix.eq_ignore_ascii_case("application/") { rest } else { stated };
        if stated.eq_ignore_ascii_case(typ) { Ok(()) } else { Err(JoseError::Type) }
    }

    /// The id of the key it says it was signed with.
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str()
    }
}

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    key: DecodingKey,
}

/// An issuer's public keys.
#[derive(Clone, Default)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK set; keys that are of no use here are left out (5).
    ///
    /// # Errors
    /// [`JoseError::Malformed`] when it is no key set.
    pub fn read(document: &Value) -> Result<Self, JoseError> {
        let keys = document["keys"].as_array().ok_or(JoseError::Malformed)?;
        Ok(Self(keys.iter().take(MAX_KEYS).filter_map(Key::read).collect()))
    }

    /// How many keys are of use.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is of use.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a token could have been signed with a key of this set.
    pub fn knows(&self, jws: &Jws) -> bool {
        self.fitting(jws).next().is_some()
    }

    fn fitting<'a>(&'a self, jws: &'a Jws) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(|key| jws.kid().is_none() || key.kid.as_deref() == jws.kid()) // (6)
    }

    /// Verifies a token's signature.
    ///
    /// # Errors
    /// `UnknownKey`, `Signature`.
    pub fn verify(&self, jws: &Jws) -> Result<(), JoseError> {
        if !self.knows(jws) {
            return Err(JoseError::UnknownKey);
        }
        let verifies = |key: &Key| {
            let (signature, message) = (jws.signature.as_str(), jws.message.as_bytes());
            jsonwebtoken::crypto::verify(signature, message, &key.key, Algorithm::RS256).unwrap_or(false)
        };
        if self.fitting(jws).any(verifies) { Ok(()) } else { Err(JoseError::Signature) }
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|key| &key.kid)).finish()
    }
}

impl Key {
    /// (5)
    fn read(jwk: &Value) -> Option<Self> {
        let is_or_unsaid = |name: &str, wanted: &str| jwk[name].is_null() || jwk[name] == wanted;
        if jwk["kty"] != "RSA" || !is_or_unsaid("use", "sig") || !is_or_unsaid("alg", "RS256") {
            return None;
        }
        let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
        let (modulus, exponent) = (part("n")?, part("e")?);
        let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
        if !(256..=1_024).contains(&significant) || exponent.len() > 8 {
            return None;
        }
        let kid = jwk["kid"].as_str().map(str::to_owned);
        Some(Self { kid, key: DecodingKey::from_rsa_raw_components(&modulus, &exponent) })
    }
}
