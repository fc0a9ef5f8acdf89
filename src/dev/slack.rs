//! Simulated Slack Enterprise: SCIM v2 and the Web API's admin methods.
use ceven_actors::clock::Clock;
use serde_json::{Value, json};

use super::{
    AccountView, Person,
    access::{CAPITALS, Limit, random_id, random_text},
    route::Route,
    scim_parts,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

/// The organization's own id.
const TEAM: &str = "T0SIMULATOR";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// A member of the workspace.
#[derive(Clone)]
pub struct Member {
    /// As SCIM shows it.
    pub shown: Value,
    /// Devices signed in.
    pub sessions: u32,
    /// The primary owner cannot be touched.
    pub is_primary_owner: bool,
    /// A bot has no sessions.
    pub is_bot: bool,
    /// Id of the organization that they belong to: another one for who is seen through Slack Connect.
    pub team: String,
}

/// An organization with one owner's token.
#[derive(Clone)]
pub struct Slack {
    /// Token of an owner (`xoxp-…`).
    pub token: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Whether the plan has the Enterprise methods.
    pub is_enterprise: bool,
    /// Members.
    pub members: Vec<Member>,
}

impl Slack {
    /// An Enterprise organization whose token may do everything.
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            token: format!("xoxp-{}", random_text(clock)),
            scopes: ["admin", "admin.users:write", "users:read", "users:read.email"]
                .map(str::to_owned)
                .to_vec(),
            is_enterprise: true,
            members: Vec::new(),
        }
    }

    fn list(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let wanted = match call.request.parameter("filter") {
            None => None,
            Some(filter) => {
                Some(scim_parts::wanted(filter).ok_or_else(|| Refusal::Body("invalid_filter".into()))?)
            }
        };
        let shown = self.members.iter().map(|member| member.shown.clone());
        let found: Vec<Value> = shown
            .filter(|user| wanted.as_ref().is_none_or(|wanted| scim_parts::is_wanted(user, wanted)))
            .collect();
        let start = call.request.number("startIndex").unwrap_or(1);
        let count = call.request.number("count").unwrap_or(10).min(1000);
        Ok(Answer::json(200, &scim_parts::list(&found, start, count)))
    }

    fn member(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.shown["id"] == id)
    }

    fn get(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let member = self.member(call.at("id")).ok_or(Refusal::Missing("user_not_found"))?;
        Ok(Answer::json(200, &member.shown))
    }

    fn patch(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let body = call.request.object()?;
        let active = scim_parts::patched_active(&body).map_err(Refusal::Body)?;
        let member = self.member(call.at("id")).ok_or(Refusal::Missing("user_not_found"))?;
        if active == Some(false) {
            deactivate(member)?;
        } else if active == Some(true) {
            member.shown["active"] = true.into();
        }
        Ok(Answer::json(200, &member.shown))
    }

    fn delete(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        deactivate(self.member(call.at("id")).ok_or(Refusal::Missing("user_not_found"))?)?;
        Ok(Answer::empty(204))
    }

    /// A Web API method's argument: JSON or a form.
    fn named(&mut self, call: &Call<'_>) -> Result<&mut Member, Answer> {
        if !self.is_enterprise {
            return Err(not_ok("feature_not_enabled"));
        }
        let id = match call.request.object() {
            Ok(body) => body["user_id"].as_str().unwrap_or_default().to_owned(),
            Err(_) => match call.request.form() {
                Ok(form) => form.get("user_id").to_owned(),
                Err(_) => return Err(not_ok("invalid_post_type")),
            },
        };
        self.member(&id).ok_or_else(|| not_ok("user_not_found"))
    }

    /// Whose token it is: the primary owner's; its scopes are in a header.
    fn test_token(&mut self, _: &mut Call<'_>) -> Result<Answer, Refusal> {
        let own = self.members.iter().find(|member| member.is_primary_owner);
        let id = own.map_or("U0SIMULATOR", |member| member.shown["id"].as_str().unwrap_or_default());
        Ok(Answer::json(
            200,
            &json!({ "ok": true, "team": "Acme", "team_id": TEAM, "user": "owner", "user_id": id }),
        )
        .with("x-oauth-scopes", self.scopes.join(",")))
    }

    fn info(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let id = call.request.parameter("user").unwrap_or_default().to_owned();
        let Some(member) = self.member(&id) else { return Ok(not_ok("user_not_found")) };
        let user = json!({
            "id": member.shown["id"], "team_id": member.team, "deleted": member.shown["active"] == false,
            "is_bot": member.is_bot, "is_owner": member.is_primary_owner, "is_primary_owner": member.is_primary_owner,
        });
        Ok(Answer::json(200, &json!({ "ok": true, "user": user })))
    }

    fn reset_sessions(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(match self.named(call) {
            Err(refused) => refused,
            Ok(member) if member.is_primary_owner => not_ok("cannot_reset_primary_owner"),
            Ok(member) if member.is_bot => not_ok("cannot_reset_bot"),
            Ok(member) => {
                member.sessions = 0;
                Answer::json(200, &json!({ "ok": true }))
            }
        })
    }

    fn admin_deactivate(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(match self.named(call) {
            Err(refused) => refused,
            Ok(member) => match deactivate(member) {
                Ok(()) => Answer::json(200, &json!({ "ok": true })),
                Err(_) => not_ok("deactivation_failed"),
            },
        })
    }

    fn lookup(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let email = call.request.parameter("email").unwrap_or_default().to_owned();
        let wanted = vec![("email".to_owned(), email)];
        let found = self.members.iter().find(|member| scim_parts::is_wanted(&member.shown, &wanted));
        Ok(match found {
            Some(member) => {
                let user = json!({ "id": member.shown["id"], "deleted": member.shown["active"] == false,
                    "is_bot": member.is_bot, "is_primary_owner": member.is_primary_owner,
                    "profile": { "email": member.shown["emails"][0]["value"] } });
                Answer::json(200, &json!({ "ok": true, "user": user }))
            }
            None => not_ok("users_not_found"),
        })
    }
}

fn deactivate(member: &mut Member) -> Result<(), Refusal> {
    if member.is_primary_owner {
        return Err(Refusal::exact(scim_error(403, "cannot_deactivate_primary_owner")));
    }
    member.shown["active"] = false.into();
    member.sessions = 0;
    Ok(())
}

/// Slack's SCIM errors are its own.
fn scim_error(status: u16, description: &str) -> Answer {
    Answer::json(status, &json!({ "Errors": { "description": description, "code": status } }))
}

/// The Web API says no with 200.
fn not_ok(error: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": error }))
}

impl Tool for Slack {
    const NAME: &'static str = "slack";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new("GET", "/scim/v2/Users", &["admin"], Self::list),
        Route::new("GET", "/scim/v2/Users/{id}", &["admin"], Self::get),
        Route::new("PATCH", "/scim/v2/Users/{id}", &["admin"], Self::patch),
        Route::new("DELETE", "/scim/v2/Users/{id}", &["admin"], Self::delete),
        Route::new("POST", "/api/admin.users.session.reset", &["admin.users:write"], Self::reset_sessions),
        Route::new("POST", "/api/admin.users.deactivate", &["admin.users:write"], Self::admin_deactivate),
        Route::new("POST", "/api/auth.test", &["admin"], Self::test_token),
        Route::new("GET", "/api/users.info", &["users:read"], Self::info),
        Route::new("GET", "/api/users.lookupByEmail", &["users:read.email"], Self::lookup),
    ];

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let is_primary_owner = person.is_admin && !self.members.iter().any(|member| member.is_primary_owner);
        let handle = person.email.split('@').next().unwrap_or_default();
        self.members.push(Member {
            shown: json!({
                "schemas": [USER], "id": random_id(clock, "U0", 9, CAPITALS), "externalId": "", "userName": handle,
                "name": { "givenName": person.given_name, "familyName": person.family_name },
                "displayName": person.name(), "active": true,
                "emails": [{ "value": person.email, "primary": true }],
            }),
            sessions: 3,
            is_primary_owner,
            is_bot: false,
            team: TEAM.into(),
        });
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        if call.request.authorization("Bearer") != Some(self.token.as_str()) {
            return Err(Refusal::Credentials);
        }
        match scopes.iter().any(|scope| self.scopes.iter().any(|has| has == scope)) {
            true => Ok(()),
            false => Err(Refusal::Right(scopes.join(","))),
        }
    }

    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        let is_scim = !request.path.starts_with("/api/");
        match refusal {
            Refusal::Exact(answer) => (**answer).clone(),
            Refusal::Limited { .. } => Answer::json(429, &json!({ "ok": false, "error": "ratelimited" }))
                .with("retry-after", refusal.wait_secs().to_string()),
            Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Bad Gateway</h1>"),
            Refusal::Method(allowed) => scim_error(405, "method_not_allowed").with("allow", allowed),
            Refusal::Address if is_scim => scim_error(404, "not_found"),
            Refusal::Missing(what) if is_scim => scim_error(404, what),
            Refusal::Body(why) if is_scim => scim_error(400, why),
            Refusal::Credentials if is_scim => scim_error(401, "invalid_authentication"),
            Refusal::Right(_) if is_scim => scim_error(403, "missing_scope"),
            Refusal::Address => Answer::json(404, &json!({ "ok": false, "error": "unknown_method" })),
            Refusal::Missing(what) => not_ok(what),
            Refusal::Body(_) => not_ok("invalid_arguments"),
            Refusal::Credentials => not_ok("invalid_auth"),
            Refusal::Right(needed) => Answer::json(
                200,
                &json!({ "ok": false, "error": "missing_scope", "needed": needed, "provided": self.scopes.join(",") }),
            ),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 600, window_secs: 60 }
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |member: &Member| {
            let is_open = member.shown["active"] == true;
            let email = member.shown["emails"][0]["value"].as_str().unwrap_or_default();
            AccountView::new(email, if is_open { "active" } else { "deactivated" }, is_open)
                .holding(member.sessions as usize, 0)
        };
        self.members.iter().map(view).collect()
    }

    /// Methods of the Web API are called by POST, those that only ask included.
    fn reads(request: &Request) -> bool {
        request.is_get() || request.path == "/api/auth.test"
    }

    fn state(&self) -> Value {
        let members = self.members.iter().map(|member| {
            json!({ "user": member.shown, "sessions": member.sessions, "is_primary_owner": member.is_primary_owner })
        });
        json!({ "members": members.collect::<Vec<_>>(), "scopes": self.scopes, "is_enterprise": self.is_enterprise })
    }
}
