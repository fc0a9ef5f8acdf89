//! The evidence of one offboarding, as a ZIP file that needs nothing of Ceven to be read or verified.
//!
//! 1. `evidence.json` says who, when asked, when out of each tool and by which steps; it is signed, and names the
//!    SHA-256 of every other file, so that its signature covers the whole pack.
//! 2. `audit.ndjson` holds the entries of the audit log on the person and the offboarding, from its being asked to its
//!    end, with the signed head of an export.
//! 3. `evidence.html` says the same for people.
//! 4. The same facts make the same bytes, but for the time at which the pack was made.
use std::io::{Cursor, Write as _};

use ceven_actors::{
    clock::rfc3339,
    domain::{
        audit::{hex, statement},
        offboarding::{Offboarding, Task},
    },
    organization::state::Snapshot,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{export::Export, page};
use crate::{
    app::App,
    store::{DatabaseError, audit_log::AuditFilter},
};

/// `type` of the signed statement.
pub const EVIDENCE: &str = "ceven.evidence";
/// The signed statement's file.
pub const STATEMENT: &str = "evidence.json";
/// The audit log's file.
pub const AUDIT: &str = "audit.ndjson";
/// The file for people.
pub const PAGE: &str = "evidence.html";

/// The files of a pack.
pub struct Pack {
    /// [`STATEMENT`].
    pub statement: String,
    /// [`AUDIT`].
    pub audit: String,
    /// [`PAGE`].
    pub page: String,
}

impl Pack {
    /// Gathers what there is on an offboarding now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn gather(
        app: &App,
        snapshot: &Snapshot,
        one: &Offboarding,
        tasks: &[Task],
    ) -> Result<Self, DatabaseError> {
        let now_ms = app.clock.now_ms();
        let filter = AuditFilter {
            from_ms: Some(one.asked_ms),
            to_ms: one.finished_ms.map(|at_ms| at_ms + 1),
            resource_ids: Some(vec![one.id.to_string(), one.user.to_string()]),
            ..AuditFilter::default()
        };
        let audit = Export::new(snapshot, filter, 0, now_ms).whole(&app.store, &app.signing).await?; // (2)
        let facts = facts(snapshot, one, tasks, now_ms);
        let page = page::render(snapshot.profile(), one, tasks, now_ms).into_string(); // (3)
        let mut statement = facts;
        let files = json!({ AUDIT: sum(&audit), PAGE: sum(&page) });
        statement.insert("files".into(), files); // (1)
        let signed = statement::sign(&app.signing, EVIDENCE, statement);
        let statement = serde_json::to_string_pretty(&signed).unwrap_or_default();
        Ok(Self { statement, audit, page })
    }

    /// As a ZIP file.
    ///
    /// # Errors
    /// When it does not fit into memory.
    pub fn zip(&self) -> Result<Vec<u8>, zip::result::ZipError> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default()); // (4)
        for (name, text) in [(STATEMENT, &self.statement), (AUDIT, &self.audit), (PAGE, &self.page)] {
            writer.start_file(name, options)?;
            writer.write_all(text.as_bytes())?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

/// Lower-case hex SHA-256 of a file.
pub fn sum(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// How long after access ended the person was out of a tool, in milliseconds; nothing for a tool that they are not out of.
pub fn out_after_ms(one: &Offboarding, task: &Task) -> Option<i64> {
    Some(task.out_ms()? - one.begun_ms?)
}

fn facts(snapshot: &Snapshot, one: &Offboarding, tasks: &[Task], now_ms: i64) -> Map<String, Value> {
    let profile = snapshot.profile();
    let slowest = tasks.iter().filter_map(|task| Some((out_after_ms(one, task)?, &task.name))).max();
    let facts = json!({
        "version": 1,
        "made_at": rfc3339(now_ms),
        "mode": profile.mode.name(),
        "org": { "id": profile.id, "slug": profile.slug, "name": profile.name },
        "offboarding": one.view(),
        "times": {
            "access_ended_after_ms": one.begun_ms.map(|at_ms| at_ms - one.run_at_ms.unwrap_or(one.asked_ms)),
            "finished_after_ms": one.took_ms(),
            "slowest_tool": slowest.map(|(after_ms, name)| json!({ "name": name, "after_ms": after_ms })),
        },
        "tools": tasks.iter().map(Task::view).collect::<Vec<_>>(),
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}
