//! What offboarding someone would do, and the receipt of it that an offboarding may name.
//!
//! 1. Facts are what decides what an offboarding does: the person, and of each tool its settings, the account and the
//!    steps. A tool that could not be asked has no fact, and counts as unchanged.
//! 2. A receipt holds the facts and is signed with the key of the database: no node remembers it, each one knows it.
//! 3. An offboarding that names a receipt is refused when the receipt is too old, is of someone else, or when the facts
//!    are others now. Nothing is changed then.
use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven_actors::{
    clock::rfc3339,
    connection::leaver,
    connector::pass::{Failure, Match, Outcome, Step},
    domain::{
        audit::{hex, statement},
        connector::Connector,
        session::Person,
        user::User,
    },
    organization::state::Snapshot,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    app::App,
    connectors::{Look, look},
};

/// `type` of a receipt.
const RECEIPT: &str = "ceven.preview";
/// The name of the person among the facts.
const PERSON: &str = "person";

/// Digests by name; nothing for a tool that could not be asked.
type Facts = BTreeMap<String, Option<String>>;

/// What removing a person from one tool would do.
pub struct ToolPreview {
    /// The tool.
    pub connector: Arc<Connector>,
    /// The account, when there is one.
    pub matched: Option<Match>,
    /// Steps that would be taken, or why there are none.
    pub steps: Vec<Step>,
}

impl ToolPreview {
    fn view(&self) -> Value {
        json!({
            "connector": { "id": self.connector.id, "kind": self.connector.kind, "name": self.connector.name },
            "matched": self.matched,
            "steps": self.steps,
        })
    }

    /// (1)
    fn fact(&self) -> Option<String> {
        let is_silent = |step: &Step| match &step.outcome {
            Outcome::Failed(failure) => failure.is_retryable() || matches!(failure, Failure::Auth { .. }),
            _ => false,
        };
        if self.steps.iter().any(is_silent) {
            return None;
        }
        let outcomes: Vec<_> = self.steps.iter().map(|step| (&step.name, &step.outcome)).collect();
        let Connector { kind, settings, .. } = &*self.connector;
        Some(digest(&json!([kind, settings, self.matched, outcomes])))
    }
}

/// What offboarding a person would do.
pub struct Preview {
    /// At each connected tool.
    pub tools: Vec<ToolPreview>,
    /// Sessions that would end.
    pub sessions: usize,
    user: Arc<User>,
    facts: Facts,
    at_ms: i64,
}

/// Why an offboarding that names a receipt is refused.
#[derive(Debug, thiserror::Error)]
pub enum Stale {
    /// It is no receipt of this server.
    #[error("preview is none of this server's: ask for one with dry_run, and send it back as it is.")]
    Unknown,
    /// It is of someone else.
    #[error("The preview is of another person.")]
    Other,
    /// Its time is over.
    #[error("The preview is from {0}, which is too long ago: look at a new one.")]
    Old(String),
    /// What it says is no longer so.
    #[error("The facts have changed since the preview: {0}. Look at a new one.")]
    Changed(String),
}

/// Looks at what offboarding a person would do at each connected tool: real reads, and nothing is written.
pub async fn preview(app: &App, snapshot: &Snapshot, user: &Arc<User>) -> Preview {
    let organization = snapshot.profile().id;
    let leaver = &leaver(user, snapshot.identity_of(user.id), None, app.clock.now_ms());
    let looks = snapshot.connectors().map(|connector| async move {
        let looked = look(app, organization, connector, leaver, Look::Preview).await;
        let (matched, steps) = match looked {
            Ok(progress) => (progress.matched, progress.steps),
            Err(error) => {
                let outcome = Outcome::Failed(Failure::Malformed { detail: error.to_string() });
                (None, vec![Step { name: "settings".into(), outcome, detail: None, undo: None }])
            }
        };
        ToolPreview { connector: connector.clone(), matched, steps }
    });
    let tools = futures_util::future::join_all(looks).await;
    let mut facts: Facts = tools.iter().map(|tool| (tool.connector.id.to_string(), tool.fact())).collect();
    let person =
        json!([user.user_name, user.external_id, user.emails, user.active, user.roles.strongest().id()]);
    facts.insert(PERSON.into(), Some(digest(&person)));
    let sessions = snapshot.sessions_of(Person::User(user.id)).count();
    Preview { tools, sessions, user: user.clone(), facts, at_ms: app.clock.now_ms() }
}

impl Preview {
    /// As the API shows it; `facts` is their hash.
    pub fn view(&self, app: &App) -> Value {
        json!({
            "dry_run": true,
            "user_id": self.user.id,
            "active": self.user.active,
            "sessions": self.sessions,
            "tools": self.tools.iter().map(ToolPreview::view).collect::<Vec<_>>(),
            "facts": digest(&json!(self.facts)),
            "preview": self.receipt(app),
            "valid_until": rfc3339(self.at_ms + app.settings.offboarding.preview_ms),
        })
    }

    /// What an offboarding may name (2).
    pub fn receipt(&self, app: &App) -> String {
        let mut members = Map::new();
        members.insert("user".into(), json!(self.user.id));
        members.insert("at_ms".into(), json!(self.at_ms));
        members.insert("facts".into(), json!(self.facts));
        URL_SAFE_NO_PAD.encode(statement::sign(&app.signing, RECEIPT, members).to_string())
    }

    /// What has changed since the facts of a receipt, for people.
    fn changes_since(&self, then: &Facts) -> Vec<String> {
        let name = |id: &str| {
            let tool = self.tools.iter().find(|tool| tool.connector.id.to_string() == id);
            tool.map_or_else(|| "a tool".to_owned(), |tool| tool.connector.name.to_string())
        };
        let gone = then.keys().filter(|id| !self.facts.contains_key(*id));
        let gone = gone.map(|_| "a tool was disconnected".to_owned());
        let changed = self.facts.iter().filter_map(|(id, now)| match (then.get(id), now) {
            (None, _) => Some(format!("{} was connected", name(id))),
            (Some(Some(then)), Some(now)) if then != now && id == PERSON => {
                Some("the person's record".to_owned())
            }
            (Some(Some(then)), Some(now)) if then != now => {
                Some(format!("what is to be done at {}", name(id)))
            }
            _ => None,
        });
        gone.chain(changed).collect()
    }
}

/// Looks again, and compares with what a receipt says (3).
///
/// # Errors
/// [`Stale`], with a new preview where there is one.
pub async fn still_so(
    app: &App,
    snapshot: &Snapshot,
    user: &Arc<User>,
    receipt: &str,
) -> Result<(), (Stale, Option<Preview>)> {
    let (of, at_ms, facts) = read(app, receipt).ok_or((Stale::Unknown, None))?;
    if of != user.id.to_string() {
        return Err((Stale::Other, None));
    }
    if app.clock.now_ms() - at_ms > app.settings.offboarding.preview_ms {
        return Err((Stale::Old(rfc3339(at_ms)), None));
    }
    let now = preview(app, snapshot, user).await;
    match now.changes_since(&facts).as_slice() {
        [] => Ok(()),
        changes => Err((Stale::Changed(changes.join(", ")), Some(now))),
    }
}

fn read(app: &App, receipt: &str) -> Option<(String, i64, Facts)> {
    let bytes = URL_SAFE_NO_PAD.decode(receipt).ok()?;
    let said: Value = serde_json::from_slice(&bytes).ok()?;
    (statement::signer(RECEIPT, &said)? == app.signing.public()).then_some(())?;
    let facts = serde_json::from_value(said["facts"].clone()).ok()?;
    Some((said["user"].as_str()?.to_owned(), said["at_ms"].as_i64()?, facts))
}

fn digest(facts: &Value) -> String {
    hex(&Sha256::digest(facts.to_string()))
}
