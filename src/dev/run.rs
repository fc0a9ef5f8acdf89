//! `ceven dev`: a node, a tenant and tools on the loopback, seeded as Okta does it. Everything goes over real HTTP
//! through the code of the live server.
//!
//! 1. The data is in a temporary folder that goes with the process, or in a file whose database is stamped `dev`:
//!    nothing of it can be taken for the real thing.
//! 2. No setting of the environment is used: no real database, no real secret, no public address.
//! 3. Only the loopback can be reached, from outside and to the outside.
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use ceven_actors::{
    clock::{Clock, SystemClock},
    domain::{audit::Mode, id::OrganizationId, token::TokenKind},
    organization::{
        message::{Answer, Command, ToolChange},
        state::Snapshot,
    },
    ports::Profile,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Simulators, company,
    okta::{
        Status,
        provisioning::Provisioning,
        scim_push::{ScimPush, Style},
    },
};
use crate::{
    app::{App, Role, StartError},
    config::Settings,
    connectors,
    http::{
        self,
        server::{ServerLimits, serve},
        sso::{SECURITY_EVENTS, UNIVERSAL_LOGOUT},
    },
    offboardings,
    okta::{OktaForm, connect},
    store::SqlStore,
    tokens,
};

/// The organization's short name.
pub const ORGANIZATION: &str = "acme";
/// Label of the token that the tenant pushes with.
const TOKEN: &str = "okta-dev";
/// How long the sign-in link works.
const LINK_MS: i64 = 10 * 60_000;

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something real is in reach (1) (2) (3).
    #[error("{0}")]
    Real(String),
    /// The first thing that did not work.
    #[error("{0}")]
    Failed(String),
}

fn because(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> RunError {
    move |error| RunError::Failed(format!("{what}: {error}"))
}

/// How it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the console listens. The simulators take the ports after it, or free ones when it is 0.
    pub listen: SocketAddr,
    /// Keeps the database between runs.
    pub data: Option<PathBuf>,
}

/// What the seeding came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeded {
    /// People that the tenant has pushed.
    pub users: usize,
    /// Groups that the tenant has pushed.
    pub groups: usize,
    /// Roles that it has found.
    pub roles: usize,
    /// Requests that it took.
    pub requests: usize,
    /// Milliseconds from the start until the console answered.
    pub console_ms: i64,
    /// Milliseconds from the start until everything was there.
    pub seeded_ms: i64,
}

/// The whole of it, running.
pub struct Dev {
    /// The tenant and the tools.
    pub simulators: Simulators,
    /// The node.
    pub app: Arc<App>,
    /// The one organization.
    pub organization: OrganizationId,
    /// Where the node listens.
    pub url: String,
    /// Signs in as an admin: once, and soon.
    pub sign_in_url: String,
    /// What there is.
    pub seeded: Seeded,
    /// Where the data is, when it is kept.
    pub data: Option<PathBuf>,
    folder: Option<PathBuf>,
    stop: CancellationToken,
}

impl Dev {
    /// Starts everything and seeds it.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn start(options: Options) -> Result<Self, RunError> {
        let Options { listen, data } = options;
        if !listen.ip().is_loopback() {
            return Err(RunError::Real(format!("{listen} is not the loopback"))); // (3)
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let begun_ms = clock.now_ms();
        let (file, folder) = place(&*clock, data.as_ref())?;
        let listener = TcpListener::bind(listen).await.map_err(|error| because("the listener")(&error))?;
        let bound = listener.local_addr().map_err(|error| because("the listener")(&error))?;
        let (app, stop) = (Arc::new(node(&file, clock.clone(), bound).await?), CancellationToken::new());
        tokio::spawn(serve(
            listener,
            http::routes(app.clone(), Arc::from([])),
            ServerLimits::LOOPBACK,
            stop.clone(),
        ));
        tokio::spawn(offboardings::tick(app.clone(), stop.clone()));
        let (notes, stopped) = (app.clone(), stop.clone());
        tokio::spawn(async move { notes.keep_notes(stopped).await });
        let console_ms = clock.now_ms() - begun_ms;
        let (organization, url) = (organization(&app).await?, format!("http://{bound}"));
        let after = |number: u16| (listen.port() != 0).then(|| listen.port().saturating_add(number));
        let tenant_port = known_tenant(&app, organization).await?.or(after(1)).unwrap_or(0);
        let started = Simulators::start_at(clock.clone(), tenant_port, after(2)).await;
        let simulators = started.map_err(|error| because("a simulator")(&error))?;
        simulators.link(&url);
        let seeded = Seeded { users: 0, groups: 0, roles: 0, requests: 0, console_ms, seeded_ms: 0 };
        let sign_in_url = String::new();
        let mut dev = Self { simulators, app, organization, url, sign_in_url, seeded, data, folder, stop };
        dev.seed().await?;
        dev.connect().await?;
        dev.push().await?;
        let target = format!("{}/api/v1/sso/okta/oidc/start?org={ORGANIZATION}", dev.url);
        let link = dev.simulators.okta.with(|okta| okta.invite(company::ADMIN, &target, LINK_MS));
        dev.sign_in_url = link.unwrap_or_else(|| format!("{}/login", dev.url));
        dev.seeded.seeded_ms = clock.now_ms() - begun_ms;
        Ok(dev)
    }

    async fn fresh(&self) -> Result<Arc<Snapshot>, RunError> {
        self.app.fresh(self.organization).await.map_err(|error| because("the organization")(&error))
    }

    async fn execute(&self, command: Command) -> Result<Answer, RunError> {
        self.fresh().await?;
        let executed = self.app.execute(self.organization, command, self.app.operator()).await;
        Ok(executed.map_err(|error| because("a command")(&error))?.answer)
    }

    /// People at the tenant and at the tools. Who has left in an earlier run is nowhere any more.
    async fn seed(&self) -> Result<(), RunError> {
        let known = self.fresh().await?;
        for person in company::people() {
            let has_left = known.user_by_name(&person.email).is_some_and(|user| !user.active);
            if !has_left {
                self.simulators.seed(&person);
                continue;
            }
            self.simulators.okta.seed(&person);
            self.simulators.okta.with(|okta| {
                if let Some(user) = okta.user_mut(&person.email) {
                    (user.status, user.sessions, user.refresh_tokens) = (Status::Deprovisioned, 0, 0);
                }
            });
        }
        Ok(())
    }

    /// The tenant and every tool, as an admin would connect them; again when they are known from an earlier run.
    async fn connect(&self) -> Result<(), RunError> {
        let callback = crate::sign_in::okta::callback_url(&self.app);
        let public = self.app.public_url.clone();
        let (app, issuer) = self.simulators.okta.with(|okta| {
            okta.add_app(&callback);
            for app in &mut okta.apps {
                app.universal_logout_url = Some(format!("{public}{UNIVERSAL_LOGOUT}"));
                app.security_events_url = Some(format!("{public}{SECURITY_EVENTS}"));
            }
            (okta.apps[0].clone(), okta.issuer().to_owned())
        });
        let form = OktaForm {
            issuer,
            client_id: app.client_id,
            client_secret: Some(app.client_secret),
            universal_logout: true,
            ..OktaForm::default()
        };
        let saved = connect(&self.app, self.organization, form, self.app.operator()).await;
        saved.map_err(|error| because("Okta")(&error))?;
        for (kind, name, settings) in self.simulators.connections(company::ADMIN) {
            let Value::Object(settings) = settings else { continue };
            let known = self.fresh().await?;
            let old = known.connectors().find(|one| *one.kind == *kind && *one.name == *name);
            let seen = old.cloned();
            let old = seen.as_deref();
            let record = connectors::record(&self.app, self.organization, old, (kind, name), settings);
            let connector = Arc::new(record.map_err(|error| because(name)(&error))?);
            self.execute(Command::SetConnector { change: ToolChange { connector, seen } }).await?;
        }
        Ok(())
    }

    /// Users, groups and roles, pushed as Okta pushes them, with a token of this run.
    async fn push(&mut self) -> Result<(), RunError> {
        let now_ms = self.app.clock.now_ms();
        let known = self.fresh().await?;
        for old in known.tokens().filter(|old| &*old.label == TOKEN && old.is_live(now_ms)) {
            self.execute(Command::RevokeToken { id: old.id }).await?;
        }
        let drawn = tokens::draw(&*self.app.clock, TOKEN, TokenKind::Scim, None);
        let (raw, token) = drawn.map_err(|error| because("the token")(&error))?;
        self.execute(Command::MintToken { token }).await?;
        let mut users = self.simulators.okta.with(|okta| okta.users.clone());
        users.retain(|user| user.status == Status::Active);
        let pushed = ScimPush::new(&self.app.scim_url, &raw, Style::Catalogue);
        let mut push = pushed.map_err(|error| because("the push")(&error))?;
        push.push_everyone(&users).await.map_err(|error| because("the push")(&error))?;
        self.seeded.users = users.len();
        (self.seeded.groups, self.seeded.roles) = (push.group_count(), push.role_count());
        self.seeded.requests = push.requests;
        let provisioning = Provisioning::start(push, self.app.clock.clone());
        self.simulators.okta.with(|okta| okta.provisioning = Some(provisioning));
        Ok(())
    }

    /// Stops the node and removes its data, unless it is kept (1).
    pub async fn stop(self) {
        self.stop.cancel();
        self.app.directory.drain().await;
        drop((self.app, self.simulators));
        let Some(folder) = self.folder else { return };
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), %error, "the temporary folder could not be removed");
        }
    }
}

/// The database's file, and the folder that goes with the process (1).
fn place(clock: &dyn Clock, data: Option<&PathBuf>) -> Result<(PathBuf, Option<PathBuf>), RunError> {
    if let Some(file) = data {
        return Ok((file.clone(), None));
    }
    let folder = std::env::temp_dir().join(format!("ceven-dev-{}", clock.new_id()));
    std::fs::create_dir(&folder).map_err(|error| because("the temporary folder")(&error))?;
    Ok((folder.join("ceven.db"), Some(folder)))
}

/// (1) (2) (3)
async fn node(file: &std::path::Path, clock: Arc<dyn Clock>, bound: SocketAddr) -> Result<App, RunError> {
    let variables = [
        ("CEVEN_DATABASE__URL", format!("sqlite://{}?mode=rwc", file.display())),
        ("CEVEN_SECURITY__OUTBOUND_ALLOW", "127.0.0.0/8, ::1/128".to_owned()),
        ("CEVEN_OFFBOARDING__LEASE_MS", "3000".to_owned()),
        // The tenant is here to be played with: its keys change more often than anybody's.
        ("CEVEN_OUTBOUND__KEYS_COOL_DOWN_MS", "0".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let settings = Settings::load(None, variables).map_err(|error| because("the settings")(&error))?;
    if file.exists() {
        refuse_live(&settings).await?;
    }
    App::start(settings, clock, bound, Role::Server(Mode::Dev)).await.map_err(|error| match error {
        StartError::Database(error @ crate::store::DatabaseError::OtherMode(_)) => {
            RunError::Real(error.to_string())
        }
        error => because("the node")(&error),
    })
}

/// A live database is not even migrated (1).
async fn refuse_live(settings: &Settings) -> Result<(), RunError> {
    let store = SqlStore::connect(&settings.database.url, &settings.store_limits()).await;
    let store = store.map_err(|error| because("the data")(&error))?;
    let refused = store.refuse_other(Mode::Dev).await;
    store.close().await;
    refused.map_err(|error| RunError::Real(error.to_string()))
}

/// The organization of an earlier run, or a new one.
async fn organization(app: &App) -> Result<OrganizationId, RunError> {
    let known = app.store.organization_by_slug(ORGANIZATION).await;
    if let Some(profile) = known.map_err(|error| because("the organization")(&error))? {
        return Ok(profile.id);
    }
    let stamp = app.stamp();
    let profile = Profile {
        id: OrganizationId(stamp.new_id),
        slug: ORGANIZATION.into(),
        name: "Acme (dev)".into(),
        domains: vec![company::DOMAIN.to_owned()],
        mode: Mode::Dev,
    };
    let created = app.store.create_organization(&profile, &app.operator(), stamp).await;
    created.map_err(|error| because("the organization")(&error))?;
    Ok(profile.id)
}

/// The port of the tenant that people of an earlier run are linked to: it is the same one as long as its address is.
async fn known_tenant(app: &App, organization: OrganizationId) -> Result<Option<u16>, RunError> {
    let known = app.fresh(organization).await.map_err(|error| because("the organization")(&error))?;
    let issuer = known.okta().and_then(|okta| okta.issuer().parse::<::http::Uri>().ok());
    Ok(issuer.and_then(|issuer| issuer.port_u16()))
}
