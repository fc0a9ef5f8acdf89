//! Tokens and keys: those authorized for single sign-on, and fine-grained tokens with access to the organization.
use serde_json::{Value, json};

use super::{Account, GitHub, error, paged};
use crate::dev::{
    sim::Call,
    wire::{Answer, Refusal},
};

pub(super) fn list_credentials(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    let login = call.request.parameter("login");
    let of = |account: &&Account| login.is_none_or(|login| account.login.eq_ignore_ascii_case(login));
    Ok(paged(
        call,
        github.accounts.iter().filter(of).flat_map(|account| account.credentials.clone()).collect(),
    ))
}

pub(super) fn delete_credential(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    for account in &mut github.accounts {
        let is_it = |one: &Value| call.at("credential") == one["credential_id"].to_string().as_str();
        if let Some(at) = account.credentials.iter().position(is_it) {
            account.credentials.remove(at);
            return Ok(Answer::empty(204));
        }
    }
    Err(Refusal::Missing("credential"))
}

pub(super) fn revoke_credentials(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let account = github.account(call)?;
    account.credentials.clear();
    let message = format!("Credential authorization revocation for user '{}' has been queued", account.login);
    Ok(Answer::json(202, &json!({ "message": message })))
}

pub(super) fn list_pats(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    let owners = call.request.query.iter().filter(|(name, _)| matches!(name.as_str(), "owner" | "owner[]"));
    let owners: Vec<&String> = owners.map(|(_, login)| login).collect();
    let of = |account: &&Account| {
        owners.is_empty() || owners.iter().any(|login| login.eq_ignore_ascii_case(&account.login))
    };
    Ok(paged(call, github.accounts.iter().filter(of).flat_map(|account| account.pats.clone()).collect()))
}

pub(super) fn update_pats(github: &mut GitHub, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    github.check_org(call)?;
    let body = call.request.object()?;
    let ids = body["pat_ids"].as_array().filter(|ids| (1..=100).contains(&ids.len()));
    let (Some(ids), "revoke") = (ids, body["action"].as_str().unwrap_or_default()) else {
        return Err(Refusal::exact(error(422, "Validation Failed")));
    };
    for account in &mut github.accounts {
        account.pats.retain(|pat| !ids.contains(&pat["id"]));
    }
    Ok(Answer::json(202, &json!({})))
}
