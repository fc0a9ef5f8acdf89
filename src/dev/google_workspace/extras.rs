//! What an offboarding asks of Google only when the organization wants it: taking the admin role away, wiping devices,
//! handing files over.
use ceven_actors::clock::rfc3339;
use serde_json::{Value, json};

use super::{Account, GoogleWorkspace, error, listed};
use crate::dev::{
    access::random_text,
    account::AccountView,
    sim::Call,
    wire::{Answer, Refusal, Request},
};

/// `POST …/makeAdmin`: only a super admin may, and nobody with their own role.
pub(super) fn make_admin(google: &mut GoogleWorkspace, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let status = call.request.object()?["status"].as_bool();
    let status = status.ok_or_else(|| Refusal::Body("Missing required field: status".into()))?;
    let is_admin = |one: &Account| one.shown["isAdmin"] == true && one.answers_to(&call.subject);
    let may = google.accounts.iter().any(is_admin);
    let account = google.account(call)?;
    if !may || account.answers_to(&call.subject) {
        return Err(Refusal::exact(error(403, "forbidden", "Not Authorized to access this resource/api")));
    }
    account.shown["isAdmin"] = status.into();
    Ok(Answer::empty(204))
}

pub(super) fn list_devices(google: &mut GoogleWorkspace, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let query = call.request.parameter("query").unwrap_or_default();
    let email = query.strip_prefix("email:").ok_or_else(|| Refusal::Body("Invalid Input: query".into()))?;
    let of = |account: &&Account| account.email().eq_ignore_ascii_case(email);
    let devices = google.accounts.iter().filter(of).flat_map(|account| account.devices.clone()).collect();
    Ok(listed("admin#directory#mobiledevices", "mobiledevices", devices))
}

pub(super) fn act_on_device(google: &mut GoogleWorkspace, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if call.request.object()?["action"] != "admin_account_wipe" {
        return Err(Refusal::Body("Invalid Input: action".into()));
    }
    let id = call.at("resourceId");
    let devices = google.accounts.iter_mut().flat_map(|account| account.devices.iter_mut());
    let device = devices.into_iter().find(|device| device["resourceId"] == id);
    device.ok_or(Refusal::Missing("resourceId"))?["status"] = "ACCOUNT_WIPED".into();
    Ok(Answer::empty(204))
}

pub(super) fn transfer_applications(
    _google: &mut GoogleWorkspace,
    _call: &mut Call<'_>,
) -> Result<Answer, Refusal> {
    let drive = json!({ "kind": "admin#datatransfer#ApplicationResource", "id": "55656082996",
        "name": "Drive and Docs", "transferParams": [{ "key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"] }] });
    Ok(listed("admin#datatransfer#applicationsList", "applications", vec![drive]))
}

pub(super) fn list_transfers(google: &mut GoogleWorkspace, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let owner = call.request.parameter("oldOwnerUserId");
    let of = |transfer: &&Value| owner.is_none_or(|owner| transfer["oldOwnerUserId"] == owner);
    let found = google.transfers.iter().filter(of).cloned().collect();
    Ok(listed("admin#datatransfer#dataTransfersList", "dataTransfers", found))
}

pub(super) fn start_transfer(google: &mut GoogleWorkspace, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let mut body = call.request.object()?;
    for name in ["oldOwnerUserId", "newOwnerUserId"] {
        if !google.accounts.iter().any(|account| body[name] == account.id()) {
            return Err(Refusal::Missing(name));
        }
    }
    if !body["applicationDataTransfers"].is_array() {
        return Err(Refusal::Body("Missing required field: applicationDataTransfers".into()));
    }
    body["id"] = random_text(call.clock).into();
    body["requestTime"] = rfc3339(call.now_ms).into();
    body["overallTransferStatusCode"] = "completed".into();
    google.transfers.push(body.clone());
    body["overallTransferStatusCode"] = "new".into();
    Ok(Answer::json(200, &body))
}

/// Google answers a POST that does not say how long it is with a page.
pub(super) fn length_is_said(request: &Request) -> Result<(), Refusal> {
    let says = ["content-length", "transfer-encoding"].iter().any(|name| !request.header(name).is_empty());
    if request.method != "POST" || says {
        return Ok(());
    }
    let page = "<title>Error 411 (Length Required)!!1</title>";
    Err(Refusal::exact(Answer::typed(411, "text/html; charset=UTF-8", page)))
}

pub(super) fn accounts(google: &GoogleWorkspace) -> Vec<AccountView> {
    let view = |account: &Account| {
        let is = |name: &str| account.shown[name] == true;
        let state = match (is("archived"), is("suspended")) {
            (true, _) => "archived",
            (_, true) => "suspended",
            _ => "active",
        };
        let tokens = account.tokens.len() + account.passwords.len();
        AccountView::new(account.email(), state, state == "active").holding(account.sessions as usize, tokens)
    };
    google.accounts.iter().map(view).collect()
}
