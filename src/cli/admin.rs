//! `admin create`.
use std::sync::Arc;

use ceven_actors::{
    domain::{id::AdminId, token::Admin},
    organization::message::Command,
};
use clap::Subcommand;
use serde_json::json;

use super::{Failure, Output, document, organization};
use crate::{
    app::App,
    secret::{self, Strength},
};

/// Shorter passwords can be guessed (NIST SP 800-63B §3.1.1.2).
const MIN_PASSWORD_CHARACTERS: usize = 15;

/// Verbs on local admins.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Create a local break-glass admin.
    Create {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Address to sign in with.
        #[arg(long)]
        email: String,
        /// Read the password from standard input; otherwise one is made and printed.
        #[arg(long)]
        password_stdin: bool,
    },
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    let Verb::Create { org, email, password_stdin } = verb;
    let organization = organization(app, &org).await?;
    if !email.contains('@') {
        return Err(Failure::Failed(format!("{email:?} is no mail address")));
    }
    let (password, made) = match password_stdin {
        true => (read_password()?, false),
        false => (ceven_actors::protocol::secret::draw(&*app.clock), true),
    };
    let verifier = secret::hash(&*app.clock, &password, Strength::Password)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let admin = Admin {
        id: AdminId(app.clock.new_id()),
        email: email.into(),
        verifier: verifier.into(),
        created_ms: app.clock.now_ms(),
    };
    let mut view = json!({ "id": admin.id, "email": admin.email });
    let mut text = format!("Created the admin {}.", admin.email);
    app.execute(organization.id, Command::CreateAdmin { admin: Arc::new(admin) }, app.operator()).await?;
    if made {
        view["password"] = password.as_str().into();
        text.push_str(&format!("\nPassword, shown this once: {password}"));
    }
    Ok(document(view, text))
}

fn read_password() -> Result<String, Failure> {
    let password = super::okta::read_secret()?;
    if password.chars().count() < MIN_PASSWORD_CHARACTERS {
        return Err(Failure::Failed(format!("a password has at least {MIN_PASSWORD_CHARACTERS} characters")));
    }
    Ok(password)
}
