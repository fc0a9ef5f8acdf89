//! Okta's SCIM client: pushes users, groups and roles to an application in the order and the shapes that Okta sends.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::OktaUser;
use crate::dev::{DevError, client, wire::encoded};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ROLE: &str = "urn:okta:scim:schemas:core:1.0:Role";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Okta closes the connection then.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A page of an import.
const PAGE: usize = 100;

/// Which of Okta's two SCIM clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// An application of the catalogue: PATCH to switch a user on or off and for groups, PUT for profiles.
    Catalogue,
    /// An application made with the wizard: PUT for everything.
    Wizard,
}

/// A request that the application did not answer as Okta needs it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{request}: {}: {detail}", status.map_or("no answer".to_owned(), |status| status.to_string()))]
pub struct PushError {
    /// Method and path.
    pub request: String,
    /// Status, if there was an answer.
    pub status: Option<u16>,
    /// `detail` of the answer, which Okta shows to the admin.
    pub detail: String,
}

/// The provisioning of one application.
pub struct ScimPush {
    base: String,
    token: String,
    style: Style,
    client: Client,
    /// Okta user id → the application's id.
    users: BTreeMap<String, String>,
    /// Group name → the application's id.
    groups: BTreeMap<String, String>,
    /// Roles that the application offers, by id and by name: id and name.
    roles: BTreeMap<String, (String, String)>,
    /// Requests sent.
    pub requests: usize,
    /// Requests that failed.
    pub errors: usize,
}

impl ScimPush {
    /// For an application with this SCIM base URL (no last slash) and bearer token.
    ///
    /// # Errors
    /// When there is no HTTP client.
    pub fn new(base: &str, token: &str, style: Style) -> Result<Self, DevError> {
        Ok(Self {
            base: base.to_owned(),
            token: token.to_owned(),
            style,
            client: client()?,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            requests: 0,
            errors: 0,
        })
    }

    /// The application's id of a user that was pushed.
    pub fn id_of(&self, okta_id: &str) -> Option<&str> {
        self.users.get(okta_id).map(String::as_str)
    }

    /// Another bearer token from now on.
    pub fn set_token(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    /// Groups that were pushed.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Roles that the application offers.
    pub fn role_count(&self) -> usize {
        self.roles.values().map(|(id, _)| id).collect::<BTreeSet<_>>().len()
    }

    /// The application's id of a group that was pushed.
    pub fn group_id(&self, name: &str) -> Option<&str> {
        self.groups.get(name).map(String::as_str)
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, PushError> {
        self.requests += 1;
        let result = self.exchange(method.clone(), path, body).await;
        result.map_err(|(status, detail)| {
            self.errors += 1;
            PushError { request: format!("{method} {path}"), status, detail }
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, (Option<u16>, String)> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .timeout(TIMEOUT)
            .bearer_auth(&self.token)
            .header("user-agent", "Okta SCIM Client 1.0.0")
            .header("accept", "application/scim+json")
            .header("accept-charset", "utf-8")
            .header("connection", "close");
        if let Some(body) = body {
            request =
                request.header("content-type", "application/scim+json; charset=utf-8").body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| (None, error.to_string()))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| (Some(status), error.to_string()))?;
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text)
                .map_err(|error| (Some(status), format!("Invalid JSON: {error}")))?,
        };
        match status {
            200..=299 => Ok(body),
            _ => Err((Some(status), body["detail"].as_str().unwrap_or_default().to_owned())),
        }
    }

    async fn get(&mut self, path: &str) -> Result<Value, PushError> {
        self.send(Method::GET, path, None).await
    }

    /// "Test API Credentials".
    ///
    /// # Errors
    /// [`PushError`], as in every call here.
    pub async fn test_credentials(&mut self) -> Result<(), PushError> {
        self.get("/Users?startIndex=1&count=2").await.map(|_| ())
    }

    /// Finds the roles that the application offers. How many there are.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn discover_roles(&mut self) -> Result<usize, PushError> {
        let types = self.get("/ResourceTypes").await?;
        self.get("/Schemas").await?;
        let kinds = types["Resources"].as_array().cloned().unwrap_or_default();
        for kind in kinds.iter().filter(|kind| kind["schema"] == ROLE) {
            let endpoint = kind["endpoint"].as_str().unwrap_or("/Roles").to_owned();
            self.get(&format!("{endpoint}?count=1&startIndex=1")).await?;
            for role in self.all(&endpoint).await? {
                let text = |name: &str| role[name].as_str().unwrap_or_default().to_owned();
                let pair = (text("id"), text("displayName"));
                self.roles.insert(pair.0.to_lowercase(), pair.clone());
                self.roles.insert(pair.1.to_lowercase(), pair);
            }
        }
        Ok(self.role_count())
    }

    async fn all(&mut self, endpoint: &str) -> Result<Vec<Value>, PushError> {
        let mut found: Vec<Value> = Vec::new();
        loop {
            let start = found.len() + 1;
            let page = self.get(&format!("{endpoint}?startIndex={start}&count={PAGE}")).await?;
            let more = page["Resources"].as_array().cloned().unwrap_or_default();
            let ended = more.is_empty();
            found.extend(more);
            if ended || found.len() >= page["totalResults"].as_u64().unwrap_or_default() as usize {
                return Ok(found);
            }
        }
    }

    /// "Import Users": everyone the application has.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn import_users(&mut self) -> Result<Vec<Value>, PushError> {
        self.all("/Users").await
    }

    /// What Okta says of a user.
    fn user_body(&self, user: &OktaUser, active: bool) -> Value {
        let person = &user.person;
        let mut body = json!({
            "schemas": [USER], "userName": person.email,
            "name": { "givenName": person.given_name, "familyName": person.family_name },
            "emails": [{ "primary": true, "value": person.email, "type": "work" }],
            "displayName": person.name(), "locale": "en-US", "externalId": user.id, "groups": [], "active": active,
        });
        let roles = person.roles.iter().map(|role| {
            let unknown = || (role.clone(), role.clone());
            let (value, display) = self.roles.get(&role.to_lowercase()).cloned().unwrap_or_else(unknown);
            json!({ "value": value, "display": display })
        });
        if !person.roles.is_empty() {
            body["roles"] = roles.collect::<Vec<_>>().into();
        }
        body
    }

    /// Looks for the user by name, then creates it, or links it and pushes the profile. The application's id.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn push_user(&mut self, user: &OktaUser) -> Result<String, PushError> {
        let filter = encoded(&format!("userName eq {}", json!(user.person.email)));
        let found = self.get(&format!("/Users?filter={filter}&startIndex=1&count=100")).await?;
        if let Some(id) = found["Resources"][0]["id"].as_str().map(str::to_owned) {
            self.users.insert(user.id.clone(), id.clone());
            self.replace_user(user, true).await?;
            return Ok(id);
        }
        let mut body = self.user_body(user, true);
        // Always sent, means nothing.
        body["password"] = "1mz050nq".into();
        let made = self.send(Method::POST, "/Users", Some(&body)).await?;
        let id = made["id"].as_str().map(str::to_owned).ok_or_else(|| PushError {
            request: "POST /Users".into(),
            status: Some(201),
            detail: "Create new user returned empty user".into(),
        })?;
        self.users.insert(user.id.clone(), id.clone());
        Ok(id)
    }

    fn linked(&self, user: &OktaUser) -> Result<String, PushError> {
        self.id_of(&user.id).map(str::to_owned).ok_or_else(|| PushError {
            request: format!("push of {}", user.id),
            status: None,
            detail: "The user is not linked to the application.".into(),
        })
    }

    /// GET, then PUT of what it read with the changes in it.
    async fn replace_user(&mut self, user: &OktaUser, active: bool) -> Result<(), PushError> {
        let path = format!("/Users/{}", self.linked(user)?);
        let mut body = self.get(&path).await?;
        if let (Some(body), Value::Object(changes)) = (body.as_object_mut(), self.user_body(user, active)) {
            body.extend(changes.into_iter().filter(|(name, _)| name != "schemas"));
        }
        self.send(Method::PUT, &path, Some(&body)).await.map(|_| ())
    }

    /// Pushes a changed profile, roles included.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn update_user(&mut self, user: &OktaUser) -> Result<(), PushError> {
        self.replace_user(user, true).await
    }

    /// Deactivates or reactivates a user at the application. Okta never deletes one.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn set_active(&mut self, user: &OktaUser, active: bool) -> Result<(), PushError> {
        if self.style == Style::Wizard {
            return self.replace_user(user, active).await;
        }
        let path = format!("/Users/{}", self.linked(user)?);
        self.patch(&path, json!([{ "op": "replace", "value": { "active": active } }])).await
    }

    async fn patch(&mut self, path: &str, operations: Value) -> Result<(), PushError> {
        let body = json!({ "schemas": [PATCH], "Operations": operations });
        self.send(Method::PATCH, path, Some(&body)).await.map(|_| ())
    }

    /// Pushes a group with all its members; users who were not pushed are left out.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn push_group(&mut self, name: &str, members: &[OktaUser]) -> Result<String, PushError> {
        let id = match self.groups.get(name) {
            Some(id) => id.clone(),
            None => self.link_group(name).await?,
        };
        let members: Vec<Value> = members
            .iter()
            .filter_map(|user| Some(json!({ "value": self.id_of(&user.id)?, "display": user.person.email })))
            .collect();
        let path = format!("/Groups/{id}");
        match self.style {
            Style::Catalogue => {
                // Okta says the name again at every push of members.
                self.patch(&path, json!([{ "op": "replace", "value": { "id": id, "displayName": name } }]))
                    .await?;
                self.patch(&path, json!([{ "op": "replace", "path": "members", "value": members }])).await?;
            }
            Style::Wizard => self.replace_group(&path, |body| body["members"] = members.into()).await?,
        }
        Ok(id)
    }

    async fn replace_group(&mut self, path: &str, change: impl FnOnce(&mut Value)) -> Result<(), PushError> {
        let mut body = self.get(path).await?;
        change(&mut body);
        self.send(Method::PUT, path, Some(&body)).await.map(|_| ())
    }

    async fn link_group(&mut self, name: &str) -> Result<String, PushError> {
        let filter = encoded(&format!("displayName eq {}", json!(name)));
        let found = self.get(&format!("/Groups?filter={filter}&startIndex=1&count=100")).await?;
        let id = match found["Resources"][0]["id"].as_str() {
            Some(id) => id.to_owned(),
            None => {
                let body = json!({ "schemas": [GROUP], "displayName": name, "members": [] });
                let made = self.send(Method::POST, "/Groups", Some(&body)).await?;
                made["id"].as_str().unwrap_or_default().to_owned()
            }
        };
        self.groups.insert(name.to_owned(), id.clone());
        Ok(id)
    }

    /// Takes one user out of a group, or puts one in.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn change_membership(
        &mut self,
        name: &str,
        user: &OktaUser,
        is_in: bool,
    ) -> Result<(), PushError> {
        let member = self.linked(user)?;
        let Some(id) = self.groups.get(name).cloned() else { return Ok(()) };
        let path = format!("/Groups/{id}");
        let one = json!({ "value": member, "display": user.person.email });
        if self.style == Style::Wizard {
            let change = |body: &mut Value| {
                let mut members = body["members"].as_array().cloned().unwrap_or_default();
                members.retain(|has| has["value"] != one["value"]);
                members.extend(is_in.then_some(one));
                body["members"] = members.into();
            };
            return self.replace_group(&path, change).await;
        }
        self.patch(&path, json!([{ "op": "replace", "value": { "id": id, "displayName": name } }])).await?;
        let operation = match is_in {
            true => json!({ "op": "add", "path": "members", "value": [one] }),
            false => json!({ "op": "remove", "path": format!("members[value eq {}]", json!(member)) }),
        };
        self.patch(&path, json!([operation])).await
    }

    /// Unlinks a group and deletes it at the application.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn delete_group(&mut self, name: &str) -> Result<(), PushError> {
        let Some(id) = self.groups.remove(name) else { return Ok(()) };
        self.send(Method::DELETE, &format!("/Groups/{id}"), None).await.map(|_| ())
    }
}
