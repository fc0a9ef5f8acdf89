//! Signing in: with Okta ([`okta`]), or with a password, which is the way of local break-glass admins.
//!
//! 1. Attempts are counted before anything is looked up, the same for accounts that do not exist.
//! 2. Every attempt within the limits costs one argon2id run, on the hash of nobody where there is no account:
//!    neither the answer nor its time says whether there is one.
//! 3. The session's id is drawn anew at every sign-in, so an id planted before is worth nothing.
//! 4. A refusal is counted for the audit log, a success is in it before it is answered.
use std::{net::IpAddr, sync::Arc};

use ceven_actors::{
    domain::{
        audit::hex,
        caller::{Actor, Authority, Caller},
        id::{OrganizationId, SessionId},
        session::{Person, Session},
        token::Admin,
    },
    meter::Table,
    organization::message::{Command, OrganizationError},
    protocol::secret::digest,
};
use tokio::sync::OnceCell;

pub mod attempts;
pub mod handover;
pub mod okta;
pub mod refusals;
pub mod shared_tenant;
pub mod sign_out;

use attempts::{AttemptLimits, Attempts};
use refusals::RefusalCounts;

use crate::{
    app::App,
    secret::{self, Strength},
};

/// Longer ones are nobody's.
const MAX_EMAIL_BYTES: usize = 254;
const MAX_PASSWORD_BYTES: usize = 1_024;
/// Of what a browser calls itself.
const MAX_USER_AGENT_CHARACTERS: usize = 256;

/// What an attempt may come to; the words of Okta's way are those of its refusals.
const OUTCOMES: [&str; 13] = [
    "started",
    "wrong",
    "limited",
    "unavailable",
    "not_connected",
    "expired",
    "failed",
    "access_denied",
    "user_deactivated",
    "okta_email_unverified",
    "not_linked",
    "unknown_organization",
    "choose_organization",
];

/// What this process remembers of people who sign in.
pub struct SignIn {
    attempts: Attempts,
    refusals: RefusalCounts,
    /// What came of attempts, by `password` or `okta`.
    pub outcomes: Table,
    /// (2) The hash of a password that nobody has.
    nobody: OnceCell<Arc<str>>,
}

/// What someone typed.
#[derive(Clone)]
pub struct Credentials {
    /// Slug of the organization.
    pub org: String,
    /// Address of the admin.
    pub email: String,
    /// Password.
    pub password: String,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Address.
    pub ip: IpAddr,
    /// What the client calls itself.
    pub user_agent: String,
    /// Id of the request.
    pub request_id: String,
}

/// A session that has begun.
pub struct Started {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What the client keeps.
    pub secret: String,
}

/// Why nobody was signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// Organization, address or password: it does not say which.
    Wrong,
    /// Too often.
    Limited {
        /// When to try again.
        wait_ms: i64,
    },
    /// Nobody can tell now.
    Unavailable,
}

impl SignIn {
    /// Remembers nobody yet.
    pub fn new(limits: AttemptLimits) -> Self {
        Self {
            attempts: Attempts::new(limits),
            refusals: RefusalCounts::default(),
            outcomes: Table::new(["password", "okta"], &OUTCOMES),
            nobody: OnceCell::new(),
        }
    }

    /// Forgets attempts that no longer count.
    pub fn sweep(&self, now_ms: i64) {
        self.attempts.sweep(now_ms);
    }
}

/// Signs an admin in.
///
/// # Errors
/// [`SignInRefusal`].
pub async fn sign_in(app: &App, credentials: Credentials, origin: &Origin) -> Result<Started, SignInRefusal> {
    let result = attempt(app, credentials, origin).await;
    let outcome = match &result {
        Ok(_) => "started",
        Err(SignInRefusal::Wrong) => "wrong",
        Err(SignInRefusal::Limited { .. }) => "limited",
        Err(SignInRefusal::Unavailable) => "unavailable",
    };
    app.sign_in.outcomes.add("password", outcome);
    result
}

async fn attempt(app: &App, credentials: Credentials, origin: &Origin) -> Result<Started, SignInRefusal> {
    let Credentials { org, email, password } = credentials;
    let (org, email) = (org.trim().to_ascii_lowercase(), email.trim().to_owned());
    let well_formed =
        org.len() <= 63 && email.len() <= MAX_EMAIL_BYTES && password.len() <= MAX_PASSWORD_BYTES;
    let (org, email, password) =
        if well_formed { (org, email, password) } else { (String::new(), String::new(), String::new()) };
    let now_ms = app.clock.now_ms();
    if let Err(wait_ms) = app.sign_in.attempts.count(&org, &email, origin.ip, now_ms) {
        app.sign_in.refusals.note(&org, &email, origin.ip, true, now_ms); // (4)
        return Err(SignInRefusal::Limited { wait_ms }); // (1)
    }
    let account = find(app, &org, &email).await.map_err(|_| SignInRefusal::Unavailable)?;
    let verifier: Arc<str> = match &account {
        Some((_, admin)) => (*admin.verifier).into(),
        None => nobody(app).await.ok_or(SignInRefusal::Unavailable)?, // (2)
    };
    let fits = app.access.verify_password(password, verifier).await.ok_or(SignInRefusal::Unavailable)?;
    let Some((organization, admin)) = account.filter(|_| fits) else {
        app.sign_in.refusals.note(&org, &email, origin.ip, false, now_ms); // (4)
        return Err(SignInRefusal::Wrong);
    };
    app.sign_in.attempts.give_back(&org, &email, origin.ip);
    let caller = Caller {
        actor: Actor { kind: "admin", id: admin.id.to_string(), label: admin.email.to_string() },
        authority: Authority::Password(admin.id),
        ip: Some(origin.ip),
        request_id: origin.request_id.clone(),
    };
    let started = start_session(app, organization, Person::Admin(admin.id), caller, origin).await;
    started.map_err(|error| match error {
        OrganizationError::Forbidden => SignInRefusal::Wrong,
        _ => SignInRefusal::Unavailable,
    })
}

/// Begins a session for someone whose right to it `caller` holds. Every way in ends here.
///
/// # Errors
/// `Forbidden` when the person may not sign in.
pub async fn start_session(
    app: &App,
    organization: OrganizationId,
    person: Person,
    caller: Caller,
    origin: &Origin,
) -> Result<Started, OrganizationError> {
    let (secret, session) = draw_session(app, person, origin);
    let session = Arc::new(session);
    let limit = app.settings.session.per_person;
    app.execute(organization, Command::StartSession { session, limit }, caller).await?;
    Ok(Started { organization, secret })
}

/// A session's secret and its record, as it begins now.
fn draw_session(app: &App, person: Person, origin: &Origin) -> (String, Session) {
    let mut random = [0; 32];
    app.clock.fill(&mut random); // (3)
    let (secret, now_ms) = (hex(&random), app.clock.now_ms());
    let session = Session {
        id: SessionId(app.clock.new_id()),
        digest: digest(&secret),
        person,
        created_ms: now_ms,
        expires_ms: now_ms + app.settings.session.absolute_ms,
        used_ms: now_ms,
        ended_ms: None,
        ip: Some(origin.ip),
        user_agent: origin.user_agent.chars().take(MAX_USER_AGENT_CHARACTERS).collect::<String>().into(),
        id_token: None,
    };
    (secret, session)
}

async fn find(
    app: &App,
    slug: &str,
    email: &str,
) -> Result<Option<(OrganizationId, Arc<Admin>)>, OrganizationError> {
    let profile = app.store.organization_by_slug(slug).await.map_err(|_| OrganizationError::Unavailable)?;
    let Some(profile) = profile else { return Ok(None) };
    let snapshot = app.fresh(profile.id).await?;
    Ok(snapshot.admin_by_email(email).map(|admin| (profile.id, admin.clone())))
}

/// (2) Made once, by whoever comes first, whether the account exists or not.
async fn nobody(app: &App) -> Option<Arc<str>> {
    let make = || async {
        let clock = app.clock.clone();
        let hash = move || {
            let mut password = [0; 32];
            clock.fill(&mut password);
            secret::hash(&*clock, &hex(&password), Strength::Password).ok().map(Arc::from)
        };
        tokio::task::spawn_blocking(hash).await.ok().flatten().ok_or(())
    };
    app.sign_in.nobody.get_or_try_init(make).await.ok().cloned()
}
