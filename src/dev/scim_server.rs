//! Simulated generic SCIM 2.0 server (RFC 7643, 7644), with the oddities that real ones have as switches.
use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};

use super::{
    AccountView, Person,
    access::{Limit, random_text},
    route::Route,
    scim_parts,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const READ: &str = "read";
const WRITE: &str = "write";

/// A service provider with one bearer token.
#[derive(Clone)]
pub struct ScimServer {
    /// Bearer token.
    pub token: String,
    /// `read`, `write`.
    pub rights: Vec<String>,
    /// Whether it knows PATCH, and says so.
    pub has_patch: bool,
    /// Answers everyone to every filter, as careless servers do.
    pub ignores_filters: bool,
    /// Takes a PATCH with a path only, as careless servers do.
    pub needs_path: bool,
    /// Takes a PATCH without a path only.
    pub refuses_path: bool,
    /// Users.
    pub users: Vec<Value>,
}

impl ScimServer {
    /// One that keeps to the RFCs.
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            token: random_text(clock),
            rights: vec![READ.into(), WRITE.into()],
            has_patch: true,
            ignores_filters: false,
            needs_path: false,
            refuses_path: false,
            users: Vec::new(),
        }
    }

    fn config(&mut self, _call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::scim(
            200,
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
                "patch": { "supported": self.has_patch }, "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
                "filter": { "supported": true, "maxResults": 200 }, "changePassword": { "supported": false },
                "sort": { "supported": false }, "etag": { "supported": false },
                "authenticationSchemes": [{ "type": "oauthbearertoken", "name": "Bearer", "description": "A token" }],
            }),
        ))
    }

    fn list(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let wanted = match call.request.parameter("filter") {
            Some(filter) if !self.ignores_filters => {
                let refuse = || invalid("invalidFilter", "The filter is not supported.");
                Some(scim_parts::wanted(filter).ok_or_else(refuse)?)
            }
            _ => None,
        };
        let fits = |user: &&Value| wanted.as_ref().is_none_or(|wanted| scim_parts::is_wanted(user, wanted));
        let found: Vec<Value> = self.users.iter().filter(fits).cloned().collect();
        let start = call.request.number("startIndex").unwrap_or(1);
        let count = call.request.number("count").unwrap_or(100).min(200);
        Ok(Answer::scim(200, &scim_parts::list(&found, start, count)))
    }

    fn user(&mut self, id: &str) -> Result<&mut Value, Refusal> {
        self.users.iter_mut().find(|user| user["id"] == id).ok_or(Refusal::Missing("User"))
    }

    fn get(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::scim(200, self.user(call.at("id"))?))
    }

    fn put(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let mut body = call.request.object()?;
        if body["userName"].as_str().is_none_or(str::is_empty) {
            return Err(invalid("invalidValue", "userName is required."));
        }
        if !matches!(body["active"], Value::Null | Value::Bool(_)) {
            return Err(invalid("invalidValue", "active must be true or false."));
        }
        let now = rfc3339(call.now_ms);
        let user = self.user(call.at("id"))?;
        (body["id"], body["meta"]) = (user["id"].clone(), user["meta"].clone());
        body["meta"]["lastModified"] = now.into();
        *user = body;
        Ok(Answer::scim(200, user))
    }

    fn patch(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        if !self.has_patch {
            return Err(Refusal::exact(Answer::scim(
                501,
                &scim_parts::error(501, None, "PATCH is not supported."),
            )));
        }
        let body = call.request.object()?;
        let active = scim_parts::patched_active(&body).map_err(|why| invalid("invalidSyntax", &why))?;
        let has_path = |operation: &Value| operation["path"].is_string();
        let operations = body["Operations"].as_array().map(Vec::as_slice).unwrap_or_default();
        if self.needs_path && !operations.iter().all(has_path) {
            return Err(invalid("invalidPath", "path is required."));
        }
        if self.refuses_path && operations.iter().any(has_path) {
            return Err(invalid("invalidPath", "path is not supported."));
        }
        let now = rfc3339(call.now_ms);
        let user = self.user(call.at("id"))?;
        if let Some(active) = active {
            user["active"] = active.into();
            user["meta"]["lastModified"] = now.into();
        }
        Ok(Answer::scim(200, user))
    }

    fn delete(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let id = self.user(call.at("id"))?["id"].clone();
        self.users.retain(|user| user["id"] != id);
        Ok(Answer::empty(204))
    }
}

fn invalid(scim_type: &str, detail: &str) -> Refusal {
    Refusal::exact(Answer::scim(400, &scim_parts::error(400, Some(scim_type), detail)))
}

impl Tool for ScimServer {
    const NAME: &'static str = "scim";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new("GET", "/scim/v2/ServiceProviderConfig", &[READ], Self::config),
        Route::new("GET", "/scim/v2/Users", &[READ], Self::list),
        Route::new("GET", "/scim/v2/Users/{id}", &[READ], Self::get),
        Route::new("PUT", "/scim/v2/Users/{id}", &[WRITE], Self::put),
        Route::new("PATCH", "/scim/v2/Users/{id}", &[WRITE], Self::patch),
        Route::new("DELETE", "/scim/v2/Users/{id}", &[WRITE], Self::delete),
    ];

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let now = rfc3339(clock.now_ms());
        self.users.push(json!({
            "schemas": [USER], "id": clock.new_id().to_string(), "userName": person.email,
            "name": { "givenName": person.given_name, "familyName": person.family_name },
            "displayName": person.name(), "active": true,
            "emails": [{ "value": person.email, "type": "work", "primary": true }],
            "meta": { "resourceType": "User", "created": now, "lastModified": now },
        }));
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        if call.request.authorization("Bearer") != Some(self.token.as_str()) {
            return Err(Refusal::Credentials);
        }
        match scopes.iter().all(|scope| self.rights.iter().any(|has| has == scope)) {
            true => Ok(()),
            false => Err(Refusal::Right(scopes.join(" "))),
        }
    }

    fn refuse(&self, refusal: &Refusal, _request: &Request) -> Answer {
        let error = |status, scim_type, detail: &str| {
            Answer::scim(status, &scim_parts::error(status, scim_type, detail))
        };
        match refusal {
            Refusal::Address => error(404, None, "There is nothing at this address."),
            Refusal::Method(allowed) => error(405, None, "The method is not allowed.").with("allow", allowed),
            Refusal::Missing(what) => error(404, None, &format!("{what} not found.")),
            Refusal::Body(why) => error(400, Some("invalidSyntax"), why),
            Refusal::Credentials => {
                error(401, None, "The token is missing or wrong.").with("www-authenticate", "Bearer")
            }
            Refusal::Right(right) => error(403, None, &format!("The token may not {right}.")),
            Refusal::Limited { .. } => {
                error(429, None, "Too many requests.").with("retry-after", refusal.wait_secs().to_string())
            }
            Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Bad Gateway</h1>"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 1000, window_secs: 60 }
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |user: &Value| {
            let is_open = user["active"] == true;
            let name = user["userName"].as_str().unwrap_or_default();
            AccountView::new(name, if is_open { "active" } else { "inactive" }, is_open)
        };
        self.users.iter().map(view).collect()
    }

    fn state(&self) -> Value {
        json!({ "users": self.users, "has_patch": self.has_patch, "ignores_filters": self.ignores_filters })
    }
}
