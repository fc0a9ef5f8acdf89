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
    domain::{audit::Head, change::Change, id::OrganizationId},
    ports::{StoreError, Unit},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter as _, QueryOrder as _, QuerySelect as _, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    entity::{admin, audit, group, head, membership, session, token, user},
    journal::Ledger,
    rows,
};

/// Rows of one statement, at most. Statements hold a power of two of rows, so that a handful of texts serves
/// every batch and the database need not read each anew; 128 rows stay below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 128;

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
        let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = &error
        else {
            return Self::Away;
        };
        // SQLITE_BUSY and SQLITE_LOCKED, with their extended codes; PostgreSQL's classes of its own troubles.
        let passing = |code: &str| match code.parse::<u32>() {
            Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6),
            _ => ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)),
        };
        match cause.as_database_error().and_then(|error| error.code().map(|code| code.into_owned())) {
            Some(code) if !passing(&code) => Self::Refused,
            _ => Self::Away,
        }
    }
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
        let mut fitting = Rows::default();
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

/// What a batch comes to (3).
#[derive(Default)]
struct Rows {
    heads: BTreeMap<OrganizationId, Head>,
    users: BTreeMap<Uuid, user::Model>,
    groups: BTreeMap<Uuid, group::Model>,
    memberships: BTreeMap<(Uuid, Uuid), membership::Model>,
    tokens: BTreeMap<Uuid, token::Model>,
    admins: BTreeMap<Uuid, admin::Model>,
    sessions: BTreeMap<Uuid, session::Model>,
    groups_deleted: Vec<(OrganizationId, Uuid, i64)>,
    entries: Vec<audit::Model>,
}

impl Rows {
    fn add(&mut self, unit: &Unit) {
        let (organization, seq) = (unit.organization, unit.after.seq as i64);
        self.heads.insert(organization, unit.after);
        self.entries.extend(unit.entries.iter().map(|entry| rows::audit_row(organization, entry)));
        for change in &unit.changes {
            match change {
                Change::User(user) => {
                    self.users.insert(user.id.0, rows::user_row(organization, user, seq));
                }
                Change::Group(group) => {
                    self.groups.insert(group.id.0, rows::group_row(organization, group, seq));
                }
                Change::GroupDeleted(id) => {
                    self.memberships.retain(|(group, _), _| *group != id.0);
                    self.groups_deleted.push((organization, id.0, seq));
                }
                Change::Membership { group, user, present } => {
                    let row = membership::Model {
                        org_id: organization.0,
                        group_id: group.0,
                        user_id: user.0,
                        present: *present,
                        changed_seq: seq,
                    };
                    self.memberships.insert((group.0, user.0), row);
                }
                Change::Token(token) => {
                    self.tokens.insert(token.id.0, rows::token_row(organization, token, seq));
                }
                Change::Admin(admin) => {
                    self.admins.insert(admin.id.0, rows::admin_row(organization, admin, seq));
                }
                Change::Session(session) => {
                    self.sessions.insert(session.id.0, rows::session_row(organization, session, seq));
                }
            }
        }
    }

    async fn write(self, transaction: &DatabaseTransaction) -> Result<(), Failure> {
        use sea_orm::Iterable as _;
        let row_key = [user::Column::OrgId, user::Column::Id];
        upsert::<user::ActiveModel, _>(transaction, self.users.into_values(), &row_key, user::Column::iter())
            .await?;
        let row_key = [group::Column::OrgId, group::Column::Id];
        upsert::<group::ActiveModel, _>(
            transaction,
            self.groups.into_values(),
            &row_key,
            group::Column::iter(),
        )
        .await?;
        let row_key = [membership::Column::OrgId, membership::Column::GroupId, membership::Column::UserId];
        upsert::<membership::ActiveModel, _>(
            transaction,
            self.memberships.into_values(),
            &row_key,
            membership::Column::iter(),
        )
        .await?;
        upsert::<token::ActiveModel, _>(
            transaction,
            self.tokens.into_values(),
            &[token::Column::Id],
            token::Column::iter(),
        )
        .await?;
        upsert::<admin::ActiveModel, _>(
            transaction,
            self.admins.into_values(),
            &[admin::Column::Id],
            admin::Column::iter(),
        )
        .await?;
        upsert::<session::ActiveModel, _>(
            transaction,
            self.sessions.into_values(),
            &[session::Column::Id],
            session::Column::iter(),
        )
        .await?;
        for (organization, id, seq) in self.groups_deleted {
            group::Entity::update_many()
                .col_expr(group::Column::Deleted, Expr::value(true))
                .col_expr(group::Column::ChangedSeq, Expr::value(seq))
                .filter(group::Column::OrgId.eq(organization.0))
                .filter(group::Column::Id.eq(id))
                .exec(transaction)
                .await?;
            membership::Entity::delete_many()
                .filter(membership::Column::OrgId.eq(organization.0))
                .filter(membership::Column::GroupId.eq(id))
                .exec(transaction)
                .await?;
        }
        insert::<audit::ActiveModel>(transaction, self.entries, None).await?;
        let heads: Vec<_> =
            self.heads.into_iter().map(|(organization, head)| rows::head_row(organization, &head)).collect();
        upsert::<head::ActiveModel, _>(transaction, heads, &[head::Column::OrgId], head::Column::iter()).await
    }
}

type ModelOf<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;

/// Inserts rows; those that are there already take the new values.
async fn upsert<A, C>(
    transaction: &DatabaseTransaction,
    rows: impl IntoIterator<Item = ModelOf<A>>,
    key: &[C],
    columns: impl Iterator<Item = C>,
) -> Result<(), Failure>
where
    A: ActiveModelTrait + Send,
    A::Entity: EntityTrait<Column = C>,
    C: sea_orm::ColumnTrait,
    ModelOf<A>: IntoActiveModel<A>,
{
    let on_conflict = OnConflict::columns(key.iter().copied()).update_columns(columns).to_owned();
    insert::<A>(transaction, rows, Some(on_conflict)).await
}

async fn insert<A>(
    transaction: &DatabaseTransaction,
    rows: impl IntoIterator<Item = ModelOf<A>>,
    on_conflict: Option<OnConflict>,
) -> Result<(), Failure>
where
    A: ActiveModelTrait + Send,
    ModelOf<A>: IntoActiveModel<A>,
{
    let mut rows: Vec<A> = rows.into_iter().map(|row| row.into_active_model().reset_all()).collect();
    while !rows.is_empty() {
        let fitting = ((rows.len() + 1).next_power_of_two() / 2).min(ROWS_PER_STATEMENT);
        let later = rows.split_off(fitting);
        let mut statement = <A::Entity as EntityTrait>::insert_many(std::mem::replace(&mut rows, later));
        if let Some(on_conflict) = &on_conflict {
            statement = statement.on_conflict(on_conflict.clone());
        }
        statement.exec_without_returning(transaction).await?;
    }
    Ok(())
}
