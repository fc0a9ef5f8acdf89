//! Many organizations in one process: made by another node on the same database, then asked over HTTP.
use std::{sync::Arc, time::Instant};

use ceven::{app::App, config::Settings, secret};
use ceven_actors::{
    clock::SystemClock,
    domain::{
        audit::Mode,
        id::{OrganizationId, TokenId},
        token::{Token, TokenKind},
    },
    organization::message::{Answer, Command},
    ports::Profile,
    protocol,
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    Options, client,
    process::{Server, request},
};

const USERS: usize = 3;

/// What one request needs: a token, a user of its organization.
type Key = (String, String);

/// Makes the organizations, asks each once, then all of them in turn beside a single one.
pub async fn measure(count: usize, options: &Options) {
    let server = Server::start().await;
    let keys = make(&server, count).await;
    let idle_kib = server.memory_kib("VmRSS");
    let requests: Vec<_> = keys
        .iter()
        .map(|(token, user)| request(token, "GET", &format!("/api/v1/scim/v2/Users/{user}"), ""))
        .collect();
    let begun = Instant::now();
    let (_, first) = client::once_each(server.port, requests.clone(), 64).await;
    assert_eq!(first.failed, 0);
    let loaded_kib = server.memory_kib("VmRSS");
    println!(
        "\n{count} organizations of {USERS} users from one process: the first request of each (load, argon2id) took {:.1?} in all, p99 {:.1?}; {:.1} KiB an organization in memory",
        begun.elapsed(),
        first.p(99),
        loaded_kib.saturating_sub(idle_kib) as f64 / count as f64
    );
    let (mut rates, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (one, one_cpu) = crate::measured(&server, &requests[..1], 16, options.slice).await;
        let (all, all_cpu) = crate::measured(&server, &requests, 16, options.slice).await;
        rates.push(all.rate() / one.rate());
        cpus.push(all_cpu / one_cpu);
    }
    println!(
        "  GET /Users/{{id}} over all of them: {} of one organization's rate, {} x its CPU",
        crate::spread(&mut rates),
        crate::spread(&mut cpus)
    );
}

async fn make(server: &Server, count: usize) -> Vec<Key> {
    let variables = [("CEVEN_DATABASE__URL".to_owned(), server.database_url())];
    let settings = Settings::load(None, variables).expect("settings");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.port));
    let app = Arc::new(
        App::start(settings, Arc::new(SystemClock), address, ceven::app::Role::Server(Mode::Live))
            .await
            .expect("a node"),
    );
    let made = stream::iter(0..count).map(|index| tokio::spawn(make_one(app.clone(), index))).buffered(16);
    let keys = made.map(|key| key.expect("an organization")).collect().await;
    if let Some(app) = Arc::into_inner(app) {
        app.stop().await;
    }
    keys
}

async fn make_one(app: Arc<App>, index: usize) -> Key {
    let stamp = app.stamp();
    let id = OrganizationId(stamp.new_id);
    let name = format!("many-{index}");
    let profile = Profile {
        id,
        slug: name.as_str().into(),
        name: name.as_str().into(),
        domains: vec![],
        mode: Mode::Live,
    };
    app.store.create_organization(&profile, &app.operator(), stamp).await.expect("an organization");
    let raw = protocol::secret::draw(&*app.clock);
    let (clock, text) = (app.clock.clone(), raw.clone());
    let hash = move || secret::hash(&*clock, &text, secret::Strength::Token).expect("a hash");
    let verifier = tokio::task::spawn_blocking(hash).await.expect("a hash");
    let token = Token {
        id: TokenId(app.clock.new_id()),
        label: "many".into(),
        kind: TokenKind::Scim,
        digest: protocol::secret::digest(&raw),
        verifier: verifier.into(),
        created_ms: stamp.at_ms,
        expires_ms: None,
        revoked_ms: None,
    };
    app.execute(id, Command::MintToken { token: Arc::new(token) }, app.operator()).await.expect("a token");
    let mut user = String::new();
    for number in 0..USERS {
        let attributes = json!({ "userName": format!("user{number}@{name}.example"), "active": true });
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        let made = app.execute(id, Command::CreateUser { attributes }, app.operator()).await.expect("a user");
        if let Answer::User { id, .. } = made.answer {
            user = id.to_string();
        }
    }
    (raw, user)
}
