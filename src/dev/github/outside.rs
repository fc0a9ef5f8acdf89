//! Who is no member of the organization: invited by e-mail, or a collaborator from outside.
use serde_json::Value;

use super::{GitHub, error, paged, user};
use crate::dev::{
    sim::Call,
    wire::{Answer, Refusal},
};

/// `GET /orgs/{org}/outside_collaborators`
pub(super) fn list_outside(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    Ok(paged(call, github.accounts.iter().filter(|account| account.is_outside).map(user).collect()))
}

/// `DELETE /orgs/{org}/outside_collaborators/{username}`
pub(super) fn delete_outside(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let account = github.account(call)?;
    if account.membership.is_some() {
        let why = "You cannot specify an organization member to remove as an outside collaborator.";
        return Err(Refusal::exact(error(422, why)));
    }
    account.is_outside = false;
    Ok(Answer::empty(204))
}

/// `GET /orgs/{org}/invitations`
pub(super) fn list_invitations(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    Ok(paged(call, github.invitations.clone()))
}

/// `DELETE /orgs/{org}/invitations/{invitation}`
pub(super) fn delete_invitation(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    let is_it = |invitation: &Value| call.at("invitation") == invitation["id"].to_string().as_str();
    let at = github.invitations.iter().position(is_it).ok_or(Refusal::Missing("invitation"))?;
    github.invitations.remove(at);
    Ok(Answer::empty(204))
}
