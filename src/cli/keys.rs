//! `keys rotate`.
//!
//! 1. With the key in a file beside an SQLite database, a new key is drawn and the file exchanged; running servers read it
//!    again when they need it. With `security.master_key`, the operator has given the servers the new key and the old
//!    one in `security.old_master_keys` before.
//! 2. Every stored secret is sealed anew, an organization at a time, as a command with its entry in the log; sign-ins on
//!    their way too, which are in no log. Interrupted, it goes on when it is run again.
//! 3. Only when nothing is left under an older key is the old key taken out of the file; it is kept beside it.
//! 4. One rotation at a time, and none while a backup copies database and key.
use std::sync::Arc;

use ceven_actors::{
    domain::{id::OrganizationId, okta::Sealed},
    organization::{
        message::{Answer, Command},
        state::Snapshot,
    },
};
use clap::Subcommand;
use sea_orm::DbErr;
use serde_json::json;

use super::{Failure, Output, document};
use crate::{
    app::App,
    connectors::place,
    event_stream::CREDENTIALS,
    evidence::key,
    okta::CLIENT_SECRET,
    secretbox::{self, KeyError},
    sign_in::{handover, sign_out},
};

/// Passes over all organizations: servers may seal under an older key for a moment after the file was exchanged.
const PASSES: usize = 10;

/// Verbs on the keys of stored secrets.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Encrypt all stored secrets anew under a new master key, while servers run. With security.master_key, give the
    /// servers the new key first, and the old one in security.old_master_keys.
    Rotate,
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Rotate => rotate(app).await,
    }
}

async fn rotate(app: &App) -> Result<Output, Failure> {
    let unwritten = |error: std::io::Error| Failure::Failed(format!("the key file: {error}"));
    let file = app.settings.key_file();
    let still = file.as_ref().map(|path| secretbox::hold_still(path, true)); // (4)
    let _still = still.transpose().map_err(unwritten)?;
    let kept = file.as_ref().map(|path| secretbox::begin_rotation(&*app.clock, path)); // (1)
    let kept = kept.transpose().map_err(unwritten)?;
    let key = app.secrets.key_id();
    let (mut secrets, mut organizations) = (0, 0);
    let mut is_settled = false;
    for _ in 0..PASSES {
        let count = pass(app, &key, &mut organizations).await?;
        secrets += count;
        if count == 0 {
            is_settled = true;
            break;
        }
    }
    secrets += usize::from(key::reseal(&app.store, &app.secrets, &*app.clock).await.map_err(unreadable)?);
    if !is_settled {
        return Err(Failure::Failed("secrets are being changed all the time: run it again".into()));
    }
    if let Some(path) = &file {
        secretbox::end_rotation(path, &key).map_err(unwritten)?; // (3)
    }
    let kept = kept.map(|path| path.display().to_string());
    let text = format!(
        "{secrets} secrets of {organizations} organizations and of the server are encrypted under the key {key} now.{}",
        kept.as_ref().map_or(String::new(), |kept| format!(" The old key is kept in {kept}."))
    );
    Ok(document(
        json!({ "key": key, "secrets": secrets, "organizations": organizations, "old_key": kept }),
        text,
    ))
}

/// Seals anew what is under an older key (2); how many secrets that were.
async fn pass(app: &App, key: &str, organizations: &mut usize) -> Result<usize, Failure> {
    let mut count = 0;
    for profile in app.store.organizations().await? {
        let snapshot = app.fresh(profile.id).await?;
        let pairs = anew(app, profile.id, &snapshot).map_err(unreadable)?;
        if pairs.is_empty() {
            continue;
        }
        let command = Command::Reseal { key: key.into(), pairs };
        if let Answer::Resealed(resealed) = app.execute(profile.id, command, app.operator()).await?.answer {
            count += resealed;
            *organizations += 1;
        }
    }
    let undone = |error: DbErr| Failure::Database(error.to_string());
    for row in app.store.handovers(app.clock.now_ms()).await.map_err(undone)? {
        count += usize::from(handover::reseal(app, &row).await.map_err(undone)?);
    }
    Ok(count)
}

fn anew(
    app: &App,
    organization: OrganizationId,
    snapshot: &Snapshot,
) -> Result<Arc<[(Sealed, Sealed)]>, KeyError> {
    let connectors = snapshot.connectors().filter_map(|one| Some((place(one.id), one.sealed.clone()?)));
    let okta = snapshot.okta().map(|okta| {
        let stream = okta.stream.as_ref().and_then(|stream| stream.credentials.clone());
        [(CLIENT_SECRET, okta.client_secret.clone()), (CREDENTIALS, stream)]
    });
    let okta = okta.into_iter().flatten().filter_map(|(place, sealed)| Some((place.to_owned(), sealed?)));
    let sessions =
        snapshot.sessions().filter_map(|one| Some((sign_out::place(one.id), one.id_token.clone()?)));
    let reseal = |(place, old): (String, Sealed)| {
        let new = app.secrets.reseal(&*app.clock, (organization, &place), &old);
        new.map(|new| new.map(|new| (old, new))).transpose()
    };
    connectors.chain(okta).chain(sessions).filter_map(reseal).collect()
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::Check(format!("{error}; nothing under an older key is lost: give that key and run it again"))
}
