//! Simulated 1Password Users API (public preview).
use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};

use super::{
    AccountView, Person,
    access::{CAPITALS, Grant, Limit, random_id, random_text},
    route::Route,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

/// A token's life, seconds.
const TOKEN_SECS: i64 = 900;
const LIST: &str = "users.list";
const GET: &str = "users.get";
const SUSPEND: &str = "users.suspend";
const REACTIVATE: &str = "users.reactivate";

/// An account with its OAuth application.
#[derive(Clone)]
pub struct OnePassword {
    /// Account id, as in the paths.
    pub account_id: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// What the application was given.
    pub scopes: Vec<String>,
    /// Users as the API shows them.
    pub users: Vec<Value>,
    /// Id of the owner who cannot be suspended: the first admin seeded.
    pub owner: Option<String>,
}

impl OnePassword {
    /// An account whose application may do everything.
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            account_id: random_id(clock, "", 26, CAPITALS),
            client_id: random_id(clock, "", 26, CAPITALS),
            client_secret: random_text(clock),
            scopes: [LIST, GET, SUSPEND, REACTIVATE].map(str::to_owned).to_vec(),
            users: Vec::new(),
            owner: None,
        }
    }

    fn token(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let form = call.request.form()?;
        let refuse = |status, code: &str| Refusal::exact(Answer::json(status, &json!({ "error": code })));
        if call.request.basic() != Some((self.client_id.clone(), self.client_secret.clone())) {
            return Err(refuse(401, "invalid_client"));
        }
        if form.get("grant_type") != "client_credentials" {
            return Err(refuse(400, "unsupported_grant_type"));
        }
        let grant = Grant {
            subject: self.client_id.clone(),
            scopes: self.scopes.clone(),
            expires_ms: call.now_ms + TOKEN_SECS * 1000,
            bound_to: None,
        };
        let token = call.access.issue(call.clock, "opu_", grant);
        Ok(Answer::json(
            200,
            &json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECS }),
        ))
    }

    fn revoke(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        if call.request.basic() != Some((self.client_id.clone(), self.client_secret.clone())) {
            return Err(Refusal::Credentials);
        }
        call.access.revoke(call.request.form()?.get("token"));
        Ok(Answer::empty(200))
    }

    fn check_account(&self, call: &Call<'_>) -> Result<(), Refusal> {
        if call.at("account") == self.account_id { Ok(()) } else { Err(Refusal::Missing("account")) }
    }

    fn list(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.check_account(call)?;
        let state = match call.request.parameter("filter") {
            None => None,
            Some("user.isActive()") => Some("ACTIVE"),
            Some("user.isSuspended()") => Some("SUSPENDED"),
            Some(_) => return Err(Refusal::Body("invalid filter".into())),
        };
        let found: Vec<&Value> =
            self.users.iter().filter(|user| state.is_none_or(|state| user["state"] == state)).collect();
        let size = match call.request.parameter("max_page_size").map(str::parse) {
            None => 25,
            Some(Ok(size)) if (1..=1000).contains(&size) => size,
            Some(_) => return Err(Refusal::Body("max_page_size must be between 1 and 1000".into())),
        };
        let from = call.request.parameter("page_token").filter(|token| !token.is_empty());
        let from: usize = match from.map(|token| token.strip_prefix("CAIQ").unwrap_or_default().parse()) {
            None => 0,
            Some(Ok(from)) => from,
            Some(Err(_)) => return Err(Refusal::Body("invalid page_token".into())),
        };
        let page: Vec<&Value> = found.iter().skip(from).take(size).copied().collect();
        let next = if from + size < found.len() { format!("CAIQ{}", from + size) } else { String::new() };
        Ok(Answer::json(200, &json!({ "results": page, "next_page_token": next })))
    }

    fn user(&mut self, call: &Call<'_>) -> Result<&mut Value, Refusal> {
        self.check_account(call)?;
        let id = call.at("id");
        self.users.iter_mut().find(|user| user["id"] == id).ok_or(Refusal::Missing("user"))
    }

    fn get(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::json(200, self.user(call)?))
    }

    fn suspend(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        if self.owner.as_deref() == Some(call.at("id")) {
            let body = json!({ "code": 9, "message": "the last owner cannot be suspended", "details": [] });
            return Err(Refusal::exact(Answer::json(400, &body)));
        }
        let user = self.user(call)?;
        user["state"] = "SUSPENDED".into();
        Ok(Answer::json(200, user))
    }

    fn reactivate(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let user = self.user(call)?;
        user["state"] = "ACTIVE".into();
        Ok(Answer::json(200, user))
    }
}

/// gRPC's codes, as the API's documentation hints.
fn error(status: u16, code: u8, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message, "details": [] }))
}

impl Tool for OnePassword {
    const NAME: &'static str = "onepassword";
    const ROUTES: &'static [Route<Self>] = &[
        Route::open("POST", "/v1beta1/users/oauth2/token", Self::token),
        Route::open("POST", "/v1beta1/users/oauth2/revoke", Self::revoke),
        Route::new("GET", "/v1beta1/accounts/{account}/users", &[LIST], Self::list),
        Route::new("POST", "/v1beta1/accounts/{account}/users/{id}:suspend", &[SUSPEND], Self::suspend),
        Route::new(
            "POST",
            "/v1beta1/accounts/{account}/users/{id}:reactivate",
            &[REACTIVATE],
            Self::reactivate,
        ),
        Route::new("GET", "/v1beta1/accounts/{account}/users/{id}", &[GET], Self::get),
    ];

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let id = random_id(clock, "", 26, CAPITALS);
        if person.is_admin && self.owner.is_none() {
            self.owner = Some(id.clone());
        }
        self.users.push(json!({
            "id": id, "email": person.email, "display_name": person.name(), "state": "ACTIVE",
            "create_time": rfc3339(clock.now_ms()), "path": format!("accounts/{}/users/{id}", self.account_id),
        }));
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        if call.request.header("user-agent").is_empty() {
            return Err(Refusal::Body("a User-Agent is required".into()));
        }
        call.bearer(scopes)
    }

    fn refuse(&self, refusal: &Refusal, _request: &Request) -> Answer {
        match refusal {
            Refusal::Address => error(404, 5, "Not Found"),
            Refusal::Method(allowed) => error(405, 12, "Method Not Allowed").with("allow", allowed),
            Refusal::Missing(what) => error(404, 5, &format!("{what} not found")),
            Refusal::Body(why) => error(400, 3, why),
            Refusal::Credentials => error(401, 16, "invalid access token"),
            Refusal::Right(scope) => error(403, 7, &format!("permission denied: {scope}")),
            Refusal::Limited { .. } => {
                error(429, 8, "too many requests").with("retry-after", refusal.wait_secs().to_string())
            }
            Refusal::Broken(status) => error(*status, 14, "unavailable"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 600, window_secs: 60 }
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |user: &Value| {
            let text = |name: &str| user[name].as_str().unwrap_or_default();
            AccountView::new(text("email"), &text("state").to_lowercase(), text("state") == "ACTIVE")
        };
        self.users.iter().map(view).collect()
    }

    fn state(&self) -> Value {
        json!({ "account_id": self.account_id, "users": self.users, "owner": self.owner })
    }
}
