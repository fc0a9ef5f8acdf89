//! The durable side: SQLite without set-up, or PostgreSQL, through the same code.
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ceven_actors::{
    domain::{
        audit::{Draft, Head, Mode, seal},
        caller::{Caller, Stamp},
        id::OrganizationId,
    },
    ports::{BoxFuture, Fingerprint, Heads, Loaded, OnOutcome, Profile, Store, StoreError, Unit},
    protocol::secret::Digest,
};
use sea_orm::{
    AccessMode, ColumnTrait as _, ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, EntityTrait as _, IntoActiveModel as _, IsolationLevel, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, SqlErr, Statement, TransactionTrait as _,
};
use serde_json::json;

pub mod audit_log;
pub mod backup;
pub mod condition;
pub mod coverage;
pub mod days;
pub mod entity;
pub mod freshness;
mod insert;
pub mod instance;
pub mod journal;
pub mod ledger;
mod migrate;
pub mod offboarding;
pub mod okta;
mod open;
mod rows;
pub mod scim_log;
pub mod scope;
pub mod session_use;
pub mod sign_in;
pub mod wal_index;

use entity::{admin, audit, group, head, membership, organization, session, token, user};
use journal::{Journal, JournalMeter};
use ledger::SqlLedger;
use open::{options, within};
use scope::{Scope, in_organization};
use wal_index::WalIndex;

/// How the store is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Units of one transaction.
    pub batch_units: usize,
    /// Connections that read.
    pub readers: u32,
    /// Connections that write, on PostgreSQL; SQLite has one.
    pub writers: u32,
    /// How long to wait for a connection, a lock or a statement.
    pub timeout: Duration,
}

/// A database that cannot be used, or a name that is taken.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It does not answer.
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[from] DbErr),
    /// The file of an SQLite database cannot be used.
    #[error("the database {0} cannot be opened: {1}")]
    File(String, String),
    /// It takes no writes.
    #[error("the database takes no writes: it is a replica, or was set so")]
    ReadOnly,
    /// It has been used by a later version.
    #[error(
        "this database has been brought up to date by a later Ceven ({0} is not known here): run that one, or restore a \
         backup from before the upgrade"
    )]
    Later(String),
    /// Another organization has the slug.
    #[error("there is an organization with the slug {0} already")]
    SlugTaken(String),
    /// The address names no database that Ceven knows.
    #[error("database.url must begin with sqlite:// or postgres://")]
    UnknownKind,
    /// Real people and simulated ones do not share a database.
    #[error("this database is stamped {0}: `ceven serve` takes live ones only, `ceven dev` its own only")]
    OtherMode(&'static str),
}

/// Whether an address names a database that Ceven knows.
pub fn is_known(url: &str) -> bool {
    ["sqlite:", "postgres:", "postgresql:"].iter().any(|kind| url.starts_with(kind))
}

/// The file of an SQLite database.
pub fn sqlite_file(url: &str) -> Option<&str> {
    url.strip_prefix("sqlite:").and_then(|rest| rest.trim_start_matches("//").split('?').next())
}

/// The store of this process.
pub struct SqlStore {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    journals: Vec<Journal>,
    wal_index: Option<WalIndex>,
    mode: OnceLock<Mode>,
    meter: Arc<JournalMeter>,
    /// How long an answer is waited for; longer than PostgreSQL itself lets a statement run.
    patience: Duration,
}

/// Whether a text can be in the database at all: PostgreSQL takes no NUL, and fails when it is asked for one.
fn can_be_kept(text: &str) -> bool {
    !text.contains('\0')
}

impl SqlStore {
    /// Connects; the tables come with [`SqlStore::migrate`].
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn connect(url: &str, limits: &StoreLimits) -> Result<Self, DatabaseError> {
        if !is_known(url) {
            return Err(DatabaseError::UnknownKind);
        }
        let sqlite = sqlite_file(url).is_some();
        let writers = if sqlite { 1 } else { limits.writers.max(1) };
        open::make(url)?;
        let writer = match Database::connect(options(url, writers, limits)).await {
            Ok(writer) => writer,
            Err(error) => return Err(open::why(url, error, limits.timeout).await),
        };
        // One that reads is held for the sake of the index of the WAL.
        let readers = limits.readers.max(1) + u32::from(sqlite);
        let reader = Database::connect(options(url, readers, limits)).await?;
        let meter = Arc::<JournalMeter>::default();
        let journal = |_| {
            Journal::spawn(
                SqlLedger { database: writer.clone(), timeout: limits.timeout * 2 },
                limits.batch_units,
                meter.clone(),
            )
        };
        let journals = (0..writers).map(journal).collect();
        let wal_index = if sqlite { WalIndex::open(&reader).await? } else { None };
        let patience = limits.timeout + Duration::from_secs(1);
        Ok(Self { reader, writer, journals, wal_index, mode: OnceLock::new(), meter, patience })
    }

    /// What its journals have counted.
    pub fn meter(&self) -> &JournalMeter {
        &self.meter
    }

    /// Whether the database answers, and takes writes.
    ///
    /// # Errors
    /// `ReadOnly`, or when it does not answer.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let backend = self.reader.get_database_backend();
        if backend != DbBackend::Postgres {
            return Ok(self.reader.ping().await?);
        }
        // A primary that has become a replica, or was set so, answers as ever.
        let asked = Statement::from_string(backend, "SHOW transaction_read_only");
        let shown = self.reader.query_one_raw(asked).await?;
        let is_read_only = shown.and_then(|row| row.try_get_by_index::<String>(0).ok());
        if is_read_only.as_deref() == Some("on") { Err(DatabaseError::ReadOnly) } else { Ok(()) }
    }

    /// Writes what is queued, and closes.
    pub async fn close(self) {
        for journal in self.journals {
            journal.drain().await;
        }
        let wal_index = self.wal_index.map(WalIndex::let_go);
        let _ = self.reader.close().await;
        let _ = self.writer.close().await;
        drop(wal_index); // after the connections, never before
    }

    /// A new organization, its head and its first audit entry, in one transaction.
    ///
    /// # Errors
    /// `SlugTaken`, or when the database does not answer.
    pub async fn create_organization(
        &self,
        profile: &Profile,
        caller: &Caller,
        stamp: Stamp,
    ) -> Result<(), DatabaseError> {
        let after = json!({ "id": profile.id, "slug": profile.slug, "name": profile.name, "domains": profile.domains });
        let draft = Draft {
            action: "organization.create",
            resource_type: "Organization",
            resource_id: profile.id.to_string(),
            before: serde_json::Value::Null,
            after,
        };
        let (entries, sealed) =
            seal(Head::default(), (&profile.slug, self.mode()), caller, stamp, vec![draft]);
        let row = organization::Model {
            id: profile.id.0,
            slug: profile.slug.to_string(),
            name: profile.name.to_string(),
            domains: json!(profile.domains).to_string(),
            created_ms: stamp.at_ms,
        };
        let transaction = self.writer.begin().await?;
        let inserted =
            organization::Entity::insert(row.into_active_model()).exec_without_returning(&transaction).await;
        if let Err(error) = inserted {
            return Err(match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => {
                    DatabaseError::SlugTaken(profile.slug.to_string())
                }
                _ => error.into(),
            });
        }
        let head = rows::head_row(profile.id, &Head { seq: 1, ..sealed });
        head::Entity::insert(head.into_active_model()).exec_without_returning(&transaction).await?;
        let entries = entries.iter().map(|entry| rows::audit_row(profile.id, entry).into_active_model());
        audit::Entity::insert_many(entries).exec_without_returning(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Every organization, by slug.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organizations(&self) -> Result<Vec<Profile>, DatabaseError> {
        let rows =
            organization::Entity::find().order_by_asc(organization::Column::Slug).all(&self.reader).await?;
        Ok(rows.into_iter().map(|row| rows::profile(row, self.mode())).collect())
    }

    /// The organization of that slug.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization_by_slug(&self, slug: &str) -> Result<Option<Profile>, DatabaseError> {
        if !can_be_kept(slug) {
            return Ok(None);
        }
        let row = organization::Entity::find()
            .filter(organization::Column::Slug.eq(slug))
            .one(&self.reader)
            .await?;
        Ok(row.map(|row| rows::profile(row, self.mode())))
    }

    /// A transaction in which everything read belongs to one instant.
    async fn instant(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => {
                self.reader
                    .begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly))
                    .await
            }
            // A read transaction of SQLite sees one instant anyway.
            _ => self.reader.begin().await,
        }
    }

    async fn read(
        &self,
        organization: OrganizationId,
        since: Option<u64>,
    ) -> Result<Option<Loaded>, StoreError> {
        let patience = self.patience;
        let transaction = within(patience, self.instant()).await.map_err(unread)?;
        let head = in_organization::<head::Entity>(organization);
        let Some(head) = within(patience, head.one(&transaction)).await.map_err(unread)? else {
            return Ok(None);
        };
        let profile = organization::Entity::find_by_id(organization.0);
        let profile = within(patience, profile.one(&transaction)).await.map_err(unread)?;
        let profile = rows::profile(profile.ok_or(StoreError::Aborted)?, self.mode());
        let scope = Scope { transaction: &transaction, organization, since, patience };
        let mut changes = Vec::new();
        for row in scope.all::<user::Entity>().await? {
            changes.push(rows::user(row)?);
        }
        for row in scope.all::<group::Entity>().await? {
            changes.push(rows::group(row)?);
        }
        changes.extend(scope.all::<membership::Entity>().await?.iter().map(rows::membership));
        for row in scope.all::<token::Entity>().await? {
            changes.push(rows::token(row)?);
        }
        changes.extend(scope.all::<admin::Entity>().await?.into_iter().map(rows::admin));
        for row in scope.all::<session::Entity>().await? {
            changes.push(rows::session(row)?);
        }
        scope.read_offboarding(&mut changes).await?;
        let head = rows::head(&head)?;
        within(patience, transaction.commit()).await.map_err(unread)?;
        Ok(Some(Loaded { profile, head, changes }))
    }

    async fn ask(&self, organizations: &[OrganizationId], digests: &[Digest]) -> Result<Heads, DbErr> {
        let mut heads = Heads::default();
        // Below SQLite's 32,766 parameters.
        for ids in organizations.chunks(10_000) {
            let rows: Vec<(uuid::Uuid, i64)> = head::Entity::find()
                .filter(head::Column::OrgId.is_in(ids.iter().map(|id| id.0)))
                .select_only()
                .columns([head::Column::OrgId, head::Column::Seq])
                .into_tuple()
                .all(&self.reader)
                .await?;
            heads.seqs.extend(rows.into_iter().map(|(id, seq)| (OrganizationId(id), seq as u64)));
        }
        for chunk in digests.chunks(10_000) {
            let rows: Vec<(Vec<u8>, uuid::Uuid)> = token::Entity::find()
                .filter(token::Column::Digest.is_in(chunk.iter().map(|digest| digest.to_vec())))
                .select_only()
                .columns([token::Column::Digest, token::Column::OrgId])
                .into_tuple()
                .all(&self.reader)
                .await?;
            let found = rows
                .into_iter()
                .filter_map(|(digest, id)| Some((digest.try_into().ok()?, OrganizationId(id))));
            heads.digests.extend(found);
        }
        Ok(heads)
    }
}

impl Store for SqlStore {
    fn load(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        Box::pin(self.read(organization, None))
    }

    fn changes_since(
        &self,
        organization: OrganizationId,
        seq: u64,
    ) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async move { self.read(organization, Some(seq)).await?.ok_or(StoreError::Aborted) })
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        self.wal_index.as_ref()?.fingerprint()
    }

    fn append(&self, unit: Unit, on_outcome: OnOutcome) {
        let place = unit.organization.0.as_u128() % self.journals.len() as u128;
        self.journals[place as usize].append(unit, on_outcome);
    }

    fn heads<'a>(
        &'a self,
        organizations: &'a [OrganizationId],
        digests: &'a [Digest],
    ) -> BoxFuture<'a, Result<Heads, StoreError>> {
        Box::pin(async move { within(self.patience, self.ask(organizations, digests)).await.map_err(unread) })
    }
}

fn unread(error: DbErr) -> StoreError {
    tracing::warn!(%error, "the store could not be read");
    StoreError::Aborted
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait as _, Statement};

    use super::*;

    #[tokio::test]
    async fn what_sqlite_acknowledges_survives_the_loss_of_power() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("x.db").display());
        let limits = StoreLimits { batch_units: 1, readers: 1, writers: 1, timeout: Duration::from_secs(5) };
        let store = SqlStore::connect(&url, &limits).await.unwrap();
        for database in [&store.reader, &store.writer] {
            let pragma = async |name: &str| {
                let query = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
                database.query_one_raw(query).await.unwrap().unwrap()
            };
            let mode: String = pragma("journal_mode").await.try_get_by_index(0).unwrap();
            let synchronous: i32 = pragma("synchronous").await.try_get_by_index(0).unwrap();
            assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
        }
        store.close().await;
    }
}
