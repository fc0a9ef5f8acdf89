//! An issuer in this process: it signs Universal Logout tokens, ahead of the part that is timed.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven::http::server::{ServerLimits, serve};
use ceven_actors::{
    clock::{Clock as _, SystemClock},
    protocol::jose::KeySet,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

pub const CLIENT: &str = "0oaload";
pub struct Tenant {
    pub issuer: String,
    key: KeyPair,
    jwks: Value,
}

impl Tenant {
    pub async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
        let (n, e) = (part(n.big_endian_without_leading_zero()), part(e.big_endian_without_leading_zero()));
        let jwks = json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "n": n, "e": e }] });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/oauth2/v1/authorize"),
            "token_endpoint": format!("{issuer}/oauth2/v1/token"),
            "jwks_uri": format!("{issuer}/oauth2/v1/keys"),
        });
        let keys = jwks.clone();
        let routes = warp::path!(".well-known" / "openid-configuration")
            .map(move || warp::reply::json(&document))
            .or(warp::path!("oauth2" / "v1" / "keys").map(move || warp::reply::json(&keys)))
            .map(warp::Reply::into_response)
            .boxed();
        tokio::spawn(serve(listener, routes, ServerLimits::LOOPBACK, CancellationToken::new()));
        Self { issuer, key, jwks }
    }

    /// A token for this audience.
    pub fn token(&self, jti: &str, audience: &str) -> String {
        let now = SystemClock.now_ms() / 1_000;
        let header = json!({ "typ": "global-token-revocation+jwt", "alg": "RS256" });
        let claims = json!({ "jti": jti, "iss": self.issuer, "sub": CLIENT, "aud": audience,
            "iat": now, "nbf": now - 300, "exp": now + 300 });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed =
            self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
        signed.expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// As the server reads them.
    pub fn keys(&self) -> KeySet {
        KeySet::read(&self.jwks).expect("a key set")
    }
}
