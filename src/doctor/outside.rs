//! Ceven as it is seen from outside: through its public address, and whatever stands in front of it.
use ceven_actors::{
    clock::Clock,
    connector::wire::{Method, Request, Response, SendError},
    ports::Outbound as _,
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::Finding;
use crate::{
    config::Settings,
    http::api::instance::PATH,
    net::{address::Guard, client::Client},
};

/// An address of documentation (RFC 5737), which nobody has.
const FORGED: &str = "203.0.113.77";
/// Beyond this a token of Okta may look expired, or not yet valid.
const SKEW_SECS: i64 = 60;
/// Beyond this it is refused (Okta's own tolerance, and ours).
const REFUSED_SECS: i64 = 300;

/// Looks at the public address and the console's. `own` is what this database's servers call themselves.
pub(super) async fn look(
    settings: &Settings,
    clock: &std::sync::Arc<dyn Clock>,
    own: Option<&str>,
) -> Vec<Finding> {
    let url = settings.server.public_url.trim_end_matches('/');
    if url.is_empty() {
        let found = "server.public_url is not set: answers name the listener's own address.";
        return vec![Finding::doubtful(
            "public address",
            found,
            "Set CEVEN_SERVER__PUBLIC_URL to where Okta and browsers reach this server, https://… .",
        )];
    }
    // The operator's own address may be a private one.
    let everywhere = ["0.0.0.0/0", "::/0"].iter().filter_map(|range| range.parse().ok()).collect();
    let limits = settings.client_limits(settings.outbound.issuer_ms);
    let client = match Client::new(Guard::new(everywhere), clock.clone(), limits, Default::default()) {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::failed(
                "public address",
                format!("TLS cannot be set up: {error}."),
                "See whether this machine has certificates of authorities (ca-certificates).",
            )];
        }
    };
    let mut findings = vec![scheme(url)];
    let answer = ask(&client, url, None).await;
    findings.push(identity("public address", url, &answer, own));
    let console = settings.server.console_url.trim_end_matches('/');
    if !console.is_empty() && console != url {
        findings.push(identity("console address", console, &ask(&client, console, None).await, own));
    }
    if let Ok(response) = &answer
        && response.status == 200
    {
        findings.push(edge(response, &ask(&client, url, Some(FORGED)).await));
        findings.extend(skew("clock", "the public address", response));
    }
    findings
}

async fn ask(client: &Client, url: &str, forged: Option<&str>) -> Result<Response, SendError> {
    let request = Request::read(Method::Get, format!("{url}{PATH}"));
    let request = match forged {
        Some(address) => request.header("x-forwarded-for", address),
        None => request,
    };
    client.send("self", &request).await
}

fn scheme(url: &str) -> Finding {
    let host = url.split("://").nth(1).unwrap_or_default();
    let is_local = ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local));
    match (url.starts_with("https://"), is_local) {
        (true, _) => Finding::well("TLS", format!("{url} is https.")),
        (false, true) => Finding::well("TLS", format!("{url} is on this machine only.")),
        (false, false) => Finding::failed(
            "TLS",
            format!("{url} is plain http: tokens and sessions travel readably, and Okta refuses it."),
            "Put a proxy with a certificate in front (config/Caddyfile), and set server.public_url to https.",
        ),
    }
}

fn identity(name: &str, url: &str, answer: &Result<Response, SendError>, own: Option<&str>) -> Finding {
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            let remedy = "See that the server runs, that the name leads to it from here, and that the proxy's certificate is valid.";
            return Finding::failed(name, format!("{url} cannot be reached: {error}."), remedy);
        }
    };
    let body = response.json();
    match (response.status, body["instance"].as_str(), own) {
        (200, Some(said), Some(own)) if said != own => Finding::failed(
            name,
            format!("{url} is answered by a Ceven on another database."),
            "Point the name or the proxy to this server, or this command to that server's configuration.",
        ),
        (200, Some(_), Some(_)) => Finding::well(name, format!("{url} is answered by this server.")),
        (200, Some(_), None) => Finding::well(name, format!("{url} is answered by a Ceven.")),
        (status, ..) => Finding::failed(
            name,
            format!("{url} is answered by something else (status {status})."),
            "Point the proxy to server.listen, and let it pass on every path below /.",
        ),
    }
}

/// Whether a proxy is believed, and nobody else is.
fn edge(plain: &Response, forged: &Result<Response, SendError>) -> Finding {
    let name = "edge";
    let forged = forged.as_ref().map(|response| response.json());
    if forged.is_ok_and(|body| body["client_ip"] == FORGED) {
        return Finding::failed(
            name,
            "Anyone can choose the address that the audit log notes: a forged X-Forwarded-For was believed.",
            "Name only the proxy's own addresses in security.trusted_proxies, and let it add the address of its client.",
        );
    }
    let body = plain.json();
    match body["proxy"].as_str() {
        Some("believed") => Finding::well(
            name,
            format!("A proxy is in front and believed; this machine is {}.", body["client_ip"]),
        ),
        Some("ignored") => Finding::failed(
            name,
            format!(
                "A proxy is in front and not believed: every request seems to come from {}.",
                body["client_ip"]
            ),
            format!("Add {} to security.trusted_proxies.", body["client_ip"]),
        ),
        _ => Finding::well(name, "No proxy is in front."),
    }
}

/// This machine's clock against the one of whoever has answered.
pub(super) fn skew(name: &str, whose: &str, response: &Response) -> Option<Finding> {
    let theirs = OffsetDateTime::parse(response.header("date")?, &Rfc2822).ok()?.unix_timestamp();
    Some(of_clocks(name, whose, response.at_ms - theirs * 1_000))
}

/// What a difference between two clocks means.
pub(super) fn of_clocks(name: &str, whose: &str, ahead_ms: i64) -> Finding {
    let secs = ahead_ms / 1_000;
    let found = match secs {
        -1..=1 => format!("This machine's clock agrees with that of {whose}."),
        2.. => format!("This machine's clock is {secs} s ahead of {whose}."),
        _ => format!("This machine's clock is {} s behind {whose}.", -secs),
    };
    let remedy = "Let the machine keep time with NTP (chrony, systemd-timesyncd).";
    match secs.abs() {
        0..=SKEW_SECS => Finding::well(name, found),
        secs if secs <= REFUSED_SECS => Finding::doubtful(name, found, remedy),
        _ => Finding::failed(name, format!("{found} Okta's tokens are refused."), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn answer(body: &str) -> Response {
        Response {
            status: 200,
            headers: vec![("date".into(), "Thu, 26 Nov 2026 01:00:00 GMT".into())],
            body: body.into(),
            at_ms: 1_795_654_800_000,
        }
    }

    #[test]
    fn clocks_are_compared() {
        let state = |ahead_ms: i64| of_clocks("clock", "x", ahead_ms).state;
        assert_eq!([state(0), state(59_000), state(-59_000)], [State::Well; 3]);
        assert_eq!([state(120_000), state(-299_000)], [State::Doubtful; 2]);
        assert_eq!([state(301_000), state(-86_400_000)], [State::Failed; 2]);
        assert_eq!(skew("clock", "x", &answer("")).map(|finding| finding.state), Some(State::Well));
    }

    #[test]
    fn the_edge_is_judged_by_what_it_lets_through() {
        let judge = |plain: &str, forged: &str| edge(&answer(plain), &Ok(answer(forged))).state;
        let honest = r#"{"client_ip":"198.51.100.7","proxy":"believed"}"#;
        assert_eq!(judge(honest, honest), State::Well);
        assert_eq!(
            judge(honest, &format!(r#"{{"client_ip":"{FORGED}","proxy":"believed"}}"#)),
            State::Failed
        );
        assert_eq!(judge(r#"{"client_ip":"10.0.0.2","proxy":"ignored"}"#, "{}"), State::Failed);
        assert_eq!(
            judge(
                r#"{"client_ip":"127.0.0.1","proxy":"none"}"#,
                r#"{"client_ip":"127.0.0.1","proxy":"ignored"}"#
            ),
            State::Well
        );
    }

    #[test]
    fn another_server_is_told_from_this_one() {
        let judge = |body: &str| identity("x", "https://x", &Ok(answer(body)), Some("own")).state;
        assert_eq!(judge(r#"{"instance":"own"}"#), State::Well);
        assert_eq!(judge(r#"{"instance":"other"}"#), State::Failed);
        assert_eq!(judge("<html>"), State::Failed);
        assert_eq!(scheme("http://ceven.example").state, State::Failed);
    }
}
