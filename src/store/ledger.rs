//! A batch of units as one transaction of the database.
//!
//! 1. The heads of the batch's organizations are locked in the order of their ids.
//! 2. A unit is written only if the head it was decided on, hash included, is the head there is; otherwise
//!    it and the later ones of its organization are a `Conflict`.
//! 3. A row that changes several times in a batch is written once, as it is last.
//! 4. When the database refuses a statement, organizations are tried one by one, then units one by one:
//!    a bad unit takes down itself and what was staged on it, nobody else.
//! 5. What fails before the commit is surely not written: `Aborted`. A commit without answer: `Unknown`.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use ceven_actors::{
    domain::{audit::Head, id::OrganizationId},
    ports::{StoreError, Unit},
};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait as _,
};
use uuid::Uuid;

mod batch;

use super::{entity::head, journal::Ledger, rows};
use batch::Batch;

/// Writes to SQLite or PostgreSQL through one connection pool.
pub struct SqlLedger {
    /// Where to.
    pub database: DatabaseConnection,
    /// How long a transaction may take.
    pub timeout: Duration,
}

type Outcomes = Vec<Result<(), StoreError>>;

enum Failure {
    /// The database refused a statement: it may be one unit's fault.
    Refused,
    /// The database is away, busy or slow: it is nobody's fault.
    Away,
    /// The commit had no answer.
    Unknown,
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        tracing::warn!(%error, "the journal could not write");
        if is_refusal(&error) { Self::Refused } else { Self::Away }
    }
}

/// Whether the database has refused a statement, which another one may not meet; else it is away, busy or slow.
pub fn is_refusal(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    // SQLITE_BUSY and SQLITE_LOCKED, with their extended codes; PostgreSQL's classes of its own troubles.
    let passing = |code: &str| match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6),
        _ => ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)),
    };
    let code = cause.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    code.is_some_and(|code| !passing(&code))
}

impl Ledger for SqlLedger {
    async fn commit(&mut self, batch: &[Unit]) -> Outcomes {
        let all: Vec<&Unit> = batch.iter().collect();
        match self.attempt(&all).await {
            Ok(outcomes) => outcomes,
            Err(Failure::Refused) => self.commit_apart(batch).await, // (4)
            Err(Failure::Away) => vec![Err(StoreError::Aborted); batch.len()], // (5)
            Err(Failure::Unknown) => vec![Err(StoreError::Unknown); batch.len()],
        }
    }
}

impl SqlLedger {
    async fn commit_apart(&self, batch: &[Unit]) -> Outcomes {
        let mut outcomes = vec![Err(StoreError::Aborted); batch.len()];
        let mut places: BTreeMap<OrganizationId, Vec<usize>> = BTreeMap::new();
        for (place, unit) in batch.iter().enumerate() {
            places.entry(unit.organization).or_default().push(place);
        }
        for places in places.into_values() {
            let units: Vec<_> = places.iter().map(|place| &batch[*place]).collect();
            if let Ok(written) = self.attempt(&units).await {
                places.iter().zip(written).for_each(|(place, outcome)| outcomes[*place] = outcome);
                continue;
            }
            for place in places {
                match self.attempt(&[&batch[place]]).await {
                    Ok(written) => outcomes[place] = written[0],
                    Err(Failure::Unknown) => outcomes[place] = Err(StoreError::Unknown),
                    Err(_) => {}
                }
                if outcomes[place].is_err() {
                    break; // What was staged on it stays `Aborted`.
                }
            }
        }
        outcomes
    }

    async fn attempt(&self, units: &[&Unit]) -> Result<Outcomes, Failure> {
        let written = tokio::time::timeout(self.timeout, self.write(units)).await;
        let (transaction, outcomes) = written.unwrap_or(Err(Failure::Away))?;
        match tokio::time::timeout(self.timeout, transaction.commit()).await {
            Ok(Ok(())) => Ok(outcomes),
            _ => Err(Failure::Unknown), // (5)
        }
    }

    async fn write(&self, units: &[&Unit]) -> Result<(DatabaseTransaction, Outcomes), Failure> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let transaction = self.database.begin_with_options(options).await?;
        let mut heads = self.lock(&transaction, units).await?;
        let mut fitting = Batch::default();
        let outcomes = units
            .iter()
            .map(|unit| match heads.get_mut(&unit.organization) {
                Some(head) if *head == unit.expected => {
                    *head = unit.after; // (2)
                    fitting.add(unit);
                    Ok(())
                }
                // The head no longer moves, so later units of the organization do not fit either.
                _ => Err(StoreError::Conflict), // (2)
            })
            .collect();
        fitting.write(&transaction).await?;
        Ok((transaction, outcomes))
    }

    /// (1) The heads as they are, held until the transaction ends.
    async fn lock(
        &self,
        transaction: &DatabaseTransaction,
        units: &[&Unit],
    ) -> Result<HashMap<OrganizationId, Head>, Failure> {
        let ids: HashSet<Uuid> = units.iter().map(|unit| unit.organization.0).collect();
        let mut query =
            head::Entity::find().filter(head::Column::OrgId.is_in(ids)).order_by_asc(head::Column::OrgId);
        if self.database.get_database_backend() == DbBackend::Postgres {
            query = query.lock_exclusive();
        }
        let rows = query.all(transaction).await?;
        rows.iter()
            .map(|row| {
                rows::head(row).map(|head| (OrganizationId(row.org_id), head)).map_err(|_| Failure::Away)
            })
            .collect()
    }
}
