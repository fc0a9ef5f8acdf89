//! Who may use the management API: an SSWS token, or a service application (private_key_jwt, DPoP if asked for).
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Okta, oauth_error};
use crate::dev::{
    access::{Grant, random_text},
    keys::{has_audience, verified},
    sim::Call,
    wire::{Answer, Form, Refusal},
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A token's life, seconds.
const TOKEN_SECS: i64 = 3600;
/// A proof's age, seconds, either way.
const PROOF_SECS: i64 = 300;

/// An application without people.
#[derive(Clone)]
pub struct ServiceApp {
    /// Client id.
    pub client_id: String,
    /// Its public key.
    pub key: Jwk,
    /// Scopes that a super admin granted.
    pub granted: Vec<String>,
    /// Whether its tokens are bound to a key (RFC 9449).
    pub needs_dpop: bool,
}

/// Judges a request to the management API. SSWS has every right of the admin who made it.
pub(super) fn authorize(okta: &Okta, call: &mut Call<'_>, scopes: &[&str]) -> Result<(), Refusal> {
    if let Some(token) = call.request.authorization("SSWS") {
        if token != okta.api_token {
            return Err(Refusal::Credentials);
        }
        "admin".clone_into(&mut call.subject);
        return Ok(());
    }
    let Some(token) = call.request.authorization("DPoP").map(str::to_owned) else {
        return call.bearer(scopes);
    };
    let thumbprint = proof(call, None, Some(&token)).map_err(|_| Refusal::Credentials)?;
    let grant = call.access.grant(&token, call.now_ms).ok_or(Refusal::Credentials)?;
    if grant.bound_to.as_deref() != Some(thumbprint.as_str()) {
        return Err(Refusal::Credentials);
    }
    if !scopes.iter().any(|scope| grant.scopes.iter().any(|has| has == scope)) {
        return Err(Refusal::Right(scopes.first().copied().unwrap_or_default().to_owned()));
    }
    call.subject.clone_from(&grant.subject);
    Ok(())
}

/// `grant_type=client_credentials`
pub(super) fn client_credentials(okta: &Okta, call: &mut Call<'_>, form: &Form) -> Result<Answer, Refusal> {
    let client_error = |why: &str| Refusal::exact(oauth_error(401, "invalid_client", why));
    if form.get("client_assertion_type") != ASSERTION_TYPE {
        return Err(client_error(
            "Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.",
        ));
    }
    let assertion = form.get("client_assertion");
    let found = okta.services.iter().find_map(|app| Some((app, verified(assertion, &app.key)?.1)));
    let (app, claims) = found.ok_or_else(|| client_error("The client_assertion signature is invalid."))?;
    let id = app.client_id.as_str();
    if claims["iss"] != id || claims["sub"] != id {
        return Err(client_error("The issuer and subject of the client_assertion must be the client id."));
    }
    if !has_audience(&claims, &format!("{}/oauth2/v1/token", okta.issuer)) {
        return Err(client_error(
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        ));
    }
    let now = call.now_secs();
    if !claims["exp"].as_i64().is_some_and(|exp| exp > now && exp <= now + 3600) {
        return Err(client_error(
            "The client_assertion token has an expiration that is past or too far into the future.",
        ));
    }
    if !claims["jti"].as_str().is_none_or(|jti| call.access.first_use(&format!("assertion:{jti}"))) {
        return Err(client_error("The client_assertion token has already been used."));
    }
    let scopes: Vec<String> = form.get("scope").split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() || !scopes.iter().all(|scope| app.granted.contains(scope)) {
        let why = "One or more scopes are not configured for the authorization server resource.";
        return Err(Refusal::exact(oauth_error(400, "invalid_scope", why)));
    }
    let has_proof = !call.request.header("dpop").is_empty();
    if app.needs_dpop && !has_proof {
        let why = "The DPoP proof JWT header is missing.";
        return Err(Refusal::exact(oauth_error(400, "invalid_dpop_proof", why)));
    }
    let bound_to =
        if has_proof { Some(proof(call, Some("nonce"), None).map_err(Refusal::exact)?) } else { None };
    let kind = if bound_to.is_some() { "DPoP" } else { "Bearer" };
    let scope = scopes.join(" ");
    let grant =
        Grant { subject: id.to_owned(), scopes, expires_ms: call.now_ms + TOKEN_SECS * 1000, bound_to };
    let token = call.access.issue(call.clock, "sim-api-", grant);
    let body = json!({ "token_type": kind, "expires_in": TOKEN_SECS, "access_token": token, "scope": scope });
    Ok(Answer::json(200, &body))
}

/// Thumbprint of the key of a DPoP proof (RFC 9449 §4.3). At the token endpoint the proof holds a nonce that was
/// given out; at the API it holds the hash of the token.
fn proof(call: &mut Call<'_>, nonce: Option<&str>, token: Option<&str>) -> Result<String, Answer> {
    let wrong = |why: &str| oauth_error(400, "invalid_dpop_proof", why);
    let text = call.request.header("dpop").to_owned();
    let header = jsonwebtoken::decode_header(&text).map_err(|_| wrong("The DPoP proof is no JWT."))?;
    let key = header.jwk.ok_or_else(|| wrong("The DPoP proof has no jwk."))?;
    let (header, claims) =
        verified(&text, &key).ok_or_else(|| wrong("The DPoP proof's signature is invalid."))?;
    let here = format!("{}{}", call.base, call.request.path);
    if header.typ.as_deref() != Some("dpop+jwt")
        || claims["htm"] != call.request.method.as_str()
        || claims["htu"] != here.as_str()
    {
        return Err(wrong("The DPoP proof is for another request."));
    }
    if claims["iat"].as_i64().is_none_or(|iat| (iat - call.now_secs()).abs() > PROOF_SECS) {
        return Err(wrong("The DPoP proof is not of this time."));
    }
    if nonce.is_some() {
        let known = claims["nonce"].as_str().is_some_and(|nonce| call.access.take(&format!("nonce:{nonce}")));
        if !known {
            let fresh = random_text(call.clock);
            call.access.first_use(&format!("nonce:{fresh}"));
            let answer =
                oauth_error(400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof.");
            return Err(answer.with("dpop-nonce", fresh));
        }
    }
    if let Some(token) = token
        && claims["ath"] != URL_SAFE_NO_PAD.encode(Sha256::digest(token)).as_str()
    {
        return Err(wrong("The DPoP proof is for another token."));
    }
    let jti = claims["jti"].as_str().ok_or_else(|| wrong("The DPoP proof has no jti."))?;
    if !call.access.first_use(&format!("proof:{jti}")) {
        return Err(wrong("The DPoP proof has already been used."));
    }
    key.thumbprint(ThumbprintHash::SHA256).map_err(|_| wrong("The DPoP proof's key is not usable."))
}
