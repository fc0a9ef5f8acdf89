//! Signing in with Okta: the way there and back.
//!
//! 1. An attempt is made anew at each start, kept here for ten minutes, and used once: taken out before anything else.
//! 2. It belongs to the browser that began it: its cookie must come back with the answer.
//! 3. The answer must be of the issuer that the browser was sent to (mix-up), also when the answer says so itself.
//! 4. The code is exchanged at the address that an admin has saved, with the attempt's PKCE secret.
//! 5. The ID token is verified with the issuer's keys and every rule of `protocol::oidc`.
use std::sync::Arc;

use ceven_actors::{
    connector::wire::{Method, Request},
    domain::{
        audit::hex,
        caller::{Actor, Authority, Caller},
        id::{AdminId, OrganizationId},
        okta::OktaConnection,
        session::Person,
    },
    organization::{
        message::{Answer, Command, SignInRefused},
        state::Snapshot,
    },
    ports::Outbound as _,
    protocol::{
        jose::Jws,
        oidc::{self, Attempt, Expected},
        secret::digest,
    },
};

use super::{
    Origin, Started, draw_session,
    handover::{self, Cargo, Passage, Verified},
    shared_tenant::{self, Resolution},
    sign_out,
};
use crate::{app::App, net::client::ISSUER, okta::CLIENT_SECRET, store::sign_in::SignInAttempt};

/// (1)
const ATTEMPT_MS: i64 = 600_000;
const SKEW_SECS: i64 = 300;
/// Longer ones are no issuer's.
const MAX_CODE_BYTES: usize = 4_096;

/// Why nobody was signed in: a code for the login page, and a cause for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Of `okta_sso_error`.
    pub code: &'static str,
    /// For the log.
    pub cause: String,
}

impl Refusal {
    /// A refusal.
    pub(crate) fn new(code: &'static str, cause: impl ToString) -> Self {
        Self { code, cause: cause.to_string() }
    }

    /// The login page that says so.
    pub fn path(&self) -> String {
        format!("/login?okta_sso_error={}", self.code)
    }

    /// Notes the cause.
    pub fn log(&self, origin: &Origin) {
        tracing::info!(ip = %origin.ip, refusal = ?self, "a sign-in with Okta was refused");
    }
}

/// Where the browser is sent, and what it must bring back.
pub struct Departure {
    /// Address at Okta.
    pub url: String,
    /// Value of the cookie.
    pub browser: String,
}

/// The address that Okta sends browsers back to.
pub fn callback_url(app: &App) -> String {
    format!("{}/api/v1/sso/okta/oidc/callback", app.public_url)
}

/// The address that a sign-in starts at.
pub fn start_url(app: &App) -> String {
    format!("{}/api/v1/sso/okta/oidc/start", app.public_url)
}

/// What a browser is sent to Okta for.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    /// The organization whose client is used.
    pub organization: OrganizationId,
    /// Organizations of the same tenant that it may be for instead ([`shared_tenant`]).
    pub others: &'a [OrganizationId],
    /// Who it may be.
    pub login_hint: Option<&'a str>,
    /// A checked path of the console to go to afterwards.
    pub target: &'a str,
}

/// Begins a sign-in at an organization's tenant.
///
/// # Errors
/// [`Refusal`].
pub async fn depart(app: &App, errand: Errand<'_>) -> Result<Departure, Refusal> {
    let Errand { organization, others, login_hint, target } = errand;
    let okta = tenant(&*fresh(app, organization).await?)?;
    let others = (!others.is_empty()).then(|| serde_json::to_string(others).ok()).flatten();
    let (mut random, mut browser) = ([0; 96], [0; 32]);
    app.clock.fill(&mut random);
    app.clock.fill(&mut browser);
    let (attempt, browser, now_ms) = (Attempt::new(&random), hex(&browser), app.clock.now_ms());
    let row = SignInAttempt {
        state_digest: digest(&attempt.state).to_vec(),
        browser_digest: digest(&browser).to_vec(),
        org_id: organization.0,
        issuer: okta.issuer().to_owned(),
        nonce: attempt.nonce.clone(),
        code_verifier: attempt.code_verifier.clone(),
        others,
        target: target.to_owned(),
        expires_ms: now_ms + ATTEMPT_MS, // (1)
    };
    app.store.begin_sign_in(row, now_ms).await.map_err(|error| Refusal::new("unavailable", error))?;
    let callback = callback_url(app);
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in attempt.parameters(&okta.client_id, &callback, login_hint) {
        query.append_pair(name, &value);
    }
    Ok(Departure { url: format!("{}?{}", okta.metadata.authorization_endpoint, query.finish()), browser })
}

/// State of an organization that is no older than this call.
pub(super) async fn fresh(app: &App, organization: OrganizationId) -> Result<Arc<Snapshot>, Refusal> {
    app.fresh(organization).await.map_err(|error| Refusal::new("unavailable", error))
}

fn tenant(snapshot: &Snapshot) -> Result<Arc<OktaConnection>, Refusal> {
    let okta = snapshot.okta().cloned();
    okta.ok_or_else(|| Refusal::new("not_connected", "the organization has no connection"))
}

/// What Okta's answer carries.
#[derive(Default)]
pub struct Arrival {
    /// `state`.
    pub state: String,
    /// `code`.
    pub code: String,
    /// `iss`, when there is one (RFC 9207).
    pub issuer: Option<String>,
    /// `error`, when there is one.
    pub error: Option<String>,
    /// The browser's cookie.
    pub browser: String,
}

/// How a browser goes on that has come back from Okta.
pub enum Landing {
    /// With a session, to this path of the console.
    SignedIn(Started, String),
    /// To Okta again, for another organization of the same tenant.
    Onward(Departure),
    /// To this address of the console's host.
    HandedOver(String),
    /// To a question on the console.
    Asked(Departure),
}

/// Takes Okta's answer.
///
/// # Errors
/// [`Refusal`].
pub async fn arrive(app: &App, arrival: &Arrival, origin: &Origin) -> Result<Landing, Refusal> {
    let now_ms = app.clock.now_ms();
    let taken = app.store.take_sign_in(digest(&arrival.state), now_ms).await; // (1)
    let taken = taken.map_err(|error| Refusal::new("unavailable", error))?;
    let attempt = taken.ok_or_else(|| Refusal::new("expired", "no such attempt, or its time is over"))?;
    if attempt.browser_digest != digest(&arrival.browser) {
        return Err(Refusal::new("expired", "the answer came to another browser")); // (2)
    }
    let organization = OrganizationId(attempt.org_id);
    let snapshot = fresh(app, organization).await?;
    let okta = tenant(&snapshot)?;
    let said = arrival.issuer.as_deref();
    let is_silent = said.is_none() && !okta.metadata.promises_iss;
    if okta.issuer() != attempt.issuer || !(is_silent || said == Some(okta.issuer())) {
        return Err(Refusal::new("failed", "the answer is of another issuer")); // (3)
    }
    let others = attempt.others.as_deref().and_then(|others| serde_json::from_str(others).ok());
    let others: Vec<OrganizationId> = others.unwrap_or_default();
    let again =
        |organization, others| Errand { organization, others, login_hint: None, target: &attempt.target };
    match (arrival.error.as_deref(), others.split_first()) {
        (None, _) => {}
        (Some("access_denied"), Some((next, rest))) => {
            return depart(app, again(*next, rest)).await.map(Landing::Onward);
        }
        (Some("access_denied"), None) => return Err(Refusal::new("access_denied", "Okta says so")),
        (Some(error), _) => return Err(Refusal::new("failed", error)),
    }
    if arrival.code.is_empty() || arrival.code.len() > MAX_CODE_BYTES {
        return Err(Refusal::new("failed", "the answer has no code, or one that is none"));
    }
    let token = exchange(app, organization, &okta, arrival, &attempt).await?;
    let identity = verify(app, &okta, &attempt, &token).await?;
    let browser = attempt.browser_digest;
    match shared_tenant::resolve(app, &snapshot, &others, &identity).await? {
        Resolution::There(other) => depart(app, again(other, &[])).await.map(Landing::Onward),
        Resolution::Here => {
            let verified = Verified { organization, fingerprint: okta.fingerprint(), identity, token };
            if !app.is_split() {
                return Ok(Landing::SignedIn(let_in(app, verified, origin).await?, attempt.target));
            }
            let cargo = Cargo { passage: Passage::Session(verified.into()), target: attempt.target };
            handover::begin(app, organization, &cargo, browser).await.map(Landing::HandedOver)
        }
        Resolution::Ask(offered) => {
            let cargo = Cargo { passage: Passage::Choice(offered), target: attempt.target };
            match app.is_split() {
                true => handover::begin(app, organization, &cargo, browser).await.map(Landing::HandedOver),
                false => handover::ask(app, organization, &cargo, browser).await.map(Landing::Asked),
            }
        }
    }
}

/// (4)
async fn exchange(
    app: &App,
    organization: OrganizationId,
    okta: &OktaConnection,
    arrival: &Arrival,
    attempt: &SignInAttempt,
) -> Result<String, Refusal> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let failed = |cause: &dyn ToString| Refusal::new("failed", cause.to_string());
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", arrival.code.clone()),
        ("redirect_uri", callback_url(app)),
        ("code_verifier", attempt.code_verifier.clone()),
    ];
    let request =
        Request::read(Method::Post, &okta.metadata.token_endpoint).header("accept", "application/json");
    let request = match &okta.client_secret {
        Some(sealed) => {
            let secret = app.secrets.open((organization, CLIENT_SECRET), sealed);
            let secret = secret.ok_or_else(|| failed(&"the client's secret cannot be decrypted"))?;
            // RFC 6749 §2.3.1: both are form-encoded before they are joined.
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let basic = STANDARD.encode(format!("{}:{}", encode(&okta.client_id), encode(&secret)));
            request.header("authorization", format!("Basic {basic}"))
        }
        None => {
            form.push(("client_id", okta.client_id.clone()));
            request
        }
    };
    let answer = app.outbound.send(ISSUER, &request.form(form)).await.map_err(|error| failed(&error))?;
    if answer.status != 200 {
        return Err(failed(&format!("the token endpoint answered {}", answer.status)));
    }
    let token = answer.json()["id_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| failed(&"the token endpoint gave no ID token"))
}

/// (5)
async fn verify(
    app: &App,
    okta: &OktaConnection,
    attempt: &SignInAttempt,
    token: &str,
) -> Result<oidc::Identity, Refusal> {
    let failed = |cause: String| Refusal::new("failed", cause);
    let jws = Jws::parse(token).map_err(|error| failed(error.to_string()))?;
    app.keys.verify(&okta.metadata.jwks_uri, &jws).await.map_err(|error| failed(error.to_string()))?;
    let expected = Expected {
        issuer: okta.issuer(),
        client_id: &okta.client_id,
        nonce: &attempt.nonce,
        now_secs: app.clock.now_ms() / 1_000,
        skew_secs: SKEW_SECS,
    };
    oidc::identify(&jws.claims, &expected).map_err(|error| failed(error.to_string()))
}

/// Begins the session of someone whom Okta has named.
pub(super) async fn let_in(app: &App, verified: Verified, origin: &Origin) -> Result<Started, Refusal> {
    let Verified { organization, fingerprint, identity, token } = verified;
    // Whose it is, the organization decides.
    let nobody = Person::Admin(AdminId(uuid::Uuid::nil()));
    let (secret, mut session) = draw_session(app, nobody, origin);
    session.id_token = sign_out::seal(app, organization, session.id, &token);
    let label = identity.email.clone().unwrap_or_else(|| identity.subject.clone());
    let caller = Caller {
        actor: Actor { kind: "okta_identity", id: identity.subject.clone(), label },
        authority: Authority::Identity(fingerprint),
        ip: Some(origin.ip),
        request_id: origin.request_id.clone(),
    };
    let command = Command::SignInWithOkta {
        identity: Arc::new(identity),
        session: Arc::new(session),
        limit: app.settings.session.per_person,
    };
    let executed = app.execute(organization, command, caller).await;
    match executed.map_err(|error| Refusal::new("failed", error))?.answer {
        Answer::Session(_) => {
            app.sign_in.outcomes.add("okta", "started");
            Ok(Started { organization, secret })
        }
        Answer::SignInRefused(SignInRefused::Deactivated) => {
            Err(Refusal::new("user_deactivated", "deactivated or removed"))
        }
        Answer::SignInRefused(SignInRefused::EmailUnverified) => {
            Err(Refusal::new("okta_email_unverified", "the address is not verified"))
        }
        _ => Err(Refusal::new("not_linked", "the address belongs to a user it may not be linked to")),
    }
}
