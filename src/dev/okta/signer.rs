//! What the tenant signs: ID tokens, Universal Logout tokens, and security event tokens in both shapes.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Okta, OktaUser, oidc};
use crate::dev::{DevError, access::random_text, errand::Errand, keys::SigningKey};

/// How a security event token names its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetShape {
    /// As Okta sends it: the subject inside of the event, the time in milliseconds.
    Okta,
    /// SSF 1.0 final: `sub_id` on top, the time in seconds.
    Final,
}

impl Okta {
    fn current(&self) -> Result<&SigningKey, DevError> {
        self.keys.last().ok_or(DevError::Key)
    }

    /// Signs any claims with the current key.
    ///
    /// # Errors
    /// When the key fails.
    pub fn sign(&self, typ: &str, claims: &Value) -> Result<String, DevError> {
        let key = self.current()?;
        key.sign(&key.header(typ), claims)
    }

    /// Signs with a key that no one published: its id is unknown.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn sign_with_stray_key(&self, typ: &str, claims: &Value) -> Result<String, DevError> {
        let key = SigningKey::generate("sim-okta-stray")?;
        key.sign(&key.header(typ), claims)
    }

    pub(super) fn id_token(
        &self,
        user: &OktaUser,
        client_id: &str,
        nonce: Option<&str>,
        access_token: &str,
        now: i64,
    ) -> Result<String, DevError> {
        let mut claims = oidc::claims(user);
        let half = &Sha256::digest(access_token)[..16];
        let more = json!({
            "ver": 1, "iss": self.issuer, "aud": client_id, "iat": now, "exp": now + 3600, "auth_time": now,
            "jti": format!("ID.{}", random_text(&*self.clock)), "amr": ["pwd", "mfa"], "idp": "00osimulated",
            "at_hash": URL_SAFE_NO_PAD.encode(half),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.sign("JWT", &claims)
    }

    /// Claims of a Universal Logout token; `now` in seconds. The person is not in it, but in the body beside it.
    pub fn universal_logout_claims(&self, client_id: &str, audience: &str, now: i64) -> Value {
        json!({ "jti": random_text(&*self.clock), "iss": self.issuer, "sub": client_id, "aud": audience,
            "exp": now + 300, "nbf": now - 300, "iat": now })
    }

    /// A Universal Logout token. Its header names no key, as Okta's documentation shows it.
    ///
    /// # Errors
    /// When the key fails.
    pub fn universal_logout_token(
        &self,
        client_id: &str,
        audience: &str,
        now: i64,
    ) -> Result<String, DevError> {
        let key = self.current()?;
        let mut header = key.header("global-token-revocation+jwt");
        header.kid = None;
        key.sign(&header, &self.universal_logout_claims(client_id, audience, now))
    }

    /// Claims of a security event token with one event; `event` is the end of a CAEP type, as `session-revoked`.
    pub fn security_event_claims(
        &self,
        audience: &str,
        user_id: &str,
        event: &str,
        shape: SetShape,
        now: i64,
    ) -> Value {
        let kind = format!("https://schemas.openid.net/secevent/caep/event-type/{event}");
        let subject = json!({ "format": "iss_sub", "iss": self.issuer, "sub": user_id });
        let mut claims =
            json!({ "iss": self.issuer, "jti": random_text(&*self.clock), "iat": now, "aud": audience });
        let mut body = json!({ "reason_admin": { "en": "Simulated" } });
        match shape {
            SetShape::Okta => {
                body["subject"] = subject;
                body["event_timestamp"] = (now * 1000).into();
            }
            SetShape::Final => {
                claims["sub_id"] = subject;
                body["event_timestamp"] = now.into();
            }
        }
        claims["events"] = json!({ kind: body });
        claims
    }

    /// A security event token.
    ///
    /// # Errors
    /// When the key fails.
    pub fn security_event_token(
        &self,
        audience: &str,
        user_id: &str,
        event: &str,
        shape: SetShape,
        now: i64,
    ) -> Result<String, DevError> {
        self.sign("secevent+jwt", &self.security_event_claims(audience, user_id, event, shape, now))
    }

    /// Tells every application that takes Universal Logout that this person must go.
    ///
    /// # Errors
    /// When the key fails.
    pub fn send_universal_logout(&mut self, user_id: &str) -> Result<(), DevError> {
        let Some(user) = self.users.iter().find(|user| user.id == user_id) else { return Ok(()) };
        let body = json!({ "sub_id": { "format": "email", "email": user.person.email } }).to_string();
        let now = self.clock.now_ms().div_euclid(1000);
        let mut errands = Vec::new();
        for app in self.apps.iter().filter(|app| !app.not_assigned.iter().any(|id| id == user_id)) {
            let Some(url) = &app.universal_logout_url else { continue };
            errands.push(Errand {
                url: url.clone(),
                media_type: "application/json",
                bearer: Some(self.universal_logout_token(&app.client_id, url, now)?),
                body: body.clone(),
            });
        }
        self.outbox.extend(errands);
        Ok(())
    }
}
