//! The tour of the README, walked over HTTP.
use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::running::{Browser, Running};

/// What stands between two texts of a page.
fn between<'t>(page: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before:?}: {page}"));
    rest.split_once(after).unwrap().0
}

/// Looks again until the page is so.
async fn until(browser: &mut Browser, url: &str, is_so: impl Fn(&str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let page = browser.page(url).await;
        if is_so(&page) {
            return page;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{url}: {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Team > someone > Offboard: the address of the offboarding, and what the preview said.
async fn offboard(browser: &mut Browser, base: &str, name: &str) -> (String, String) {
    let team = browser.page(&format!("{base}/app/team?q={name}")).await;
    let id = between(&team, "href=\"/app/team/", "\"").to_owned();
    let address = format!("{base}/app/team/{id}/offboard");
    let preview = browser.page(&address).await;
    let hidden = |name: &str| between(&preview, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    let (csrf, receipt) = (hidden("csrf"), hidden("preview"));
    let (at, _) = browser
        .form(
            &address,
            &[
                ("csrf", &csrf),
                ("preview", &receipt),
                ("reason", "tour"),
                ("confirm", &format!("{name}@acme.test")),
            ],
        )
        .await;
    assert!(at.starts_with(&format!("{base}/app/offboardings/")), "{at}");
    (at.split('?').next().unwrap().to_owned(), preview)
}

async fn settled(browser: &mut Browser, base: &str, page: &str) -> Value {
    let api = format!("{base}/api/v1/offboardings/{}", page.rsplit('/').next().unwrap());
    let text = until(browser, &api, |text| !text.contains("\"status\":\"running\"")).await;
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_takes_the_tour() {
    let dev = Running::start(&[]);
    let (base, okta, slack) = (dev.url(), dev.simulator("okta"), dev.simulator("slack"));
    let mut browser = Browser::new();

    // 1. The sign-in link, which works once.
    let (at, dashboard) = browser.go(dev.text("sign_in_url")).await;
    assert_eq!((at.as_str(), dashboard.status), (format!("{base}/app").as_str(), 200), "{}", dashboard.text);
    assert!(dashboard.text.contains("Priya Shah") && dashboard.text.contains("Admin"), "{}", dashboard.text);
    let (_, used) = Browser::new().go(dev.text("sign_in_url")).await;
    assert_eq!(used.status, 410);

    // 2. Dana leaves: nine tools in the preview, nine bars.
    let (page, preview) = offboard(&mut browser, base, "dana").await;
    let one = settled(&mut browser, base, &page).await;
    assert_eq!((&one["status"], one["steps"].as_array().unwrap().len()), (&"done".into(), 9), "{one}");
    for task in one["steps"].as_array().unwrap() {
        assert!(preview.contains(task["connector"]["name"].as_str().unwrap()), "{preview}");
    }
    assert!(browser.page(&page).await.contains("waterfall"));

    // 3. The tools' pages; someone else goes at Okta.
    let shown = browser.page(&format!("{slack}/_sim")).await;
    assert!(between(&shown, "dana@acme.test", "</tr>").contains("deactivated"), "{shown}");
    assert!(between(&shown, "maya@acme.test", "</tr>").contains("active"), "{shown}");
    browser.form(&format!("{okta}/_sim/do/deactivate"), &[("email", "maya@acme.test")]).await;
    let people = format!("{base}/api/v1/users?q=maya");
    until(&mut browser, &people, |text| text.contains("\"active\":false")).await;

    // 4. A tool breaks, is tried again, and is mended.
    let fault = [("kind", "502"), ("times", "100"), ("path", "/scim"), ("number", ""), ("method", "")];
    browser.form(&format!("{slack}/_sim/faults"), &fault).await;
    let (page, _) = offboard(&mut browser, base, "lou").await;
    let api = format!("{base}/api/v1/offboardings/{}", page.rsplit('/').next().unwrap());
    // Ids are made of hexadecimal digits: only the failure itself says that Slack answered 502.
    let has_failed = |text: &str| {
        let one: Value = serde_json::from_str(text).unwrap();
        let tries =
            one["steps"].as_array().unwrap().iter().flat_map(|task| task["tries"].as_array().unwrap());
        tries.map(|one| one["failure"].to_string()).any(|failure| failure.contains("502"))
    };
    until(&mut browser, &api, has_failed).await;
    browser.form(&format!("{slack}/_sim/faults"), &[("kind", "clear")]).await;
    let one = settled(&mut browser, base, &page).await;
    let broken = one["steps"].as_array().unwrap().iter().find(|task| task["connector"]["kind"] == "slack");
    assert!(broken.unwrap()["tries"].as_array().unwrap().len() > 1, "{one}");
    assert_eq!(one["status"], "done");

    // 5. The evidence, offline.
    let evidence = format!("{api}/evidence");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.zip");
    browser.download(&evidence, &file).await;
    let verified = Command::new(env!("CARGO_BIN_EXE_ceven")).args(["audit", "verify"]).arg(&file).output();
    assert!(verified.unwrap().status.success());
    let bytes = std::fs::read(&file).unwrap();
    let has = |words: &str| bytes.windows(words.len()).any(|part| part == words.as_bytes());
    assert!(has("This is no evidence") && has("\"mode\": \"dev\""), "the watermark");
    assert!(dev.stop());
}

#[test]
fn the_readme_has_the_same_tour() {
    let readme = include_str!("../../../README.md");
    for line in ceven::dev::screen::TOUR {
        assert!(readme.contains(line), "{line}");
    }
}
