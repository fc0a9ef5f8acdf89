//! `org create`, `org list`, `org policy`, `org release`.
use ceven_actors::{
    domain::{
        id::{OffboardingId, OrganizationId},
        policy::{Guard, Policy},
    },
    organization::message::Command,
    ports::Profile,
};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Output, document, lines, organization};
use crate::{
    app::App,
    offboardings::{policy_view, release},
    tokens::duration_ms,
};

/// Verbs on organizations.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Create an organization.
    Create {
        /// Name for people.
        #[arg(long)]
        name: String,
        /// Short name for addresses and for --org: a-z, 0-9 and hyphens.
        #[arg(long)]
        slug: String,
        /// Mail domain of its people; may be given several times.
        #[arg(long)]
        domain: Vec<String>,
    },
    /// List organizations.
    List,
    /// Show what an organization has decided for itself, or change it.
    Policy {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// When SCIM deactivates more people than this within the window, the tools wait for an admin's word: 1 to
        /// 10000, or off.
        #[arg(long, value_name = "COUNT", value_parser = guard)]
        guard: Option<GuardCount>,
        /// The window, such as 10m or 1h: 1m to 24h.
        #[arg(long, default_value = "1h", requires = "guard", value_parser = duration_ms)]
        window: i64,
    },
    /// Let the tools be told of the people whom the guard against mass deactivation holds.
    Release {
        /// Slug of the organization.
        #[arg(long)]
        org: String,
        /// Only of this offboarding.
        #[arg(long, value_name = "ID")]
        offboarding: Option<OffboardingId>,
    },
}

/// How many deactivations go on by themselves; nothing when the guard is off.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuardCount(Option<u32>);

fn guard(text: &str) -> Result<GuardCount, String> {
    match text {
        "off" => Ok(GuardCount(None)),
        _ => text.parse().map(|count| GuardCount(Some(count))).map_err(|_| "must be a number, or off".into()),
    }
}

pub(super) async fn run(app: &App, verb: Verb) -> Result<Output, Failure> {
    match verb {
        Verb::Create { name, slug, domain } => {
            let well_formed = !slug.is_empty()
                && slug.len() <= 63
                && slug.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
            if !well_formed {
                return Err(Failure::Failed(format!(
                    "the slug {slug:?} may have a-z, 0-9 and hyphens, at most 63"
                )));
            }
            let name = name.trim();
            if name.is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
                return Err(Failure::Failed("the name must have 1 to 120 characters, on one line".into()));
            }
            let stamp = app.stamp();
            let profile = Profile {
                id: OrganizationId(stamp.new_id),
                slug: slug.into(),
                name: name.into(),
                domains: domain,
                mode: app.store.mode(),
            };
            app.store.create_organization(&profile, &app.operator(), stamp).await?;
            Ok(document(view(&profile), format!("Created {} ({}).", profile.slug, profile.id)))
        }
        Verb::List => {
            let all = app.store.organizations().await?;
            let text = lines(
                all.iter().map(|one| format!("{}\t{}\t{}", one.slug, one.name, one.id)).collect(),
                "No organizations.",
            );
            Ok(document(all.iter().map(view).collect(), text))
        }
        Verb::Policy { org, guard, window } => {
            let id = organization(app, &org).await?.id;
            let mut policy = app.fresh(id).await?.policy();
            if let Some(GuardCount(count)) = guard {
                policy.guard = count.map(|count| bounded(count, window)).transpose()?;
                app.execute(id, Command::SetPolicy { policy }, app.operator()).await?;
            }
            Ok(document(policy_view(policy), policy_text(policy)))
        }
        Verb::Release { org, offboarding } => {
            let id = organization(app, &org).await?.id;
            let released = release(app, id, offboarding, &app.operator()).await?;
            let json = json!({ "released": released.count, "held": released.left });
            Ok(document(json, format!("Released {}; {} are held still.", released.count, released.left)))
        }
    }
}

fn view(profile: &Profile) -> Value {
    json!({ "id": profile.id, "slug": profile.slug, "name": profile.name, "domains": profile.domains })
}

fn bounded(count: u32, window_ms: i64) -> Result<Guard, Failure> {
    let guard = u32::try_from(window_ms / 1_000).ok().and_then(|window_secs| Guard::new(count, window_secs));
    guard.ok_or_else(|| Failure::Failed("the guard takes 1 to 10000 people and a window of 1m to 24h".into()))
}

fn policy_text(policy: Policy) -> String {
    match policy.guard {
        None => "The guard against mass deactivation is off.".into(),
        Some(Guard { deactivations, window_secs }) => format!(
            "After {deactivations} deactivations by SCIM within {} min, the tools wait for an admin's word.",
            window_secs / 60
        ),
    }
}
