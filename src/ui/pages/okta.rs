//! `/app/sso/okta`: the connection to the tenant, and what it has asked for lately.
use ceven_actors::domain::okta::{EmailPolicy, LogoutEffect};
use maud::{Markup, html};

use super::event_stream::{Notice, card};
use crate::{
    http::reply::Failure,
    okta::OktaForm,
    sign_in::okta::start_url,
    store::scim_log::ScimRequest,
    ui::{
        Answer, Ask,
        layout::{Place, framed},
        ok,
        pages::sso::tabs,
        parts::{Tone, Wrong, again, csrf, pill, scroll, time},
        see_other,
    },
};

/// Requests that are looked through for those of Okta, and how many are shown.
const LOOKED: u64 = 500;
const SHOWN: usize = 20;

pub(in crate::ui) async fn show(ask: &Ask<'_>) -> Answer {
    let latest = ask.visit.administering()?.latest_scim_requests(LOOKED).await?;
    ok(form_page(ask, &latest, None, None))
}

/// The page with what an action on the event stream has led to.
pub(super) async fn with_notice(ask: &Ask<'_>, notice: Notice) -> Result<Markup, Failure> {
    let latest = ask.visit.administering()?.latest_scim_requests(LOOKED).await?;
    Ok(form_page(ask, &latest, None, Some(&notice)))
}

/// What people call the fields.
fn title(field: &str) -> Option<&'static str> {
    match field {
        "issuer" => Some("Issuer"),
        "client_id" => Some("Client ID"),
        "client_secret" => Some("Client secret"),
        _ => None,
    }
}

fn form_page(
    ask: &Ask<'_>,
    latest: &[ScimRequest],
    wrong: Option<&Wrong>,
    notice: Option<&Notice>,
) -> Markup {
    let okta = ask.visit.who.snapshot.okta();
    let value = |name: &str, standing: Option<&str>| match ask.form.get(name) {
        "" => standing.unwrap_or_default().to_owned(),
        typed => typed.to_owned(),
    };
    let effect = okta.map(|okta| okta.effect).unwrap_or_default();
    let policy = okta.map(|okta| okta.email_verified).unwrap_or_default();
    let has_secret = okta.is_some_and(|okta| okta.client_secret.is_some());
    let main = html! {
        (tabs("/app/sso/okta"))
        div.columns {
            form.card method="post" action="/app/sso/okta" {
                (csrf(ask))
                h2 { "Connection" }
                @if let Some(wrong) = wrong { (wrong.alert(title)) }
                label { span { "Issuer" } input name="issuer" type="url" required maxlength="255" placeholder="https://acme.okta.com" value=(value("issuer", okta.map(|okta| okta.issuer()))) spellcheck="false" aria-invalid=[Wrong::is_about(wrong, "issuer")];
                    small { "The address of your tenant, as in Security → API → Authorization Servers or the address bar, without -admin." } }
                label { span { "Client ID" } input name="client_id" required maxlength="255" value=(value("client_id", okta.map(|okta| okta.client_id.as_str()))) autocomplete="off" spellcheck="false" aria-invalid=[Wrong::is_about(wrong, "client_id")]; }
                label { span { "Client secret" } input name="client_secret" type="password" maxlength="255" autocomplete="new-password" aria-invalid=[Wrong::is_about(wrong, "client_secret")] placeholder=[has_secret.then_some("Unchanged")]; }
                label { span { "When Okta has not verified an address" } select name="email_verified" {
                    option value="notice" selected[policy == EmailPolicy::Notice] { "Sign in, with a warning in the audit log" }
                    option value="require" selected[policy == EmailPolicy::Require] { "Refuse" }
                } }
                label { span { "Universal Logout" } select name="universal_logout" {
                    option value="deactivate" selected[effect == LogoutEffect::Deactivate] { "Ends access here and at every tool" }
                    option value="sessions" selected[effect == LogoutEffect::Sessions] { "Ends the person's sessions" }
                    option value="off" selected[okta.is_some_and(|okta| !okta.universal_logout)] { "Is refused" }
                } }
                button.primary type="submit" { "Save" }
                p.meta { "Saving reads the tenant's addresses and keys. They are kept: an issuer that changes them later is not trusted until you save again." }
            }
            section.card {
                h2 { "State" }
                @match okta {
                    None => { p { (pill(Tone::Plain, "Not connected")) } p.muted { "Enter the issuer and the client of the Okta app." } }
                    Some(okta) => {
                        p { (pill(Tone::Ok, "Connected")) }
                        dl {
                            dt { "Issuer" } dd { (okta.issuer()) }
                            dt { "Saved" } dd { (time(okta.changed_ms)) }
                        }
                        p { a.button href={ (start_url(ask.visit.app)) "?org=" (ask.visit.who.snapshot.profile().slug) } { "Test sign-in" } }
                        p.muted { "Signs this browser in as the person whom Okta names, or says what is wrong." }
                        details.new { summary.button { "Disconnect…" }
                            p { "Nobody can sign in with Okta any more, Universal Logout is refused, and the client's secret is forgotten." }
                            form method="post" action="/app/sso/okta/remove" { (csrf(ask)) button.danger type="submit" { "Disconnect" } }
                        }
                    }
                }
            }
        }
        @if let Some(okta) = okta { (card(ask, okta, notice)) }
        section { h2 { "What Okta has asked for" } (requests(latest)) }
    };
    framed(ask, Place::Sso, "Single sign-on", html! {}, main)
}

fn requests(latest: &[ScimRequest]) -> Markup {
    let own: Vec<_> =
        latest.iter().filter_map(|request| Some((request, kind(&request.path)?))).take(SHOWN).collect();
    if own.is_empty() {
        return html! { div.empty { p { strong { "No requests yet." } }
        p { "In Okta, open a person under Directory → People, then More Actions → Clear User Sessions, with “Also include logout enabled apps”." } } };
    }
    scroll(
        "What Okta has asked for",
        html! { table {
            thead { tr { th scope="col" { "When" } th scope="col" { "Request" } th scope="col" { "Answer" } th scope="col" { "Why" } th scope="col" { "From" } } }
            tbody { @for (request, kind) in own { tr {
                td { (time(request.at_ms)) }
                td { (kind) }
                td { @if request.status < 300 { (pill(Tone::Ok, &request.status.to_string())) } @else { (pill(Tone::Bad, &request.status.to_string())) } }
                td.wide { (request.detail.as_deref().unwrap_or("–")) }
                td.mono { (request.ip) }
            } } }
        } },
    )
}

/// What is sent to a path that Okta sends to by itself.
fn kind(path: &str) -> Option<&'static str> {
    match path.rsplit('/').next() {
        Some("universal-logout") => Some("Universal Logout"),
        Some("security-events") => Some("Security event"),
        _ => None,
    }
}

pub(in crate::ui) async fn save(ask: &Ask<'_>) -> Answer {
    let right = ask.visit.administering()?;
    let (universal_logout, effect) = match ask.form.get("universal_logout") {
        "" | "deactivate" => (true, LogoutEffect::Deactivate),
        "sessions" => (true, LogoutEffect::Sessions),
        "off" => (false, LogoutEffect::default()),
        _ => return Err(Failure::Bad("universal_logout must be deactivate, sessions or off.".into())),
    };
    let form = OktaForm {
        issuer: ask.form.get("issuer").to_owned(),
        client_id: ask.form.get("client_id").to_owned(),
        client_secret: Some(ask.form.get("client_secret").to_owned()),
        email_verified: match ask.form.get("email_verified") {
            "" | "notice" => EmailPolicy::Notice,
            "require" => EmailPolicy::Require,
            _ => return Err(Failure::Bad("email_verified must be notice or require.".into())),
        },
        effect,
        universal_logout,
        tool: None,
    };
    match right.set_okta(form).await {
        Ok(_) => Ok(see_other("/app/sso/okta?done=saved")),
        Err(failure) => {
            let latest = right.latest_scim_requests(LOOKED).await?;
            again(failure, |wrong| form_page(ask, &latest, Some(wrong), None))
        }
    }
}

pub(in crate::ui) async fn remove(ask: &Ask<'_>) -> Answer {
    ask.visit.administering()?.remove_okta().await?;
    Ok(see_other("/app/sso/okta?done=disconnected"))
}
