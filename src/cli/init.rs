//! `init`: a configuration made to be edited, and a key file. What is there already stays as it is.
use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use ceven_actors::clock::SystemClock;
use clap::Args;
use serde_json::json;

use super::{Failure, Output, document};
use crate::{config, secretbox};

/// Where to.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder for ceven.toml and ceven.key; it is made when it is not there.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Folder for the database; without it /var/lib/ceven when the former is below /etc, else the same.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Where config/ceven.service lets the server write.
const STATE: &str = "/var/lib/ceven";

const FIRST: &str = r##"# Settings of Ceven, written by `ceven init`. What to look at first stands on top. Below it is every other setting with
# its default: take the "# " away to change it. The environment overrides this file: server.public_url is
# CEVEN_SERVER__PUBLIC_URL there.

# 1. Where Okta and browsers reach this server, such as "https://api.example.com". Okta takes https only; config/Caddyfile
#    is a proxy that sees to it.
server.public_url = ""
# 2. Where the data is: a file, named whole so that the server and the command line mean the same one wherever they are
#    started, or "postgres://USER@HOST/DATABASE". A password belongs into the environment: CEVEN_DATABASE__URL_FILE names a
#    file that holds the whole address.
database.url = "sqlite://DATA/ceven.db?mode=rwc"
# 3. The key of stored secrets, beside this file. Keep a copy of it apart from the backups of the database: without it
#    nobody can read the credentials of connected tools, and with both everybody can.
security.master_key_file = "ceven.key"
# 4. The addresses of the proxy in front, such as ["10.0.0.2/32"]: whom it speaks for is believed. Nobody else's word is.
security.trusted_proxies = []
# 5. One JSON object a line, for whatever collects logs; "pretty" for people.
log.format = "json"
"##;

pub(super) fn run(arguments: &Arguments) -> Result<Output, Failure> {
    let folder = &arguments.folder;
    let (settings, key) = (folder.join("ceven.toml"), folder.join("ceven.key"));
    if let Some(there) = [&settings, &key].into_iter().find(|file| file.exists()) {
        return Err(Failure::Failed(format!("{} is there already, and is left as it is", there.display())));
    }
    let data = data(arguments).map_err(|error| unwritten(folder, &error))?;
    std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&data);
    made.map_err(|error| unwritten(Path::new(&data), &error))?;
    secretbox::key_in_file(&SystemClock, &key).map_err(|error| unwritten(&key, &error))?;
    let text =
        format!("{}\n{}", FIRST.replace("sqlite://DATA", &format!("sqlite://{data}")), config::commented());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&settings);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| unwritten(&settings, &error))?;
    let config = settings.display();
    let next = format!(
        "Wrote {config} and {key}; the data will be in {data}.\n\nNext:\n  1. Edit {config}: server.public_url, and what else stands on top.\n  \
         2. ceven --config {config} migrate\n  \
         3. ceven --config {config} org create --name NAME --slug SLUG --domain DOMAIN\n  \
         4. ceven --config {config} admin create --org SLUG --email EMAIL --password-stdin\n  \
         5. ceven --config {config} serve\n  \
         6. ceven --config {config} doctor",
        key = key.display()
    );
    Ok(document(json!({ "config": settings, "key": key, "data": data }), next))
}

/// The folder of the database, whole, as it stands in an address in TOML.
fn data(arguments: &Arguments) -> std::io::Result<String> {
    let folder = std::path::absolute(&arguments.folder)?;
    let data = match &arguments.data {
        Some(data) => std::path::absolute(data)?,
        None if folder.starts_with("/etc") => STATE.into(),
        None => folder,
    };
    match data.to_str() {
        Some(text) if !text.contains(['"', '\\', '?', '#', '%']) && !text.contains(char::is_control) => {
            Ok(text.to_owned())
        }
        _ => Err(std::io::Error::other("the folder of the database has a name that no address can hold")),
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}
