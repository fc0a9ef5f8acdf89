//! Simulated GitHub Enterprise Cloud organization: its REST API. The application's tokens are in `app`, SCIM
//! and GraphQL in `identity`, the enterprise in `enterprise`.
use ceven_actors::clock::{Clock, rfc3339};
use serde_json::{Value, json};

use crate::dev::{
    AccountView, DevError, Person,
    access::{DIGITS, Limit, Rate, random_id, stable_id},
    keys::SigningKey,
    route::Route,
    sim::{Call, Tool},
    wire::{Answer, Refusal, Request},
};

mod app;
mod credentials;
mod enterprise;
mod identity;
mod outside;

const MEMBERS: &[&str] = &["members:write"];
const MEMBERS_READ: &[&str] = &["members:write", "members:read"];
const CREDENTIALS: &[&str] = &["organization_administration:write"];
const CREDENTIALS_READ: &[&str] = &["organization_administration:write", "organization_administration:read"];
const PATS_READ: &[&str] =
    &["organization_personal_access_tokens:write", "organization_personal_access_tokens:read"];
const PATS: &[&str] = &["organization_personal_access_tokens:write"];
const MANAGED: &[&str] = &["scim:enterprise"];
const ANY: &[&str] = &[];

/// Permissions that the application was given.
pub const PERMISSIONS: [(&str, &str); 3] = [
    ("members", "write"),
    ("organization_administration", "write"),
    ("organization_personal_access_tokens", "write"),
];

/// Someone's place in the organization.
#[derive(Clone)]
pub struct Membership {
    /// `active` or `pending`.
    pub state: &'static str,
    /// `admin` or `member`.
    pub role: &'static str,
    /// Whether it is the organization's own, and not an enterprise team's only.
    pub direct: bool,
    /// Enterprise teams that keep the person in, whatever the organization does.
    pub enterprise_teams: Vec<String>,
}

/// An account at GitHub that the organization knows.
#[derive(Clone)]
pub struct Account {
    /// Number that never changes.
    pub id: u64,
    /// Login; it can be changed.
    pub login: String,
    /// Address that the identity provider gave.
    pub email: String,
    /// Place in the organization.
    pub membership: Option<Membership>,
    /// Collaborator from outside.
    pub is_outside: bool,
    /// Id of the external identity (SAML and SCIM), while there is one.
    pub identity: Option<String>,
    /// Tokens and keys authorized for single sign-on.
    pub credentials: Vec<Value>,
    /// Fine-grained tokens with access to the organization.
    pub pats: Vec<Value>,
    /// Whether the enterprise still knows the person.
    pub in_enterprise: bool,
    /// What the login was before the account was suspended.
    pub suspended_login: Option<String>,
}

/// An organization with an application installed.
#[derive(Clone)]
pub struct GitHub {
    key: SigningKey,
    /// Login of the organization.
    pub org: String,
    /// Its enterprise, as in the address.
    pub enterprise: String,
    /// Global id of the enterprise.
    pub enterprise_id: String,
    /// Classic token of an owner of the enterprise.
    pub enterprise_token: String,
    /// Its scopes.
    pub enterprise_scopes: Vec<String>,
    /// Whether accounts belong to the enterprise, which has the identity provider then.
    pub has_managed_users: bool,
    /// Client id of the application.
    pub app_id: String,
    /// Number of its installation.
    pub installation_id: u64,
    /// Permissions of the installation, `name:access`.
    pub permissions: Vec<String>,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Invitations by e-mail.
    pub invitations: Vec<Value>,
}

impl GitHub {
    /// An organization `acme` whose application has every permission that Ceven asks for.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self, DevError> {
        let key = SigningKey::generate("simulated-github-1")?;
        Ok(Self {
            enterprise_token: stable_id("ghp_", 32, key.pem()),
            key,
            org: "acme".into(),
            enterprise: "acme-inc".into(),
            enterprise_id: "E_kgDOAAacme".into(),
            enterprise_scopes: ["admin:enterprise", "scim:enterprise"].map(str::to_owned).to_vec(),
            has_managed_users: false,
            app_id: "Iv23liSimulated00001".into(),
            installation_id: 48_200_117,
            permissions: PERMISSIONS.map(|(name, access)| format!("{name}:{access}")).to_vec(),
            accounts: Vec::new(),
            invitations: Vec::new(),
        })
    }

    /// The application's private key, as GitHub gives it for download.
    pub fn private_key_pem(&self) -> &str {
        self.key.pem()
    }

    fn check_org(&self, call: &Call<'_>) -> Result<(), Refusal> {
        if call.at("org").eq_ignore_ascii_case(&self.org) {
            Ok(())
        } else {
            Err(Refusal::Missing("organization"))
        }
    }

    /// The account that a path names; logins count without case.
    fn account(&mut self, call: &Call<'_>) -> Result<&mut Account, Refusal> {
        if !call.at("org").is_empty() {
            self.check_org(call)?;
        }
        let login = call.at("username");
        let found = self.accounts.iter_mut().find(|account| account.login.eq_ignore_ascii_case(login));
        found.ok_or(Refusal::Missing("user"))
    }

    fn get_membership(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let org = self.org.clone();
        let account = self.account(call)?;
        let membership = account.membership.as_ref().ok_or(Refusal::Missing("membership"))?;
        Ok(Answer::json(
            200,
            &json!({
                "url": format!("{}/orgs/{org}/memberships/{}", call.base, account.login),
                "state": membership.state, "role": membership.role, "direct_membership": membership.direct,
                "enterprise_teams_providing_indirect_membership": membership.enterprise_teams,
                "organization": { "login": org, "id": 1 }, "user": user(account),
            }),
        ))
    }

    fn delete_membership(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let account = self.account(call)?;
        let membership = account.membership.as_mut().ok_or(Refusal::Missing("membership"))?;
        match membership.enterprise_teams.is_empty() {
            true => account.membership = None,
            // The organization cannot end what an enterprise team gives.
            false => membership.direct = false,
        }
        Ok(Answer::empty(204))
    }

    fn list_members(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        self.check_org(call)?;
        let active =
            |account: &&Account| account.membership.as_ref().is_some_and(|place| place.state == "active");
        Ok(paged(call, self.accounts.iter().filter(active).map(user).collect()))
    }

    fn is_member(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let place = self.account(call)?.membership.as_ref().filter(|place| place.state == "active");
        place.map(|_| Answer::empty(204)).ok_or(Refusal::Missing("member"))
    }

    fn get_user(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        Ok(Answer::json(200, &user(self.account(call)?)))
    }

    fn get_user_by_id(&mut self, call: &mut Call<'_>) -> Result<Answer, Refusal> {
        let found = self.accounts.iter().find(|account| account.id.to_string() == call.at("id"));
        Ok(Answer::json(200, &user(found.ok_or(Refusal::Missing("user"))?)))
    }
}

/// A user as lists show it.
fn user(account: &Account) -> Value {
    json!({ "login": account.login, "id": account.id, "node_id": format!("U_{}", account.id), "type": "User",
        "site_admin": false })
}

/// One page, with the link to the next.
fn paged(call: &Call<'_>, rows: Vec<Value>) -> Answer {
    let size = call.request.number("per_page").unwrap_or(30).clamp(1, 100);
    let page = call.request.number("page").unwrap_or(1).max(1);
    let shown: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
    let answer = Answer::json(200, &json!(shown));
    if page * size >= rows.len() {
        return answer;
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.request.query.iter().filter(|(name, _)| name != "page") {
        query.append_pair(name, value);
    }
    let query = query.append_pair("page", &(page + 1).to_string()).finish();
    answer.with("link", format!("<{}{}?{query}>; rel=\"next\"", call.base, call.request.path))
}

/// An error of the REST API.
fn error(status: u16, message: &str) -> Answer {
    let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() });
    Answer::json(status, &body)
}

impl Tool for GitHub {
    const NAME: &'static str = "github";
    const ROUTES: &'static [Route<Self>] = &[
        Route::open("GET", "/app", app::get_app),
        Route::open("GET", "/orgs/{org}/installation", app::get_installation),
        Route::open("POST", "/app/installations/{installation}/access_tokens", app::access_token),
        Route::new("GET", "/orgs/{org}/memberships/{username}", MEMBERS_READ, Self::get_membership),
        Route::new("DELETE", "/orgs/{org}/memberships/{username}", MEMBERS, Self::delete_membership),
        Route::new("GET", "/orgs/{org}/members", MEMBERS_READ, Self::list_members),
        Route::new("GET", "/orgs/{org}/members/{username}", MEMBERS_READ, Self::is_member),
        Route::new("DELETE", "/orgs/{org}/members/{username}", MEMBERS, Self::delete_membership),
        Route::new("GET", "/orgs/{org}/outside_collaborators", MEMBERS_READ, outside::list_outside),
        Route::new(
            "DELETE",
            "/orgs/{org}/outside_collaborators/{username}",
            MEMBERS,
            outside::delete_outside,
        ),
        Route::new("GET", "/orgs/{org}/invitations", MEMBERS_READ, outside::list_invitations),
        Route::new("DELETE", "/orgs/{org}/invitations/{invitation}", MEMBERS, outside::delete_invitation),
        Route::new(
            "GET",
            "/orgs/{org}/credential-authorizations",
            CREDENTIALS_READ,
            credentials::list_credentials,
        ),
        Route::new(
            "DELETE",
            "/orgs/{org}/credential-authorizations/{credential}",
            CREDENTIALS,
            credentials::delete_credential,
        ),
        Route::new(
            "POST",
            "/orgs/{org}/credential-authorizations/{username}/revoke",
            CREDENTIALS,
            credentials::revoke_credentials,
        ),
        Route::new("GET", "/orgs/{org}/personal-access-tokens", PATS_READ, credentials::list_pats),
        Route::new("POST", "/orgs/{org}/personal-access-tokens", PATS, credentials::update_pats),
        Route::new("GET", "/users/{username}", ANY, Self::get_user),
        Route::new("GET", "/user/{id}", ANY, Self::get_user_by_id),
        Route::new("GET", "/rate_limit", ANY, app::rate_limit),
        Route::new("GET", "/scim/v2/organizations/{org}/Users", MEMBERS_READ, identity::scim_list),
        Route::new("GET", "/scim/v2/organizations/{org}/Users/{id}", MEMBERS_READ, identity::scim_get),
        Route::new("PATCH", "/scim/v2/organizations/{org}/Users/{id}", MEMBERS, identity::scim_patch),
        Route::new("DELETE", "/scim/v2/organizations/{org}/Users/{id}", MEMBERS, identity::scim_delete),
        Route::new("GET", "/scim/v2/enterprises/{enterprise}/Users", MANAGED, identity::scim_list),
        Route::new("GET", "/scim/v2/enterprises/{enterprise}/Users/{id}", MANAGED, identity::scim_get),
        Route::new("PATCH", "/scim/v2/enterprises/{enterprise}/Users/{id}", MANAGED, identity::scim_patch),
        Route::new("POST", "/graphql", ANY, identity::graphql),
    ];

    /// Only who has a login at GitHub.
    fn seed(&mut self, person: &Person, clock: &dyn Clock) {
        let Some(login) = &person.github_login else { return };
        let number = |length| random_id(clock, "1", length, DIGITS).parse::<u64>().unwrap_or(1);
        let at = rfc3339(clock.now_ms());
        let pat = json!({ "id": number(5), "owner": { "login": login }, "token_name": "laptop",
            "token_expired": false, "access_granted_at": at });
        self.accounts.push(Account {
            id: number(7),
            login: login.clone(),
            email: person.email.clone(),
            membership: Some(Membership {
                state: "active",
                role: if person.is_admin { "admin" } else { "member" },
                direct: true,
                enterprise_teams: Vec::new(),
            }),
            is_outside: false,
            identity: Some(clock.new_id().to_string()),
            credentials: ["personal access token", "SSH key"]
                .map(|kind| {
                    json!({ "login": login, "credential_id": number(6), "credential_type": kind,
                    "credential_authorized_at": at })
                })
                .to_vec(),
            pats: vec![pat],
            in_enterprise: true,
            suspended_login: None,
        });
    }

    fn authorize(&mut self, call: &mut Call<'_>, scopes: &'static [&'static str]) -> Result<(), Refusal> {
        if call.request.header("user-agent").is_empty() {
            return Err(Refusal::exact(error(403, "Request forbidden by administrative rules.")));
        }
        enterprise::authorize(self, call, scopes).unwrap_or_else(|| call.bearer(scopes))
    }

    fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        if request.path.starts_with("/scim/") {
            return identity::refuse(refusal);
        }
        match refusal {
            Refusal::Address | Refusal::Missing(_) => error(404, "Not Found"),
            Refusal::Method(allowed) => error(405, "Method Not Allowed").with("allow", allowed),
            Refusal::Body(_) => error(400, "Problems parsing JSON"),
            Refusal::Credentials => error(401, "Bad credentials"),
            Refusal::Right(right) => error(403, "Resource not accessible by integration")
                .with("x-accepted-github-permissions", right.replace(':', "=")),
            Refusal::Limited { .. } => error(429, "API rate limit exceeded for installation ID."),
            // GitHub's other limit answers 403 and does not touch the counters.
            Refusal::Broken(403) => error(
                403,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            )
            .with("retry-after", "60"),
            Refusal::Broken(status) => Answer::typed(*status, "text/html", "<h1>Unicorn!</h1>"),
            Refusal::Exact(answer) => (**answer).clone(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { requests: 15_000, window_secs: 3600 }
    }

    fn rate_headers(&self, rate: &Rate) -> Vec<(&'static str, String)> {
        vec![
            ("x-ratelimit-limit", rate.limit.to_string()),
            ("x-ratelimit-remaining", rate.remaining.to_string()),
            ("x-ratelimit-used", (rate.limit - rate.remaining).to_string()),
            ("x-ratelimit-reset", rate.reset_ms.div_euclid(1000).to_string()),
            ("x-ratelimit-resource", "core".into()),
        ]
    }

    fn reads(request: &Request) -> bool {
        request.is_get() || (request.path == "/graphql" && !identity::is_mutation(request))
    }

    fn accounts(&self) -> Vec<AccountView> {
        let view = |account: &Account| {
            let place = account.membership.as_ref();
            let state = match place {
                Some(place) => format!("{} {}", place.state, place.role),
                None if account.suspended_login.is_some() => "suspended".to_owned(),
                None if account.is_outside => "outside collaborator".to_owned(),
                None => "not in the organization".to_owned(),
            };
            let is_open = place.is_some() || account.is_outside;
            AccountView::new(&account.email, &state, is_open)
                .holding(0, account.credentials.len() + account.pats.len())
        };
        self.accounts.iter().map(view).collect()
    }

    fn state(&self) -> Value {
        let accounts = self.accounts.iter().map(|account| {
            let place = account.membership.as_ref();
            json!({ "login": account.login, "id": account.id, "email": account.email, "identity": account.identity,
                "membership": place.map(|place| json!({ "state": place.state, "role": place.role,
                    "direct": place.direct, "enterprise_teams": place.enterprise_teams })),
                "outside": account.is_outside, "in_enterprise": account.in_enterprise,
                "suspended": account.suspended_login.is_some(),
                "credentials": account.credentials.len(), "pats": account.pats.len() })
        });
        json!({ "org": self.org, "accounts": accounts.collect::<Vec<_>>(), "invitations": self.invitations,
            "permissions": self.permissions })
    }
}
