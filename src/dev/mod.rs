//! A simulated Okta tenant and simulated tools, over real HTTP on loopback listeners of their own: for `ceven dev`
//! and for tests. They follow the vendors' references, not Ceven's connectors: an independent reading of the same
//! facts. Nothing here is reachable from the live listeners.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use ceven_actors::clock::Clock;
use serde::{Deserialize, Serialize};

pub mod access;
pub mod account;
mod all;
pub mod atlassian;
pub mod company;
mod control;
pub mod errand;
pub mod faults;
pub mod github;
pub mod google_workspace;
pub mod handle;
pub mod hold;
pub mod keys;
pub mod okta;
pub mod onepassword;
mod page;
pub mod route;
pub mod run;
pub mod safety;
pub mod salesforce;
pub mod scenario;
mod scim_parts;
pub mod scim_server;
pub mod screen;
pub mod sim;
pub mod slack;
pub mod webhook;
pub mod wire;

pub use account::AccountView;
pub use all::Simulator;
pub use faults::{Fault, Kind};
pub use handle::Sim;
pub use sim::Tool;

/// Why a simulator does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DevError {
    /// A simulator outside of this machine would be a hole.
    #[error("a simulator listens on the loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The port is taken, or the like.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, String),
    /// No key, or it cannot sign.
    #[error("the RSA key of a simulator failed")]
    Key,
    /// No HTTP client.
    #[error("the HTTP client of a simulator failed: {0}")]
    Client(String),
}

/// Someone of the company that the simulators know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Work address; the login where the tool has it so.
    pub email: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Groups of the company that they are in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Roles at Ceven that Okta pushes.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Login at GitHub; without one they are not there.
    #[serde(default)]
    pub github_login: Option<String>,
    /// Whether they are an admin of every tool.
    #[serde(default)]
    pub is_admin: bool,
}

impl Person {
    /// Someone in no group.
    pub fn new(given_name: &str, family_name: &str, email: &str) -> Self {
        Self {
            email: email.to_owned(),
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            groups: Vec::new(),
            roles: Vec::new(),
            github_login: None,
            is_admin: false,
        }
    }

    /// Given name and family name.
    pub fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }

    /// In these groups.
    pub fn in_groups(mut self, groups: &[&str]) -> Self {
        self.groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self
    }

    /// With these roles at Ceven.
    pub fn with_roles(mut self, roles: &[&str]) -> Self {
        self.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self
    }

    /// Known to GitHub as this.
    pub fn on_github(mut self, login: &str) -> Self {
        self.github_login = Some(login.to_owned());
        self
    }

    /// An admin of every tool.
    pub fn as_admin(mut self) -> Self {
        self.is_admin = true;
        self
    }
}

/// Every simulator, running.
pub struct Simulators {
    /// The Okta tenant.
    pub okta: Sim<okta::Okta>,
    /// Google Workspace.
    pub google_workspace: Sim<google_workspace::GoogleWorkspace>,
    /// GitHub.
    pub github: Sim<github::GitHub>,
    /// 1Password.
    pub onepassword: Sim<onepassword::OnePassword>,
    /// Slack.
    pub slack: Sim<slack::Slack>,
    /// Atlassian.
    pub atlassian: Sim<atlassian::Atlassian>,
    /// Salesforce.
    pub salesforce: Sim<salesforce::Salesforce>,
    /// A SCIM server.
    pub scim: Sim<scim_server::ScimServer>,
    /// A webhook receiver.
    pub webhook: Sim<webhook::Webhook>,
}

impl Simulators {
    /// Starts all of them: from `first_port` on, in the order above, or on free ports.
    ///
    /// # Errors
    /// The first that does not start.
    pub async fn start(clock: Arc<dyn Clock>, first_port: Option<u16>) -> Result<Self, DevError> {
        Self::start_at(clock, first_port.unwrap_or(0), first_port.map(|port| port.saturating_add(1))).await
    }

    /// Starts all of them: the tenant at one port, the tools from another on; 0 and `None` are free ones.
    ///
    /// # Errors
    /// The first that does not start.
    pub async fn start_at(
        clock: Arc<dyn Clock>,
        tenant_port: u16,
        first_tool_port: Option<u16>,
    ) -> Result<Self, DevError> {
        let on = |port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let at = |number: u16| on(first_tool_port.map_or(0, |first| first.saturating_add(number)));
        let time = || clock.clone();
        let okta_clock = time();
        let (okta, google_workspace, github) = tokio::try_join!(
            made(move || okta::Okta::new(okta_clock)),
            made(google_workspace::GoogleWorkspace::new),
            made(github::GitHub::new),
        )?;
        Ok(Self {
            okta: Sim::start(okta, time(), on(tenant_port)).await?,
            google_workspace: Sim::start(google_workspace, time(), at(0)).await?,
            github: Sim::start(github, time(), at(1)).await?,
            onepassword: Sim::start(onepassword::OnePassword::new(&*clock), time(), at(2)).await?,
            slack: Sim::start(slack::Slack::new(&*clock), time(), at(3)).await?,
            atlassian: Sim::start(atlassian::Atlassian::new(&*clock), time(), at(4)).await?,
            salesforce: Sim::start(salesforce::Salesforce::new(&*clock), time(), at(5)).await?,
            scim: Sim::start(scim_server::ScimServer::new(&*clock), time(), at(6)).await?,
            webhook: Sim::start(webhook::Webhook::new(&*clock), time(), at(7)).await?,
        })
    }
}

/// Makes what has a key of its own, away from the threads that serve.
async fn made<T: Send + 'static>(
    make: impl FnOnce() -> Result<T, DevError> + Send + 'static,
) -> Result<T, DevError> {
    tokio::task::spawn_blocking(make).await.map_err(|_| DevError::Key)?
}

/// Calls between machines on the loopback: no proxy, no redirects.
///
/// # Errors
/// When none can be made.
pub fn client() -> Result<reqwest::Client, DevError> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| DevError::Client(error.to_string()))
}

/// RFC 9110 §5.6.7.
fn http_date(at_ms: i64) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(FORMAT).ok())
        .unwrap_or_default()
}
