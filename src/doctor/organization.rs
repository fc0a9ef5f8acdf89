//! One organization: its Okta tenant, and its connected tools with the rights that they were given.
use std::sync::Arc;

use ceven_actors::{
    connector::{
        pass::{Failure, Outcome, Step},
        wire::{Method, Request},
    },
    domain::connector::Connector,
    organization::state::Snapshot,
    ports::Outbound as _,
};

use super::{Finding, Round, State, outside};
use crate::{
    app::App,
    connectors,
    net::client::ISSUER,
    okta::{self, CLIENT_SECRET},
};

/// Looks at everything of one organization. Names begin with `prefix`.
pub async fn look(app: &App, snapshot: &Arc<Snapshot>, prefix: &str) -> Vec<Finding> {
    let mut round = Round::default();
    round.add(format!("{prefix}Okta"), tenant(app, snapshot));
    for connector in snapshot.connectors() {
        round.add(format!("{prefix}{}", connector.name), tool(app, snapshot, connector));
    }
    if snapshot.connectors().next().is_none() {
        round.add("tools", async {
            vec![Finding::skipped(
                "tools",
                "No tool is connected: an offboarding ends access to Ceven and Okta only.",
            )]
        });
    }
    let named = |finding: Finding| Finding {
        name: format!("{prefix}{}", finding.name.trim_start_matches(prefix)),
        ..finding
    };
    round.findings().await.into_iter().map(named).collect()
}

async fn tenant(app: &App, snapshot: &Snapshot) -> Vec<Finding> {
    let Some(saved) = snapshot.okta() else {
        return vec![Finding::skipped("Okta", "No tenant is connected.")];
    };
    let mut findings = Vec::new();
    findings.push(match okta::discover(app, saved.issuer()).await {
        Ok(now) if now == saved.metadata => Finding::well("Okta issuer", format!("{} answers, and its keys can be read.", saved.issuer())),
        Ok(_) => Finding::failed("Okta issuer", format!("{} names other endpoints than when it was saved.", saved.issuer()), "See why, then save the connection again: Single sign-on → Okta."),
        Err(error) => Finding::failed("Okta issuer", format!("{error}."), "See that the tenant is there, and that this server may reach it: sign-in and Universal Logout need it."),
    });
    findings.push(
        match saved
            .client_secret
            .as_ref()
            .map(|sealed| app.secrets.open((snapshot.profile().id, CLIENT_SECRET), sealed))
        {
            Some(Some(_)) => Finding::well("Okta client", "The client's secret can be decrypted."),
            Some(None) => Finding::failed(
                "Okta client",
                "The client's secret cannot be decrypted: the master key is another one.",
                "Give the earlier key in security.old_master_keys, or save the secret again.",
            ),
            None => Finding::doubtful(
                "Okta client",
                "There is no client secret.",
                "Save the secret of Okta's application, unless it is a public client with PKCE.",
            ),
        },
    );
    let address = format!("{}/.well-known/openid-configuration", saved.issuer());
    if let Ok(response) = app.outbound.send(ISSUER, &Request::read(Method::Get, address)).await {
        findings.extend(outside::skew("Okta clock", "Okta", &response));
    }
    findings
}

async fn tool(app: &App, snapshot: &Snapshot, connector: &Connector) -> Vec<Finding> {
    let name = &*connector.name;
    let checked = connectors::check(app, snapshot.profile().id, connector).await;
    let steps = match checked {
        Ok(steps) => steps,
        Err(error) => {
            return vec![Finding::failed(
                name,
                format!("Its settings cannot be used: {error}."),
                "Open the tool under Tools, and save its settings again.",
            )];
        }
    };
    let mut findings: Vec<_> = steps.iter().filter_map(|step| rung(name, step)).collect();
    if findings.is_empty() {
        findings.push(Finding::well(name, format!("All {} checks are passed.", steps.len())));
    }
    if connector.paused.is_some() {
        findings.push(Finding::failed(
            name,
            "It is paused: nobody is removed there.",
            "Mend its credentials under Tools, and save it.",
        ));
    }
    findings
}

/// What a rung of a tool's ladder says, unless it is as it should be.
fn rung(tool: &str, step: &Step) -> Option<Finding> {
    let Outcome::Failed(failure) = &step.outcome else { return None };
    let (found, remedy) = match failure {
        Failure::Auth { detail } => (
            format!("its credentials are refused: {detail}"),
            "Make new credentials at the tool, and save them under Tools.",
        ),
        Failure::Permission { missing } => (
            format!("a right is missing: {missing}"),
            "Give the right at the tool; it is named as the tool names it.",
        ),
        Failure::PlanUnavailable { detail } => (
            format!("the plan at the tool does not include it: {detail}"),
            "Ask the vendor, or use another way to connect the tool.",
        ),
        Failure::Transient { detail } => {
            (format!("it does not answer: {detail}"), "Try again in a moment; see the vendor's status page.")
        }
        Failure::RateLimited { .. } => ("it asks to wait".to_owned(), "Try again later."),
        other => (other.to_string(), "See the tool's own settings."),
    };
    Some(Finding {
        state: State::Failed,
        ..Finding::failed(tool, format!("{}: {found}.", step.name), remedy)
    })
}
