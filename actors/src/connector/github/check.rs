//! The ladder of checks for GitHub.
use serde_json::json;

use super::GitHub;
use super::api::{Installation, RIGHTS, Session, judge, must};
use crate::connector::pass::{Failure, Halt, Outcome, Pass};
use crate::connector::wire::{Method, Request};

impl GitHub {
    /// Credentials, installation, each right, each feature.
    pub fn climb(&self, pass: &mut Pass<'_>) -> Result<(), Halt> {
        let url = format!("{}/app", self.api.base_url);
        let request = self.api.as_app(pass, Request::read(Method::Get, url));
        let request = must(pass, "credentials", request)?;
        let app = pass.fetch(request, judge)?;
        let app = must(pass, "credentials", app)?.json();
        pass.note("credentials", Outcome::Done, app["name"].as_str().map(|name| format!("the App {name}")));
        let installation = self.api.installation(pass)?;
        let installation = must(pass, "installation", installation)?;
        pass.note("installation", Outcome::Done, format!("on {}", self.api.organization));
        for right in RIGHTS {
            let outcome = match installation.may_write(right) {
                true => Outcome::Done,
                false => Outcome::Failed(Failure::Permission { missing: format!("{right}=write") }),
            };
            pass.note(right, outcome, None);
        }
        let token = self.api.token(pass, &installation, true)?;
        let session = must(pass, "token", token)?;
        self.check_features(pass, &session, &installation)?;
        self.check_scim(pass, &session)?;
        match &self.enterprise {
            Some(enterprise) => enterprise.check(pass, &self.api),
            None => Ok(()),
        }
    }

    /// What each right is for, tried by a read where the right is there.
    fn check_features(
        &self,
        pass: &mut Pass<'_>,
        session: &Session<'_>,
        installation: &Installation,
    ) -> Result<(), Halt> {
        if installation.permissions.contains_key("members") {
            pass.rung("read_members", session.read(self.api.org("members?role=admin&per_page=1")), judge)?;
            self.check_saml(pass, session)?;
        }
        if installation.permissions.contains_key("organization_administration") {
            let url = self.api.org("credential-authorizations?per_page=1");
            let outcome = match pass.find(session.read(url), judge)? {
                Ok(Some(_)) => Outcome::Done,
                Ok(None) => Outcome::skipped("the organization has no SAML single sign-on"),
                Err(failure) => Outcome::Failed(failure),
            };
            pass.note("read_sso_credentials", outcome, None);
        }
        if installation.permissions.contains_key("organization_personal_access_tokens") {
            let url = self.api.org("personal-access-tokens?per_page=1");
            pass.rung("read_personal_access_tokens", session.read(url), judge)?;
        }
        Ok(())
    }

    /// Whether people can be found by their SAML identity; without it the login attribute and links remain.
    fn check_saml(&self, pass: &mut Pass<'_>, session: &Session<'_>) -> Result<(), Halt> {
        const QUERY: &str =
            "query($org: String!) { organization(login: $org) { samlIdentityProvider { id } } }";
        let outcome = match session.query(pass, QUERY, json!({ "org": self.api.organization }))? {
            Ok(data) if data["organization"]["samlIdentityProvider"].is_null() => Outcome::skipped(format!(
                "no SAML at the organization: people are found by link and {}",
                self.login_attribute
            )),
            Ok(_) => Outcome::Done,
            Err(failure) => Outcome::Failed(failure),
        };
        pass.note("saml_identities", outcome, None);
        Ok(())
    }
}
