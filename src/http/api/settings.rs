//! `/api/v1/settings`: what the organization has decided for itself.
use ceven_actors::domain::policy::{Guard, Policy};
use http::StatusCode;
use serde_json::{Map, Value};

use super::{Answer, Call};
use crate::{
    http::reply::{self, Failure},
    offboardings::policy_view,
};

pub(super) async fn get(call: &Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let policy = visit.administering()?.who().snapshot.policy();
    Ok(reply::json(StatusCode::OK, &policy_view(policy)))
}

pub(super) async fn set(mut call: Call<'_>) -> Answer {
    let visit = call.visit().await?;
    let admin = visit.administering()?;
    let policy = policy(&call.object().await?)?;
    admin.set_policy(policy).await?;
    Ok(reply::json(StatusCode::OK, &policy_view(policy)))
}

/// All of the settings: what a body does not mention is not guessed.
fn policy(body: &Map<String, Value>) -> Result<Policy, Failure> {
    if let Some(unknown) = body.keys().find(|name| *name != "mass_deactivation_guard") {
        return Err(Failure::Bad(format!("{unknown} is no setting; there is mass_deactivation_guard.")));
    }
    let guard = match body.get("mass_deactivation_guard") {
        Some(Value::Null) => None,
        Some(Value::Object(guard)) => Some(read_guard(guard)?),
        _ => {
            let text =
                "mass_deactivation_guard must be {deactivations, window_secs}, or null to switch it off.";
            return Err(Failure::Bad(text.into()));
        }
    };
    Ok(Policy { guard })
}

/// A whole number, also as 5.0: JSON knows no difference.
fn whole(value: &Value) -> Option<u64> {
    let exact = |number: &f64| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number);
    value.as_u64().or_else(|| value.as_f64().filter(exact).map(|number| number as u64))
}

fn read_guard(guard: &Map<String, Value>) -> Result<Guard, Failure> {
    let number = |name: &str| guard.get(name).and_then(whole).and_then(|value| u32::try_from(value).ok());
    let read = number("deactivations").zip(number("window_secs"));
    let read = read.and_then(|(deactivations, window_secs)| Guard::new(deactivations, window_secs));
    read.ok_or_else(|| Failure::Bad(Guard::BOUNDS.into()))
}
