//! The journal's ledger on real databases: what one unit's fault does to others, the guard, the limits of statements.
use std::{sync::Arc, time::Duration};

use ceven::store::{SqlStore, StoreLimits};
use ceven_actors::{
    domain::{
        audit::{Draft, Head, Mode, seal},
        caller::{Actor, Authority, Caller, Stamp},
        change::Change,
        group::Group,
        id::{GroupId, OrganizationId, TokenId, UserId},
        token::{Token, TokenKind},
        user::User,
    },
    ports::{Profile, Store as _, StoreError, Unit},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::support::{Database, new_database, postgres_url};

fn caller() -> Caller {
    Caller {
        actor: Actor { kind: "operator", id: "x".into(), label: "x".into() },
        authority: Authority::Operator,
        ip: None,
        request_id: "r".into(),
    }
}

fn stamp(number: u128) -> Stamp {
    Stamp { at_ms: 1, new_id: Uuid::from_u128(number), entry_id: Uuid::from_u128(number << 64) }
}

/// An organization in the store, and where its log stands.
struct Place {
    id: OrganizationId,
    head: Head,
}

impl Place {
    async fn new(store: &SqlStore, number: u128) -> Self {
        let id = OrganizationId(Uuid::from_u128(number));
        let slug = format!("place-{number}");
        let profile =
            Profile { id, slug: slug.into(), name: "Place".into(), domains: vec![], mode: Mode::Live };
        store.create_organization(&profile, &caller(), stamp(number)).await.unwrap();
        let head = store.load(id).await.unwrap().unwrap().head;
        Self { id, head }
    }

    /// A unit on top of the last one that was made here.
    fn unit(&mut self, run: u64, changes: Vec<Change>) -> Unit {
        let draft = Draft {
            action: "user.create",
            resource_type: "User",
            resource_id: self.head.seq.to_string(),
            before: Value::Null,
            after: json!({ "run": run }),
        };
        let at = stamp(self.id.0.as_u128() * 1_000 + u128::from(self.head.seq));
        let (entries, sealed) = seal(self.head, ("place", Mode::Live), &caller(), at, vec![draft]);
        let after = Head { seq: self.head.seq + 1, ..sealed };
        let unit = Unit { organization: self.id, run, expected: self.head, after, changes, entries };
        self.head = after;
        unit
    }
}

fn user(number: u128) -> Change {
    let attributes =
        json!({ "userName": format!("u{number}"), "active": true }).as_object().cloned().unwrap();
    Change::User(Arc::new(User::from_attributes(UserId(Uuid::from_u128(number)), 0, 0, attributes).unwrap()))
}

/// A token; two with the same digest are what the database itself refuses.
fn token(id: u128, digest: u8) -> Change {
    Change::Token(Arc::new(Token {
        id: TokenId(Uuid::from_u128(id)),
        label: "x".into(),
        kind: TokenKind::Scim,
        digest: [digest; 32],
        verifier: "x".into(),
        created_ms: 0,
        expires_ms: None,
        revoked_ms: None,
    }))
}

/// Hands units over at once; what became of each.
async fn write(store: &SqlStore, units: Vec<Unit>) -> Vec<Result<(), StoreError>> {
    let told: Vec<_> = units
        .into_iter()
        .map(|unit| {
            let (tell, told) = oneshot::channel();
            store.append(
                unit,
                Box::new(move |outcome| {
                    let _ = tell.send(outcome);
                }),
            );
            told
        })
        .collect();
    futures_util::future::join_all(told).await.into_iter().map(Result::unwrap).collect()
}

async fn store(kind: Database) -> (TempDir, SqlStore) {
    let folder = tempfile::tempdir().unwrap();
    let limits = StoreLimits { batch_units: 512, readers: 2, writers: 1, timeout: Duration::from_secs(5) };
    let store = SqlStore::connect(&new_database(kind, &folder).await, &limits).await.unwrap();
    store.migrate().await.unwrap();
    (folder, store)
}

async fn a_bad_unit_takes_down_itself_and_what_was_staged_on_it(kind: Database) {
    let (_folder, store) = store(kind).await;
    let (mut good, mut bad, mut other) =
        (Place::new(&store, 1).await, Place::new(&store, 2).await, Place::new(&store, 3).await);
    assert_eq!(write(&store, vec![good.unit(1, vec![token(10, 7)])]).await, [Ok(())]);
    let units = vec![
        good.unit(1, vec![user(11)]),
        bad.unit(2, vec![user(12)]),
        bad.unit(2, vec![token(13, 7)]), // the digest is taken
        bad.unit(2, vec![user(14)]),
        other.unit(3, vec![user(15)]),
    ];
    let outcomes = write(&store, units).await;
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(StoreError::Aborted), Err(StoreError::Aborted), Ok(())]);
    let loaded = store.load(bad.id).await.unwrap().unwrap();
    assert_eq!((loaded.changes, loaded.head.seq), (vec![user(12)], 2));
    // What comes later on the failed run is dropped, even though its number fits again.
    let late = Unit { expected: loaded.head, ..bad.unit(2, vec![user(16)]) };
    assert_eq!(write(&store, vec![late]).await, [Err(StoreError::Aborted)]);
    bad.head = loaded.head;
    assert_eq!(write(&store, vec![bad.unit(4, vec![user(17)])]).await, [Ok(())]);
    store.close().await;
}

async fn the_number_alone_is_no_guard(kind: Database) {
    let (_folder, store) = store(kind).await;
    let mut place = Place::new(&store, 1).await;
    let mut elsewhere = Place { id: place.id, head: place.head };
    // Two nodes decide on the same state; the second one's next unit has a number that fits by then.
    let (first, lost) = (place.unit(1, vec![user(1)]), elsewhere.unit(2, vec![user(2), user(3)]));
    let stale = elsewhere.unit(3, vec![user(4)]);
    assert_eq!(write(&store, vec![first]).await, [Ok(())]);
    assert_eq!(stale.expected.seq, place.head.seq);
    assert_ne!(stale.expected.hash, place.head.hash);
    assert_eq!(write(&store, vec![lost]).await, [Err(StoreError::Conflict)]);
    assert_eq!(write(&store, vec![stale]).await, [Err(StoreError::Conflict)]);
    assert_eq!(store.load(place.id).await.unwrap().unwrap().changes, [user(1)]);
    store.close().await;
}

async fn a_unit_of_any_size_is_written_whole(kind: Database) {
    const MEMBERS: u128 = 12_000;
    let (_folder, store) = store(kind).await;
    let mut place = Place::new(&store, 1).await;
    let id = GroupId(Uuid::from_u128(1));
    let attributes = json!({ "displayName": "All" }).as_object().cloned().unwrap();
    let group = Group::from_attributes(id, 0, 0, &attributes).unwrap();
    let membership =
        |user: u128| Change::Membership { group: id, user: UserId(Uuid::from_u128(user)), present: true };
    let mut changes = vec![Change::Group(Arc::new(group))];
    changes.extend((0..MEMBERS).map(user));
    changes.extend((0..MEMBERS).map(membership));
    let seq = place.head.seq;
    assert_eq!(write(&store, vec![place.unit(1, changes)]).await, [Ok(())]);
    let loaded = store.load(place.id).await.unwrap().unwrap();
    assert_eq!(loaded.changes.len() as u128, 2 * MEMBERS + 1);
    // Members who come and a group that goes, in one batch.
    let units = vec![
        place.unit(1, vec![user(MEMBERS), membership(MEMBERS)]),
        place.unit(1, vec![Change::GroupDeleted(id)]),
    ];
    assert_eq!(write(&store, units).await, [Ok(()), Ok(())]);
    let loaded = store.load(place.id).await.unwrap().unwrap();
    let rest: Vec<_> = loaded.changes.iter().filter(|change| !matches!(change, Change::User(_))).collect();
    assert!(rest.is_empty(), "only the users are left: {rest:?}");
    let since = store.changes_since(place.id, seq + 1).await.unwrap();
    assert!(since.changes.contains(&Change::GroupDeleted(id)), "others hear of what is gone");
    store.close().await;
}

macro_rules! on_each_store {
    ($($name:ident),*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Database::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if super::postgres_url().is_none() {
                    eprintln!("skipped: CEVEN_TEST_POSTGRES is not set; tests/run starts PostgreSQL and sets it");
                    return;
                }
                super::$name(super::Database::Postgres).await;
            })*
        }
    };
}

on_each_store!(
    a_bad_unit_takes_down_itself_and_what_was_staged_on_it,
    the_number_alone_is_no_guard,
    a_unit_of_any_size_is_written_whole
);
