//! Users of the management API: look-up, lifecycle, sessions, grants, and Okta's own Global Token Revocation.
use ceven_actors::clock::rfc3339;
use serde_json::{Value, json};

use super::{Okta, OktaUser, Status, api_error};
use crate::dev::{
    access::random_text,
    sim::Call,
    wire::{Answer, Refusal},
};

fn shown(user: &OktaUser, base: &str) -> Value {
    json!({
        "id": user.id, "status": user.status.name(), "created": rfc3339(user.created_ms),
        "activated": rfc3339(user.created_ms), "statusChanged": rfc3339(user.changed_ms),
        "lastLogin": rfc3339(user.created_ms), "lastUpdated": rfc3339(user.changed_ms), "passwordChanged": null,
        "type": { "id": "otysimulated" },
        "profile": { "login": user.person.email, "email": user.person.email, "firstName": user.person.given_name,
            "lastName": user.person.family_name, "mobilePhone": null, "secondEmail": null,
            "githubUsername": user.person.github_login },
        "credentials": { "provider": { "type": "OKTA", "name": "OKTA" } },
        "_links": { "self": { "href": format!("{base}/api/v1/users/{}", user.id) } },
    })
}

/// What a search or filter compares: one attribute with one value; `search` without case.
fn compared(text: &str) -> Option<(&str, String)> {
    let (attribute, rest) = text.trim().split_once(' ')?;
    let (operator, value) = rest.trim_start().split_once(' ')?;
    if operator != "eq" {
        return None;
    }
    Some((attribute, serde_json::from_str(value.trim()).ok()?))
}

/// `GET /api/v1/users`
pub(super) fn list(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let invalid = || Refusal::Body("Invalid search criteria.".into());
    let (search, filter) = (call.request.parameter("search"), call.request.parameter("filter"));
    let wanted = match search.or(filter) {
        Some(text) => Some(compared(text).ok_or_else(invalid)?),
        None => None,
    };
    let same = |has: &str, value: &str| {
        if search.is_some() { has.eq_ignore_ascii_case(value) } else { has == value }
    };
    let fits = |user: &&OktaUser| match &wanted {
        // A plain list leaves the deprovisioned out.
        None => user.status != Status::Deprovisioned,
        Some((attribute, value)) => match *attribute {
            "profile.email" | "profile.login" => same(&user.person.email, value),
            "id" => user.id == *value,
            "status" => user.status.name() == value,
            _ => false,
        },
    };
    if let Some((attribute, _)) = &wanted
        && !["profile.email", "profile.login", "id", "status"].contains(attribute)
    {
        return Err(invalid());
    }
    let size = call.request.number("limit").unwrap_or(200).clamp(1, 200);
    let from = call.request.number("after").unwrap_or(0);
    let found: Vec<Value> = okta.users.iter().filter(fits).map(|user| shown(user, &okta.issuer)).collect();
    let page: Vec<&Value> = found.iter().skip(from).take(size).collect();
    let answer = Answer::json(200, &json!(page));
    if from + size >= found.len() {
        return Ok(answer);
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.request.query.iter().filter(|(name, _)| name != "after") {
        query.append_pair(name, value);
    }
    let next = query.append_pair("after", &(from + size).to_string()).finish();
    Ok(answer.with("link", format!("<{}/api/v1/users?{next}>; rel=\"next\"", call.base)))
}

/// `GET /api/v1/users/{id}`: an id, a login, or `me`.
pub(super) fn get(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let key = call.at("id");
    let found = match key {
        "me" if call.subject == "admin" => okta.users.iter().find(|user| user.person.is_admin),
        "me" => None,
        // A login with a slash is no path, escaped or not.
        _ if key.contains('/') => None,
        _ => okta.users.iter().find(|user| user.id == key).or_else(|| okta.user(key)),
    };
    Ok(Answer::json(200, &shown(found.ok_or(Refusal::Missing("User"))?, &okta.issuer)))
}

/// Where only the id will do.
fn by_id<'a>(okta: &'a mut Okta, call: &Call<'_>) -> Result<&'a mut OktaUser, Refusal> {
    okta.users.iter_mut().find(|user| user.id == call.at("id")).ok_or(Refusal::Missing("User"))
}

fn by_id_or_login<'a>(okta: &'a mut Okta, call: &Call<'_>) -> Result<&'a mut OktaUser, Refusal> {
    let key = call.at("id");
    let is_it = |user: &&mut OktaUser| user.id == key || user.person.email.eq_ignore_ascii_case(key);
    okta.users.iter_mut().find(is_it).ok_or(Refusal::Missing("User"))
}

pub(super) fn end_sessions(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let tokens_too = call.request.parameter("oauthTokens") == Some("true");
    let user = by_id(okta, call)?;
    user.sessions = 0;
    if tokens_too {
        user.refresh_tokens = 0;
    }
    Ok(Answer::empty(204))
}

pub(super) fn end_grants(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    by_id(okta, call)?.grants = 0;
    Ok(Answer::empty(204))
}

pub(super) fn end_tokens(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    by_id(okta, call)?.refresh_tokens = 0;
    Ok(Answer::empty(204))
}

pub(super) fn suspend(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = by_id_or_login(okta, call)?;
    if user.status != Status::Active {
        return Err(Refusal::Body("Cannot suspend a user that is not active".into()));
    }
    (user.status, user.changed_ms, user.sessions) = (Status::Suspended, call.now_ms, 0);
    Ok(Answer::json(200, &json!({})))
}

pub(super) fn unsuspend(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = by_id_or_login(okta, call)?;
    if user.status != Status::Suspended {
        return Err(Refusal::Body("Cannot unsuspend a user that is not suspended".into()));
    }
    (user.status, user.changed_ms) = (Status::Active, call.now_ms);
    Ok(Answer::json(200, &json!({})))
}

/// Takes the person out of every application, the one downstream included.
pub(super) fn deactivate(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = by_id_or_login(okta, call)?;
    if user.status == Status::Deprovisioned {
        return Err(Refusal::exact(api_error(call.clock, 403, "E0000038", None)));
    }
    let id = user.id.clone();
    okta.deprovision(&id);
    Ok(Answer::json(200, &json!({})))
}

pub(super) fn activate(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = by_id_or_login(okta, call)?;
    match user.status {
        Status::Active => return Err(Refusal::exact(api_error(call.clock, 403, "E0000016", None))),
        Status::Suspended => return Err(Refusal::exact(api_error(call.clock, 403, "E0000038", None))),
        Status::Staged | Status::Deprovisioned => {}
    }
    let id = user.id.clone();
    okta.activate(&id);
    let token = random_text(call.clock);
    let url = format!("{}/welcome/{token}", call.base);
    Ok(Answer::json(200, &json!({ "activationUrl": url, "activationToken": token })))
}

/// `POST /oauth2/v1/global-token-revocation`: ends everything at Okta and tells every application that listens.
pub(super) fn revoke_everything(okta: &mut Okta, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if !okta.has_universal_logout {
        return Err(Refusal::exact(api_error(call.clock, 403, "E0000006", None)));
    }
    let body = call.request.object()?;
    let subject = &body["sub_id"];
    let id = match subject["format"].as_str() {
        Some("opaque") => subject["id"].as_str(),
        Some("iss_sub") if subject["iss"] == okta.issuer.as_str() => subject["sub"].as_str(),
        _ => None,
    };
    let known = okta.users.iter_mut().find(|user| Some(user.id.as_str()) == id);
    // No 404 here: a subject that is not found is a wrong request.
    let user = known.ok_or_else(|| Refusal::Body("sub_id: The subject is not valid.".into()))?;
    (user.sessions, user.refresh_tokens) = (0, 0);
    let id = user.id.clone();
    okta.send_universal_logout(&id).map_err(|_| Refusal::Broken(500))?;
    Ok(Answer::empty(204))
}
