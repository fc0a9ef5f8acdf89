//! Rows of a table, many to a statement.
//!
//! A statement's text depends on the table, the database and how many rows there are. It is built once for each of
//! them: under load, building it costs more than what the database does with it.
use std::{
    any::TypeId,
    sync::{Arc, LazyLock},
};

use dashmap::DashMap;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DbBackend, DbErr, EntityTrait, IntoActiveModel,
    Iterable as _, QueryTrait as _, Statement, Value, sea_query::OnConflict,
};

/// Rows of one statement, at most: below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 128;

/// Texts by table, whether it is PostgreSQL's, and number of rows.
type Texts = DashMap<(TypeId, bool, usize), Arc<str>>;

type ModelOf<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;
type ColumnOf<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Column;

/// A table that takes many rows at once.
pub(super) trait Inserted: ActiveModelTrait + Send + 'static {
    /// What becomes of a row that is there already; without a word on it the statement fails.
    fn on_conflict() -> Option<OnConflict>;
}

/// Inserts rows, the first ones first.
///
/// # Errors
/// When the database does not take them; those of earlier statements are left to the transaction.
pub(super) async fn insert<A: Inserted>(
    connection: &impl ConnectionTrait,
    rows: impl ExactSizeIterator<Item = ModelOf<A>> + Send,
) -> Result<(), DbErr>
where
    ModelOf<A>: IntoActiveModel<A>,
{
    let backend = connection.get_database_backend();
    let mut rows = rows.map(IntoActiveModel::into_active_model);
    while rows.len() > 0 {
        let count = fitting(rows.len());
        let mut part: Vec<A> = rows.by_ref().take(count).collect();
        let sql = text(backend, &part);
        let columns = || <ColumnOf<A>>::iter();
        let values = part.iter_mut().flat_map(|row| columns().filter_map(|column| value(row.take(column))));
        connection.execute_raw(Statement::from_sql_and_values(backend, &*sql, values)).await?;
    }
    Ok(())
}

fn value(of: ActiveValue<Value>) -> Option<Value> {
    match of {
        ActiveValue::Set(value) | ActiveValue::Unchanged(value) => Some(value),
        ActiveValue::NotSet => None,
    }
}

/// How many of `rows` rows go into the next statement: all, where they are few, and else the number without all but its
/// three highest bits. So two or three statements do, and a table has two dozen texts.
fn fitting(rows: usize) -> usize {
    let rows = rows.clamp(1, ROWS_PER_STATEMENT);
    let low_bits = rows.ilog2().saturating_sub(2);
    rows >> low_bits << low_bits
}

fn text<A: Inserted>(backend: DbBackend, rows: &[A]) -> Arc<str> {
    static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::new);
    let key = (TypeId::of::<A>(), backend == DbBackend::Postgres, rows.len());
    let build = || {
        let mut statement = A::Entity::insert_many(rows.iter().cloned().map(A::reset_all));
        if let Some(on_conflict) = A::on_conflict() {
            statement = statement.on_conflict(on_conflict);
        }
        statement.build(backend).sql.into()
    };
    TEXTS.get(&key).map(|text| text.clone()).unwrap_or_else(|| TEXTS.entry(key).or_insert_with(build).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_texts_serve_every_number_of_rows() {
        let texts: std::collections::BTreeSet<_> = (1..=10_000).map(fitting).collect();
        assert_eq!(texts.len(), 24);
        for rows in 1..=10_000 {
            let (mut left, mut statements) = (rows, 0);
            while left > 0 {
                left -= fitting(left);
                statements += 1;
            }
            assert!(statements <= rows / ROWS_PER_STATEMENT + 3, "{rows} rows in {statements} statements");
        }
    }
}
