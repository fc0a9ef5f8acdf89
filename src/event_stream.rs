//! Ceven's event stream at an organization's tenant: registered, looked at, verified, deleted.
//!
//! 1. Credentials are sealed for their organization; requests go to the issuer's own address and nowhere else.
//! 2. The state of a verification is stored before it is asked for: its event may come before the answer.
//! 3. A stream is forgotten when the transmitter has deleted it, not before.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven_actors::{
    connector::{
        ConfigError, Field,
        event_stream::{self, Plan, Status, Stop},
        is_at,
        okta::api::Service,
        pass::{self, Failure, Input, Leaver, Mode, Pass},
        sign::SigningKey,
        wire::SendError,
    },
    domain::{
        caller::Caller,
        id::OrganizationId,
        okta::{OktaConnection, Stream, StreamChange},
    },
    organization::message::{Command, OrganizationError},
    ports::Outbound as _,
};
use serde::{Deserialize, Serialize};

use crate::{app::App, http::sso::SECURITY_EVENTS, net::client::ISSUER};

/// Place of the credentials.
pub const CREDENTIALS: &str = "event stream credentials";
/// Requests of one order.
const REQUESTS: usize = 20;

/// Who speaks to the transmitter, as an admin types it and as it is sealed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// An access token.
    AccessToken(String),
    /// An OAuth service app with `ssf.manage` and `ssf.read`.
    ServiceApp {
        /// Its client id.
        client_id: String,
        /// The `kid` of its key, when it has several.
        key_id: Option<String>,
        /// RSA, PEM.
        private_key: String,
    },
}

/// An order that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// There is no tenant.
    #[error("the organization is not connected to Okta")]
    NotConnected,
    /// There is no stream.
    #[error("there is no event stream")]
    NoStream,
    /// What was typed cannot be used.
    #[error(transparent)]
    Credentials(#[from] ConfigError),
    /// The transmitter refuses, or cannot be reached.
    #[error("{0}")]
    Transmitter(Failure),
    /// The organization refuses.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
}

/// What an admin types of [`Credentials`].
pub const FIELDS: [Field; 4] = [ACCESS_TOKEN, CLIENT_ID, PRIVATE_KEY, KEY_ID];
const ACCESS_TOKEN: Field =
    Field::required("access_token", "Access token", "With ssf.manage and ssf.read.").secret();
const CLIENT_ID: Field =
    Field::required("client_id", "Client ID of the service app", "With ssf.manage and ssf.read.");
const PRIVATE_KEY: Field = Field::required("private_key", "Its private key", "RSA, PEM.").key_file();
const KEY_ID: Field = Field::optional("key_id", "Key ID", "Only when the app has several keys.");

fn given(field: &Field, value: &str) -> Result<Option<String>, ConfigError> {
    field.check(&value.into())?;
    match value.trim() {
        "" if field.required => Err(ConfigError::new(field.name, "must be given")),
        text => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
    }
}

impl Credentials {
    fn open(&self) -> Result<event_stream::Credentials, ConfigError> {
        let required = |field, value: &str| given(field, value).map(Option::unwrap_or_default);
        Ok(match self {
            Self::AccessToken(token) => {
                event_stream::Credentials::AccessToken(required(&ACCESS_TOKEN, token)?)
            }
            Self::ServiceApp { client_id, key_id, private_key } => {
                event_stream::Credentials::Service(Box::new(Service {
                    client_id: required(&CLIENT_ID, client_id)?,
                    key_id: given(&KEY_ID, key_id.as_deref().unwrap_or_default())?,
                    key: SigningKey::from_pem(PRIVATE_KEY.name, &required(&PRIVATE_KEY, private_key)?)?,
                    has_dpop: false,
                }))
            }
        })
    }
}

/// Makes the stream at the tenant, or finds it again, and keeps it. Without credentials those of the stream that there
/// is are used.
///
/// # Errors
/// [`StreamError`].
pub async fn create(
    app: &App,
    organization: OrganizationId,
    credentials: Option<Credentials>,
    caller: Caller,
) -> Result<Stream, StreamError> {
    let okta = connection(app, organization).await?;
    let (credentials, sealed) = match credentials {
        Some(credentials) => {
            let text = serde_json::to_string(&credentials).unwrap_or_default();
            let sealed = app.secrets.seal(&*app.clock, (organization, CREDENTIALS), &text); // (1)
            let unsealed = || ConfigError::new("credentials", "cannot be encrypted");
            (credentials, Some(sealed.ok_or_else(unsealed)?))
        }
        None => {
            let stream = stream(&okta)?;
            (kept(app, organization, stream)?, stream.credentials.clone())
        }
    };
    let found = carry_out(app, &okta, &credentials, |plan, pass| plan.create(pass)).await?;
    let stream = Stream {
        id: found.id,
        audiences: found.audiences,
        events: found.events,
        credentials: sealed,
        asked: None,
        verified_ms: None,
    };
    change(app, organization, &okta, StreamChange::Registered(stream.clone()), caller).await?;
    Ok(stream)
}

/// How the stream stands at the tenant.
///
/// # Errors
/// [`StreamError`].
pub async fn status(app: &App, organization: OrganizationId) -> Result<Status, StreamError> {
    let okta = connection(app, organization).await?;
    let stream = stream(&okta)?;
    let credentials = kept(app, organization, stream)?;
    carry_out(app, &okta, &credentials, |plan, pass| plan.status(pass, &stream.id)).await
}

/// Asks the tenant for a verification event. It comes by itself, to `/api/v1/sso/okta/security-events`.
///
/// # Errors
/// [`StreamError`].
pub async fn verify(app: &App, organization: OrganizationId, caller: Caller) -> Result<(), StreamError> {
    let okta = connection(app, organization).await?;
    let stream = stream(&okta)?;
    let credentials = kept(app, organization, stream)?;
    let mut random = [0; 24];
    app.clock.fill(&mut random);
    let state = URL_SAFE_NO_PAD.encode(random);
    change(app, organization, &okta, StreamChange::Asked(state.clone()), caller).await?; // (2)
    carry_out(app, &okta, &credentials, |plan, pass| plan.verify(pass, &stream.id, &state)).await
}

/// Deletes the stream at the tenant and here.
///
/// # Errors
/// [`StreamError`]; then it is still known here.
pub async fn delete(app: &App, organization: OrganizationId, caller: Caller) -> Result<(), StreamError> {
    let okta = connection(app, organization).await?;
    let stream = stream(&okta)?;
    let credentials = kept(app, organization, stream)?;
    carry_out(app, &okta, &credentials, |plan, pass| plan.delete(pass, &stream.id)).await?;
    change(app, organization, &okta, StreamChange::Removed, caller).await // (3)
}

async fn connection(app: &App, organization: OrganizationId) -> Result<Arc<OktaConnection>, StreamError> {
    app.fresh(organization).await?.okta().cloned().ok_or(StreamError::NotConnected)
}

fn stream(okta: &OktaConnection) -> Result<&Stream, StreamError> {
    okta.stream.as_ref().ok_or(StreamError::NoStream)
}

fn kept(app: &App, organization: OrganizationId, stream: &Stream) -> Result<Credentials, StreamError> {
    let text =
        stream.credentials.as_ref().and_then(|sealed| app.secrets.open((organization, CREDENTIALS), sealed));
    let credentials = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(credentials.ok_or_else(|| ConfigError::new("credentials", "cannot be decrypted: give them again"))?)
}

async fn change(
    app: &App,
    organization: OrganizationId,
    okta: &OktaConnection,
    change: StreamChange,
    caller: Caller,
) -> Result<(), StreamError> {
    let command = Command::ChangeStream { connection: okta.fingerprint(), change: Arc::new(change) };
    app.execute(organization, command, caller).await?;
    Ok(())
}

/// Runs an order over what has been answered so far, sends what it asks for, and runs it again until it has ended.
async fn carry_out<T>(
    app: &App,
    okta: &OktaConnection,
    credentials: &Credentials,
    order: impl Fn(&Plan<'_>, &mut Pass<'_>) -> Result<T, Stop>,
) -> Result<T, StreamError> {
    let (opened, receiver_url) = (credentials.open()?, format!("{}{SECURITY_EVENTS}", app.public_url));
    let issuer = (okta.issuer(), okta.metadata.jwks_uri.as_str());
    let plan = Plan::new(issuer, &receiver_url, &opened).ok_or(StreamError::NotConnected)?;
    let home = [plan.home().to_owned()];
    let mut random = [0; 32];
    app.clock.fill(&mut random);
    let nobody = Leaver::nobody();
    let input = Input { leaver: &nobody, mode: Mode::Run, now_ms: app.clock.now_ms(), random };
    let mut answers = Vec::new();
    loop {
        let mut ended = None;
        let progress = pass::run(input, &answers, |pass| match order(&plan, pass) {
            Err(Stop::Halt(halt)) => Err(halt),
            Err(Stop::Failed(failure)) => {
                ended = Some(Err(StreamError::Transmitter(failure)));
                Ok(())
            }
            Ok(found) => {
                ended = Some(Ok(found));
                Ok(())
            }
        });
        if let Some(ended) = ended {
            return ended;
        }
        let circles =
            || StreamError::Transmitter(Failure::Malformed { detail: "the order does not end".into() });
        let request = progress.request.filter(|_| answers.len() < REQUESTS).ok_or_else(circles)?;
        let answer = match is_at(&home, &request.url) {
            true => app.outbound.send(ISSUER, &request).await,
            false => Err(SendError::Blocked), // (1)
        };
        answers.push(answer);
    }
}
