//! A Google user, as far as removal needs it.
use serde_json::Value;

use super::api::{Token, judge};
use crate::connector::pass::{Failure, Match, Pass};
use crate::connector::step::Fetched;
use crate::connector::wire::escape;

const USER_FIELDS: &str = "projection=basic&fields=id,primaryEmail,aliases,nonEditableAliases,suspended,archived,\
                           isAdmin,isDelegatedAdmin,orgUnitPath";

/// What is read about a user.
pub struct Account {
    /// The unchanging id.
    pub id: String,
    /// What an admin recognizes.
    pub primary_email: String,
    /// Every address of the user, in lower case.
    pub emails: Vec<String>,
    /// Nobody signs in.
    pub is_suspended: bool,
    /// Nobody signs in; the mail is kept.
    pub is_archived: bool,
    /// A super admin.
    pub is_admin: bool,
    /// Path of the organizational unit.
    pub org_unit: String,
}

impl Account {
    fn of(user: &Value) -> Option<Self> {
        let primary_email = user["primaryEmail"].as_str()?;
        let lists = ["aliases", "nonEditableAliases"].map(|name| user[name].as_array());
        let aliases = lists.into_iter().flatten().flatten().filter_map(Value::as_str);
        Some(Self {
            id: user["id"].as_str()?.to_owned(),
            emails: std::iter::once(primary_email).chain(aliases).map(str::to_lowercase).collect(),
            primary_email: primary_email.to_owned(),
            is_suspended: user["suspended"] == true,
            is_archived: user["archived"] == true,
            is_admin: user["isAdmin"] == true,
            org_unit: user["orgUnitPath"].as_str().unwrap_or("/").to_owned(),
        })
    }

    /// Whether anybody can sign in.
    pub fn is_in_use(&self) -> bool {
        !self.is_suspended && !self.is_archived
    }

    /// With what it was found by.
    pub fn found(self, matched_by: &str) -> (Match, Self) {
        let found = Match {
            external_id: self.id.clone(),
            label: self.primary_email.clone(),
            matched_by: matched_by.to_owned(),
        };
        (found, self)
    }
}

/// The user of an id or address; nothing when there is none. So is what can be none to Google, to which it answers 400.
///
/// # Errors
/// [`Halt::Send`](crate::connector::pass::Halt::Send) while it is not answered.
pub fn read_user(pass: &mut Pass<'_>, token: &Token<'_>, key: &str) -> Fetched<Option<Account>> {
    let found = pass.find(token.read(&format!("{}?{USER_FIELDS}", user_path(key))), judge)?;
    Ok(found.and_then(|response| match response.map(|response| Account::of(&response.json())) {
        None => Ok(None),
        Some(Some(account)) => Ok(Some(account)),
        Some(None) => Err(Failure::Malformed { detail: "a user without id and address".into() }),
    }))
}

/// Path of a user.
pub fn user_path(key: &str) -> String {
    format!("users/{}", escape(key))
}
