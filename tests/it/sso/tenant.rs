//! An Okta tenant as far as Ceven talks to it, and a node of Ceven with a clock that the test sets.
//! Tokens are put together from bytes here, not by the library that verifies them.
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven::{
    app::{App, Role},
    config::Settings,
    http::server::{ServerLimits, serve},
    okta::{OktaForm, connect},
};
use ceven_actors::{
    clock::Clock,
    domain::{audit::Mode, id::OrganizationId},
    ports::Profile,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use warp::Filter as _;

use crate::support::MASTER_KEY;

/// An RSA key that signs.
pub struct Key(RsaKeyPair);

impl Key {
    pub fn new(size: KeySize) -> Self {
        Self(RsaKeyPair::generate(size).unwrap())
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (self.0.public_key().modulus(), self.0.public_key().exponent());
        let (n, e) = (part(n.big_endian_without_leading_zero()), part(e.big_endian_without_leading_zero()));
        json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": n, "e": e })
    }

    /// A token of these parts, whatever they are.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn public_der(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}

/// How the tenant answers for its keys, and for what it says of itself.
#[derive(Debug, Clone, Default)]
pub enum Keys {
    #[default]
    Normal,
    Status(u16),
    Body(Vec<u8>),
    Redirect(String),
    Hang,
}

/// What the tenant's token endpoint says.
#[derive(Debug, Clone, Default)]
pub enum TokenSays {
    #[default]
    Nothing,
    IdToken(String),
    /// Only to whoever has the verifier of this PKCE challenge, as Okta does.
    ForChallenge(String, String),
    Status(u16),
    Hang,
}

/// What the tenant says of itself.
pub fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth2/v1/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/v1/token"),
        "jwks_uri": format!("{issuer}/oauth2/v1/keys"),
        "end_session_endpoint": format!("{issuer}/oauth2/v1/logout"),
    })
}

async fn behave(behaviour: Keys, normal: String) -> http::Response<Vec<u8>> {
    let answer = http::Response::builder();
    match behaviour {
        Keys::Normal => answer.header("content-type", "application/json").body(normal.into_bytes()),
        Keys::Status(status) => answer.status(status).body(Vec::new()),
        Keys::Body(body) => answer.body(body),
        Keys::Redirect(to) => answer.status(302).header("location", to).body(Vec::new()),
        Keys::Hang => std::future::pending().await,
    }
    .unwrap()
}

/// Header and form of each request for a token.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

pub struct Tenant {
    pub says: Arc<Mutex<TokenSays>>,
    pub asked: Asked,
    pub issuer: String,
    pub key: Key,
    pub jwks: Arc<Mutex<Value>>,
    pub keys: Arc<Mutex<Keys>>,
    pub discovery: Arc<Mutex<Keys>>,
    pub fetches: Arc<AtomicUsize>,
}

impl Tenant {
    pub async fn start() -> Self {
        let key = Key::new(KeySize::Rsa2048);
        let jwks = Arc::new(Mutex::new(json!({ "keys": [key.jwk("k1")] })));
        let (keys, fetches) = (Arc::new(Mutex::new(Keys::default())), Arc::new(AtomicUsize::new(0)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let discovery = Arc::new(Mutex::new(Keys::default()));
        let state = (discovery.clone(), metadata(&issuer));
        let discovery_route = warp::path!(".well-known" / "openid-configuration").then(move || {
            let (behaviour, normal) = (state.0.lock().unwrap().clone(), state.1.to_string());
            behave(behaviour, normal)
        });
        let state = (jwks.clone(), keys.clone(), fetches.clone());
        let jwks_route = warp::path!("oauth2" / "v1" / "keys").then(move || {
            let (jwks, keys, fetches) = state.clone();
            async move {
                fetches.fetch_add(1, Ordering::SeqCst);
                let (behaviour, normal) = (keys.lock().unwrap().clone(), jwks.lock().unwrap().to_string());
                behave(behaviour, normal).await
            }
        });
        let (says, asked) = (Arc::new(Mutex::new(TokenSays::default())), Asked::default());
        let state = (says.clone(), asked.clone());
        let token_route = warp::path!("oauth2" / "v1" / "token")
            .and(warp::post())
            .and(warp::header::optional::<String>("authorization"))
            .and(warp::body::bytes())
            .then(move |authorization: Option<String>, body: bytes::Bytes| {
                let (says, asked) = state.clone();
                async move {
                    let form = String::from_utf8_lossy(&body).into_owned();
                    let verifier = form_urlencoded::parse(&body).find(|(name, _)| name == "code_verifier");
                    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&*verifier.unwrap().1));
                    asked.lock().unwrap().push((authorization.unwrap_or_default(), form));
                    let said = says.lock().unwrap().clone();
                    let answer = http::Response::builder();
                    match said {
                        TokenSays::Nothing => answer.body("{}".to_owned()),
                        TokenSays::IdToken(token) => answer.body(json!({ "id_token": token }).to_string()),
                        TokenSays::ForChallenge(known, token) if known == challenge => {
                            answer.body(json!({ "id_token": token }).to_string())
                        }
                        TokenSays::ForChallenge(..) => {
                            answer.status(400).body(json!({ "error": "invalid_grant" }).to_string())
                        }
                        TokenSays::Status(status) => answer.status(status).body(String::new()),
                        TokenSays::Hang => std::future::pending().await,
                    }
                    .unwrap()
                }
            });
        let nothing = warp::any().map(|| http::StatusCode::NOT_FOUND);
        let routes = discovery_route
            .or(jwks_route)
            .or(token_route)
            .or(nothing)
            .map(warp::Reply::into_response)
            .boxed();
        tokio::spawn(serve(listener, routes, ServerLimits::LOOPBACK, CancellationToken::new()));
        Self { issuer, key, jwks, keys, discovery, fetches, says, asked }
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    pub fn answer(&self, keys: Keys) {
        *self.keys.lock().unwrap() = keys;
    }
}

/// A clock that the test sets; randomness is real.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn advance_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn fill(&self, bytes: &mut [u8]) {
        ceven_actors::clock::SystemClock.fill(bytes);
    }
}

/// A node in this process, on SQLite.
pub struct Node {
    pub app: Arc<App>,
    pub clock: Arc<TestClock>,
    pub url: String,
    pub http: reqwest::Client,
    pub folder: TempDir,
    stop: CancellationToken,
}

pub const CLIENT: &str = "0oaclient";
pub const BEGAN_MS: i64 = 1_800_000_000_000;

pub async fn node_in(folder: TempDir, clock: Arc<TestClock>) -> Node {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bound: SocketAddr = listener.local_addr().unwrap();
    let file = Path::new(folder.path()).join("ceven.db");
    let variables = [
        ("CEVEN_DATABASE__URL", format!("sqlite://{}?mode=rwc", file.display())),
        ("CEVEN_SECURITY__MASTER_KEY", MASTER_KEY.to_owned()),
        ("CEVEN_SECURITY__OUTBOUND_ALLOW", "127.0.0.0/8".to_owned()),
        ("CEVEN_OUTBOUND__ISSUER_MS", "1000".to_owned()),
        ("CEVEN_REVOCATION__BAD_TOKENS_PER_ADDRESS", "100000".to_owned()),
        ("CEVEN_SERVER__BODY_READ_TIMEOUT_MS", "500".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let settings = Settings::load(None, variables).unwrap();
    let app = Arc::new(App::start(settings, clock.clone(), bound, Role::Server(Mode::Live)).await.unwrap());
    let stop = CancellationToken::new();
    let routes = ceven::http::routes(app.clone(), Arc::from([]));
    tokio::spawn(serve(listener, routes, ServerLimits::LOOPBACK, stop.clone()));
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Node { app, clock, url: format!("http://{bound}"), http, folder, stop }
}

impl Node {
    pub async fn start() -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(BEGAN_MS)));
        node_in(tempfile::tempdir().unwrap(), clock).await
    }

    pub fn now_secs(&self) -> i64 {
        self.clock.now_ms() / 1_000
    }

    pub async fn organization(&self, slug: &str) -> OrganizationId {
        let stamp = self.app.stamp();
        let id = OrganizationId(stamp.new_id);
        let domains = vec![format!("{slug}.example")];
        let profile = Profile { id, slug: slug.into(), name: slug.into(), domains, mode: Mode::Live };
        self.app.store.create_organization(&profile, &self.app.operator(), stamp).await.unwrap();
        id
    }

    pub async fn connect(&self, organization: OrganizationId, tenant: &Tenant, form: OktaForm) {
        let form = OktaForm { issuer: tenant.issuer.clone(), universal_logout: true, ..form };
        connect(&self.app, organization, form, self.app.operator()).await.unwrap();
    }

    pub fn audience(&self) -> String {
        format!("{}/api/v1/sso/okta/universal-logout", self.url)
    }

    /// Claims that are fine.
    pub fn claims(&self, tenant: &Tenant, jti: &str) -> Value {
        let now = self.now_secs();
        json!({
            "jti": jti, "iss": tenant.issuer, "sub": CLIENT, "aud": self.audience(),
            "iat": now, "nbf": now - 300, "exp": now + 300,
        })
    }

    pub async fn send(&self, token: &str, body: &Value) -> u16 {
        self.post(token, body.to_string(), "application/json").await
    }

    pub async fn post(&self, token: &str, body: String, media_type: &str) -> u16 {
        let request = self.http.post(self.audience()).bearer_auth(token).header("content-type", media_type);
        request.body(body).send().await.unwrap().status().as_u16()
    }

    /// A user over the organization's own actor.
    pub async fn user(&self, organization: OrganizationId, attributes: Value) -> String {
        use ceven_actors::organization::message::{Answer, Command};
        self.app.fresh(organization).await.unwrap();
        let attributes = attributes.as_object().unwrap().clone();
        let answered = self
            .app
            .execute(organization, Command::CreateUser { attributes }, self.app.operator())
            .await
            .unwrap();
        let Answer::User { id, .. } = answered.answer else { panic!("{answered:?}") };
        id.to_string()
    }

    pub async fn is_active(&self, organization: OrganizationId, id: &str) -> bool {
        let snapshot = self.app.fresh(organization).await.unwrap();
        snapshot.user(id.parse().unwrap()).unwrap().active
    }

    /// Stops, and starts again on the same data.
    pub async fn restart(self) -> Self {
        let Self { app, clock, folder, stop, .. } = self;
        stop.cancel();
        app.directory.drain().await;
        drop(app);
        node_in(folder, clock).await
    }
}

/// Header of a token that is fine.
pub fn header() -> Value {
    json!({ "typ": "global-token-revocation+jwt", "alg": "RS256" })
}

pub fn email(address: &str) -> Value {
    json!({ "sub_id": { "format": "email", "email": address } })
}
