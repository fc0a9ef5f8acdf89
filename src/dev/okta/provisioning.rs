//! What the tenant pushes to its application by itself: one job after the other, as its admin or its API changes
//! people.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use ceven_actors::clock::Clock;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    OktaUser,
    scim_push::{PushError, ScimPush},
};

/// Jobs remembered; the oldest go first.
const REMEMBERED: usize = 100;

/// Something to push.
#[derive(Debug, Clone)]
pub enum Job {
    /// Someone was assigned, or is back: the profile, and active.
    Assign(Box<OktaUser>),
    /// Someone was deactivated, or is not assigned any more.
    Deactivate(Box<OktaUser>),
    /// Every group with its members.
    Groups(Vec<OktaUser>),
    /// An admin has pasted another token.
    Token(String),
}

impl Job {
    fn name(&self) -> String {
        match self {
            Self::Assign(user) => format!("assign {}", user.person.email),
            Self::Deactivate(user) => format!("deactivate {}", user.person.email),
            Self::Groups(_) => "push groups".to_owned(),
            Self::Token(_) => "use another token".to_owned(),
        }
    }
}

/// A job that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// What it was.
    pub job: String,
    /// When it was over, milliseconds since 1970.
    pub at_ms: i64,
    /// What the application refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Default)]
struct Log {
    waiting: usize,
    pushed: Vec<Pushed>,
}

/// The way to the application. The worker ends with the last copy of it.
#[derive(Clone)]
pub struct Provisioning {
    queue: mpsc::UnboundedSender<Job>,
    log: Arc<Mutex<Log>>,
}

impl Provisioning {
    /// Goes on with what was pushed already.
    pub fn start(mut push: ScimPush, clock: Arc<dyn Clock>) -> Self {
        let (queue, mut jobs) = mpsc::unbounded_channel::<Job>();
        let log = Arc::new(Mutex::new(Log::default()));
        let written = log.clone();
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                let name = job.name();
                let error = work(&mut push, job).await.err().map(|error| error.to_string());
                let mut log = written.lock().unwrap_or_else(PoisonError::into_inner);
                log.waiting -= 1;
                if log.pushed.len() >= REMEMBERED {
                    log.pushed.remove(0);
                }
                log.pushed.push(Pushed { job: name, at_ms: clock.now_ms(), error });
            }
        });
        Self { queue, log }
    }

    /// One more job.
    pub fn ask(&self, job: Job) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).waiting += 1;
        let _ = self.queue.send(job);
    }

    /// How many wait, and those that are over, oldest first.
    pub fn seen(&self) -> (usize, Vec<Pushed>) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.waiting, log.pushed.clone())
    }
}

async fn work(push: &mut ScimPush, job: Job) -> Result<(), PushError> {
    match job {
        Job::Assign(user) if push.id_of(&user.id).is_some() => push.set_active(&user, true).await,
        Job::Assign(user) => push.push_user(&user).await.map(drop),
        Job::Deactivate(user) if push.id_of(&user.id).is_some() => push.set_active(&user, false).await,
        Job::Deactivate(_) => Ok(()),
        Job::Groups(users) => push.push_groups(&users).await.map(drop),
        Job::Token(token) => {
            push.set_token(&token);
            push.test_credentials().await
        }
    }
}

impl ScimPush {
    /// The whole provisioning: test, roles, every user, every group that someone is in.
    ///
    /// # Errors
    /// The first [`PushError`].
    pub async fn push_everyone(&mut self, users: &[OktaUser]) -> Result<(), PushError> {
        self.test_credentials().await?;
        self.discover_roles().await?;
        for user in users {
            self.push_user(user).await?;
        }
        self.push_groups(users).await.map(drop)
    }

    /// Every group that someone is in, with its members. How many groups there are.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn push_groups(&mut self, users: &[OktaUser]) -> Result<usize, PushError> {
        let mut groups: BTreeMap<&str, Vec<OktaUser>> = BTreeMap::new();
        for user in users {
            for group in &user.person.groups {
                groups.entry(group).or_default().push(user.clone());
            }
        }
        for (name, members) in &groups {
            self.push_group(name, members).await?;
        }
        Ok(groups.len())
    }
}
