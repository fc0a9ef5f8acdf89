//! `ceven dev`: a node, a tenant and tools on the loopback, seeded as Okta does it. Everything goes over real HTTP
//! through the code of the live server.
//!
//! 1. The data is in a temporary folder that goes with the process: nothing of it can be taken for the real thing.
//! 2. No setting of the environment is used: no real database, no real secret, no public address.
//! 3. Only the loopback can be reached, from outside and to the outside.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ceven_actors::{
    clock::{Clock, SystemClock},
    domain::{
        audit::Mode,
        id::{AdminId, OffboardingId, OrganizationId},
        offboarding::{Offboarding, Status, Task},
        token::{Admin, TokenKind},
    },
    organization::message::{Answer, Command, OffboardOptions},
    ports::Profile,
    protocol::secret::draw,
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Person, Simulators,
    okta::scim_push::{ScimPush, Style},
};
use crate::{
    app::{App, Role},
    config::Settings,
    connectors,
    evidence::pack::Pack,
    http::{
        self,
        server::{ServerLimits, serve},
    },
    offboardings,
    okta::{OktaForm, connect},
    secret::{self, Strength},
    tokens,
};

/// How long a scenario may take.
const SCENARIO: Duration = Duration::from_secs(60);
const ADMIN: &str = "you@acme.example";

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RunError(String);

fn because(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> RunError {
    move |error| RunError(format!("{what}: {error}"))
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
    /// Password of the local admin.
    pub password: String,
    folder: PathBuf,
    stop: CancellationToken,
}

impl Dev {
    /// Starts everything and seeds it.
    ///
    /// # Errors
    /// [`RunError`]: the first thing that did not work.
    pub async fn start(listen: SocketAddr) -> Result<Self, RunError> {
        if !listen.ip().is_loopback() {
            return Err(RunError(format!("{listen} is not the loopback"))); // (3)
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = std::env::temp_dir().join(format!("ceven-dev-{}", clock.new_id()));
        std::fs::create_dir(&folder).map_err(|error| because("the temporary folder")(&error))?; // (1)
        let listener = TcpListener::bind(listen).await.map_err(|error| because("the listener")(&error))?;
        let bound = listener.local_addr().map_err(|error| because("the listener")(&error))?;
        let app = Arc::new(node(&folder, clock.clone(), bound).await?);
        let stop = CancellationToken::new();
        let limits = ServerLimits {
            connections: 1_000,
            header_read: Duration::from_secs(10),
            drain: Duration::from_secs(2),
        };
        tokio::spawn(serve(listener, http::routes(app.clone(), Arc::from([])), limits, stop.clone()));
        tokio::spawn(offboardings::tick(app.clone(), stop.clone()));
        let simulators =
            Simulators::start(clock.clone(), None).await.map_err(|error| because("a simulator")(&error))?;
        people().iter().for_each(|person| simulators.seed(person));
        let stamp = app.stamp();
        let organization = OrganizationId(stamp.new_id);
        let domains = vec!["acme.example".to_owned()];
        let profile = Profile {
            id: organization,
            slug: "acme".into(),
            name: "Acme (dev)".into(),
            domains,
            mode: Mode::Dev,
        };
        let created = app.store.create_organization(&profile, &app.operator(), stamp).await;
        created.map_err(|error| because("the organization")(&error))?;
        let password = draw(&*clock);
        let url = format!("http://{bound}");
        let dev = Self { simulators, app, organization, url, password, folder, stop };
        dev.admin().await?;
        dev.connect().await?;
        dev.push().await?;
        Ok(dev)
    }

    async fn execute(&self, command: Command) -> Result<Answer, RunError> {
        self.app.fresh(self.organization).await.map_err(|error| because("the organization")(&error))?;
        let executed = self.app.execute(self.organization, command, self.app.operator()).await;
        Ok(executed.map_err(|error| because("a command")(&error))?.answer)
    }

    async fn admin(&self) -> Result<(), RunError> {
        let clock = &*self.app.clock;
        let verifier = secret::hash(clock, &self.password, Strength::Password);
        let admin = Admin {
            id: AdminId(clock.new_id()),
            email: ADMIN.into(),
            verifier: verifier.map_err(|error| because("the admin")(&error))?.into(),
            created_ms: clock.now_ms(),
        };
        self.execute(Command::CreateAdmin { admin: Arc::new(admin) }).await.map(drop)
    }

    /// The tenant and every tool, as an admin would connect them.
    async fn connect(&self) -> Result<(), RunError> {
        let callback = crate::sign_in::okta::callback_url(&self.app);
        let (app, issuer) =
            self.simulators.okta.with(|okta| (okta.add_app(&callback), okta.issuer().to_owned()));
        let form = OktaForm {
            issuer,
            client_id: app.client_id,
            client_secret: Some(app.client_secret),
            universal_logout: true,
            ..OktaForm::default()
        };
        let saved = connect(&self.app, self.organization, form, self.app.operator()).await;
        saved.map_err(|error| because("Okta")(&error))?;
        for (kind, name, settings) in self.tools() {
            let Value::Object(settings) = settings else { continue };
            let settings: Map<_, _> = settings;
            let record = connectors::record(&self.app, self.organization, None, (kind, name), settings);
            let connector = Arc::new(record.map_err(|error| because(name)(&error))?);
            self.execute(Command::SetConnector { connector }).await?;
        }
        Ok(())
    }

    /// Kind, name and settings of each tool.
    fn tools(&self) -> Vec<(&'static str, &'static str, Value)> {
        let all = &self.simulators;
        let google = all.google_workspace.url();
        vec![
            (
                "okta",
                "Okta",
                json!({ "base_url": all.okta.url(), "effect": "deactivate", "api_token": all.okta.with(|okta| okta.api_token.clone()) }),
            ),
            (
                "google_workspace",
                "Google Workspace",
                json!({
                    "service_account_key": all.google_workspace.with(|tool| tool.service_account(google)).to_string(),
                    "admin_email": "priya@acme.example", "base_url": google, "token_url": format!("{google}/token"),
                }),
            ),
            (
                "github",
                "GitHub",
                all.github.with(|tool| {
                    json!({
                        "organization": tool.org, "app_client_id": tool.app_id,
                        "app_private_key": tool.private_key_pem(), "base_url": all.github.url(),
                    })
                }),
            ),
            (
                "onepassword",
                "1Password",
                all.onepassword.with(|tool| {
                    json!({
                        "mode": "users_api", "base_url": all.onepassword.url(), "account_id": tool.account_id,
                        "client_id": tool.client_id, "client_secret": tool.client_secret,
                    })
                }),
            ),
            (
                "slack",
                "Slack",
                json!({
                    "token": all.slack.with(|tool| tool.token.clone()), "enterprise": "true",
                    "base_url": format!("{}/scim/v2", all.slack.url()), "web_api_url": format!("{}/api", all.slack.url()),
                }),
            ),
            (
                "atlassian",
                "Atlassian",
                all.atlassian.with(|tool| {
                    json!({ "org_id": tool.org_id, "api_key": tool.api_key, "base_url": all.atlassian.url() })
                }),
            ),
            (
                "salesforce",
                "Salesforce",
                all.salesforce.with(|tool| {
                    json!({ "base_url": all.salesforce.url(), "client_id": tool.client_id, "client_secret": tool.client_secret })
                }),
            ),
            (
                "scim",
                "Wiki (SCIM)",
                json!({ "base_url": format!("{}/scim/v2", all.scim.url()), "token": all.scim.with(|tool| tool.token.clone()) }),
            ),
            (
                "webhook",
                "HR system (webhook)",
                json!({ "url": format!("{}/hook", all.webhook.url()), "secret": all.webhook.with(|tool| tool.secret.clone()) }),
            ),
        ]
    }

    /// Users, groups and roles, pushed as Okta pushes them.
    async fn push(&self) -> Result<(), RunError> {
        let drawn = tokens::draw(&*self.app.clock, "okta-dev", TokenKind::Scim, None);
        let (raw, token) = drawn.map_err(|error| because("the token")(&error))?;
        self.execute(Command::MintToken { token }).await?;
        let users = self.simulators.okta.with(|okta| okta.users.clone());
        let pushed = ScimPush::new(&self.app.scim_url, &raw, Style::Catalogue);
        let mut push = pushed.map_err(|error| because("the push")(&error))?;
        push.push_everyone(&users).await.map_err(|error| because("the push")(&error))
    }

    /// Ends someone's access, and waits until every tool is settled.
    ///
    /// # Errors
    /// [`RunError`] when it does not come to an end.
    pub async fn offboard(&self, email: &str) -> Result<(Offboarding, Vec<Task>), RunError> {
        let snapshot = self.app.fresh(self.organization).await;
        let snapshot = snapshot.map_err(|error| because("the organization")(&error))?;
        let user = snapshot.user_by_name(email).ok_or_else(|| RunError(format!("there is no {email}")))?.id;
        let options = OffboardOptions { reason: Some("scenario".into()), ..OffboardOptions::default() };
        match self.execute(Command::Offboard { id: user, options: Arc::new(options) }).await? {
            Answer::Offboarding(id) => self.settled(id).await,
            _ => Err(RunError("the offboarding did not begin".into())),
        }
    }

    /// Writes the evidence of an offboarding to a file.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn write_evidence(
        &self,
        one: &Offboarding,
        tasks: &[Task],
        file: &Path,
    ) -> Result<(), RunError> {
        let snapshot = self.app.fresh(self.organization).await;
        let snapshot = snapshot.map_err(|error| because("the organization")(&error))?;
        let pack = Pack::gather(&self.app, &snapshot, one, tasks).await;
        let zip = pack.map_err(|error| because("the evidence")(&error))?.zip();
        let zip = zip.map_err(|error| because("the evidence")(&error))?;
        std::fs::write(file, zip).map_err(|error| because("the evidence")(&error))
    }

    async fn settled(&self, id: OffboardingId) -> Result<(Offboarding, Vec<Task>), RunError> {
        let until = tokio::time::Instant::now() + SCENARIO;
        loop {
            let read = self.app.store.offboarding(self.organization, id).await;
            let read = read.map_err(|error| because("the offboarding")(&error))?;
            let (one, tasks) = read.ok_or_else(|| RunError("the offboarding is gone".into()))?;
            if one.status != Status::Running || tokio::time::Instant::now() > until {
                return Ok((one, tasks));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every address, for whoever looks around.
    pub fn welcome(&self) -> String {
        let mut lines = vec![
            format!("Console     {}/login   {ADMIN}  (organization acme)", self.url),
            format!("Password    {}", self.password),
        ];
        lines.extend(
            self.simulators.addresses().into_iter().map(|(name, url)| format!("{name:<20} {url}/_sim")),
        );
        lines.join("\n")
    }

    /// Stops the node and removes its data (1).
    pub async fn stop(self) {
        self.stop.cancel();
        self.app.directory.drain().await;
        drop(self.app);
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "the temporary folder could not be removed");
        }
    }
}

/// (2) (3)
async fn node(folder: &std::path::Path, clock: Arc<dyn Clock>, bound: SocketAddr) -> Result<App, RunError> {
    let variables = [
        ("CEVEN_DATABASE__URL", format!("sqlite://{}?mode=rwc", folder.join("ceven.db").display())),
        ("CEVEN_SECURITY__OUTBOUND_ALLOW", "127.0.0.0/8, ::1/128".to_owned()),
        ("CEVEN_OFFBOARDING__LEASE_MS", "3000".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let settings = Settings::load(None, variables).map_err(|error| because("the settings")(&error))?;
    App::start(settings, clock, bound, Role::Server(Mode::Dev))
        .await
        .map_err(|error| because("the node")(&error))
}

/// Who works at the company.
fn people() -> Vec<Person> {
    vec![
        Person::new("Priya", "Shah", "priya@acme.example")
            .as_admin()
            .with_roles(&["admin"])
            .in_groups(&["Engineering"]),
        Person::new("Dana", "Ito", "dana@acme.example")
            .on_github("dana-ito")
            .in_groups(&["Engineering", "Sales"]),
        Person::new("Lou", "Berg", "lou@acme.example")
            .on_github("loub")
            .with_roles(&["member"])
            .in_groups(&["Sales"]),
        Person::new("Sam", "Okoro", "sam@acme.example").in_groups(&["Sales"]),
    ]
}
