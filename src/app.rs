//! What every request handler and every verb of the command line works with.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use ceven_actors::{
    clock::Clock,
    connection::Ports,
    directory::Directory,
    domain::{
        audit::{Mode, hex},
        caller::{Actor, Authority, Caller, Stamp},
        id::OrganizationId,
    },
    organization::{
        Refused,
        message::{Answered, Command, OrganizationError},
        state::Snapshot,
    },
    protocol::signature::SigningKey,
    revocation::Revocations,
};
use sha2::Digest as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    activity::Activity,
    config::{ConfigError, Settings},
    connectors::Toolbox,
    coverage::Runs,
    evidence::key::{KeyError, signing_key},
    http::{auth::Access, scim::log::RequestLog},
    metrics::Metrics,
    net::{
        client::{Client, ClientLimits, Sent},
        keys::Keys,
    },
    secretbox::SecretBox,
    sign_in::{SignIn, attempts::Attempts, refusals},
    store::{DatabaseError, SqlStore, freshness::Freshness},
};

/// One node: a store and the organizations on it.
pub struct App {
    /// Durable side.
    pub store: Arc<SqlStore>,
    /// Organizations in memory.
    pub directory: Directory,
    /// How far each one has come.
    pub freshness: Freshness,
    /// Tokens known to this process.
    pub access: Access,
    /// Attempts to sign in.
    pub sign_in: SignIn,
    /// When sessions were last used.
    pub activity: Activity,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub settings: Settings,
    /// Signs evidence.
    pub signing: SigningKey,
    /// Opens and seals stored secrets.
    pub secrets: Arc<SecretBox>,
    /// Makes tools of records.
    pub toolbox: Arc<Toolbox>,
    /// Requests to connected tools.
    pub tool_outbound: Arc<Client>,
    /// Runs that look for accounts at tools.
    pub coverage: Runs,
    /// Requests to issuers.
    pub outbound: Arc<Client>,
    /// Issuers' keys.
    pub keys: Keys,
    /// When the database came back from a backup, in milliseconds since 1970; 0 when it never has. What was used up
    /// between the backup and then is not known.
    pub restored_ms: i64,
    /// Tokens of Okta that are being obeyed.
    pub revocations: Revocations,
    /// Who sends tokens that are no good.
    pub bad_tokens: Attempts,
    /// What outgoing requests came to.
    pub sent: Arc<Sent>,
    /// What is counted besides.
    pub metrics: Metrics,
    /// Lists that look at every resource.
    pub scans: Arc<Semaphore>,
    /// What was asked over SCIM.
    pub scim_log: RequestLog,
    /// Base of SCIM addresses in answers.
    pub scim_url: String,
    /// Where clients reach the API.
    pub public_url: String,
    /// Where people reach the pages.
    pub console_url: String,
}

/// How often an organization is looked up that is being put to sleep.
const LOOK_UPS: u32 = 8;

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It serves people of this kind, and works at connected tools.
    Server(Mode),
    /// It runs one verb and leaves the tools to servers.
    CommandLine,
}

/// The node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Evidence cannot be signed.
    #[error(transparent)]
    SigningKey(#[from] KeyError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] reqwest::Error),
    /// The actors cannot be started.
    #[error("the actors cannot be started: {0}")]
    Actors(#[from] ractor::SpawnErr),
}

impl App {
    /// Connects to the store and starts with no organization in memory. `bound` is the public listener's address.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        settings: Settings,
        clock: Arc<dyn Clock>,
        bound: SocketAddr,
        role: Role,
    ) -> Result<Self, StartError> {
        let secrets = Arc::new(settings.secret_box(&*clock)?);
        let guard = match role {
            Role::Server(Mode::Dev) => settings.guard()?.closed(),
            Role::Server(Mode::Live) | Role::CommandLine => settings.guard()?,
        };
        let toolbox = Arc::new(Toolbox::new(secrets.clone(), guard.clone()));
        let sent = Arc::<Sent>::default();
        let tool_limits = ClientLimits {
            traceparent: settings.traces.send,
            ..settings.client_limits(settings.outbound.tool_ms)
        };
        let tool_outbound = Arc::new(Client::new(guard.clone(), clock.clone(), tool_limits, sent.clone())?);
        let limits = settings.client_limits(settings.outbound.issuer_ms);
        let outbound = Arc::new(Client::new(guard, clock.clone(), limits, sent.clone())?);
        let store = Arc::new(SqlStore::connect(&settings.database.url, &settings.store_limits()).await?);
        store.migrate().await?;
        let mode = match role {
            Role::Server(mode) => Some(mode),
            Role::CommandLine => None,
        };
        store.stamp(mode).await?;
        let restored_ms = store.restored_ms().await.map_err(DatabaseError::from)?.unwrap_or_default();
        let signing = signing_key(&store, &secrets, &*clock).await?;
        let ports = matches!(role, Role::Server(_)).then(|| {
            Arc::new(Ports {
                outbound: tool_outbound.clone(),
                tools: toolbox.clone(),
                leases: store.clone(),
                clock: clock.clone(),
                node: clock.new_id(),
                lease: Duration::from_millis(settings.offboarding.lease_ms),
                limits: settings.tools.clone(),
            })
        });
        let directory =
            Directory::start(store.clone(), clock.clone(), settings.directory_limits(), ports).await?;
        Ok(Self {
            freshness: Freshness::spawn(store.clone(), settings.database_timeout()),
            access: Access::new(settings.security.hashing),
            scans: Arc::new(Semaphore::new(settings.scim.scans.max(1))),
            scim_log: RequestLog::spawn(store.clone(), clock.clone(), settings.log_limits()),
            sign_in: SignIn::new(settings.attempt_limits()),
            activity: Activity::default(),
            metrics: Metrics::default(),
            sent,
            keys: Keys::new(outbound.clone(), clock.clone(), settings.outbound.keys_cool_down_ms),
            revocations: Revocations::start(settings.revocation.claims).await?,
            bad_tokens: Attempts::new(settings.bad_token_limits()),
            signing,
            restored_ms,
            secrets,
            toolbox,
            tool_outbound,
            coverage: Runs::default(),
            outbound,
            scim_url: settings.scim_url(bound),
            public_url: settings.public_url(bound),
            console_url: settings.console_url(bound),
            directory,
            store,
            clock,
            settings,
        })
    }

    /// Whether the pages are elsewhere than the API: then no cookie of the one reaches the other.
    pub fn is_split(&self) -> bool {
        self.console_url != self.public_url
    }

    /// State of an organization that is no older than this call.
    ///
    /// # Errors
    /// `NotFound`, or `Unavailable` when the store does not answer.
    pub async fn fresh(&self, id: OrganizationId) -> Result<Arc<Snapshot>, OrganizationError> {
        match self.at_hand(id) {
            Some(snapshot) => Ok(snapshot),
            None => Box::pin(self.caught_up(id)).await,
        }
    }

    /// The usual case, which waits for nobody: it is in memory, and nobody has written since.
    fn at_hand(&self, id: OrganizationId) -> Option<Arc<Snapshot>> {
        let seq = self.freshness.unchanged(id)?;
        self.directory.at_hand(id, seq)
    }

    async fn caught_up(&self, id: OrganizationId) -> Result<Arc<Snapshot>, OrganizationError> {
        let seq = self.freshness.seq(id).await.map_err(|_| OrganizationError::Unavailable)?;
        let seq =
            seq.ok_or_else(|| OrganizationError::NotFound { resource: "Organization", id: id.to_string() })?;
        // An organization may be put to sleep between look-up and question; then it is asked for again.
        match self.directory.organization(id).await?.snapshot(seq).await {
            Err(OrganizationError::Unavailable) => self.directory.organization(id).await?.snapshot(seq).await,
            result => result,
        }
    }

    /// Gives an organization a command. Call [`App::fresh`] first, as authentication does: otherwise a refusal
    /// may rest on what another node has changed since.
    ///
    /// # Errors
    /// [`OrganizationError`].
    pub async fn execute(
        &self,
        id: OrganizationId,
        command: Command,
        caller: Caller,
    ) -> Result<Answered, OrganizationError> {
        let stamp = self.stamp();
        for _ in 0..LOOK_UPS {
            let organization = self.directory.organization(id).await?;
            match organization.enter(&command) {
                Ok(permit) => return organization.execute_within(permit, command, caller, stamp).await,
                Err(Refused::Busy) => return Err(OrganizationError::Busy),
                // It was put to sleep between look-up and entry.
                Err(Refused::Closed) => tokio::task::yield_now().await,
            }
        }
        Err(OrganizationError::Unavailable)
    }

    /// What servers of this database call themselves to outsiders; it opens nothing.
    pub fn instance(&self) -> String {
        hex(&sha2::Sha256::digest(self.signing.public()))[..16].to_owned()
    }

    /// Now, with ids to use.
    pub fn stamp(&self) -> Stamp {
        Stamp { at_ms: self.clock.now_ms(), new_id: self.clock.new_id(), entry_id: self.clock.new_id() }
    }

    /// Whoever runs the command line, as the audit log names them.
    pub fn operator(&self) -> Caller {
        let name = std::env::var("SUDO_USER")
            .or_else(|_| std::env::var("USER"))
            .unwrap_or_else(|_| "operator".into());
        Caller {
            actor: Actor { kind: "operator", id: name.clone(), label: format!("{name} (command line)") },
            authority: Authority::Operator,
            ip: None,
            request_id: self.clock.new_id().to_string(),
        }
    }

    /// Writes when sessions were last used, as far as it is not written.
    pub async fn write_uses(&self) {
        let uses = self.activity.unwritten(self.clock.now_ms() - self.settings.session.idle_ms);
        if uses.is_empty() {
            return;
        }
        match self.store.note_uses(uses.clone()).await {
            Ok(()) => self.activity.written(&uses),
            Err(error) => tracing::warn!(%error, "uses of sessions could not be written"),
        }
    }

    /// Writes now and then what is only in memory, until `stop`; then once more.
    pub async fn keep_notes(&self, stop: CancellationToken) {
        let every = |ms: u64| tokio::time::interval(Duration::from_millis(ms.max(10)));
        let mut uses = every(self.settings.session.flush_ms);
        let mut refused = every(self.settings.sign_in.refusals_ms);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = uses.tick() => self.write_uses().await,
                _ = refused.tick() => {
                    refusals::write(self).await;
                    let now_ms = self.clock.now_ms();
                    self.sign_in.sweep(now_ms);
                    self.bad_tokens.sweep(now_ms);
                    if let Err(error) = self.store.purge_used_tokens(now_ms).await {
                        tracing::warn!(%error, "used tokens could not be forgotten");
                    }
                }
            }
        }
        self.write_uses().await;
        refusals::write(self).await;
    }

    /// Ends every actor, writes what is queued and closes the store.
    pub async fn stop(self) {
        let Self { store, directory, freshness, scim_log, revocations, .. } = self;
        revocations.stop();
        directory.drain().await;
        scim_log.drain().await;
        drop((directory, freshness));
        // The tasks that still hold the store end in a moment; its last owner writes what is queued.
        for _ in 0..100 {
            if Arc::strong_count(&store) == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        if let Some(store) = Arc::into_inner(store) {
            store.close().await;
        }
    }
}
