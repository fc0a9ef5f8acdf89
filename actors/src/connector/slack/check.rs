//! The ladder of checks for Slack.
use super::Slack;
use super::errors::{judge_scim, judge_web};
use crate::connector::pass::{Failure, Halt, Outcome, Pass};
use crate::connector::wire::{Method, Request, escape};

impl Slack {
    /// Credentials, each scope, the token's own role, SCIM.
    pub fn climb(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let answered = match pass.fetch(self.web(Method::Post, "auth.test"), judge_web)? {
            Ok(answered) => answered,
            Err(failure) => return Err(pass.fail("credentials", failure)),
        };
        let own = answered.json();
        let detail = format!("{} at {}", text(&own["user"]), text(&own["team"]));
        pass.note("credentials", Outcome::Done, detail);
        // Slack names the token's scopes with every answer.
        let granted = answered
            .header("x-oauth-scopes")
            .map(|scopes| scopes.split(',').map(|scope| scope.trim().to_owned()).collect::<Vec<_>>());
        let mut wanted = vec!["admin", "users:read"];
        if self.is_enterprise {
            wanted.push("admin.users:write");
        }
        for scope in wanted {
            let outcome = match &granted {
                None => Outcome::skipped("Slack did not name the token's scopes"),
                Some(granted) if granted.iter().any(|other| other == scope) => Outcome::Done,
                Some(_) => Outcome::Failed(Failure::Permission { missing: scope.to_owned() }),
            };
            pass.note(&format!("scope_{}", scope.replace([':', '.'], "_")), outcome, None);
        }
        let request = self.web(Method::Get, &format!("users.info?user={}", escape(text(&own["user_id"]))));
        let outcome = match pass.fetch(request, judge_web)?.map(|response| response.json()["user"].clone()) {
            Ok(user) if user["is_owner"] == true || user["is_admin"] == true => Outcome::Done,
            Ok(_) => {
                Outcome::Failed(Failure::Permission { missing: "the token of an admin or owner".into() })
            }
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note("role", outcome, None);
        let request = self.scim(Request::read(Method::Get, self.users("?count=1")));
        pass.rung("scim", request, judge_scim)?;
        Ok(())
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}
