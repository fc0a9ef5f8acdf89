//! Several organizations in one Okta tenant, each with a client of its own there: for which one is a sign-in of which
//! only the issuer is known? Okta's tile says no more than that.
//!
//! 1. It may be for the organizations that are connected to this issuer, character by character: those that own the
//!    domain of the `login_hint` first, then the oldest first, up to the setting.
//! 2. The browser is sent to Okta with the client of the first. When Okta says that the person is not assigned to it
//!    (`access_denied`), with the client of the next, until there is none.
//! 3. Okta's answer to one client proves who the person is for all: issuer and subject are the tenant's, not the client's.
//! 4. Before that proof nobody learns anything of any organization; after it, of those that are offered, (5) and (6).
//! 5. The one whose client Okta has answered is offered if it lets the person in by its own rules, a first sign-in
//!    included.
//! 6. One that was not tried yet is offered if it has the person (by identity, by the id that Okta provisioned, by a
//!    verified address of a domain it owns), or would create them for such an address.
//! 7. If none is offered, or (5) alone, the sign-in goes on as if that organization had been named.
//! 8. If only another one is offered, the browser is sent to Okta for it, without a question; if several are, the person
//!    is asked.
//! 9. Okta's answer to a client begins sessions in that client's organization only. Another organization is begun anew
//!    with its own client: what Okta demands for its app (assignment, second factor) is not gone around.
use ceven_actors::{
    domain::id::OrganizationId, organization::state::Snapshot, ports::Profile, protocol::oidc::Identity,
};

use super::okta::{Refusal, fresh};
use crate::app::App;

/// How a sign-in goes on.
pub(super) enum Resolution {
    /// (7)
    Here,
    /// (8)
    There(OrganizationId),
    /// (8)
    Ask(Vec<OrganizationId>),
}

fn unavailable(error: impl ToString) -> Refusal {
    Refusal::new("unavailable", error)
}

/// The organizations that a sign-in at `issuer` may be for, the one to begin with first (1).
///
/// # Errors
/// [`Refusal`].
pub async fn candidates(
    app: &App,
    issuer: &str,
    login_hint: Option<&str>,
) -> Result<Vec<OrganizationId>, Refusal> {
    let limit = app.settings.sign_in.shared_tenant;
    let mut found = app.store.okta_owners(issuer, limit).await.map_err(unavailable)?;
    if let (true, Some(hint)) = (found.len() > 1, login_hint) {
        let hinted: Vec<_> = owners(app, hint).await?.iter().map(|profile| profile.id).collect();
        found.sort_by_key(|id| !hinted.contains(id)); // Stable: the rest stays in its order.
    }
    Ok(found)
}

/// The organizations that own the domain of an address.
///
/// # Errors
/// [`Refusal`].
pub async fn owners(app: &App, email: &str) -> Result<Vec<Profile>, Refusal> {
    let Some((_, domain)) = email.rsplit_once('@') else { return Ok(Vec::new()) };
    let mut all = app.store.organizations().await.map_err(unavailable)?;
    all.retain(|profile| profile.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)));
    Ok(all)
}

/// How the sign-in of `who` goes on, after Okta has answered the client of `answered`; `others` are not tried yet.
pub(super) async fn resolve(
    app: &App,
    answered: &Snapshot,
    others: &[OrganizationId],
    who: &Identity,
) -> Result<Resolution, Refusal> {
    let here = answered.profile().id;
    let mut offered = Vec::new();
    if answered.admits(who) {
        offered.push(here); // (5)
    }
    for id in others {
        let snapshot = fresh(app, *id).await?;
        if snapshot.offers_itself_to(who) {
            offered.push(*id); // (6)
        }
    }
    Ok(match offered.as_slice() {
        [] => Resolution::Here,                    // (7)
        [one] if *one == here => Resolution::Here, // (7)
        [one] => Resolution::There(*one),          // (8)
        _ => Resolution::Ask(offered),             // (8)
    })
}
