//! RSA keys of the simulators: made at start, kept in memory, RS256 only.
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::Value;

use super::DevError;

/// A key that signs, and its public half.
#[derive(Clone)]
pub struct SigningKey {
    pem: String,
    key: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// 2048 bits. Takes a tenth of a second of a core.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn generate(kid: &str) -> Result<Self, DevError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| DevError::Key)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| DevError::Key)?;
        let body = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in body.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| DevError::Key)?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|_| DevError::Key)?;
        public.common.key_id = Some(kid.to_owned());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { pem, key, public })
    }

    /// The private key, PKCS #8.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The public key, with its id.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Its id.
    pub fn kid(&self) -> &str {
        self.public.common.key_id.as_deref().unwrap_or_default()
    }

    /// A header that names this key.
    pub fn header(&self, typ: &str) -> Header {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid().to_owned());
        header
    }

    /// A compact JWS.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, header: &Header, claims: &Value) -> Result<String, DevError> {
        jsonwebtoken::encode(header, claims, &self.key).map_err(|_| DevError::Key)
    }
}

/// Header and claims of an RS256 token that this key signed. Times are the caller's to judge: it has the clock.
pub fn verified(token: &str, key: &Jwk) -> Option<(Header, Value)> {
    let mut rules = Validation::new(Algorithm::RS256);
    rules.required_spec_claims.clear();
    (rules.validate_exp, rules.validate_aud) = (false, false);
    let data = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).ok()?, &rules).ok()?;
    Some((data.header, data.claims))
}

/// Whether a claim holds this audience, alone or in a list.
pub fn has_audience(claims: &Value, audience: &str) -> bool {
    match &claims["aud"] {
        Value::String(one) => one == audience,
        Value::Array(list) => list.iter().any(|one| one == audience),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_verifies_what_it_signed_and_no_other_does() {
        let (key, other) = (SigningKey::generate("a").unwrap(), SigningKey::generate("b").unwrap());
        let token = key.sign(&key.header("JWT"), &json!({ "aud": ["x"] })).unwrap();
        let (header, claims) = verified(&token, key.public()).unwrap();
        assert_eq!((header.kid.as_deref(), has_audience(&claims, "x")), (Some("a"), true));
        assert!(verified(&token, other.public()).is_none());
    }
}
