//! From the callback's host to the console's, when these are two: a cookie of the one is nothing to the other, so what
//! was proven at the one goes over with codes in addresses.
//!
//! 1. A code is drawn anew for each step, kept as SHA-256 only, good for half a minute, and taken out of the database
//!    by whoever brings it first: none is used twice, on whichever node, before or after a restart.
//! 2. A code of one step opens no other.
//! 3. `bind`: the callback sends the browser to the console's host, which draws a cookie of its own for it. Whoever
//!    steals this code gives their own browser a cookie, and fails at (4).
//! 4. `prove`: the console's host sends it back, and the callback's host sees whether this is the browser that has
//!    signed in. So nobody can put their own sign-in into someone else's browser, nor be bound to someone else's.
//! 5. `open`: only with the cookie of (3). The code of this step is worth nothing in another browser.
//! 6. What is handed over is encrypted for its organization. The session begins with the last step and is decided then:
//!    who was deactivated on the way, or whose connection has changed, stays out.
//! 7. With one host (3) to (5) fall away. A question on the console (`choose`) is bound to its browser in either case,
//!    and may be looked at again for ten minutes: it opens nothing.
//! 8. When the master key is exchanged, what is on its way goes on: it is sealed anew with everything else, and with each
//!    step.
use ceven_actors::{
    domain::{audit::hex, id::OrganizationId, okta::Sealed, token::Digest},
    protocol::{oidc::Identity, secret::digest},
};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};

use super::{
    Origin, Started,
    okta::{Departure, Refusal, fresh, let_in},
};
use crate::{app::App, store::sign_in::Handover};

/// (7)
const CHOICE_MS: i64 = 600_000;
/// Place of what is handed over.
const PLACE: &str = "sign-in handed over";

/// Who has signed in at Okta, verified.
#[derive(Serialize, Deserialize)]
pub(super) struct Verified {
    /// The organization whose client was answered.
    pub organization: OrganizationId,
    /// Issuer and client that were answered.
    pub fingerprint: Digest,
    /// Who.
    pub identity: Identity,
    /// The ID token.
    pub token: String,
}

/// What goes over.
#[derive(Serialize, Deserialize)]
pub(super) enum Passage {
    /// A sign-in.
    Session(Box<Verified>),
    /// A question: for which of these organizations?
    Choice(Vec<OrganizationId>),
}

/// What goes over, and where to go then.
#[derive(Serialize, Deserialize)]
pub(super) struct Cargo {
    pub passage: Passage,
    /// A path of the console.
    pub target: String,
}

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Bind,
    Prove,
    Open,
    Choose,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Prove => "prove",
            Self::Open => "open",
            Self::Choose => "choose",
        }
    }
}

/// What the last step led to.
pub enum Opened {
    /// A session has begun; on to this path of the console.
    Session(Started, String),
    /// There is a question, at this path of the console.
    Choice(String),
}

/// Organizations to choose from.
pub struct Choice {
    /// Short name and name of each.
    pub organizations: Vec<(String, String)>,
    /// Path of the console to go to.
    pub target: String,
}

fn expired(cause: &str) -> Refusal {
    Refusal::new("expired", cause)
}

fn unavailable(error: impl ToString) -> Refusal {
    Refusal::new("unavailable", error)
}

/// Sends what was proven to the console's host (3): the address.
pub(super) async fn begin(
    app: &App,
    organization: OrganizationId,
    cargo: &Cargo,
    browser_digest: Vec<u8>,
) -> Result<String, Refusal> {
    let row = row(app, organization, cargo, browser_digest)?;
    let code = put(app, row, Step::Bind).await?;
    Ok(format!("{}/login/bind?code={code}", app.console_url))
}

/// (3) On the console's host: a cookie for the browser, and where to prove itself.
///
/// # Errors
/// [`Refusal`].
pub async fn bind(app: &App, code: &str) -> Result<Departure, Refusal> {
    let row = take(app, code, Step::Bind).await?;
    let browser = draw(app);
    let row = Handover { console_digest: Some(digest(&browser).to_vec()), ..row };
    let code = put(app, row, Step::Prove).await?;
    Ok(Departure { url: format!("{}/api/v1/sso/okta/oidc/handover?code={code}", app.public_url), browser })
}

/// (4) On the callback's host: where to go with the last code.
///
/// # Errors
/// [`Refusal`].
pub async fn prove(app: &App, code: &str, browser: &str) -> Result<String, Refusal> {
    let row = take(app, code, Step::Prove).await?;
    if row.browser_digest != digest(browser) {
        return Err(expired("another browser has signed in")); // (4)
    }
    let code = put(app, row, Step::Open).await?;
    Ok(format!("{}/login/handover?code={code}", app.console_url))
}

/// (5) On the console's host: the session, or the question.
///
/// # Errors
/// [`Refusal`].
pub async fn open(app: &App, code: &str, browser: &str, origin: &Origin) -> Result<Opened, Refusal> {
    let row = take(app, code, Step::Open).await?;
    check_console(&row, browser)?; // (5)
    let Cargo { passage, target } = unseal(app, &row)?;
    match passage {
        Passage::Session(verified) => {
            fresh(app, verified.organization).await?;
            Ok(Opened::Session(let_in(app, *verified, origin).await?, target)) // (6)
        }
        Passage::Choice(_) => Ok(Opened::Choice(put(app, row, Step::Choose).await.map(choice_path)?)),
    }
}

/// Asks at once, on the one host there is (7): the path, and the cookie that the question is bound to.
pub(super) async fn ask(
    app: &App,
    organization: OrganizationId,
    cargo: &Cargo,
    browser_digest: Vec<u8>,
) -> Result<Departure, Refusal> {
    let browser = draw(app);
    let row = row(app, organization, cargo, browser_digest)?;
    let row = Handover { console_digest: Some(digest(&browser).to_vec()), ..row };
    let code = put(app, row, Step::Choose).await?;
    Ok(Departure { url: format!("{}{}", app.console_url, choice_path(code)), browser })
}

/// The organizations that a browser may choose from (7).
///
/// # Errors
/// [`Refusal`].
pub async fn choice(app: &App, code: &str, browser: &str) -> Result<Choice, Refusal> {
    let row = app.store.handover(digest(code), app.clock.now_ms()).await.map_err(unavailable)?;
    let row = row.filter(|row| row.step == Step::Choose.name()).ok_or_else(|| expired("no such question"))?;
    check_console(&row, browser)?;
    let Cargo { passage: Passage::Choice(ids), target } = unseal(app, &row)? else {
        return Err(expired("no question"));
    };
    let mut organizations = Vec::with_capacity(ids.len());
    for id in ids {
        let snapshot = fresh(app, id).await?;
        let profile = snapshot.profile();
        organizations.push((profile.slug.to_string(), profile.name.to_string()));
    }
    Ok(Choice { organizations, target })
}

fn choice_path(code: String) -> String {
    format!("/login/organization?code={code}")
}

fn check_console(row: &Handover, browser: &str) -> Result<(), Refusal> {
    match &row.console_digest {
        Some(kept) if *kept == digest(browser) => Ok(()),
        _ => Err(expired("the code came to another browser")),
    }
}

fn draw(app: &App) -> String {
    let mut random = [0; 32];
    app.clock.fill(&mut random);
    hex(&random)
}

fn row(
    app: &App,
    organization: OrganizationId,
    cargo: &Cargo,
    browser_digest: Vec<u8>,
) -> Result<Handover, Refusal> {
    let text = serde_json::to_string(cargo).map_err(unavailable)?;
    let sealed = app.secrets.seal(&*app.clock, (organization, PLACE), &text); // (6)
    Ok(Handover {
        code_digest: Vec::new(),
        step: String::new(),
        browser_digest,
        console_digest: None,
        org_id: organization.0,
        sealed: sealed.ok_or_else(|| unavailable("it cannot be encrypted"))?.0.into(),
        expires_ms: 0,
    })
}

fn unseal(app: &App, row: &Handover) -> Result<Cargo, Refusal> {
    let sealed = Sealed(row.sealed.as_str().into());
    let text = app.secrets.open((OrganizationId(row.org_id), PLACE), &sealed);
    let cargo = text.and_then(|text| serde_json::from_str(&text).ok());
    cargo.ok_or_else(|| Refusal::new("failed", "what was handed over cannot be read"))
}

/// Seals anew what is on its way, if it is under an older key (8); whether it was. What cannot be opened is of no use to
/// anybody, and forgotten within minutes.
///
/// # Errors
/// When the database does not take it.
pub async fn reseal(app: &App, row: &Handover) -> Result<bool, DbErr> {
    match sealed_anew(app, row) {
        Some(new) => app.store.reseal_handover(row, &new).await,
        None => Ok(false),
    }
}

fn sealed_anew(app: &App, row: &Handover) -> Option<String> {
    let place = (OrganizationId(row.org_id), PLACE);
    let new = app.secrets.reseal(&*app.clock, place, &Sealed(row.sealed.as_str().into()));
    new.ok().flatten().map(|new| new.0.into())
}

/// Keeps a row under a new code (1).
async fn put(app: &App, row: Handover, step: Step) -> Result<String, Refusal> {
    let (code, now_ms) = (draw(app), app.clock.now_ms());
    let lifetime_ms = if step == Step::Choose { CHOICE_MS } else { app.settings.sign_in.handover_ms };
    let row = Handover {
        code_digest: digest(&code).to_vec(),
        step: step.name().to_owned(),
        expires_ms: now_ms + lifetime_ms,
        sealed: sealed_anew(app, &row).unwrap_or(row.sealed),
        ..row
    };
    app.store.keep_handover(row, now_ms).await.map_err(unavailable)?;
    Ok(code)
}

/// (1) (2)
async fn take(app: &App, code: &str, step: Step) -> Result<Handover, Refusal> {
    let taken = app.store.take_handover(digest(code), app.clock.now_ms()).await.map_err(unavailable)?;
    let row = taken.ok_or_else(|| expired("no such code, or its time is over"))?;
    if row.step == step.name() { Ok(row) } else { Err(expired("a code of another step")) }
}
