//! Sign-in with OpenID Connect: what the relying party asks, what it accepts, and nothing that touches a network.
//!
//! Sources: OpenID Connect Core 1.0 (§3.1.3.7 ID-token validation, §4 initiation by a third party), Discovery 1.0 §4.3,
//! RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 9700 (best current practice).
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Where an issuer's endpoints are.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Metadata {
    /// Exactly as configured.
    pub issuer: String,
    /// Where the browser is sent.
    pub authorization_endpoint: String,
    /// Where the code is exchanged.
    pub token_endpoint: String,
    /// Where the signing keys are.
    pub jwks_uri: String,
    /// Where the browser ends its session at the issuer, when the issuer offers it (RP-initiated logout).
    pub end_session_endpoint: Option<String>,
    /// Whether the issuer promises `iss` in its answers (RFC 9207).
    pub promises_iss: bool,
}

/// A discovery document that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The document speaks for someone else.
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// A member is missing or no text.
    #[error("the discovery document has no {0}")]
    Missing(&'static str),
    /// An endpoint is on another host than the issuer, or on another scheme.
    #[error("{0} is not at the issuer's address")]
    ForeignEndpoint(&'static str),
    /// The issuer cannot do what Ceven needs.
    #[error("the issuer does not support {0}")]
    Unsupported(&'static str),
}

impl Metadata {
    /// Reads a discovery document.
    ///
    /// 1. `issuer` is identical to the one asked for (Discovery §4.3).
    /// 2. Every endpoint has the issuer's scheme, host and port: a secret is never sent elsewhere.
    /// 3. The issuer offers the code flow, RS256 and PKCE S256; what it does not state counts as offered, except
    ///    that a stated list must hold it.
    ///
    /// # Errors
    /// [`MetadataError`].
    pub fn read(issuer: &str, document: &Value) -> Result<Self, MetadataError> {
        if document["issuer"].as_str() != Some(issuer) {
            return Err(MetadataError::OtherIssuer); // (1)
        }
        let home = origin(issuer);
        let endpoint = |name: &'static str| {
            let url = document[name].as_str().ok_or(MetadataError::Missing(name))?;
            if home.is_none() || origin(url) != home {
                return Err(MetadataError::ForeignEndpoint(name)); // (2)
            }
            Ok(url.to_owned())
        };
        for (name, needed) in [
            ("response_types_supported", "code"),
            ("id_token_signing_alg_values_supported", "RS256"),
            ("code_challenge_methods_supported", "S256"),
        ] {
            let stated = document[name].as_array();
            if stated.is_some_and(|list| !list.iter().any(|value| value == needed)) {
                return Err(MetadataError::Unsupported(needed)); // (3)
            }
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            end_session_endpoint: match document["end_session_endpoint"].is_null() {
                true => None,
                false => Some(endpoint("end_session_endpoint")?),
            },
            promises_iss: document["authorization_response_iss_parameter_supported"] == true,
        })
    }
}

/// Scheme, host and port; nothing for what is no plain web address, such as one with a user in it.
pub fn origin(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = !authority.is_empty()
        && authority.bytes().all(|byte| byte.is_ascii_graphic() && !b"@\\\"<>".contains(&byte));
    plain.then_some((scheme, authority))
}

/// One attempt to sign in, kept on the server from the redirect to the answer, used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Value that travels through the issuer and must come back.
    pub state: String,
    /// Value that must be in the ID token.
    pub nonce: String,
    /// PKCE secret; only its hash leaves the server before the exchange.
    pub code_verifier: String,
}

impl Attempt {
    /// Made of 96 random bytes. Only letters, digits, `-` and `_`: Okta takes no others in `state`.
    pub fn new(random: &[u8; 96]) -> Self {
        let text = |at: usize| URL_SAFE_NO_PAD.encode(&random[at..at + 32]);
        Self { state: text(0), nonce: text(32), code_verifier: text(64) }
    }

    /// RFC 7636 §4.2, S256.
    pub fn code_challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.code_verifier))
    }

    /// Parameters of the authorization request, in order (Core §3.1.2.1).
    pub fn parameters<'a>(
        &'a self,
        client_id: &'a str,
        redirect_uri: &'a str,
        login_hint: Option<&'a str>,
    ) -> Vec<(&'static str, std::borrow::Cow<'a, str>)> {
        let mut parameters = vec![
            ("response_type", "code".into()),
            ("client_id", client_id.into()),
            ("redirect_uri", redirect_uri.into()),
            ("scope", "openid email profile".into()),
            ("state", self.state.as_str().into()),
            ("nonce", self.nonce.as_str().into()),
            ("code_challenge", self.code_challenge().into()),
            ("code_challenge_method", "S256".into()),
        ];
        parameters.extend(login_hint.map(|hint| ("login_hint", hint.into())));
        parameters
    }
}

/// What an ID token must fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer that the attempt was sent to.
    pub issuer: &'a str,
    /// Ceven's client id there.
    pub client_id: &'a str,
    /// The attempt's nonce.
    pub nonce: &'a str,
    /// Seconds since 1970.
    pub now_secs: i64,
    /// How far clocks may differ.
    pub skew_secs: i64,
}

/// Who signed in, as the issuer says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// Who says so.
    pub issuer: String,
    /// The person's id there; with the issuer, the only thing that identifies.
    pub subject: String,
    /// Address, when the issuer tells one.
    pub email: Option<String>,
    /// Whether the issuer has verified the address; what is not said is not verified.
    pub email_verified: bool,
    /// What the person is called at the issuer; Okta's login.
    pub preferred_username: Option<String>,
    /// Name for people.
    pub name: Option<String>,
    /// `given_name`, `family_name`.
    pub names: (Option<String>, Option<String>),
}

/// Why an ID token is refused; for the audit log, never for the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// `iss` is not the issuer that was asked.
    #[error("the ID token is of another issuer")]
    Issuer,
    /// `aud` or `azp` is not Ceven alone.
    #[error("the ID token is for another client")]
    Audience,
    /// `exp`, `iat` or `nbf`.
    #[error("the ID token is not valid at this time")]
    Time,
    /// `nonce`.
    #[error("the ID token belongs to another sign-in")]
    Nonce,
    /// `sub`.
    #[error("the ID token names nobody")]
    Subject,
}

/// Seconds after which an ID token is too old to begin a session with, however long it is valid.
const MAX_AGE_SECS: i64 = 600;

/// Checks the claims of an ID token whose RS256 signature has been verified with the issuer's keys
/// (Core §3.1.3.7).
///
/// 1. `iss` is exactly the issuer that the attempt was sent to: no mix-up.
/// 2. `aud` is Ceven's client id, alone or in a list of one; more audiences are trusted by nobody here.
/// 3. `azp`, when there is one, is Ceven's client id.
/// 4. `exp` is not past, `nbf` and `iat` are not ahead, by more than the skew; `iat` is at most ten minutes ago.
/// 5. `nonce` is the attempt's.
/// 6. `sub` has 1 to 255 ASCII characters (Core §2), none of them a control character.
///
/// # Errors
/// [`IdTokenError`].
pub fn identify(claims: &Value, expected: &Expected<'_>) -> Result<Identity, IdTokenError> {
    if claims["iss"].as_str() != Some(expected.issuer) {
        return Err(IdTokenError::Issuer); // (1)
    }
    let audience = match &claims["aud"] {
        Value::Array(list) if list.len() == 1 => &list[0],
        single => single,
    };
    if audience.as_str() != Some(expected.client_id) {
        return Err(IdTokenError::Audience); // (2)
    }
    if !claims["azp"].is_null() && claims["azp"].as_str() != Some(expected.client_id) {
        return Err(IdTokenError::Audience); // (3)
    }
    check_times(claims, expected)?;
    if claims["nonce"].as_str() != Some(expected.nonce) {
        return Err(IdTokenError::Nonce); // (5)
    }
    let subject = claims["sub"].as_str().unwrap_or_default();
    let is_plain = subject.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control());
    if subject.is_empty() || subject.len() > 255 || !is_plain {
        return Err(IdTokenError::Subject); // (6)
    }
    let text = |name: &str| claims[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Identity {
        issuer: expected.issuer.to_owned(),
        subject: subject.to_owned(),
        email: text("email"),
        email_verified: claims["email_verified"] == true,
        preferred_username: text("preferred_username"),
        name: text("name"),
        names: (text("given_name"), text("family_name")),
    })
}

/// (4)
fn check_times(claims: &Value, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let seconds = |name: &str| claims[name].as_f64().map(|seconds| seconds as i64);
    let (Some(exp), Some(iat)) = (seconds("exp"), seconds("iat")) else { return Err(IdTokenError::Time) };
    let (now, skew) = (expected.now_secs, expected.skew_secs);
    let is_ahead = |at: i64| at > now.saturating_add(skew);
    let nbf_is_ahead = !claims["nbf"].is_null() && seconds("nbf").is_none_or(is_ahead);
    let fits = now < exp.saturating_add(skew)
        && !is_ahead(iat)
        && iat >= now.saturating_sub(MAX_AGE_SECS + skew)
        && !nbf_is_ahead;
    if fits { Ok(()) } else { Err(IdTokenError::Time) }
}

#[cfg(test)]
mod tests;
