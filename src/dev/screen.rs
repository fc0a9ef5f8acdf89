//! What `ceven dev` says when everything is there.
use serde_json::{Value, json};

use super::{
    page::title,
    run::{Dev, ORGANIZATION},
};

/// The tour of the README in five lines.
pub const TOUR: [&str; 5] = [
    "1. Open the sign-in link: you are Priya Shah, an admin, signed in with the simulated Okta.",
    "2. Team > Dana Lee > Offboard: see what would happen at nine tools, type her address, watch the bars.",
    "3. Look at Dana on the page of a tool, such as Slack's; on Okta's page deactivate Maya, and find her gone.",
    "4. Break Slack on its page (502, 100 times), offboard Lou Berg, see it tried again; then reset the fault.",
    "5. Download the evidence of an offboarding and verify it offline: ceven audit verify FILE",
];

/// For people.
pub fn text(dev: &Dev) -> String {
    let seeded = &dev.seeded;
    let mut lines = vec![
        format!(
            "Ceven {}  DEV MODE: a simulated Okta tenant and simulated tools. Nothing leaves this machine.",
            env!("CARGO_PKG_VERSION")
        ),
        String::new(),
        row("Sign in", &format!("{}   (once, within ten minutes)", dev.sign_in_url)),
        row("Console", &format!("{}/app   (sign in with Okta, organization {ORGANIZATION})", dev.url)),
        row("SCIM base URL", &dev.app.scim_url),
    ];
    for (name, url) in dev.simulators.addresses() {
        lines.push(row(title(name), &format!("{}/_sim", url.trim_end_matches("/hook"))));
    }
    lines.push(match &dev.data {
        Some(file) => row("Data", &file.display().to_string()),
        None => row("Data", "goes with this process; keep it with --data FILE"),
    });
    lines.push(String::new());
    lines.push(format!(
        "Okta pushed {} people, {} groups and {} roles by SCIM in {} requests. Console after {} ms, all after {} ms.",
        seeded.users, seeded.groups, seeded.roles, seeded.requests, seeded.console_ms, seeded.seeded_ms
    ));
    lines.push(String::new());
    lines.extend(TOUR.map(str::to_owned));
    lines.join("\n")
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<20} {value}")
}

/// For programs.
pub fn view(dev: &Dev) -> Value {
    let simulators = dev.simulators.addresses().into_iter().map(|(name, url)| {
        let page = format!("{}/_sim", url.trim_end_matches("/hook"));
        json!({ "name": name, "url": url, "page": page })
    });
    let seeded = &dev.seeded;
    json!({
        "mode": "dev", "organization": ORGANIZATION, "console_url": format!("{}/app", dev.url),
        "sign_in_url": dev.sign_in_url, "scim_url": dev.app.scim_url, "simulators": simulators.collect::<Vec<_>>(),
        "data": dev.data, "console_ms": seeded.console_ms, "seeded_ms": seeded.seeded_ms,
        "pushed": { "users": seeded.users, "groups": seeded.groups, "roles": seeded.roles,
            "requests": seeded.requests },
    })
}
