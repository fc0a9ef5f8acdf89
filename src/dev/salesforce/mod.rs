//! Simulated Salesforce: client credentials, SOQL over the four objects that matter at the end of an access, sObjects.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};

use crate::dev::{
    AccountView, Person,
    access::{ALPHANUMERIC, Grant, Limit, Rate, random_id, random_text},
    route::Route,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

mod query;

use query::{Query, QueryError};

const API: &str = "api";
const MANAGE: &str = "manage_users";
/// Whom the connected application acts as.
const OWN_USER: &str = "0055e000001mKpC";
/// A session's life, seconds.
const TOKEN_SECS: i64 = 7200;

/// An org with a connected application.
#[derive(Clone)]
pub struct Salesforce {
    /// Consumer key.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: String,
    /// What the integration user may: `api`, `manage_users`.
    pub rights: Vec<String>,
    /// Ids of users whom Salesforce does not let go inactive (default owners and the like).
    pub pinned: Vec<String>,
    /// Rows of one answer to a query; the others are behind `nextRecordsUrl`.
    pub page_rows: usize,
    users: Vec<Value>,
    logins: Vec<Value>,
    sessions: Vec<Value>,
    tokens: Vec<Value>,
    /// Permission sets that give the right to manage users.
    managers: Vec<Value>,
}

impl Salesforce {
    /// An org whose integration user may do everything.
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            client_id: format!("3MVG9{}", random_text(clock)),
            client_secret: random_text(clock),
            rights: vec![API.into(), MANAGE.into()],
            pinned: Vec::new(),
            page_rows: 2000,
            users: Vec::new(),
            logins: Vec::new(),
            sessions: Vec::new(),
            tokens: Vec::new(),
            managers: Vec::new(),
        }
    }

    /// Id of the first user with this e-mail address.
    pub fn user_id(&self, email: &str) -> Option<String> {
        self.users.iter().find(|user| user["Email"] == email)?["Id"].as_str().map(str::to_owned)
    }

    fn token(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let form = call.request.form()?;
        let refuse = |code: &str, why: &str| {
            Refusal::exact(Answer::json(400, &json!({ "error": code, "error_description": why })))
        };
        if form.get("grant_type") != "client_credentials" {
            return Err(refuse("unsupported_grant_type", "grant type not supported"));
        }
        if form.get("client_id") != self.client_id {
            return Err(refuse("invalid_client_id", "client identifier invalid"));
        }
        if form.get("client_secret") != self.client_secret {
            return Err(refuse("invalid_client", "invalid client credentials"));
        }
        let grant = Grant {
            subject: self.client_id.clone(),
            scopes: self.rights.clone(),
            expires_ms: call.now_ms + TOKEN_SECS * 1000,
            bound_to: None,
        };
        let token = call.access.issue(call.clock, "00D5e000000abcd!", grant);
        Ok(Answer::json(
            200,
            &json!({
                "access_token": token, "instance_url": call.base, "token_type": "Bearer", "scope": "api",
                "id": format!("{}/id/00D5e000000abcdEAA/{OWN_USER}", call.base),
                "issued_at": call.now_ms.to_string(), "signature": random_text(call.clock),
            }),
        ))
    }

    fn revoke(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let form = call.request.form()?;
        let before = self.tokens.len();
        self.tokens.retain(|token| token["DeleteToken"] != form.get("token"));
        if self.tokens.len() < before || call.access.revoke(form.get("token")) {
            return Ok(Answer::empty(200));
        }
        let body = json!({ "error": "invalid_token", "error_description": "invalid token" });
        Err(Refusal::exact(Answer::json(400, &body)))
    }

    fn table(&mut self, object: &str) -> Option<&mut Vec<Value>> {
        match object {
            "User" => Some(&mut self.users),
            "UserLogin" => Some(&mut self.logins),
            "AuthSession" => Some(&mut self.sessions),
            "OauthToken" => Some(&mut self.tokens),
            "PermissionSetAssignment" => Some(&mut self.managers),
            _ => None,
        }
    }

    fn query(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let text = call.request.parameter("q");
        let text = text.ok_or_else(|| Refusal::Body("The q parameter is missing".into()))?.to_owned();
        self.records(call, &text, 0)
    }

    /// `…/query/{locator}`: here the locator is the query and how much of it was told.
    fn more(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let unknown = || Refusal::exact(error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"));
        let (text, from) = call.at("locator").rsplit_once('-').ok_or_else(unknown)?;
        let text = URL_SAFE_NO_PAD.decode(text).ok().and_then(|text| String::from_utf8(text).ok());
        let from = from.parse().map_err(|_| unknown())?;
        self.records(call, &text.ok_or_else(unknown)?, from)
    }

    fn records(&mut self, call: &Call<'_>, text: &str, from: usize) -> Result<Answer, Refusal> {
        let page_rows = self.page_rows;
        let refuse = |code: &str, why: String| Refusal::exact(error(400, code, &why));
        let query = Query::read(text).map_err(|QueryError(why)| refuse("MALFORMED_QUERY", why))?;
        let may_manage = self.rights.iter().any(|right| right == MANAGE);
        let assignment = json!({ "Id": "0Pa5e00000000001", "AssigneeId": OWN_USER,
            "PermissionSet.PermissionsManageUsers": true });
        self.managers = may_manage.then_some(assignment).into_iter().collect();
        let unknown = || refuse("INVALID_TYPE", format!("sObject type '{}' is not supported.", query.from));
        if query.from == "OauthToken" && !may_manage {
            return Err(unknown());
        }
        let rows = self.table(&query.from).ok_or_else(unknown)?;
        if let Some(missing) = rows.first().and_then(|row| query.first_unknown(row)) {
            let why = format!("No such column '{missing}' on entity '{}'.", query.from);
            return Err(refuse("INVALID_FIELD", why));
        }
        let records: Vec<Value> = rows
            .iter()
            .filter(|row| query.fits(row))
            .take(query.limit.unwrap_or(usize::MAX))
            .map(|row| {
                let url =
                    format!("/services/data/{}/sobjects/{}/{}", call.at("version"), query.from, row["Id"]);
                let mut record = json!({ "attributes": { "type": query.from, "url": url.replace('"', "") } });
                for field in &query.fields {
                    record[field] = row[field].clone();
                }
                record
            })
            .collect();
        let page: Vec<&Value> = records.iter().skip(from).take(page_rows).collect();
        let next = from + page.len();
        let mut body = json!({ "totalSize": records.len(), "done": next >= records.len(), "records": page });
        if next < records.len() {
            let version = call.at("version");
            let locator = format!("{}-{next}", URL_SAFE_NO_PAD.encode(text));
            body["nextRecordsUrl"] = format!("/services/data/{version}/query/{locator}").into();
        }
        Ok(Answer::json(200, &body))
    }

    fn row(&mut self, object: &str, id: &str) -> Result<&mut Value, Refusal> {
        let rows = self.table(object).ok_or(Refusal::Address)?;
        rows.iter_mut().find(|row| row["Id"] == id).ok_or(Refusal::Missing("resource"))
    }

    fn get(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::json(200, self.row(call.at("object"), call.at("id"))?))
    }

    fn update(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let body = call.request.object()?;
        let (object, id) = (call.at("object"), call.at("id"));
        let field = match object {
            "User" => "IsActive",
            "UserLogin" => "IsFrozen",
            _ => return Err(Refusal::Method("GET".into())),
        };
        let is_pinned = self.pinned.iter().any(|pinned| pinned == id);
        let row = self.row(object, id)?;
        for (name, value) in body.as_object().into_iter().flatten() {
            if row.get(name).is_none() {
                let why = format!("No such column '{name}' on sobject of type {object}");
                return Err(Refusal::exact(error(400, "INVALID_FIELD", &why)));
            }
            if name != field || !value.is_boolean() {
                return Err(Refusal::exact(error(
                    400,
                    "JSON_PARSER_ERROR",
                    &format!("Cannot set {name} to {value}"),
                )));
            }
        }
        if is_pinned && body["IsActive"] == false {
            let why = "You cannot deactivate this user: it is the default lead owner.";
            return Err(Refusal::exact(error(400, "FIELD_INTEGRITY_EXCEPTION", why)));
        }
        if let Some(value) = body.get(field) {
            row[field] = value.clone();
        }
        Ok(Answer::empty(204))
    }

    fn delete_session(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.row("AuthSession", call.at("id"))?;
        self.sessions.retain(|session| session["Id"] != call.at("id"));
        Ok(Answer::empty(204))
    }
}

/// Errors are a list of one.
fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!([{ "message": message, "errorCode": code }]))
}

impl Tool for Salesforce {
    const NAME: &'static str = "salesforce";
    const ROUTES: &'static [Route<Self>] = &[
        Route::open("POST", "/services/oauth2/token", Self::token),
        Route::open("POST", "/services/oauth2/revoke", Self::revoke),
        Route::new("GET", "/services/data/{version}/query", &[API], Self::query),
        Route::new("GET", "/services/data/{version}/query/{locator}", &[API], Self::more),
        Route::new(
            "DELETE",
            "/services/data/{version}/sobjects/AuthSession/{id}",
            &[MANAGE],
            Self::delete_session,
        ),
        Route::new("GET", "/services/data/{version}/sobjects/{object}/{id}", &[API], Self::get),
        Route::new("PATCH", "/services/data/{version}/sobjects/{object}/{id}", &[MANAGE], Self::update),
    ];

    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let id = random_id(clock, "0055e00000", 8, ALPHANUMERIC);
        let copies = self.users.iter().filter(|user| user["Email"] == person.email.as_str()).count();
        let suffix = if copies == 0 { String::new() } else { format!(".{copies}") };
        self.users.push(json!({
            "Id": id, "Username": format!("{}{suffix}", person.email), "Email": person.email,
            "FederationIdentifier": if copies == 0 { json!(person.email) } else { Value::Null },
            "Name": person.name(), "IsActive": true, "UserType": "Standard", "ProfileId": "00e5e000001abcdEAA",
        }));
        let login = random_id(clock, "0Yw5e00000", 8, ALPHANUMERIC);
        self.logins.push(json!({ "Id": login, "UserId": id, "IsFrozen": false, "IsPasswordLocked": false }));
        for kind in ["UI", "Oauth2"] {
            let session = random_id(clock, "0Ak5e00000", 8, ALPHANUMERIC);
            let at = rfc3339(clock.now_ms());
            self.sessions
                .push(json!({ "Id": session, "UsersId": id, "SessionType": kind, "CreatedDate": at }));
        }
        self.tokens.push(json!({ "Id": random_id(clock, "0CQ5e00000", 8, ALPHANUMERIC), "UserId": id,
            "AppName": "Dataloader", "DeleteToken": random_text(clock) }));
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        call.bearer(scopes)
    }

    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        if let Refusal::Body(why) = refusal
            && request.path.starts_with("/services/oauth2")
        {
            return Answer::json(400, &json!({ "error": "invalid_request", "error_description": why }));
        }
        match refusal {
            Refusal::Address | Refusal::Missing(_) => {
                error(404, "NOT_FOUND", "The requested resource does not exist")
            }
            Refusal::Method(allowed) => {
                let why = format!("HTTP Method '{}' not allowed. Allowed are {allowed}", request.method);
                error(405, "METHOD_NOT_ALLOWED", &why).with("allow", allowed)
            }
            Refusal::Body(why) => error(400, "JSON_PARSER_ERROR", why),
            Refusal::Credentials => error(401, "INVALID_SESSION_ID", "Session expired or invalid"),
            Refusal::Right(_) => {
                error(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
            }
            Refusal::Limited { .. } => error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Bad Gateway</h1>"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 15_000, window_secs: 24 * 3600 }
    }

    fn rate_headers(&self, rate: &Rate) -> Vec<(&'static str, String)> {
        vec![("sforce-limit-info", format!("api-usage={}/{}", rate.limit - rate.remaining, rate.limit))]
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |user: &Value| {
            let of =
                |rows: &[Value], column: &str| rows.iter().filter(|row| row[column] == user["Id"]).count();
            let is_frozen =
                self.logins.iter().any(|row| row["UserId"] == user["Id"] && row["IsFrozen"] == true);
            let is_active = user["IsActive"] == true;
            let state = match (is_active, is_frozen) {
                (true, false) => "active",
                (true, true) => "frozen",
                (false, _) => "inactive",
            };
            AccountView::new(user["Email"].as_str().unwrap_or_default(), state, is_active && !is_frozen)
                .holding(of(&self.sessions, "UsersId"), of(&self.tokens, "UserId"))
        };
        self.users.iter().map(view).collect()
    }

    fn state(&self) -> Value {
        let tokens =
            self.tokens.iter().map(|token| json!({ "UserId": token["UserId"], "AppName": token["AppName"] }));
        json!({ "User": self.users, "UserLogin": self.logins, "AuthSession": self.sessions,
            "OauthToken": tokens.collect::<Vec<_>>(), "pinned": self.pinned })
    }
}
