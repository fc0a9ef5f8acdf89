//! The simulators as one: whatever can be asked of each of them.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use ceven_actors::clock::Clock;
use serde_json::{Value, json};

use super::{
    DevError, Fault, Person, Sim, Simulators, Tool,
    access::Limit,
    hold::{Hold, Moment},
    sim::Received,
};

/// A running simulator, whatever tool it is.
pub trait Simulator: Send + Sync {
    /// Its name, as Ceven's connectors call it.
    fn name(&self) -> &'static str;
    /// `http://127.0.0.1:PORT`, without a last slash.
    fn url(&self) -> &str;
    /// A person more.
    fn seed(&self, person: &Person);
    /// Shows the way to the others on its page.
    fn set_links(&self, links: &[(&'static str, String)]);
    /// Requests so far, oldest first.
    fn journal(&self) -> Vec<Received>;
    /// Puts these faults in the place of those that wait.
    fn set_faults(&self, faults: Vec<Fault>);
    /// Another limit than the vendor's.
    fn set_limit(&self, limit: Limit);
    /// How long each answer takes.
    fn set_latency(&self, latency: Duration);
    /// Stops the `nth` request from now on (1 is the next).
    fn hold(&self, nth: u32, moment: Moment) -> Hold;
    /// What `GET /_sim/state` answers.
    fn state(&self) -> Value;
    /// Every access token that it gave out and has not ended.
    fn tokens(&self) -> Vec<String>;
}

impl<T: Tool> Simulator for Sim<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn url(&self) -> &str {
        self.url()
    }

    fn seed(&self, person: &Person) {
        self.seed(person);
    }

    fn set_links(&self, links: &[(&'static str, String)]) {
        self.set_links(links);
    }

    fn journal(&self) -> Vec<Received> {
        self.journal()
    }

    fn set_faults(&self, faults: Vec<Fault>) {
        self.set_faults(faults);
    }

    fn set_limit(&self, limit: Limit) {
        self.set_limit(limit);
    }

    fn set_latency(&self, latency: Duration) {
        self.set_latency(latency);
    }

    fn hold(&self, nth: u32, moment: Moment) -> Hold {
        self.hold(nth, moment)
    }

    fn state(&self) -> Value {
        self.state()
    }

    fn tokens(&self) -> Vec<String> {
        self.tokens()
    }
}

impl Simulators {
    /// Each of them.
    pub fn all(&self) -> [&dyn Simulator; 9] {
        [
            &self.okta,
            &self.google_workspace,
            &self.github,
            &self.onepassword,
            &self.slack,
            &self.atlassian,
            &self.salesforce,
            &self.scim,
            &self.webhook,
        ]
    }

    /// A person in the tenant and in every tool.
    pub fn seed(&self, person: &Person) {
        self.all().iter().for_each(|simulator| simulator.seed(person));
    }

    /// Shows the way to all of them, and to the console, on the page of each.
    pub fn link(&self, console: &str) {
        let page = |url: &str| format!("{}/_sim", url.trim_end_matches("/hook"));
        let others = self.addresses().into_iter().map(|(name, url)| (name, page(&url)));
        let links: Vec<_> = std::iter::once(("console", format!("{console}/app"))).chain(others).collect();
        self.all().iter().for_each(|simulator| simulator.set_links(&links));
    }

    /// Name and address of each.
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        let address = |simulator: &&dyn Simulator| match simulator.name() {
            name @ "webhook" => (name, format!("{}/hook", simulator.url())),
            name => (name, simulator.url().to_owned()),
        };
        self.all().iter().map(address).collect()
    }

    /// Others that know the same people by the same ids and take the same credentials.
    ///
    /// # Errors
    /// The first that does not start.
    pub async fn copy(&self, clock: &Arc<dyn Clock>) -> Result<Self, DevError> {
        async fn copy<T: Tool>(sim: &Sim<T>, clock: &Arc<dyn Clock>) -> Result<Sim<T>, DevError> {
            let tool = sim.with(|tool| tool.clone());
            Sim::start(tool, clock.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await
        }
        Ok(Self {
            okta: copy(&self.okta, clock).await?,
            google_workspace: copy(&self.google_workspace, clock).await?,
            github: copy(&self.github, clock).await?,
            onepassword: copy(&self.onepassword, clock).await?,
            slack: copy(&self.slack, clock).await?,
            atlassian: copy(&self.atlassian, clock).await?,
            salesforce: copy(&self.salesforce, clock).await?,
            scim: copy(&self.scim, clock).await?,
            webhook: copy(&self.webhook, clock).await?,
        })
    }

    /// Kind, name and settings of each tool, as someone would type them who connects it in the name of `admin`.
    pub fn connections(&self, admin: &str) -> Vec<(&'static str, &'static str, Value)> {
        let google = self.google_workspace.url();
        vec![
            (
                "okta",
                "Okta",
                json!({ "base_url": self.okta.url(), "effect": "deactivate", "api_token": self.okta.with(|okta| okta.api_token.clone()) }),
            ),
            (
                "google_workspace",
                "Google Workspace",
                json!({
                    "service_account_key": self.google_workspace.with(|tool| tool.service_account(google)).to_string(),
                    "admin_email": admin, "base_url": google, "token_url": format!("{google}/token"),
                }),
            ),
            (
                "github",
                "GitHub",
                self.github.with(|tool| {
                    json!({
                        "organization": tool.org, "app_client_id": tool.app_id,
                        "app_private_key": tool.private_key_pem(), "base_url": self.github.url(),
                    })
                }),
            ),
            (
                "onepassword",
                "1Password",
                self.onepassword.with(|tool| {
                    json!({
                        "mode": "users_api", "base_url": self.onepassword.url(), "account_id": tool.account_id,
                        "client_id": tool.client_id, "client_secret": tool.client_secret,
                    })
                }),
            ),
            (
                "slack",
                "Slack",
                json!({
                    "token": self.slack.with(|tool| tool.token.clone()), "enterprise": "true",
                    "base_url": format!("{}/scim/v2", self.slack.url()), "web_api_url": format!("{}/api", self.slack.url()),
                }),
            ),
            (
                "atlassian",
                "Atlassian",
                self.atlassian.with(|tool| {
                    json!({ "org_id": tool.org_id, "api_key": tool.api_key, "base_url": self.atlassian.url() })
                }),
            ),
            (
                "salesforce",
                "Salesforce",
                self.salesforce.with(|tool| {
                    json!({ "base_url": self.salesforce.url(), "client_id": tool.client_id, "client_secret": tool.client_secret })
                }),
            ),
            (
                "scim",
                "Wiki (SCIM)",
                json!({ "base_url": format!("{}/scim/v2", self.scim.url()), "token": self.scim.with(|tool| tool.token.clone()) }),
            ),
            (
                "webhook",
                "HR system (webhook)",
                json!({ "url": format!("{}/hook", self.webhook.url()), "secret": self.webhook.with(|tool| tool.secret.clone()) }),
            ),
        ]
    }
}
