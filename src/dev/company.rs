//! The company that `ceven dev` seeds: its people, and its tools as an admin would connect them.
use serde_json::{Value, json};

use super::{Person, Simulators};

/// Mail domain.
pub const DOMAIN: &str = "acme.test";
/// An admin.
pub const ADMIN: &str = "priya@acme.test";
/// Whoever leaves in the tour.
pub const LEAVER: &str = "dana@acme.test";
/// Someone who stays.
pub const COLLEAGUE: &str = "lou@acme.test";

/// Given name, family name, groups, role at Ceven that Okta pushes, and whether they are at GitHub.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str, bool);

const ENGINEERING: &[&str] = &["Engineering"];
const SALES: &[&str] = &["Sales"];
const SUPPORT: &[&str] = &["Support"];

const PEOPLE: [Row; 24] = [
    ("Priya", "Shah", &["HR Admins"], "admin", true),
    ("Dana", "Lee", &["Engineering", "Sales"], "", true),
    ("Lou", "Berg", SALES, "member", true),
    ("Sam", "Okoro", &["HR Admins", "Support"], "admin", false),
    ("Ada", "Nowak", ENGINEERING, "", true),
    ("Ben", "Castro", ENGINEERING, "", true),
    ("Chloe", "Marsh", ENGINEERING, "", true),
    ("Dmitri", "Volkov", ENGINEERING, "member", true),
    ("Elif", "Kaya", ENGINEERING, "", true),
    ("Femi", "Adeyemi", ENGINEERING, "", true),
    ("Grace", "Lindqvist", ENGINEERING, "", true),
    ("Hugo", "Moreau", SALES, "", false),
    ("Ines", "Duarte", SALES, "", false),
    ("Jonas", "Weber", SALES, "", false),
    ("Keiko", "Tanaka", SALES, "", false),
    ("Liam", "Byrne", SALES, "", false),
    ("Maya", "Cohen", SUPPORT, "", false),
    ("Noor", "Rahman", SUPPORT, "", false),
    ("Oskar", "Holm", SUPPORT, "", false),
    ("Paula", "Ferrari", SUPPORT, "", false),
    ("Quinn", "Avery", SUPPORT, "", false),
    ("Rosa", "Ibarra", SUPPORT, "", false),
    ("Theo", "Janssen", SUPPORT, "", false),
    ("Yara", "Haddad", &["HR Admins"], "member", false),
];

/// Who works there.
pub(super) fn people() -> Vec<Person> {
    let person = |(given, family, groups, role, is_on_github): &Row| {
        let name = given.to_lowercase();
        let mut person = Person::new(given, family, &format!("{name}@{DOMAIN}")).in_groups(groups);
        if !role.is_empty() {
            person = person.with_roles(&[role]);
        }
        if *is_on_github {
            person = person.on_github(&format!("{name}-{}", family.to_lowercase()));
        }
        if person.email == ADMIN { person.as_admin() } else { person }
    };
    PEOPLE.iter().map(person).collect()
}

/// Kind, name and settings of each tool.
pub(super) fn tools(all: &Simulators) -> Vec<(&'static str, &'static str, Value)> {
    let google = all.google_workspace.url();
    vec![
        (
            "okta",
            "Okta",
            json!({ "base_url": all.okta.url(), "effect": "deactivate", "api_token": all.okta.with(|okta| okta.api_token.clone()) }),
        ),
        (
            "google_workspace",
            "Google Workspace",
            json!({
                "service_account_key": all.google_workspace.with(|tool| tool.service_account(google)).to_string(),
                "admin_email": "priya@acme.test", "base_url": google, "token_url": format!("{google}/token"),
            }),
        ),
        (
            "github",
            "GitHub",
            all.github.with(|tool| {
                json!({
                    "organization": tool.org, "app_client_id": tool.app_id,
                    "app_private_key": tool.private_key_pem(), "base_url": all.github.url(),
                })
            }),
        ),
        (
            "onepassword",
            "1Password",
            all.onepassword.with(|tool| {
                json!({
                    "mode": "users_api", "base_url": all.onepassword.url(), "account_id": tool.account_id,
                    "client_id": tool.client_id, "client_secret": tool.client_secret,
                })
            }),
        ),
        (
            "slack",
            "Slack",
            json!({
                "token": all.slack.with(|tool| tool.token.clone()), "enterprise": "true",
                "base_url": format!("{}/scim/v2", all.slack.url()), "web_api_url": format!("{}/api", all.slack.url()),
            }),
        ),
        (
            "atlassian",
            "Atlassian",
            all.atlassian.with(|tool| {
                json!({ "org_id": tool.org_id, "api_key": tool.api_key, "base_url": all.atlassian.url() })
            }),
        ),
        (
            "salesforce",
            "Salesforce",
            all.salesforce.with(|tool| {
                json!({ "base_url": all.salesforce.url(), "client_id": tool.client_id, "client_secret": tool.client_secret })
            }),
        ),
        (
            "scim",
            "Wiki (SCIM)",
            json!({ "base_url": format!("{}/scim/v2", all.scim.url()), "token": all.scim.with(|tool| tool.token.clone()) }),
        ),
        (
            "webhook",
            "HR system (webhook)",
            json!({ "url": format!("{}/hook", all.webhook.url()), "secret": all.webhook.with(|tool| tool.secret.clone()) }),
        ),
    ]
}
