//! `org create`, `org list`.
use ceven_actors::{domain::id::OrganizationId, ports::Profile};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Output, document, lines};
use crate::app::App;

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
    }
}

fn view(profile: &Profile) -> Value {
    json!({ "id": profile.id, "slug": profile.slug, "name": profile.name, "domains": profile.domains })
}
