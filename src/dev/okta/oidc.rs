//! The org authorization server: discovery, a page to pick a person, codes with PKCE, ID tokens, logout.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use maud::{Markup, html};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Okta, OktaUser, Status, api_auth, oauth_error};
use crate::dev::{
    access::{Grant, random_text},
    keys::verified,
    page,
    sim::Call,
    wire::{Answer, Form, Refusal, Request},
};

/// A code's life, milliseconds.
const CODE_MS: i64 = 60_000;
/// A token's life, seconds.
const TOKEN_SECS: i64 = 3600;
/// Of someone who came by a link.
const COOKIE: &str = "sim_okta";
const COOKIE_SECS: i64 = 60;
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// An application that people sign in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcApp {
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Where a code may go, exactly.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after its logout, exactly.
    pub logout_uris: Vec<String>,
    /// Where the application takes Universal Logout.
    pub universal_logout_url: Option<String>,
    /// Where the application takes security events.
    pub security_events_url: Option<String>,
    /// Ids of users who are not assigned to it.
    pub not_assigned: Vec<String>,
}

/// A code on its way.
#[derive(Debug, Clone)]
pub(super) struct Code {
    client_id: String,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
    user_id: String,
    scopes: Vec<String>,
    expires_ms: i64,
}

/// A link that signs someone in at the tenant: once, and then once more at an application.
#[derive(Debug, Clone)]
pub(super) struct Invitation {
    user_id: String,
    /// Where the browser goes, an address of an application.
    target: String,
    expires_ms: i64,
    /// Opened: the code is now the cookie's.
    is_open: bool,
}

impl Okta {
    /// An address at the tenant that leads to `target` with this person signed in. It works once, for so long.
    pub fn invite(&mut self, email: &str, target: &str, life_ms: i64) -> Option<String> {
        let user_id = self.user(email)?.id.clone();
        let code = random_text(&*self.clock);
        let expires_ms = self.clock.now_ms() + life_ms;
        let invitation = Invitation { user_id, target: target.to_owned(), expires_ms, is_open: false };
        self.invitations.insert(code.clone(), invitation);
        Some(format!("{}/enter/{code}", self.issuer))
    }

    /// Whom the cookie of an opened invitation stands for; it counts once, so that the next sign-in asks again.
    fn invited(&mut self, request: &Request, now_ms: i64) -> Option<OktaUser> {
        let mut pairs = request.header("cookie").split(';').filter_map(|pair| pair.trim().split_once('='));
        let code = pairs.find(|(name, _)| *name == COOKIE)?.1;
        let invitation = self.invitations.get(code).filter(|one| one.is_open && one.expires_ms > now_ms)?;
        let user = self.users.iter().find(|user| user.id == invitation.user_id).cloned();
        self.invitations.remove(code);
        user
    }
}

/// `GET /enter/{code}`: no vendor's address, but what a session at the tenant would do.
pub(super) fn enter(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = call.at("code").to_owned();
    let expires_ms = call.now_ms + COOKIE_SECS * 1000;
    let found = okta.invitations.remove(&code).filter(|one| !one.is_open && one.expires_ms > call.now_ms);
    let Some(invitation) = found else {
        let words = html! {
            p { "This link was used already, or it is too old." }
            p { "Sign in at the application with Okta, and pick a person." }
        };
        return Ok(Answer::page(410, page::frame("Sign in", words)));
    };
    let target = invitation.target.clone();
    let fresh = random_text(call.clock);
    okta.invitations.insert(fresh.clone(), Invitation { expires_ms, is_open: true, ..invitation });
    let cookie =
        format!("{COOKIE}={fresh}; Path=/oauth2/v1/authorize; Max-Age={COOKIE_SECS}; HttpOnly; SameSite=Lax");
    Ok(Answer::redirect(&target).with("set-cookie", cookie))
}

pub(super) fn discovery(okta: &mut Okta, _call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let at = |path: &str| format!("{}{path}", okta.issuer);
    let auth = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let body = json!({
        "issuer": okta.issuer, "authorization_endpoint": at("/oauth2/v1/authorize"),
        "token_endpoint": at("/oauth2/v1/token"), "userinfo_endpoint": at("/oauth2/v1/userinfo"),
        "jwks_uri": at("/oauth2/v1/keys"), "end_session_endpoint": at("/oauth2/v1/logout"),
        "response_types_supported": ["code"], "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"], "scopes_supported": SCOPES,
        "token_endpoint_auth_methods_supported": auth, "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["RS256"],
    });
    Ok(Answer::json(200, &body).with("cache-control", "max-age=86400, must-revalidate"))
}

pub(super) fn keys(okta: &mut Okta, _call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let keys: Vec<Value> = okta.keys.iter().map(|key| json!(key.public())).collect();
    Ok(Answer::json(200, &json!({ "keys": keys })).with("cache-control", "max-age=3600, must-revalidate"))
}

/// Adds an answer to the callback.
fn back(redirect_uri: &str, pairs: &[(&str, &str)]) -> Answer {
    let mark = if redirect_uri.contains('?') { '&' } else { '?' };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Answer::redirect(&format!("{redirect_uri}{mark}{query}"))
}

/// `GET /oauth2/v1/authorize`. A wrong client or callback is shown, never redirected.
pub(super) fn authorize(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let asked = |name: &str| call.request.parameter(name).unwrap_or_default();
    let (client_id, redirect_uri, state) = (asked("client_id"), asked("redirect_uri"), asked("state"));
    let invited = okta.invited(call.request, call.now_ms);
    let Some(app) = okta.apps.iter().find(|app| app.client_id == client_id) else {
        return Ok(Answer::page(400, message("Invalid value for 'client_id' parameter.")));
    };
    if !app.redirect_uris.iter().any(|known| known == redirect_uri) {
        let why = "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings.";
        return Ok(Answer::page(400, message(why)));
    }
    if let Err((code, why)) = check_parameters(call.request) {
        return Ok(back(redirect_uri, &[("state", state), ("error", code), ("error_description", why)]));
    }
    let hint = call.request.parameter("login_hint");
    let picked = match call.request.parameter("sim_user") {
        Some(id) => okta.users.iter().find(|user| user.id == id),
        None if okta.auto_pick => hint.and_then(|hint| okta.user(hint)),
        None => invited.as_ref(),
    };
    let Some(user) = picked else {
        if asked("prompt") == "none" {
            let why = "The client specified not to prompt, but the user is not logged in.";
            return Ok(back(
                redirect_uri,
                &[("state", state), ("error", "login_required"), ("error_description", why)],
            ));
        }
        return Ok(Answer::page(200, picker(&okta.users, call.request, hint)));
    };
    if user.status != Status::Active || app.not_assigned.contains(&user.id) {
        let why = "User is not assigned to the client application.";
        return Ok(back(
            redirect_uri,
            &[("state", state), ("error", "access_denied"), ("error_description", why)],
        ));
    }
    let code = Code {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        challenge: asked("code_challenge").to_owned(),
        nonce: call.request.parameter("nonce").map(str::to_owned),
        user_id: user.id.clone(),
        scopes: asked("scope").split_whitespace().map(str::to_owned).collect(),
        expires_ms: call.now_ms + CODE_MS,
    };
    let id = code.user_id.clone();
    let text = random_text(call.clock);
    okta.codes.insert(text.clone(), code);
    if let Some(user) = okta.users.iter_mut().find(|user| user.id == id) {
        user.sessions += 1;
    }
    Ok(back(redirect_uri, &[("code", &text), ("state", state)]))
}

/// Error code and description when the parameters are not what Okta takes.
fn check_parameters(request: &Request) -> Result<(), (&'static str, &'static str)> {
    let asked = |name: &str| request.parameter(name).unwrap_or_default();
    let state = asked("state");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if state.is_empty() || !state.bytes().all(is_plain) {
        return Err(("invalid_request", "The authentication request has an invalid 'state' parameter."));
    }
    if asked("response_type") != "code" {
        return Err((
            "unsupported_response_type",
            "The response type is not supported by the authorization server.",
        ));
    }
    if !matches!(asked("response_mode"), "" | "query") {
        return Err(("invalid_request", "The response mode is not supported by this simulator."));
    }
    let mut scopes = asked("scope").split_whitespace();
    if !scopes.clone().any(|scope| scope == "openid") || !scopes.all(|scope| SCOPES.contains(&scope)) {
        return Err((
            "invalid_scope",
            "One or more scopes are not configured for the authorization server resource.",
        ));
    }
    if asked("code_challenge_method") != "S256" || asked("code_challenge").len() != 43 {
        return Err((
            "invalid_request",
            "PKCE code challenge is required when the token endpoint authentication is set.",
        ));
    }
    Ok(())
}

fn message(why: &str) -> Markup {
    page::frame("400 Bad Request", html! { p { (why) } })
}

/// Whoever the hint names comes first.
fn picker(users: &[OktaUser], request: &Request, hint: Option<&str>) -> Markup {
    let is_hinted = |user: &&OktaUser| hint.is_some_and(|hint| user.person.email.eq_ignore_ascii_case(hint));
    let (first, others): (Vec<&OktaUser>, Vec<&OktaUser>) = users.iter().partition(is_hinted);
    let list = html! {
        p { "Who signs in?" }
        ul.people {
            @for user in first.into_iter().chain(others) {
                li {
                    a href={ "/oauth2/v1/authorize?" (request.raw_query) "&sim_user=" (user.id) } {
                        strong { (user.person.name()) } " " span { (user.person.email) }
                        @if user.status != Status::Active { " " span.pill.bad { (user.status.name()) } }
                        @for role in &user.person.roles { " " span.pill { (role) } }
                    }
                }
            }
        }
    };
    page::frame("Sign in", list)
}

/// `POST /oauth2/v1/token`
pub(super) fn token(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let form = call.request.form()?;
    match form.get("grant_type") {
        "authorization_code" => exchange(okta, call, &form),
        "client_credentials" => api_auth::client_credentials(okta, call, &form),
        _ => {
            let why = "The authorization grant type is not supported by the authorization server.";
            Err(Refusal::exact(oauth_error(400, "unsupported_grant_type", why)))
        }
    }
}

fn exchange(okta: &mut Okta, call: &mut Call<'_>, form: &Form) -> Result<Answer, Refusal> {
    let posted = || (form.get("client_id").to_owned(), form.get("client_secret").to_owned());
    let basic = call.request.basic();
    // RFC 6749 §2.3.1: both parts were form-encoded before they were joined.
    let plain = |text: String| {
        form_urlencoded::parse(text.as_bytes()).next().map_or(text.clone(), |(key, _)| key.into_owned())
    };
    let (id, secret) = basic.map_or_else(posted, |(id, secret)| (plain(id), plain(secret)));
    if !okta.apps.iter().any(|app| app.client_id == id && app.client_secret == secret) {
        let why = "The client secret supplied for a confidential client is invalid.";
        return Err(Refusal::exact(oauth_error(401, "invalid_client", why)));
    }
    let grant_error = |why: &str| Refusal::exact(oauth_error(400, "invalid_grant", why));
    // Taken whatever comes of it: a code is for one try.
    let code = okta.codes.remove(form.get("code"));
    let code = code.filter(|code| code.client_id == id && code.expires_ms > call.now_ms);
    let code = code.ok_or_else(|| grant_error("The authorization code is invalid or has expired."))?;
    if code.redirect_uri != form.get("redirect_uri") {
        return Err(grant_error(
            "The 'redirect_uri' does not match the redirection URI used in the authorization request.",
        ));
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(form.get("code_verifier"))) != code.challenge {
        return Err(grant_error("PKCE verification failed."));
    }
    let user = okta.users.iter().find(|user| user.id == code.user_id && user.status == Status::Active);
    let user = user.ok_or_else(|| grant_error("The user is not active."))?.clone();
    let grant = Grant {
        subject: user.id.clone(),
        scopes: code.scopes.clone(),
        expires_ms: call.now_ms + TOKEN_SECS * 1000,
        bound_to: None,
    };
    let access_token = call.access.issue(call.clock, "sim-at-", grant);
    let id_token =
        okta.id_token(&user, &code.client_id, code.nonce.as_deref(), &access_token, call.now_secs());
    let id_token = id_token.map_err(|_| Refusal::Broken(500))?;
    Ok(Answer::json(
        200,
        &json!({ "token_type": "Bearer", "expires_in": TOKEN_SECS, "access_token": access_token,
            "scope": code.scopes.join(" "), "id_token": id_token }),
    )
    .with("pragma", "no-cache"))
}

pub(super) fn userinfo(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let refuse = || {
        let challenge = "Bearer error=\"invalid_token\", error_description=\"The access token is invalid.\"";
        Refusal::exact(Answer::empty(401).with("www-authenticate", challenge))
    };
    call.bearer(&["openid"]).map_err(|_| refuse())?;
    let user = okta.users.iter().find(|user| user.id == call.subject).ok_or_else(refuse)?;
    Ok(Answer::json(200, &claims(user)))
}

/// Claims about a person.
pub(super) fn claims(user: &OktaUser) -> Value {
    json!({
        "sub": user.id, "name": user.person.name(), "given_name": user.person.given_name,
        "family_name": user.person.family_name, "preferred_username": user.person.email, "email": user.person.email,
        "email_verified": user.is_email_verified, "locale": "en-US", "zoneinfo": "America/Los_Angeles",
    })
}

/// GET or POST; an ID token that has ended is fine, one that Okta did not sign is not.
pub(super) fn logout(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let form = if call.request.is_get() { None } else { Some(call.request.form()?) };
    let asked = |name: &str| match &form {
        Some(form) => form.get(name).to_owned(),
        None => call.request.parameter(name).unwrap_or_default().to_owned(),
    };
    let hint = asked("id_token_hint");
    let known = okta.keys.iter().find_map(|key| verified(&hint, key.public()));
    let Some((_, claims)) = known.filter(|(_, claims)| claims["iss"] == okta.issuer.as_str()) else {
        return Ok(Answer::page(400, message("Invalid value for 'id_token_hint' parameter.")));
    };
    let target = asked("post_logout_redirect_uri");
    let app = okta.apps.iter().find(|app| claims["aud"] == app.client_id.as_str());
    if !target.is_empty() && !app.is_some_and(|app| app.logout_uris.contains(&target)) {
        let why = "The 'post_logout_redirect_uri' parameter must be a Logout redirect URI in the client app settings.";
        return Ok(Answer::page(400, message(why)));
    }
    if let Some(user) = okta.users.iter_mut().find(|user| claims["sub"] == user.id.as_str()) {
        user.sessions = 0;
    }
    let state = asked("state");
    Ok(match (target.is_empty(), state.is_empty()) {
        (true, _) => Answer::page(200, page::frame("Signed out", html! { p { "You are signed out." } })),
        (false, true) => Answer::redirect(&target),
        (false, false) => back(&target, &[("state", &state)]),
    })
}
