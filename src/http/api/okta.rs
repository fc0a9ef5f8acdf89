//! `/api/v1/sso/okta`: the connection to the tenant.
use ceven_actors::domain::okta::{EmailPolicy, LogoutEffect};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Answer, Call, text};
use crate::{
    http::{reply, reply::Failure},
    okta::OktaForm,
};

pub(super) async fn get(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let view = admin.who().snapshot.okta().map_or(Value::Null, |okta| okta.view());
    Ok(reply::json(StatusCode::OK, &json!({ "connection": view })))
}

pub(super) async fn set(mut call: Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let form = form(&call.object().await?)?;
    let saved = admin.set_okta(form).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "connection": saved.view() })))
}

pub(super) async fn remove(call: &Call<'_>) -> Answer {
    call.visit().await?.administering()?.remove_okta().await?;
    Ok(reply::no_content())
}

fn form(body: &Map<String, Value>) -> Result<OktaForm, Failure> {
    let universal_logout = match body.get("universal_logout") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(on)) => *on,
        Some(_) => return Err(Failure::Bad("universal_logout must be true or false.".into())),
    };
    Ok(OktaForm {
        issuer: text(body, "issuer")?.unwrap_or_default(),
        client_id: text(body, "client_id")?.unwrap_or_default(),
        client_secret: text(body, "client_secret")?,
        email_verified: choice::<EmailPolicy>(body, "email_verified", "notice or require")?,
        effect: choice::<LogoutEffect>(body, "universal_logout_effect", "deactivate or sessions")?,
        universal_logout,
        tool: None,
    })
}

fn choice<T: DeserializeOwned + Default>(
    body: &Map<String, Value>,
    name: &str,
    known: &str,
) -> Result<T, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|_| Failure::Bad(format!("{name} must be {known}."))),
    }
}
