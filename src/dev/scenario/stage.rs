//! Where scenarios are played: the running node and simulators, reached from outside.
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{
    Told, Untold,
    story::Story,
    visitor::{Landing, Reply, Visitor},
    waterfall,
};
use crate::{
    dev::{AccountView, company::ADMIN, run::Dev},
    evidence::verify,
};

/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(25);

/// Where someone stands at one tool.
pub struct Standing {
    /// Kind of the tool.
    pub tool: &'static str,
    /// Their account; nothing where they have none.
    pub account: Option<AccountView>,
}

impl Standing {
    /// Whether the tool lets them in.
    pub fn is_open(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.is_open)
    }
}

/// The stage.
pub struct Stage<'a> {
    /// What runs on it.
    pub dev: &'a Dev,
    http: Client,
}

impl<'a> Stage<'a> {
    /// Around something that runs.
    pub fn new(dev: &'a Dev) -> Told<Self> {
        let http = crate::dev::client().map_err(|error| Untold(error.to_string()))?;
        Ok(Self { dev, http })
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.dev.app.clock.now_ms()
    }

    /// Tries to sign someone in with Okta.
    pub async fn try_sign_in(&self, email: &str) -> Told<Landing> {
        let id = self.dev.simulators.okta.with(|okta| okta.user(email).map(|user| user.id.clone()));
        let id = id.ok_or_else(|| Untold(format!("the tenant has no {email}")))?;
        Visitor::sign_in(&self.http, &self.dev.url, &id).await
    }

    /// Signs someone in with Okta.
    pub async fn sign_in(&self, email: &str) -> Told<Visitor> {
        match self.try_sign_in(email).await? {
            Landing::In(visitor) => Ok(*visitor),
            Landing::Out(address) => {
                Err(Untold(format!("{email} was not signed in, but led to {address:?}")))
            }
        }
    }

    /// An admin, signed in with Okta, and what Ceven knows of someone.
    pub async fn admin_and(&self, story: &mut Story, email: &str) -> Told<(Visitor, Value)> {
        let admin = self.sign_in(ADMIN).await?;
        let me = admin.get("/api/v1/me").await?.expect(200, "/api/v1/me")?;
        story.equal("Priya is signed in with Okta, as an admin", me["role"].as_str(), Some("admin"));
        let person = self.person(&admin, email).await?;
        Ok((admin, person))
    }

    /// What Ceven knows of someone.
    pub async fn person(&self, admin: &Visitor, email: &str) -> Told<Value> {
        let found =
            admin.get(&format!("/api/v1/users?q={email}")).await?.expect(200, "the list of people")?;
        match found["items"].as_array().map(Vec::as_slice) {
            Some([one]) => Ok(one.clone()),
            _ => Err(Untold(format!("Ceven does not know one {email}: {found}"))),
        }
    }

    /// A button of the tenant's page.
    pub async fn tenant(&self, control: &str, body: Value) -> Told {
        let url = format!("{}/_sim/do/{control}", self.dev.simulators.okta.url());
        Reply::read(self.http.post(url).json(&body)).await?.expect(200, control).map(drop)
    }

    /// Waits until the tenant has pushed everything, and says what it could not push.
    pub async fn pushed(&self) -> Told<Vec<Value>> {
        let url = format!("{}/_sim/state", self.dev.simulators.okta.url());
        let waiting = async || {
            let state = Reply::read(self.http.get(&url)).await?.expect(200, "the tenant's state")?;
            Ok((state["pushes"]["waiting"] == 0).then_some(state["pushes"]["done"].clone()))
        };
        let done = self.until("the tenant has pushed everything", waiting).await?;
        let failed = done.as_array().into_iter().flatten().filter(|one| !one["error"].is_null());
        Ok(failed.cloned().collect())
    }

    /// What the tenant has sent to an address that ends so, with the answers.
    pub async fn sent(&self, end: &str) -> Told<Vec<u64>> {
        let url = format!("{}/_sim/sent", self.dev.simulators.okta.url());
        let sent = Reply::read(self.http.get(&url)).await?.expect(200, "what the tenant sent")?;
        let to = |one: &&Value| one["url"].as_str().is_some_and(|url| url.ends_with(end));
        Ok(sent
            .as_array()
            .into_iter()
            .flatten()
            .filter(to)
            .map(|one| one["status"].as_u64().unwrap_or(0))
            .collect())
    }

    /// A POST of somebody without a session.
    pub async fn post(&self, path: &str, bearer: &str, media_type: &str, body: String) -> Told<u16> {
        let request = self.http.post(format!("{}{path}", self.dev.url));
        let request = request.bearer_auth(bearer).header("content-type", media_type).body(body);
        Ok(Reply::read(request).await?.status)
    }

    /// A SCIM request with this `Authorization`.
    pub async fn scim(&self, authorization: &str, path: &str) -> Told<Reply> {
        let request = self.http.get(format!("{}{path}", self.dev.app.scim_url));
        Reply::read(request.header("authorization", authorization)).await
    }

    /// Breaks a tool, through its panel's API.
    pub async fn break_tool(&self, url: &str, faults: Value) -> Told {
        Reply::read(self.http.post(format!("{url}/_sim/faults")).json(&faults))
            .await?
            .expect(204, "faults")
            .map(drop)
    }

    /// Where someone stands at every tool that has accounts, as the tool itself says.
    pub async fn standings(&self, email: &str) -> Told<Vec<Standing>> {
        let mut all = Vec::new();
        for (tool, url) in self.dev.simulators.addresses() {
            if tool == "webhook" {
                continue;
            }
            let found = Reply::read(self.http.get(format!("{url}/_sim/accounts"))).await?;
            let accounts: Vec<AccountView> = serde_json::from_value(found.expect(200, tool)?)
                .map_err(|error| Untold(error.to_string()))?;
            let account = accounts.into_iter().find(|account| account.email.eq_ignore_ascii_case(email));
            all.push(Standing { tool, account });
        }
        Ok(all)
    }

    /// Asks again until there is an answer.
    pub async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Told<Option<T>>) -> Told<T> {
        let begun = tokio::time::Instant::now();
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            if begun.elapsed() > PATIENCE {
                return Err(Untold(format!("it did not come to pass that {what}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The one offboarding of someone.
    pub async fn offboardings(&self, admin: &Visitor, person: &Value) -> Told<Vec<Value>> {
        let id = person["id"].as_str().unwrap_or_default();
        let found =
            admin.get(&format!("/api/v1/offboardings?user={id}")).await?.expect(200, "offboardings")?;
        Ok(found["offboardings"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until an offboarding is over, and shows its waterfall.
    pub async fn settled(&self, admin: &Visitor, story: &mut Story, id: &str) -> Told<Value> {
        let ask = async || {
            let one =
                admin.get(&format!("/api/v1/offboardings/{id}")).await?.expect(200, "the offboarding")?;
            Ok((one["status"] != "running").then_some(one))
        };
        let one = self.until("the offboarding is over", ask).await?;
        story.tell(waterfall::draw(&one));
        story.offboarding = one.clone();
        Ok(one)
    }

    /// The audit log holds, and says that nothing in it is real. The number of entries with each action.
    pub async fn audit(&self, admin: &Visitor, story: &mut Story) -> Told<Vec<Value>> {
        story.chapter("The audit log, exported and verified");
        let export = admin.get("/api/v1/sso/audit-export").await?;
        export.expect(200, "the export")?;
        let report = verify::export(export.body.as_slice(), Default::default());
        let report = report.map_err(|error| Untold(error.to_string()))?;
        let whole = (report.ok, report.contiguous, report.reason);
        story.equal(format!("{} entries in one unbroken chain", report.entries), whole, (true, true, None));
        let text = export.text();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let entries: Vec<Value> =
            lines.filter(|line| line["seq"].is_u64() && line["action"].is_string()).collect();
        let is_dev = entries.iter().all(|entry| entry["mode"] == "dev");
        story.fact("every entry says that it is simulated", !entries.is_empty() && is_dev);
        Ok(entries)
    }

    /// Offboards someone as an admin does in the console.
    pub async fn offboard(&self, admin: &Visitor, person: &Value, body: Value) -> Told<Value> {
        let id = person["id"].as_str().unwrap_or_default();
        let asked = admin.send(Method::POST, &format!("/api/v1/users/{id}/offboard"), body.clone()).await?;
        let status = if body["dry_run"] == json!(true) { 200 } else { 202 };
        asked.expect(status, "the offboarding")
    }
}
