//! `backup` and `restored`.
use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use ceven_actors::{clock::rfc3339, domain::token::TokenKind, organization::message::Command};
use serde_json::json;

use super::{Failure, Output, document, lines};
use crate::{
    app::App,
    secretbox,
    store::{DatabaseError, backup::BackupError},
};

/// Where a copy goes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A file that is not there yet. The key of stored secrets goes beside it, as FILE.key.
    file: PathBuf,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::NotSqlite => Self::Config(error.to_string()),
            BackupError::File(..) => Self::Failed(error.to_string()),
            BackupError::Database(_) => Self::Database(error.to_string()),
        }
    }
}

/// Copies the database first: a key is of no use without it. The keys stay what they are meanwhile.
pub(super) async fn copy(app: &App, Arguments { file }: Arguments) -> Result<Output, Failure> {
    let still = app.settings.key_file().map(|own| secretbox::hold_still(&own, false)).transpose();
    let _still = still.map_err(|error| Failure::Failed(format!("the key file: {error}")))?;
    let bytes = app.store.copy_to(&file).await?;
    let key = match app.settings.key_file() {
        None => None,
        Some(own) => {
            let copy = PathBuf::from(format!("{}.key", file.display()));
            copy_key(&own, &copy).map_err(|error| Failure::Failed(format!("{}: {error}", copy.display())))?;
            Some(copy.display().to_string())
        }
    };
    let text = match &key {
        Some(key) => format!("{} ({bytes} bytes), its secrets' key in {key}", file.display()),
        None => format!("{} ({bytes} bytes); security.master_key is not in it", file.display()),
    };
    Ok(document(json!({ "file": file.display().to_string(), "bytes": bytes, "key_file": key }), text))
}

fn copy_key(own: &Path, copy: &Path) -> std::io::Result<()> {
    let key = std::fs::read(own)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy)?;
    file.write_all(&key)?;
    file.sync_all()
}

/// Says that the database has come back from a backup: every session ends, tokens of Universal Logout that were issued
/// before now are refused, and every log says where it goes on from.
pub(super) async fn restored(app: &App) -> Result<Output, Failure> {
    let now_ms = app.clock.now_ms();
    app.store.note_restored(now_ms).await.map_err(DatabaseError::from)?;
    let (mut views, mut texts) = (Vec::new(), Vec::new());
    for profile in app.store.organizations().await? {
        let snapshot = app.fresh(profile.id).await?;
        app.execute(profile.id, Command::NoteRestore, app.operator()).await?;
        let (seq, sessions) = (snapshot.head().audit_seq, snapshot.sessions().count());
        let live =
            snapshot.tokens().filter(|token| token.kind == TokenKind::Scim && token.is_live(now_ms)).count();
        texts.push(format!(
            "{}: goes on after entry {seq}; {sessions} sessions ended; {live} SCIM tokens are live: revoke those that \
             were revoked since the backup, and let the identity provider push its people again",
            profile.slug
        ));
        views.push(
            json!({ "org": profile.slug, "seq": seq, "sessions_ended": sessions, "live_scim_tokens": live }),
        );
    }
    let json = json!({ "restored_at": rfc3339(now_ms), "organizations": views });
    Ok(document(json, lines(texts, "There is no organization in this database.")))
}
