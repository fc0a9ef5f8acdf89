//! Universal Logout and security events on real processes: two of them on one database, and one that is killed in the
//! middle of a logout.
use std::time::Duration;

use ceven_actors::clock::{Clock as _, SystemClock};
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, task::JoinHandle};

use super::tenant::{CLIENT, Keys, Tenant, email, header};
use crate::{
    console::support::{Browser, session_of},
    on_each_database,
    support::{Scim, Server},
};

const LOGOUT: &str = "/api/v1/sso/okta/universal-logout";
const EVENTS: &str = "/api/v1/sso/okta/security-events";

on_each_database!(
    a_second_process_refuses_what_the_first_has_obeyed,
    of_a_hundred_copies_over_two_processes_one_is_obeyed,
    an_event_that_both_processes_get_has_one_effect,
    killed_in_the_middle_a_logout_has_its_whole_effect_or_none,
);

/// An organization whose tenant and tool are real listeners; nobody listens at the tool's.
pub async fn acme(server: &mut Server) -> (Tenant, Scim) {
    server.restart_with(&[("CEVEN_REVOCATION__BAD_TOKENS_PER_ADDRESS", "100000")]).await;
    let (tenant, scim) = (Tenant::start().await, server.organization("acme"));
    server.json(&["okta", "set", "--org", "acme", "--issuer", &tenant.issuer, "--client-id", CLIENT]);
    (tenant, scim)
}

fn now_secs() -> i64 {
    SystemClock.now_ms() / 1_000
}

/// A token for the installation's public address, which is that of its first process.
pub fn token(first: &Server, tenant: &Tenant, jti: &str) -> String {
    let now = now_secs();
    let claims = json!({
        "jti": jti, "iss": tenant.issuer, "sub": CLIENT, "aud": format!("http://127.0.0.1:{}{LOGOUT}", first.port),
        "iat": now, "nbf": now - 300, "exp": now + 300,
    });
    tenant.key.sign(&header().to_string(), &claims.to_string())
}

/// Sends a token; nothing when the process ends before its answer.
fn begin(server: &Server, token: &str, body: &Value) -> JoinHandle<Option<u16>> {
    let request = client().post(format!("http://127.0.0.1:{}{LOGOUT}", server.port)).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_string());
    tokio::spawn(async move { request.send().await.ok().map(|answer| answer.status().as_u16()) })
}

pub async fn send(server: &Server, token: &str, body: &Value) -> Option<u16> {
    begin(server, token, body).await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn count(log: &[Value], action: &str) -> usize {
    log.iter().filter(|entry| entry["action"] == action).count()
}

async fn a_second_process_refuses_what_the_first_has_obeyed(mut server: Server) {
    let (tenant, scim) = acme(&mut server).await;
    let other = server.beside().await;
    let mut tokens = Vec::new();
    for (number, (first, second)) in [(&server, &other), (&other, &server)].into_iter().enumerate() {
        let body = email(&format!("u{number}@acme.example"));
        scim.user(&format!("u{number}@acme.example")).await;
        let token = token(&server, &tenant, &format!("j{number}"));
        assert_eq!(send(first, &token, &body).await, Some(204));
        assert_eq!(send(second, &token, &body).await, Some(401));
        assert_eq!(send(second, &token, &email("nobody@acme.example")).await, Some(401), "a new body");
        assert_eq!(send(first, &token, &body).await, Some(401));
        tokens.push((token, body));
    }
    let third = server.beside().await;
    for (token, body) in &tokens {
        assert_eq!(send(&third, token, body).await, Some(401), "a process that was not there then");
    }
    assert_eq!(count(&server.audit("acme"), "universal_logout.accept"), 2);
}

async fn of_a_hundred_copies_over_two_processes_one_is_obeyed(mut server: Server) {
    let (tenant, scim) = acme(&mut server).await;
    let other = server.beside().await;
    for round in 0..5 {
        let name = format!("u{round}@acme.example");
        scim.user(&name).await;
        let (token, body) = (token(&server, &tenant, &format!("j{round}")), email(&name));
        let copies = (0..100).map(|copy| send(if copy % 2 == 0 { &server } else { &other }, &token, &body));
        let answers = futures_util::future::join_all(copies).await;
        let of = |status| answers.iter().filter(|answer| **answer == Some(status)).count();
        assert_eq!((of(204), of(401)), (1, 99), "{answers:?}");
    }
    let log = server.audit("acme");
    for action in ["universal_logout.accept", "user.deactivate", "offboarding.start"] {
        assert_eq!(count(&log, action), 5, "{action}");
    }
    assert_eq!(server.rows("used_tokens", "1 = 1").await, 5);
}

async fn an_event_that_both_processes_get_has_one_effect(mut server: Server) {
    let (tenant, scim) = acme(&mut server).await;
    let other = server.beside().await;
    let ada = scim.user("ada@acme.example").await;
    let claims = json!({
        "iss": tenant.issuer, "jti": "one", "iat": now_secs(), "aud": format!("http://127.0.0.1:{}{EVENTS}", server.port),
        "sub_id": { "format": "email", "email": "ada@acme.example" },
        "events": { "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {} },
    });
    let typ = json!({ "typ": "secevent+jwt", "alg": "RS256", "kid": "k1" });
    let token = tenant.key.sign(&typ.to_string(), &claims.to_string());
    let push = async |port: u16| {
        let request = client().post(format!("http://127.0.0.1:{port}{EVENTS}"));
        let request = request.header("content-type", "application/secevent+jwt").body(token.clone());
        request.send().await.unwrap().status().as_u16()
    };
    let copies = (0..40).map(|copy| push(if copy % 2 == 0 { server.port } else { other.port }));
    let answers = futures_util::future::join_all(copies).await;
    assert_eq!(answers, [202; 40], "a copy is answered like the first one");
    assert_eq!(scim.get(&format!("/Users/{ada}")).await.expect(200)["active"], false);
    let log = server.audit("acme");
    assert_eq!((count(&log, "security_event.accept"), count(&log, "offboarding.start")), (1, 1));
}

/// When the process is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// While it waits for the tenant's keys.
    Keys,
    /// While the body is on its way.
    Body,
    /// When its sender has gone in the middle of it.
    BrokenOff,
    /// While its transaction waits for another one in the database.
    Transaction,
    /// So many milliseconds after the request was sent.
    After(u64),
    /// When the answer has come.
    Answered,
}

/// A leaver, and what there was before the logout.
struct Scene {
    id: String,
    name: String,
    session: Browser,
    before: [i64; 3],
}

/// What a logout has left behind: whether the user is active, whether the session is alive, and how many lines and rows
/// of each kind there are.
#[derive(Debug, PartialEq)]
struct Effect {
    is_active: bool,
    has_session: bool,
    counts: [i64; 6],
}

const NONE: Effect = Effect { is_active: true, has_session: true, counts: [0; 6] };
const WHOLE: Effect = Effect { is_active: false, has_session: false, counts: [1; 6] };

async fn rows(server: &Server) -> [i64; 3] {
    [
        server.rows("offboardings", "1 = 1").await,
        server.rows("deprovision_tasks", "1 = 1").await,
        server.rows("used_tokens", "1 = 1").await,
    ]
}

async fn effect(server: &Server, scim: &Scim, scene: &Scene) -> Effect {
    let log = server.audit("acme");
    let lines = |action: &str| {
        let of_user = |entry: &&Value| {
            entry["action"] == action
                && (entry["resource"]["id"] == *scene.id || entry["after"]["user"] == *scene.id)
        };
        log.iter().filter(of_user).count() as i64
    };
    let rows = rows(server).await;
    let [a, b, c] = [0, 1, 2].map(|index| rows[index] - scene.before[index]);
    Effect {
        is_active: scim.get(&format!("/Users/{}", scene.id)).await.expect(200)["active"] == true,
        has_session: scene.session.get("/api/v1/me").await.status == 200,
        counts: [
            lines("universal_logout.accept"),
            lines("user.deactivate"),
            log.iter().filter(|entry| entry["action"] == "offboarding.start").count() as i64
                - scene.before[0],
            a,
            b,
            c,
        ],
    }
}

async fn killed_in_the_middle_a_logout_has_its_whole_effect_or_none(mut server: Server) {
    let (tenant, scim) = acme(&mut server).await;
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    server.connector("webhook", "tool", &json!({ "url": "http://127.0.0.1:1/hook", "secret": secret }));
    let moments = [Moment::Keys, Moment::Body, Moment::BrokenOff, Moment::Transaction, Moment::Answered]
        .into_iter()
        .chain([0, 2, 5, 10, 20, 40].map(Moment::After));
    for (number, moment) in moments.enumerate() {
        let name = format!("u{number}@acme.example");
        let id = scim.user(&name).await;
        let session = session_of(&server, "acme", &id).await;
        let scene = Scene { id, session, name, before: rows(&server).await };
        let token = token(&server, &tenant, &format!("j{number}"));
        let answer = kill_at(moment, &mut server, &tenant, &token, &email(&scene.name)).await;
        server.boot().await;
        let found = effect(&server, &scim, &scene).await;
        let is_whole = found == WHOLE;
        assert!(is_whole || found == NONE, "{moment:?}: {found:?}");
        match moment {
            Moment::Keys | Moment::Body | Moment::BrokenOff | Moment::Transaction => {
                assert!(!is_whole, "{moment:?}");
            }
            Moment::Answered => assert_eq!((answer, is_whole), (Some(204), true)),
            Moment::After(_) => assert!(is_whole || answer.is_none(), "{moment:?}: {answer:?}"),
        }
        // Okta sends it again, as it was or made anew.
        let again = send(&server, &token, &email(&scene.name)).await;
        assert_eq!(again, Some(if is_whole { 401 } else { 204 }), "{moment:?}");
        assert_eq!(effect(&server, &scim, &scene).await, WHOLE, "{moment:?}");
        let fresh = self::token(&server, &tenant, &format!("fresh{number}"));
        assert_eq!(send(&server, &fresh, &email(&scene.name)).await, Some(204), "{moment:?}");
        let last = effect(&server, &scim, &scene).await;
        assert_eq!(last, Effect { counts: [2, 1, 1, 1, 1, 2], ..WHOLE }, "no second pass");
    }
}

/// Sends a logout and kills the process at that moment; the answer, if one came.
async fn kill_at(
    moment: Moment,
    server: &mut Server,
    tenant: &Tenant,
    token: &str,
    body: &Value,
) -> Option<u16> {
    let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
    let sent = match moment {
        Moment::Answered => {
            let answer = send(server, token, body).await;
            tokio::spawn(std::future::ready(answer))
        }
        Moment::After(ms) => {
            // Refused for its claims, when the keys have been fetched: the way to the tenant is not what is timed.
            let claims = json!({ "iss": tenant.issuer, "sub": CLIENT }).to_string();
            let warm = tenant.key.sign(&header().to_string(), &claims);
            assert_eq!(send(server, &warm, body).await, Some(401));
            let sent = begin(server, token, body);
            pause(ms).await;
            sent
        }
        Moment::Keys => {
            let fetches = tenant.fetches();
            tenant.answer(Keys::Hang);
            let sent = begin(server, token, body);
            while tenant.fetches() == fetches {
                pause(5).await;
            }
            sent
        }
        Moment::Body | Moment::BrokenOff => {
            let text = body.to_string();
            let (half, length) = (&text[..text.len() / 2], text.len());
            let head = format!(
                "POST {LOGOUT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n{half}"
            );
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            pause(300).await;
            if matches!(moment, Moment::BrokenOff) {
                drop(stream);
                pause(300).await;
                tokio::spawn(std::future::ready(None))
            } else {
                tokio::spawn(async move {
                    let mut answer = Vec::new();
                    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
                    assert!(read.is_err() || answer.is_empty(), "the process was to end before it answers");
                    None
                })
            }
        }
        Moment::Transaction => return kill_in_transaction(server, token, body).await,
    };
    server.kill();
    tenant.answer(Keys::Normal);
    sent.await.unwrap()
}

/// Another transaction, which holds up each logout: on SQLite at its beginning, on PostgreSQL after the user's row.
pub async fn hold_up(server: &Server) -> DatabaseTransaction {
    let intruder = sea_orm::Database::connect(&server.database_url).await.unwrap();
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let transaction = intruder.begin_with_options(immediate).await.unwrap();
    if intruder.get_database_backend() == sea_orm::DbBackend::Postgres {
        transaction.execute_unprepared("LOCK TABLE used_tokens IN SHARE MODE").await.unwrap();
    }
    transaction
}

async fn kill_in_transaction(server: &mut Server, token: &str, body: &Value) -> Option<u16> {
    let transaction = hold_up(server).await;
    let sent = begin(server, token, body);
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.kill();
    transaction.rollback().await.unwrap();
    sent.await.unwrap()
}
