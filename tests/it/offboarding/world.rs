//! Organizations with all nine tools connected, each with simulators of its own.
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use ceven::{
    app::{App, Role},
    config::Settings,
    connectors,
    dev::{Fault, Kind, Person, Simulator, Simulators},
    tokens,
};
use ceven_actors::{
    clock::{Clock, SystemClock},
    domain::{
        audit::Mode,
        id::{OffboardingId, OrganizationId, UserId},
        offboarding::{Offboarding, Task, TaskState},
        token::TokenKind,
    },
    organization::message::{Command, OffboardOptions, ToolChange},
    ports::Profile,
};
use serde_json::{Map, Value, json};

use crate::support::{MASTER_KEY, Scim, Server};

pub const DANA: &str = "dana@acme.example";
pub const PRIYA: &str = "priya@acme.example";

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub fn dana() -> Person {
    Person::new("Dana", "Ito", DANA).on_github("dana-ito").in_groups(&["Engineering", "Sales"])
}

/// Simulators that know an admin and Dana.
pub async fn simulators() -> Simulators {
    let simulators = Simulators::start(clock(), None).await.unwrap();
    simulators.seed(&Person::new("Priya", "Shah", PRIYA).as_admin().in_groups(&["Engineering"]));
    simulators.seed(&dana());
    simulators
}

/// Limits of a server that is in a hurry: no pace holds a test up, and leases end soon after a kill.
pub const HURRY: [(&str, &str); 12] = [
    ("CEVEN_TOOLS__OKTA__BURST", "1000"),
    ("CEVEN_TOOLS__GOOGLE_WORKSPACE__BURST", "1000"),
    ("CEVEN_TOOLS__GITHUB__BURST", "1000"),
    ("CEVEN_TOOLS__ONEPASSWORD__BURST", "1000"),
    ("CEVEN_TOOLS__SLACK__BURST", "1000"),
    ("CEVEN_TOOLS__ATLASSIAN__BURST", "1000"),
    ("CEVEN_TOOLS__SALESFORCE__BURST", "1000"),
    ("CEVEN_TOOLS__SCIM__BURST", "1000"),
    ("CEVEN_TOOLS__WEBHOOK__BURST", "1000"),
    ("CEVEN_OUTBOUND__TOOL_MS", "1500"),
    ("CEVEN_OFFBOARDING__LEASE_MS", "4000"),
    ("CEVEN_OFFBOARDING__TICK_MS", "200"),
];

/// Another node on the server's database, which leaves the tools to the server.
pub async fn node(server: &Server) -> App {
    let environment = [
        ("CEVEN_DATABASE__URL".to_owned(), server.database_url.clone()),
        ("CEVEN_SECURITY__MASTER_KEY".to_owned(), MASTER_KEY.to_owned()),
        ("CEVEN_SECURITY__OUTBOUND_ALLOW".to_owned(), "127.0.0.0/8".to_owned()),
    ];
    let settings = Settings::load(None, environment).unwrap();
    App::start(settings, clock(), ([127, 0, 0, 1], 0).into(), Role::CommandLine).await.unwrap()
}

/// Tasks by kind of tool.
pub type Tasks = BTreeMap<String, Task>;

/// One organization, its nine tools, and one of its people.
pub struct World {
    pub slug: String,
    pub organization: OrganizationId,
    pub simulators: Simulators,
    pub scim: Scim,
    pub user: UserId,
    audit_token: String,
}

impl World {
    /// Connects the tools and creates Dana over SCIM.
    pub async fn make(node: &App, server: &Server, slug: &str, simulators: Simulators) -> Self {
        Self::make_with(node, server, slug, simulators, |_, _| {}).await
    }

    /// The same, with settings changed by kind of tool.
    pub async fn make_with(
        node: &App,
        server: &Server,
        slug: &str,
        simulators: Simulators,
        change: impl Fn(&str, &mut Map<String, Value>),
    ) -> Self {
        let stamp = node.stamp();
        let organization = OrganizationId(stamp.new_id);
        let profile = Profile {
            id: organization,
            slug: slug.into(),
            name: slug.into(),
            domains: Vec::new(),
            mode: Mode::Live,
        };
        node.store.create_organization(&profile, &node.operator(), stamp).await.unwrap();
        node.fresh(organization).await.unwrap();
        let mint = async |label: &str, kind| {
            let (raw, token) = tokens::draw(&*node.clock, label, kind, None).unwrap();
            node.execute(organization, Command::MintToken { token }, node.operator()).await.unwrap();
            raw
        };
        let scim = server.client(&mint("okta", TokenKind::Scim).await);
        let audit_token = mint("siem", TokenKind::Audit).await;
        for (kind, name, settings) in simulators.connections(PRIYA) {
            let mut settings = settings.as_object().unwrap().clone();
            change(kind, &mut settings);
            let connector = connectors::record(node, organization, None, (kind, name), settings).unwrap();
            let command = Command::SetConnector { change: ToolChange::added(connector) };
            node.execute(organization, command, node.operator()).await.unwrap();
        }
        let body = json!({ "userName": DANA, "emails": [{ "value": DANA, "primary": true }] });
        let user = scim.post("/Users", &body).await.expect(201)["id"].as_str().unwrap().parse().unwrap();
        Self { slug: slug.to_owned(), organization, simulators, scim, user, audit_token }
    }

    /// Ends Dana's access over SCIM.
    pub async fn leave(&self) {
        let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
        self.scim.patch(&format!("/Users/{}", self.user), &inactive).await.expect(200);
    }

    /// The simulator of one tool.
    pub fn tool(&self, kind: &str) -> &dyn Simulator {
        self.simulators.all().into_iter().find(|simulator| simulator.name() == kind).unwrap()
    }

    /// The latest offboarding and its tasks, by kind of tool.
    pub async fn latest(&self, node: &App) -> (Offboarding, Tasks) {
        let list = node.store.offboardings(self.organization, Some(self.user), 1).await.unwrap();
        let id: OffboardingId = list[0].id;
        let (one, tasks) = node.store.offboarding(self.organization, id).await.unwrap().unwrap();
        (one, tasks.into_iter().map(|task| (task.kind.to_string(), task)).collect())
    }

    /// The same, once it is as wished.
    pub async fn until(
        &self,
        node: &App,
        what: &str,
        is_there: impl Fn(&Offboarding, &Tasks) -> bool,
    ) -> (Offboarding, Tasks) {
        let begun = Instant::now();
        loop {
            let (one, tasks) = self.latest(node).await;
            if is_there(&one, &tasks) {
                return (one, tasks);
            }
            if begun.elapsed() > Duration::from_secs(180) {
                let left: Vec<&Task> = tasks.values().filter(|task| task.state != TaskState::Done).collect();
                panic!("{}: not {what}: {one:?} {left:#?}", self.slug);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Offboards Dana, who is gone already, once more.
    pub async fn leave_again(&self, node: &App) {
        node.fresh(self.organization).await.unwrap();
        let options = Arc::new(OffboardOptions::default());
        let command = Command::Offboard { id: self.user, options };
        node.execute(self.organization, command, node.operator()).await.unwrap();
    }

    /// The audit log, over HTTP.
    pub async fn audit(&self) -> Vec<Value> {
        let url = self.scim.base.replace("/scim/v2", "/sso/audit-export");
        let request = self.scim.http.get(url).header("authorization", format!("Bearer {}", self.audit_token));
        let reply = self.scim.send(request).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Checks that no step was recorded twice with the same outcome in turn, and that each ended well once at most.
    pub async fn check_steps(&self) {
        let mut outcomes: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
        for entry in self.audit().await.iter().filter(|entry| entry["action"] == "deprovision.step") {
            let after = &entry["after"];
            let part = |value: &Value| value.as_str().unwrap().to_owned();
            let step = (
                part(&after["offboarding"]),
                part(&after["connector"]["kind"]),
                part(&after["step"]["name"]),
            );
            outcomes.entry(step).or_default().push(after["step"]["outcome"]["status"].clone());
        }
        for ((_, kind, step), all) in outcomes {
            let slug = &self.slug;
            let repeated = all.windows(2).any(|pair| pair[0] == pair[1] && pair[0] != "failed");
            let ended =
                all.iter().filter(|status| ["done", "already"].iter().any(|end| *status == end)).count();
            assert!(!repeated && ended <= 1, "{slug}: {kind} {step}: {all:?}");
        }
    }
}

/// The request that closes a tool's door: what matters most when it goes wrong.
pub fn door(kind: &str, fault: Kind) -> Fault {
    let (method, path) = match kind {
        "okta" => ("POST", "/api/v1/users"),
        "google_workspace" => ("PUT", "/admin/directory/v1/users"),
        "github" => ("DELETE", "/orgs"),
        "onepassword" => ("POST", "/v1beta1/accounts"),
        "slack" => ("PATCH", "/scim/v2/Users"),
        "atlassian" => ("POST", "/users"),
        "salesforce" => ("PATCH", "/services/data/v62.0/sobjects/User/"),
        "scim" => ("PATCH", "/scim/v2/Users"),
        _ => ("POST", "/hook"),
    };
    Fault::once(fault).on(method).at(path)
}
