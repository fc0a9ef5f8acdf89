//! The limit of durable writes: the rows that the server wrote, written again by SQLite alone, so many units a
//! commit, prepared statements, WAL and FULL.
use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params_from_iter, types::Value};

/// Units a second that SQLite writes by itself: a user and its audit entry each, `batch` units a commit.
pub fn units_per_second(written: &Path, batch: usize) -> f64 {
    let source = Connection::open(written).expect("the server's database");
    let (users, entries) = (rows(&source, "users"), rows(&source, "audit_log"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let target = Connection::open(folder.path().join("raw.db")).expect("a database");
    target.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").expect("pragmas");
    for table in schema(&source) {
        target.execute_batch(&table).expect("the same tables");
    }
    let units: Vec<_> = users.iter().zip(entries.iter().rev()).collect();
    let begun = Instant::now();
    for units in units.chunks(batch) {
        target.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        for (user, entry) in units {
            insert(&target, "users", user);
            insert(&target, "audit_log", entry);
        }
        target.execute_batch("COMMIT").expect("a commit");
    }
    units.len() as f64 / begun.elapsed().max(Duration::from_micros(1)).as_secs_f64()
}

fn schema(source: &Connection) -> Vec<String> {
    let query = "SELECT sql FROM sqlite_master WHERE tbl_name IN ('users', 'audit_log') AND sql IS NOT NULL";
    let mut statement = source.prepare(query).expect("a query");
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
