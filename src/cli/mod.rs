//! The command line: verbs, exit codes, and one JSON document on standard output with `--json`.
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use ceven_actors::{clock::SystemClock, organization::message::OrganizationError, ports::Profile};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde_json::Value;

mod admin;
mod audit;
mod backup;
mod connector;
mod dev;
mod doctor;
mod examples;
mod health;
mod init;
mod keys;
mod okta;
mod okta_stream;
mod org;
mod scim_log;
mod token;
mod user;

use crate::{
    app::{App, Role, StartError},
    boot::{self, BootError},
    config::Settings,
    evidence::key::KeyError,
    store::{DatabaseError, sqlite_file},
};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid, 4 database unreachable, \
                          5 a check or a step failed.";

/// Ends a leaver's access everywhere at once, and proves it.
#[derive(Debug, Parser)]
#[command(name = "ceven", version, about, after_help = EXIT_CODES)]
struct Arguments {
    /// A TOML file over the built-in settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document on standard output, and nothing else there.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a configuration to be edited, and a key file.
    Init(init::Arguments),
    /// Run the server; brings the database up to date first.
    Serve,
    /// Run everything on this machine: a server, a simulated Okta tenant and simulated tools.
    Dev(dev::Arguments),
    /// Bring the database up to date.
    Migrate,
    /// Organizations.
    #[command(subcommand)]
    Org(org::Verb),
    /// Local break-glass admins.
    #[command(subcommand)]
    Admin(admin::Verb),
    /// Bearer tokens.
    #[command(subcommand)]
    Token(token::Verb),
    /// The connection to Okta.
    #[command(subcommand)]
    Okta(okta::Verb),
    /// Connected tools.
    #[command(subcommand)]
    Connector(connector::Verb),
    /// Users.
    #[command(subcommand)]
    User(user::Verb),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Verb),
    /// What was asked over SCIM.
    #[command(subcommand)]
    ScimLog(scim_log::Verb),
    /// Copy an SQLite database into a file, while servers go on.
    Backup(backup::Arguments),
    /// Say that the database has come back from a backup; before any server starts on it.
    Restored,
    /// Look whether everything that Ceven needs is there, and say what to do where it is not.
    Doctor(doctor::Arguments),
    /// The keys of stored secrets.
    #[command(subcommand)]
    Keys(keys::Verb),
    /// Probe a running server.
    Healthcheck,
    /// Print the description of the HTTP API (OpenAPI 3.1).
    Openapi,
    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Verb {
    /// Whether it makes a database where there is none.
    fn may_begin(&self) -> bool {
        matches!(self, Self::Migrate | Self::Org(org::Verb::Create { .. }))
    }
}

/// What a verb prints.
enum Output {
    /// The same document for people and for programs: people get it indented or as lines.
    Document { json: Value, text: String },
    /// The same of checks, of which some have failed.
    Failed { json: Value, text: String },
    /// The verb has printed itself.
    Printed,
}

/// Why a verb failed; its number is the exit code.
#[derive(Debug)]
enum Failure {
    Failed(String),
    Config(String),
    Database(String),
    Check(String),
}

impl Failure {
    fn parts(&self) -> (u8, &str) {
        match self {
            Self::Failed(text) => (1, text),
            Self::Config(text) => (3, text),
            Self::Database(text) => (4, text),
            Self::Check(text) => (5, text),
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unreachable(_) | DatabaseError::File(..) | DatabaseError::ReadOnly => {
                Self::Database(error.to_string())
            }
            DatabaseError::SlugTaken(_) => Self::Failed(error.to_string()),
            DatabaseError::UnknownKind | DatabaseError::OtherMode(_) | DatabaseError::Later(_) => {
                Self::Config(error.to_string())
            }
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Database(error) => error.into(),
            StartError::SigningKey(KeyError::Database(error)) => error.into(),
            StartError::SigningKey(error) => Self::Config(error.to_string()),
            StartError::Config(error) => Self::Config(error.to_string()),
            StartError::Tls(_) | StartError::Actors(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Config(text) => Self::Config(text),
            BootError::Listen(..) => Self::Failed(error.to_string()),
            BootError::Start(error) => error.into(),
        }
    }
}

impl From<OrganizationError> for Failure {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::Unavailable => Self::Database("the database does not answer".into()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Runs the process. Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid, 4 database unreachable,
/// 5 a check or a step failed.
pub fn run() -> ExitCode {
    let matches = examples::added(Arguments::command()).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let json = arguments.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(1);
        }
    };
    let done = runtime.block_on(dispatch(arguments)).and_then(|output| {
        let (code, document, text) = match output {
            Output::Document { json, text } => (ExitCode::SUCCESS, json, text),
            Output::Failed { json, text } => (ExitCode::from(5), json, text),
            Output::Printed => return Ok(ExitCode::SUCCESS),
        };
        print(&if json { document.to_string() } else { text }).map(|()| code)
    });
    done.unwrap_or_else(|failure| {
        let (code, text) = failure.parts();
        let _ = writeln!(std::io::stderr(), "error: {text}");
        ExitCode::from(code)
    })
}

/// Prints a text and a line feed.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    printed(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Whoever reads the output may have had enough of it, as `head` has: that is no failure. A full disk is one.
fn printed(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

async fn dispatch(arguments: Arguments) -> Result<Output, Failure> {
    if let Verb::Completions { shell } = arguments.verb {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "ceven", &mut script);
        printed(std::io::stdout().write_all(&script))?;
        return Ok(Output::Printed);
    }
    if let Verb::Init(options) = &arguments.verb {
        return init::run(options);
    }
    if let Verb::Audit(audit::Verb::Verify(what)) = &arguments.verb {
        return audit::verify(what, arguments.json);
    }
    if let Verb::Dev(options) = arguments.verb {
        let quiet = [("CEVEN_LOG__FILTER".to_owned(), "warn".to_owned())];
        let defaults = Settings::load(None, quiet).map_err(|error| Failure::Config(error.to_string()))?;
        boot::start_logging(&defaults)?;
        let environment: Vec<_> = std::env::vars().collect();
        crate::dev::safety::check(arguments.config.as_deref(), &environment).map_err(Failure::Config)?;
        return dev::run(options, arguments.json).await;
    }
    let settings = Settings::load(arguments.config.as_deref(), std::env::vars())
        .map_err(|error| Failure::Config(error.to_string()))?;
    let logs = boot::start_logging(&settings)?;
    match arguments.verb {
        Verb::Serve => boot::run(settings, logs).await.map(|()| Output::Printed).map_err(Failure::from),
        Verb::Healthcheck => health::check(&settings).await,
        Verb::Openapi => Ok(openapi(&settings)),
        Verb::Doctor(options) => doctor::run(settings, options).await,
        verb => {
            if !verb.may_begin() {
                find_database(&settings)?;
            }
            // Where the server listens that works on the same settings: addresses that a verb names are the server's.
            let listen = settings.server.listen;
            let app = App::start(settings, Arc::new(SystemClock), listen, Role::CommandLine).await?;
            let output = on_database(&app, verb).await;
            app.stop().await;
            output
        }
    }
}

/// Whoever asks something in the wrong folder gets an answer, and no empty database.
fn find_database(settings: &Settings) -> Result<(), Failure> {
    match sqlite_file(&settings.database.url) {
        Some(file) if Path::new(file).try_exists().is_ok_and(|exists| !exists) => {
            Err(Failure::Database(format!(
                "there is no database {file}: `ceven serve`, `ceven migrate` and `ceven org create` make it; \
             --config FILE or CEVEN_DATABASE__URL names another"
            )))
        }
        _ => Ok(()),
    }
}

/// The verbs that work on the database; a running server obeys them at its next request.
async fn on_database(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Org(verb) => org::run(app, verb).await,
        Verb::Admin(verb) => admin::run(app, verb).await,
        Verb::Token(verb) => token::run(app, verb).await,
        Verb::Okta(verb) => okta::run(app, verb).await,
        Verb::Connector(verb) => connector::run(app, verb).await,
        Verb::User(verb) => user::run(app, verb).await,
        Verb::Audit(verb) => audit::run(app, verb).await,
        Verb::ScimLog(verb) => scim_log::run(app, verb).await,
        Verb::Backup(arguments) => backup::copy(app, arguments).await,
        Verb::Restored => backup::restored(app).await,
        Verb::Keys(verb) => keys::run(app, verb).await,
        // Starting has migrated already.
        Verb::Migrate
        | Verb::Init(_)
        | Verb::Serve
        | Verb::Dev(_)
        | Verb::Doctor(_)
        | Verb::Healthcheck
        | Verb::Openapi
        | Verb::Completions { .. } => {
            Ok(document(serde_json::json!({ "migrated": true }), "The database is up to date.".into()))
        }
    }
}

fn openapi(settings: &Settings) -> Output {
    let listen = settings.server.listen;
    let json = crate::openapi::document(&settings.public_url(listen), &settings.console_url(listen));
    let text = format!("{json:#}");
    Output::Document { json, text }
}

fn document(json: Value, text: String) -> Output {
    Output::Document { json, text }
}

/// The organization that `--org` names.
async fn organization(app: &App, slug: &str) -> Result<Profile, Failure> {
    let found = app.store.organization_by_slug(slug).await?;
    found.ok_or_else(|| Failure::Failed(format!("there is no organization with the slug {slug}")))
}

/// Lines of a list for people, or a word when it is empty.
fn lines(lines: Vec<String>, empty: &str) -> String {
    if lines.is_empty() { empty.to_owned() } else { lines.join("\n") }
}
