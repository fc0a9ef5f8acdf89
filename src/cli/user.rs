//! `user list`, `user offboard`, `user role`.
use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use ceven_actors::{
    clock::rfc3339,
    domain::{
        id::{OffboardingId, OrganizationId},
        offboarding::{Status, Task},
        role::Role,
        user::User,
    },
    organization::{
        message::{Answer, Command, OffboardOptions, OrganizationError},
        state::Snapshot,
    },
};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Output, document, lines, organization};
use crate::{
    app::App,
    http::api::{offboarding_view, role_named, time_ms},
    preview,
};

/// Between two looks of `--wait`.
const LOOK: Duration = Duration::from_millis(200);
/// After this `--wait` says what it may be waiting for.
const HINT: Duration = Duration::from_secs(5);

/// Verbs on users.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List users.
    List {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
    /// End a person's access, everywhere.
    Offboard {
        /// Address or user name.
        email: String,
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Say what would be done; change nothing.
        #[arg(long)]
        dry_run: bool,
        /// What `preview` of a dry run said: exit 5 and no change when it is old or no longer so.
        #[arg(long, value_name = "TEXT", conflicts_with = "dry_run")]
        preview: Option<String>,
        /// Wait until a running server has told every tool; exit 5 when one needs attention.
        #[arg(long)]
        wait: bool,
        /// Why, for the audit log.
        #[arg(long)]
        reason: Option<String>,
        /// Where it was asked for.
        #[arg(long)]
        ticket: Option<String>,
        /// When to begin, as an RFC 3339 time; at once without it.
        #[arg(long, value_parser = at)]
        run_at: Option<i64>,
    },
    /// Give a person a role.
    Role {
        /// Address or user name.
        email: String,
        /// admin, member or employee.
        #[arg(value_parser = role)]
        role: Role,
        /// Slug of the organization.
        #[arg(long)]
        org: String,
    },
}

fn at(text: &str) -> Result<i64, String> {
    time_ms(text).ok_or_else(|| "must be a time such as 2026-11-24T17:00:00Z".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    role_named(text).map_err(|_| "must be admin, member or employee".to_owned())
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::List { org } => list(&*app.fresh(organization(app, &org).await?.id).await?),
        Verb::Role { email, role, org } => {
            let id = organization(app, &org).await?.id;
            let user = find(&*app.fresh(id).await?, &email)?;
            app.execute(id, Command::SetRole { id: user.id, role, seen: None }, app.operator()).await?;
            let text = format!("{} is {} now.", user.user_name, role.id());
            Ok(document(json!({ "id": user.id, "role": role.id() }), text))
        }
        Verb::Offboard { email, org, dry_run, preview, wait, reason, ticket, run_at } => {
            let id = organization(app, &org).await?.id;
            let snapshot = app.fresh(id).await?;
            let user = find(&snapshot, &email)?;
            if dry_run {
                return Ok(self::dry_run(app, &snapshot, &user).await);
            }
            if let Some(receipt) = preview {
                let so = preview::still_so(app, &snapshot, &user, &receipt).await;
                so.map_err(|(stale, _)| Failure::Check(stale.to_string()))?;
            }
            let options = OffboardOptions {
                reason: reason.map(Into::into),
                ticket: ticket.map(Into::into),
                run_at_ms: run_at,
            };
            let command = Command::Offboard { id: user.id, options: Arc::new(options) };
            match app.execute(id, command, app.operator()).await?.answer {
                Answer::Offboarding(offboarding) => report(app, id, offboarding, wait).await,
                _ => Err(OrganizationError::Unavailable.into()),
            }
        }
    }
}

fn list(snapshot: &Snapshot) -> Result<Output, Failure> {
    let state = |active: bool| if active { "active" } else { "deactivated" };
    let json: Value = snapshot
        .users(0)
        .map(|user| {
            json!({
                "id": user.id, "user_name": user.user_name, "external_id": user.external_id, "active": user.active,
                "role": user.roles.strongest().id(),
            })
        })
        .collect();
    let text = snapshot.users(0).map(|user| {
        format!("{}\t{}\t{}\t{}", user.id, state(user.active), user.roles.strongest().id(), user.user_name)
    });
    Ok(document(json, lines(text.collect(), "No users.")))
}

/// The one user of that name or address: of several none is taken.
fn find(snapshot: &Snapshot, email: &str) -> Result<Arc<User>, Failure> {
    match snapshot.users_by_email(email).as_slice() {
        [user] => Ok((*user).clone()),
        [] => Err(Failure::Failed(format!("there is no user {email}"))),
        _ => Err(Failure::Failed(format!("several users have the address {email}: give the user name"))),
    }
}

async fn dry_run(app: &App, snapshot: &Snapshot, user: &Arc<User>) -> Output {
    let looked = preview::preview(app, snapshot, user).await;
    let text = looked.tools.iter().flat_map(|tool| {
        let name = &tool.connector.name;
        tool.steps.iter().map(move |step| {
            format!("{name}\t{}\t{}\t{}", step.title(), step.outcome.words(), step.explain())
        })
    });
    let text = lines(text.collect(), "No tools are connected.");
    document(looked.view(app), text)
}

async fn report(
    app: &App,
    organization: OrganizationId,
    id: OffboardingId,
    wait: bool,
) -> Result<Output, Failure> {
    let mut hint = Some(Instant::now() + HINT);
    loop {
        let read = app.store.offboarding(organization, id).await;
        let (offboarding, tasks) = read.ok().flatten().ok_or(OrganizationError::Unavailable)?;
        let snapshot = app.fresh(organization).await?;
        let is_stuck = |task: &Task| {
            task.state.is_open() && snapshot.connector(task.connector).is_some_and(|one| one.paused.is_some())
        };
        let open = tasks.iter().filter(|task| task.state.is_open() && !is_stuck(task)).count();
        if wait && offboarding.status == Status::Running && open > 0 {
            let has_begun = tasks.iter().any(|task| task.attempt > 0 || !task.steps.is_empty());
            if hint.take_if(|at| *at <= Instant::now()).is_some() && !has_begun {
                let hint = "no tool has been told yet: does `ceven serve` run on this database?";
                let _ = writeln!(std::io::stderr(), "{hint}");
            }
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let view = offboarding_view(&offboarding, &tasks);
        let json = json!({ "offboarding_id": id, "status": view["status"], "steps": view["steps"] });
        let rows = tasks.iter().map(|task| {
            let stuck = if is_stuck(task) { "\tpaused: the tool refuses its credentials" } else { "" };
            format!("{}\t{}\t{} tries{stuck}", task.name, task.state.name(), task.attempt)
        });
        let (name, status) = (&offboarding.user_name, offboarding.status.name().replace('_', " "));
        let text = match offboarding.run_at_ms.filter(|_| offboarding.status == Status::Scheduled) {
            Some(at_ms) => format!("Offboarding {id} of {name} is scheduled for {}.", rfc3339(at_ms)),
            None => {
                format!(
                    "Offboarding {id} of {name}: {status}.\n{}",
                    lines(rows.collect(), "No tools are connected.")
                )
            }
        };
        let is_unfinished = matches!(offboarding.status, Status::Running | Status::NeedsAttention);
        return match wait && is_unfinished {
            true => Ok(Output::Failed { json, text }),
            false => Ok(document(json, text)),
        };
    }
}
