//! The pure cores, by themselves: `cargo bench --bench cores`.
use std::{hint::black_box, sync::Arc};

use ceven::{app::App, config::Settings};
use ceven_actors::{
    clock::SystemClock,
    domain::{
        audit::{Head, Mode},
        caller::{Actor, Authority, Caller, Stamp},
        change::Change,
        id::{OrganizationId, UserId},
        user::User,
    },
    organization::{decide::decide, message::Command, state::Snapshot},
    ports::Profile,
    protocol::scim::{
        Object,
        evaluate::BoundFilter,
        filter::{Filter, FilterLimits},
        patch::{self, PatchLimits},
        resource::ValueLimits,
        schema::USER_TYPE,
    },
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use uuid::Uuid;

const FILTER: FilterLimits = FilterLimits { length_bytes: 4096, depth: 32 };
const LIMITS: PatchLimits = PatchLimits {
    operations: 100,
    filter: FILTER,
    values: ValueLimits { text_bytes: 4096, values: 100, depth: 32, resource_bytes: 1_000_000 },
};

fn attributes(index: usize) -> Object {
    let value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("user{index}@x"), "externalId": format!("00u{index}"),
        "name": { "givenName": "User", "familyName": "Number" }, "active": true,
        "emails": [{ "value": format!("user{index}@x"), "type": "work", "primary": true }]
    });
    value.as_object().cloned().unwrap_or_default()
}

fn snapshot(users: usize) -> Snapshot {
    let profile = Profile {
        id: OrganizationId(Uuid::nil()),
        slug: "x".into(),
        name: "X".into(),
        domains: vec![],
        mode: Mode::Live,
    };
    let user = |index| {
        User::from_attributes(UserId(Uuid::from_u128(index as u128 + 1)), 0, 0, attributes(index))
            .expect("a user")
    };
    let changes: Vec<Change> = (0..users).map(|index| Change::User(Arc::new(user(index)))).collect();
    let mut snapshot = Snapshot::new(profile);
    snapshot.catch_up(&changes, Head::default());
    snapshot
}

fn protocol(criterion: &mut Criterion) {
    let text = r#"userName sw "user" and (emails[type eq "work" and value co "@x"] or active eq false)"#;
    criterion.bench_function("filter: read", |bench| bench.iter(|| Filter::parse(black_box(text), &FILTER)));
    let bound =
        BoundFilter::bind(&Filter::parse(text, &FILTER).expect("a filter"), &USER_TYPE).expect("a filter");
    let user = attributes(7);
    criterion.bench_function("filter: apply", |bench| bench.iter(|| bound.matches(black_box(&user))));
    let body = json!({
        "schemas": [patch::PATCH_URN],
        "Operations": [{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "y@x" }, { "op": "add", "path": "title", "value": "CEO" }]
    });
    criterion.bench_function("patch: read and apply", |bench| {
        bench.iter(|| {
            let operations = patch::parse(&USER_TYPE, black_box(&body), &LIMITS, &mut Vec::new());
            patch::apply(&USER_TYPE, &mut user.clone(), &operations.expect("operations"))
        });
    });
}

fn organization(criterion: &mut Criterion) {
    let caller = Caller {
        actor: Actor { kind: "operator", id: "x".into(), label: "x".into() },
        authority: Authority::Operator,
        ip: None,
        request_id: "r".into(),
    };
    let stamp = Stamp { at_ms: 1, new_id: Uuid::from_u128(u128::MAX), entry_id: Uuid::nil() };
    for users in [1_000, 20_000] {
        let state = snapshot(users);
        let command = Command::CreateUser { attributes: attributes(users) };
        criterion.bench_function(&format!("decide: create at {users} users"), |bench| {
            bench.iter(|| decide(&state, black_box(&command), &caller, stamp));
        });
        let decision = decide(&state, &command, &caller, stamp).expect("a decision");
        criterion.bench_function(&format!("state: copy and apply at {users} users"), |bench| {
            bench.iter(|| {
                let mut next = state.clone();
                decision.changes.iter().for_each(|change| next.apply(change));
                next
            });
        });
    }
}

/// 64 commands handed over at once, from the hand-over to the last acknowledgement: one commit.
fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let variables = [(
        "CEVEN_DATABASE__URL".to_owned(),
        format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display()),
    )];
    let settings = Settings::load(None, variables).expect("settings");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let app = runtime
        .block_on(App::start(settings, Arc::new(SystemClock), address, ceven::app::Role::Server(Mode::Live)))
        .expect("a node");
    let stamp = app.stamp();
    let id = OrganizationId(stamp.new_id);
    let profile = Profile { id, slug: "x".into(), name: "X".into(), domains: vec![], mode: Mode::Live };
    runtime
        .block_on(app.store.create_organization(&profile, &app.operator(), stamp))
        .expect("an organization");
    let mut next = 0;
    criterion.bench_function("journal: 64 users, through actor and SQLite", |bench| {
        bench.iter(|| {
            let commands = (next..next + 64).map(|index| {
                app.execute(id, Command::CreateUser { attributes: attributes(index) }, app.operator())
            });
            next += 64;
            let answers = runtime.block_on(futures_util::future::join_all(commands));
            assert!(answers.iter().all(Result::is_ok));
        });
    });
    runtime.block_on(app.stop());
}

criterion_group!(benches, protocol, organization, journal);
criterion_main!(benches);
