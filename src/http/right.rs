//! What someone signed in may do, as values: whoever holds an [`Administering`] has been found to be an admin,
//! and nothing that needs one can be called without it. The organization checks the same right again when it
//! decides, in case it has been withdrawn since.
use std::{collections::HashMap, net::IpAddr, sync::Arc};

use ceven_actors::{
    connector::{event_stream::Status, pass::Step},
    domain::{
        audit::Report,
        caller::Caller,
        connector::Connector,
        id::{ConnectorId, SessionId, TokenId, UserId},
        offboarding::{Offboarding, Task},
        okta::OktaConnection,
        role::Role,
        session::{Ending, Person},
        token::{Token, TokenKind},
        user::User,
    },
    organization::message::{Answered, Command, OrganizationError, ToolChange},
};

use serde_json::{Map, Value};

mod leaving;

use super::{reply::Failure, session::SignedIn};
use crate::{
    app::App,
    connectors,
    doctor::{self, Finding},
    event_stream::{self, Credentials, StreamError},
    evidence::export,
    okta::{self, OktaError, OktaForm},
    people::{self, PeopleFilter, PeoplePage},
    setup::{self, Setup},
    store::scim_log::{ScimRequest, TokenUse},
    tokens,
};

/// A request of someone signed in.
pub struct Visit<'a> {
    /// The node.
    pub app: &'a Arc<App>,
    /// Who.
    pub who: SignedIn,
    /// From where.
    pub ip: IpAddr,
    /// Id of the request.
    pub request_id: String,
}

/// The right of an admin.
pub struct Administering<'a>(&'a Visit<'a>);

/// The right of an admin or a member: to see the organization.
pub struct Seeing<'a>(&'a Visit<'a>);

impl Visit<'_> {
    /// The right of an admin.
    ///
    /// # Errors
    /// 403.
    pub fn administering(&self) -> Result<Administering<'_>, Failure> {
        match self.who.role {
            Role::Admin => Ok(Administering(self)),
            _ => Err(Failure::Forbidden("Only an admin may do this.")),
        }
    }

    /// The right to see the organization.
    ///
    /// # Errors
    /// 403.
    pub fn seeing(&self) -> Result<Seeing<'_>, Failure> {
        match self.who.role {
            Role::Admin | Role::Member => Ok(Seeing(self)),
            Role::Employee => Err(Failure::Forbidden("Only members and admins may see this.")),
        }
    }

    /// Ends a session: one's own, or as an admin anyone's.
    ///
    /// # Errors
    /// 404 for a session that is not there, or not one's own.
    pub async fn end_session(&self, id: SessionId, ending: Ending) -> Result<(), Failure> {
        self.execute(Command::EndSession { id, ending }).await.map(drop)
    }

    async fn execute(&self, command: Command) -> Result<Answered, Failure> {
        let caller = self.who.caller(self.ip, &self.request_id);
        Ok(self.app.execute(self.who.organization, command, caller).await?)
    }
}

impl Administering<'_> {
    /// Who administers.
    pub fn who(&self) -> &SignedIn {
        &self.0.who
    }

    /// Mints a token: the text to show once, and its record.
    ///
    /// # Errors
    /// 400 for a label that is none.
    pub async fn mint_token(
        &self,
        label: &str,
        kind: TokenKind,
        lifetime_ms: Option<i64>,
    ) -> Result<(String, Arc<Token>), Failure> {
        let (raw, token) = self.draw(label, kind, lifetime_ms).await?;
        self.0.execute(Command::MintToken { token: token.clone() }).await?;
        Ok((raw, token))
    }

    /// Mints a successor of a token, which itself works on for `overlap_ms`.
    ///
    /// # Errors
    /// 404, or 409 for a token that is revoked or expired.
    pub async fn rotate_token(&self, id: TokenId, overlap_ms: i64) -> Result<(String, Arc<Token>), Failure> {
        let old = self.who().snapshot.token(id).cloned();
        let old = old.ok_or_else(|| missing("Token", id))?;
        let lifetime_ms = old.expires_ms.map(|expires| expires - old.created_ms);
        let (raw, token) = self.draw(&old.label, old.kind, lifetime_ms).await?;
        let ends_ms = self.0.app.clock.now_ms() + overlap_ms;
        self.0.execute(Command::RotateToken { id, token: token.clone(), ends_ms }).await?;
        Ok((raw, token))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// 404.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), Failure> {
        self.0.execute(Command::RevokeToken { id }).await.map(drop)
    }

    /// When each token was last used.
    ///
    /// # Errors
    /// 503 when it cannot be read now.
    pub async fn token_uses(&self) -> Result<HashMap<TokenId, TokenUse>, Failure> {
        let uses = self.0.app.store.token_uses(self.who().organization).await;
        uses.map_err(|_| OrganizationError::Unavailable.into())
    }

    /// The latest SCIM requests, newest first.
    ///
    /// # Errors
    /// 503 when they cannot be read now.
    pub async fn latest_scim_requests(&self, count: u64) -> Result<Vec<ScimRequest>, Failure> {
        let latest = self.0.app.store.latest_scim_requests(self.who().organization, count).await;
        latest.map_err(|_| OrganizationError::Unavailable.into())
    }

    /// How far the set-up with Okta has come.
    ///
    /// # Errors
    /// 503 when it cannot be read now.
    pub async fn setup(&self) -> Result<Setup, Failure> {
        let who = self.who();
        let setup = setup::read(self.0.app, who.organization, &who.snapshot).await;
        setup.map_err(|_| OrganizationError::Unavailable.into())
    }

    /// Gives a user a role, where they still have the one that was seen; the state it led to.
    ///
    /// # Errors
    /// 404, or 409 for the last admin and for a role that is another one by now.
    pub async fn set_role(&self, id: UserId, role: Role, seen: Option<Role>) -> Result<Answered, Failure> {
        self.0.execute(Command::SetRole { id, role, seen }).await
    }

    /// Reads the whole audit log, as it stands in the database, and verifies it.
    ///
    /// # Errors
    /// 503 when it cannot be read now.
    pub async fn verify_log(&self) -> Result<Report, Failure> {
        let who = self.who();
        let verified = export::verify_log(&self.0.app.store, &who.snapshot).await;
        Ok(verified.map_err(|_| OrganizationError::Unavailable)?)
    }

    /// Ends every session of a person.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn end_sessions(&self, person: Person) -> Result<(), Failure> {
        self.0.execute(Command::EndSessions { person, ending: Ending::Revoked }).await.map(drop)
    }

    /// Saves the connection to Okta.
    ///
    /// # Errors
    /// 400 for what cannot be used, 409 for a tenant and client of another organization.
    pub async fn set_okta(&self, form: OktaForm) -> Result<Arc<OktaConnection>, Failure> {
        let visit = self.0;
        let caller = visit.who.caller(visit.ip, &visit.request_id);
        okta::connect(visit.app, visit.who.organization, form, caller).await.map_err(|error| match error {
            OktaError::Organization(error) => error.into(),
            OktaError::Taken => OrganizationError::Conflict(error.to_string()).into(),
            OktaError::Field(error) => Failure::Field(error),
            other => Failure::Bad(other.to_string()),
        })
    }

    /// Takes the connection to Okta away.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn remove_okta(&self) -> Result<(), Failure> {
        self.0.execute(Command::SetOkta { connection: None, tool: None }).await.map(drop)
    }

    /// Registers the event stream at the tenant.
    ///
    /// # Errors
    /// 400 for credentials of no use, 502 when the tenant refuses.
    pub async fn create_stream(&self, credentials: Credentials) -> Result<(), Failure> {
        let (visit, caller) = (self.0, self.caller());
        let made = event_stream::create(visit.app, visit.who.organization, Some(credentials), caller).await;
        made.map(drop).map_err(of_stream)
    }

    /// How the event stream stands at the tenant.
    ///
    /// # Errors
    /// 400 when there is none, 502 when the tenant refuses.
    pub async fn stream_status(&self) -> Result<Status, Failure> {
        event_stream::status(self.0.app, self.who().organization).await.map_err(of_stream)
    }

    /// Asks the tenant for a verification event.
    ///
    /// # Errors
    /// 400 when there is no stream, 502 when the tenant refuses.
    pub async fn verify_stream(&self) -> Result<(), Failure> {
        event_stream::verify(self.0.app, self.who().organization, self.caller()).await.map_err(of_stream)
    }

    /// Deletes the event stream at the tenant.
    ///
    /// # Errors
    /// 400 when there is none, 502 when the tenant refuses.
    pub async fn delete_stream(&self) -> Result<(), Failure> {
        event_stream::delete(self.0.app, self.who().organization, self.caller()).await.map_err(of_stream)
    }

    fn caller(&self) -> Caller {
        self.who().caller(self.0.ip, &self.0.request_id)
    }

    /// A connected tool.
    ///
    /// # Errors
    /// 404.
    pub fn connector(&self, id: &str) -> Result<Arc<Connector>, Failure> {
        let found = id.parse().ok().and_then(|id| self.who().snapshot.connector(id)).cloned();
        found.ok_or_else(|| missing("Connector", id))
    }

    /// Connects a tool, or changes one.
    ///
    /// # Errors
    /// 400 for settings of no use, 409 for a name that is taken and for a tool that another admin has changed meanwhile.
    pub async fn set_connector(
        &self,
        old: Option<&Arc<Connector>>,
        kind_and_name: (&str, &str),
        settings: Map<String, Value>,
    ) -> Result<Arc<Connector>, Failure> {
        let seen = old.map(|old| &**old);
        let record = connectors::record(self.0.app, self.who().organization, seen, kind_and_name, settings);
        let record = Arc::new(record.map_err(Failure::Field)?);
        let change = ToolChange { connector: record.clone(), seen: old.cloned() };
        self.0.execute(Command::SetConnector { change }).await?;
        Ok(record)
    }

    /// Disconnects a tool.
    ///
    /// # Errors
    /// 404.
    pub async fn remove_connector(&self, id: ConnectorId) -> Result<(), Failure> {
        self.0.execute(Command::RemoveConnector { id }).await.map(drop)
    }

    /// Goes up a tool's ladder of checks.
    ///
    /// # Errors
    /// 400 when the settings make no tool.
    pub async fn check_connector(&self, connector: &Connector) -> Result<Vec<Step>, Failure> {
        let looked = connectors::check(self.0.app, self.who().organization, connector).await;
        looked.map_err(|error| Failure::Bad(error.to_string()))
    }

    /// Looks whether everything that the organization needs is there.
    pub async fn examine(&self) -> Vec<Finding> {
        let (server, own) = tokio::join!(
            doctor::instance::look_from_inside(self.0.app),
            doctor::organization::look(self.0.app, &self.who().snapshot, "")
        );
        server.into_iter().chain(own).collect()
    }

    async fn draw(
        &self,
        label: &str,
        kind: TokenKind,
        lifetime_ms: Option<i64>,
    ) -> Result<(String, Arc<Token>), Failure> {
        let (clock, label) = (self.0.app.clock.clone(), label.to_owned());
        let drawn = self.0.app.access.hash(move || tokens::draw(&*clock, &label, kind, lifetime_ms)).await;
        drawn.ok_or(OrganizationError::Unavailable)?.map_err(|error| Failure::Bad(error.to_string()))
    }
}

impl Seeing<'_> {
    /// A page of people.
    ///
    /// # Errors
    /// 503 when it cannot be read now.
    pub async fn people(
        &self,
        filter: PeopleFilter,
        after: Option<String>,
        count: usize,
    ) -> Result<PeoplePage, Failure> {
        let _turn = self.0.app.scans.acquire().await.map_err(|_| OrganizationError::Unavailable)?;
        let snapshot = self.0.who.snapshot.clone();
        let look = move || people::page(&snapshot, &filter, after.as_deref(), count);
        Ok(tokio::task::spawn_blocking(look).await.map_err(|_| OrganizationError::Unavailable)?)
    }

    /// A person.
    ///
    /// # Errors
    /// 404, also for ids of other organizations and for texts that are no id.
    pub fn person(&self, id: &str) -> Result<Arc<User>, Failure> {
        let user = id.parse().ok().and_then(|id| self.0.who.snapshot.user(id)).cloned();
        user.ok_or_else(|| missing("User", id))
    }

    /// The latest offboardings, newest first, of one user when one is given.
    ///
    /// # Errors
    /// 503 when they cannot be read now.
    pub async fn offboardings(&self, user: Option<UserId>, count: u64) -> Result<Vec<Offboarding>, Failure> {
        let found = self.0.app.store.offboardings(self.0.who.organization, user, count).await;
        found.map_err(|_| OrganizationError::Unavailable.into())
    }

    /// An offboarding and its tools' parts.
    ///
    /// # Errors
    /// 404, or 503 when it cannot be read now.
    pub async fn offboarding(&self, id: &str) -> Result<(Offboarding, Vec<Task>), Failure> {
        let parsed = id.parse().map_err(|_| missing("Offboarding", id))?;
        let found = self.0.app.store.offboarding(self.0.who.organization, parsed).await;
        found.map_err(|_| OrganizationError::Unavailable)?.ok_or_else(|| missing("Offboarding", id))
    }
}

fn of_stream(error: StreamError) -> Failure {
    match error {
        StreamError::Organization(error) => error.into(),
        StreamError::Credentials(error) => Failure::Field(error),
        StreamError::Transmitter(_) => Failure::Upstream(error.to_string()),
        other => Failure::Bad(other.to_string()),
    }
}

/// 404.
pub fn missing(resource: &'static str, id: impl ToString) -> Failure {
    Failure::Organization(OrganizationError::NotFound { resource, id: id.to_string() })
}
