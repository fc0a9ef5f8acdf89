//! The limit of durable writes: the rows that the server wrote, written again by SQLite alone, so many units a
//! commit, prepared statements, WAL and FULL.
//!
//! A unit is a user and its audit entry, which the server commits together. It also writes a row for the request, a
//! moment later; with it a unit is all that a POST leaves in the database.
use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params_from_iter, types::Value};

/// What is written again.
pub struct Written {
    source: Connection,
    tables: &'static [&'static str],
    units: Vec<Vec<Vec<Value>>>,
}

impl Written {
    /// Users with their audit entries.
    pub fn units(database: &Path) -> Self {
        Self::read(database, &["users", "audit_log"])
    }

    /// The same, and a row for each request.
    pub fn units_with_requests(database: &Path) -> Self {
        Self::read(database, &["users", "audit_log", "scim_requests"])
    }

    fn read(database: &Path, tables: &'static [&'static str]) -> Self {
        let source = Connection::open(database).expect("the server's database");
        let mut columns: Vec<_> = tables.iter().map(|table| rows(&source, table).into_iter()).collect();
        let mut units = Vec::new();
        while let Some(unit) = columns.iter_mut().map(Iterator::next).collect() {
            units.push(unit);
        }
        assert!(units.len() >= 1_000, "there is not enough to write again");
        Self { source, tables, units }
    }

    /// Units a second that SQLite writes by itself, `batch` of `units` units a commit.
    pub fn per_second(&self, batch: usize, units: usize) -> f64 {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let target = Connection::open(folder.path().join("raw.db")).expect("a database");
        target.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").expect("pragmas");
        for table in schema(&self.source, self.tables) {
            target.execute_batch(&table).expect("the same tables");
        }
        let units = &self.units[..units.min(self.units.len())];
        let begun = Instant::now();
        for units in units.chunks(batch) {
            target.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
            for unit in units {
                self.tables.iter().zip(unit).for_each(|(table, row)| insert(&target, table, row));
            }
            target.execute_batch("COMMIT").expect("a commit");
        }
        units.len() as f64 / begun.elapsed().max(Duration::from_micros(1)).as_secs_f64()
    }
}

fn schema(source: &Connection, tables: &[&str]) -> Vec<String> {
    let names = tables.join("', '");
    let query = format!("SELECT sql FROM sqlite_master WHERE tbl_name IN ('{names}') AND sql IS NOT NULL");
    let mut statement = source.prepare(&query).expect("a query");
    let tables = statement.query_map([], |row| row.get(0)).expect("tables");
    tables.collect::<Result<_, _>>().expect("tables")
}

fn rows(source: &Connection, table: &str) -> Vec<Vec<Value>> {
    let mut statement = source.prepare(&format!("SELECT * FROM {table} LIMIT 20000")).expect("a query");
    let width = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..width).map(|column| row.get(column)).collect();
    statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
}

fn insert(target: &Connection, table: &str, row: &[Value]) {
    let places = vec!["?"; row.len()].join(",");
    let sql = format!("INSERT INTO {table} VALUES ({places})");
    target.prepare_cached(&sql).and_then(|mut insert| insert.execute(params_from_iter(row))).expect("a row");
}
