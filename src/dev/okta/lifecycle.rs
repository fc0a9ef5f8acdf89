//! What an admin of the tenant does: people come and go, the application hears of it as Okta would tell it.
use serde_json::{Value, json};

use super::{Okta, OktaUser, SetShape, Status, provisioning::Job};
use crate::dev::{DevError, errand::Errand};

impl Okta {
    /// Whether the application is assigned to someone.
    pub(super) fn is_assigned(&self, id: &str) -> bool {
        self.apps.iter().all(|app| !app.not_assigned.iter().any(|one| one == id))
    }

    fn provision(&self, job: Job) {
        if let Some(provisioning) = &self.provisioning {
            provisioning.ask(job);
        }
    }

    /// Ends everything of a user: sessions, tokens, assignments. Applications hear of it by SCIM.
    pub(super) fn deprovision(&mut self, id: &str) {
        let now_ms = self.clock.now_ms();
        let Some(user) = self.users.iter_mut().find(|user| user.id == id) else { return };
        (user.status, user.changed_ms) = (Status::Deprovisioned, now_ms);
        (user.sessions, user.refresh_tokens, user.grants) = (0, 0, 0);
        let user = Box::new(user.clone());
        self.downstream.remove(id);
        if self.is_assigned(id) {
            self.provision(Job::Deactivate(user));
        }
    }

    /// Lets a user in again; applications that are assigned hear of it.
    pub(super) fn activate(&mut self, id: &str) {
        let now_ms = self.clock.now_ms();
        let Some(user) = self.users.iter_mut().find(|user| user.id == id) else { return };
        (user.status, user.changed_ms) = (Status::Active, now_ms);
        let user = Box::new(user.clone());
        self.downstream.insert(id.to_owned(), true);
        if self.is_assigned(id) {
            self.provision(Job::Assign(user));
        }
    }

    /// Assigns the application to someone, or takes it away.
    fn assign(&mut self, user: OktaUser, is_assigned: bool) {
        for app in &mut self.apps {
            app.not_assigned.retain(|id| *id != user.id);
            if !is_assigned {
                app.not_assigned.push(user.id.clone());
            }
        }
        let user = Box::new(user);
        self.provision(if is_assigned { Job::Assign(user) } else { Job::Deactivate(user) });
    }

    /// Tells every application that takes security events, and every stream; `event` is the end of a type, as `session-revoked`.
    ///
    /// # Errors
    /// When the key fails.
    pub fn send_security_event(&mut self, user_id: &str, event: &str) -> Result<(), DevError> {
        let now = self.clock.now_ms().div_euclid(1000);
        let mut errands = Vec::new();
        for url in self.apps.iter().filter_map(|app| app.security_events_url.as_ref()) {
            errands.push(Errand {
                url: url.clone(),
                media_type: "application/secevent+jwt",
                bearer: None,
                body: self.security_event_token(url, user_id, event, SetShape::Okta, now)?,
            });
        }
        self.outbox.extend(errands);
        self.send_to_streams(user_id, event, now)
    }

    /// `rotate_keys`, `forget_old_keys`, `push_groups`, `auto_pick` `{on}`, `use_token` `{token}`; with `{email}`:
    /// `deactivate`, `activate`, `assign`, `unassign`, `universal_logout`, `session_revoked`.
    pub(super) fn act(&mut self, name: &str, body: &Value) -> Result<Value, String> {
        let text = |error: DevError| error.to_string();
        match name {
            "rotate_keys" => self.rotate_keys().map_err(text)?,
            "forget_old_keys" => self.forget_old_keys(),
            "auto_pick" => self.auto_pick = body["on"].as_bool().ok_or("on must be true or false")?,
            "use_token" => {
                self.provision(Job::Token(body["token"].as_str().ok_or("token is missing")?.to_owned()));
            }
            "push_groups" => {
                let is_pushed =
                    |user: &&OktaUser| user.status == Status::Active && self.is_assigned(&user.id);
                self.provision(Job::Groups(self.users.iter().filter(is_pushed).cloned().collect()));
            }
            _ => {
                let email = body["email"].as_str().ok_or_else(|| format!("okta has no control {name:?}"))?;
                let user = self.user(email).ok_or("nobody has this address")?.clone();
                self.act_on(name, user)?;
            }
        }
        Ok(json!({ "done": name }))
    }

    fn act_on(&mut self, name: &str, user: OktaUser) -> Result<(), String> {
        let text = |error: DevError| error.to_string();
        let id = user.id.clone();
        match name {
            "deactivate" if user.status == Status::Deprovisioned => {
                return Err("the user is deactivated already".to_owned());
            }
            "deactivate" => {
                self.send_universal_logout(&id).map_err(text)?;
                self.deprovision(&id);
            }
            "activate" if user.status == Status::Active => {
                return Err("the user is active already".to_owned());
            }
            "activate" => self.activate(&id),
            "assign" => self.assign(user, true),
            "unassign" => self.assign(user, false),
            "universal_logout" => self.send_universal_logout(&id).map_err(text)?,
            "session_revoked" => self.send_security_event(&id, "session-revoked").map_err(text)?,
            _ => return Err(format!("okta has no control {name:?}")),
        }
        Ok(())
    }
}
