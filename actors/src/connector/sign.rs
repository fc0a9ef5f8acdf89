//! Signatures that tools ask for.
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use super::ConfigError;

/// An RSA private key that signs JWTs with RS256.
#[derive(Clone)]
pub struct SigningKey(EncodingKey);

impl SigningKey {
    /// From PEM, PKCS #1 or PKCS #8.
    ///
    /// # Errors
    /// [`ConfigError`] on `field` when it is no RSA private key.
    pub fn from_pem(field: &str, pem: &str) -> Result<Self, ConfigError> {
        EncodingKey::from_rsa_pem(pem.replace("\\n", "\n").as_bytes())
            .map(Self)
            .map_err(|_| ConfigError::new(field, "is no RSA private key in PEM"))
    }

    /// A compact JWT (RFC 7515 §7.1). `extra` may set `kid` and `typ`.
    pub fn jwt(&self, kid: Option<&str>, typ: &str, claims: &Value) -> Option<String> {
        let header = Header {
            kid: kid.map(str::to_owned),
            typ: Some(typ.to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, claims, &self.0).ok()
    }

    /// A DPoP proof (RFC 9449 §4.2): a JWT that carries its own public key.
    pub fn proof(&self, claims: &Value) -> Option<String> {
        let header = Header {
            typ: Some("dpop+jwt".to_owned()),
            jwk: Some(Jwk::from_encoding_key(&self.0, Algorithm::RS256).ok()?),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, claims, &self.0).ok()
    }
}

/// HMAC-SHA-256, in base64.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message))
}
