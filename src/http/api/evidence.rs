//! `/offboardings/{id}/evidence`: what an auditor takes away.
use ceven_actors::organization::message::OrganizationError;
use http::{HeaderValue, header};
use warp::reply::Response;

use super::{Answer, Call, audit_export};
use crate::{
    evidence::pack::Pack,
    http::{reply::Failure, right::missing},
};

/// A ZIP file; with `?format=json` or `ndjson` the one file of it. An admin's session or an `audit` token opens it, as
/// they do the log.
pub(super) async fn download(call: &Call<'_>, id: &str) -> Answer {
    let (organization, snapshot) = audit_export::right(call).await?;
    let parsed = id.parse().map_err(|_| missing("Offboarding", id))?;
    let found = call.app.store.offboarding(organization, parsed).await;
    let found = found.map_err(|_| OrganizationError::Unavailable)?;
    let (one, tasks) = found.ok_or_else(|| missing("Offboarding", id))?;
    let pack = Pack::gather(call.app, &snapshot, &one, &tasks).await;
    let pack = pack.map_err(|_| OrganizationError::Unavailable)?;
    let (bytes, kind, ending) = match call.parameter("format").as_deref() {
        None | Some("zip") => {
            let zip = pack.zip().map_err(|_| OrganizationError::Unavailable)?;
            (zip, "application/zip", "zip")
        }
        Some("json") => (pack.statement.into_bytes(), "application/json", "json"),
        Some("ndjson") => (pack.audit.into_bytes(), "application/x-ndjson", "ndjson"),
        Some(_) => return Err(Failure::Bad("format must be zip, json or ndjson.".into())),
    };
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = format!("attachment; filename=\"evidence-{}.{ending}\"", one.id).parse() {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
