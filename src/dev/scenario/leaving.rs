//! Someone leaves.
use std::io::Cursor;

use serde_json::{Value, json};

use super::{
    Told,
    stage::{Stage, Standing},
    story::Story,
    visitor::{Landing, Visitor},
};
use crate::{
    dev::company::{COLLEAGUE, LEAVER},
    evidence::verify,
};

/// Tools that are connected, the webhook among them.
pub(super) const TOOLS: usize = 9;

/// How many tools let someone in.
fn open(standings: &[Standing]) -> usize {
    standings.iter().filter(|one| one.is_open()).count()
}

/// Someone is out of every tool, as the tools themselves say.
pub(super) async fn out_of_everywhere(stage: &Stage<'_>, story: &mut Story, email: &str) -> Told {
    let standings = stage.standings(email).await?;
    let still: Vec<&str> = standings.iter().filter(|one| one.is_open()).map(|one| one.tool).collect();
    story.equal("asked themselves, the tools let her in nowhere", still, Vec::new());
    let sessions = standings.iter().filter_map(|one| one.account.as_ref()).map(|one| one.sessions).sum();
    story.equal("no session is open at any of them", sessions, 0usize);
    Ok(())
}

/// Every part of an offboarding is verified, but for the webhook, which can only be told.
pub(super) fn verified_everywhere(story: &mut Story, one: &Value) {
    let tasks = one["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_verified = |task: &&Value| task["proof"] == "read_back";
    let names = |wanted: bool| {
        let these = tasks.iter().filter(move |task| is_verified(task) == wanted);
        these.filter_map(|task| task["connector"]["kind"].as_str()).collect::<Vec<_>>()
    };
    story.equal("the offboarding is done", one["status"].as_str(), Some("done"));
    story.equal("at all nine tools", tasks.len(), TOOLS);
    story.equal("eight were read back and are verified", names(true).len(), TOOLS - 1);
    story.equal("the webhook was told, and says so", names(false), vec!["webhook"]);
}

/// Dana, signed in, with an account everywhere.
pub(super) async fn at_work(stage: &Stage<'_>, story: &mut Story, email: &str) -> Told<Visitor> {
    let visitor = stage.sign_in(email).await?;
    story.equal("she is signed in at Ceven", visitor.get("/api/v1/me").await?.status, 200);
    story.equal("eight tools let her in", open(&stage.standings(email).await?), TOOLS - 1);
    Ok(visitor)
}

pub(super) async fn offboard(stage: &Stage<'_>, story: &mut Story) -> Told {
    story.chapter("Okta has pushed its people over SCIM");
    let (admin, dana) = stage.admin_and(story, LEAVER).await?;
    let people = admin.get("/api/v1/users?active=true").await?.expect(200, "the list of people")?;
    story.equal(
        "everyone of the tenant is in Ceven",
        people["total"].as_u64(),
        Some(stage.dev.seeded.users as u64),
    );
    story.equal("Dana is one of them, and active", dana["active"].as_bool(), Some(true));
    story.chapter("Dana is at work");
    let visitor = at_work(stage, story, LEAVER).await?;
    let lou = stage.sign_in(COLLEAGUE).await?;

    story.chapter("Priya looks at what would happen");
    let preview = stage.offboard(&admin, &dana, json!({ "dry_run": true })).await?;
    story.equal("the preview names nine tools", preview["tools"].as_array().map(Vec::len), Some(TOOLS));
    story.equal("nothing has happened", open(&stage.standings(LEAVER).await?), TOOLS - 1);
    story.equal("she is still signed in", visitor.get("/api/v1/me").await?.status, 200);

    story.chapter("Priya offboards Dana");
    let asked_ms = stage.now_ms();
    let begun = stage.offboard(&admin, &dana, json!({ "reason": "Last day", "ticket": "HR-7" })).await?;
    story.equal("with the answer, her session has ended", visitor.get("/api/v1/me").await?.status, 401);
    story.tell(format!("{} ms from the click to the refused request.", stage.now_ms() - asked_ms));
    let id = begun["offboarding_id"].as_str().unwrap_or_default();
    let one = stage.settled(&admin, story, id).await?;
    verified_everywhere(story, &one);

    story.chapter("Is she really out?");
    out_of_everywhere(stage, story, LEAVER).await?;
    let told = stage.dev.simulators.webhook.state()["received"].as_array().map(Vec::len);
    story.equal("the webhook has one signed delivery", told, Some(1));
    story.fact(
        "Okta does not let her in to Ceven any more",
        matches!(stage.try_sign_in(LEAVER).await?, Landing::Out(address) if address.contains("okta_sso_error")),
    );
    let failed = stage.pushed().await?;
    story.equal("Okta's own deactivation came back by SCIM and was taken", failed, Vec::new());
    story.equal("and began no second offboarding", stage.offboardings(&admin, &dana).await?.len(), 1);
    story.equal("Lou noticed nothing", lou.get("/api/v1/me").await?.status, 200);

    story.chapter("The evidence");
    let evidence = admin.get(&format!("/api/v1/offboardings/{id}/evidence")).await?;
    evidence.expect(200, "the evidence")?;
    let report = verify::pack(Cursor::new(&evidence.body), Default::default());
    story.equal("the signed pack verifies offline", report.as_ref().map(|report| report.ok), Ok(true));
    story.evidence = Some(evidence.body);
    let entries = stage.audit(&admin, story).await?;
    let steps = entries.iter().filter(|entry| entry["action"] == "deprovision.step").count();
    story.fact(format!("{steps} of them are steps at tools, each recorded once"), steps >= TOOLS);
    Ok(())
}

pub(super) async fn flaky_github(stage: &Stage<'_>, story: &mut Story) -> Told {
    story.chapter("Dana is at work");
    let (admin, dana) = stage.admin_and(story, LEAVER).await?;
    at_work(stage, story, LEAVER).await?;

    story.chapter("GitHub limits the next request for two seconds, then fails twice");
    let github = &stage.dev.simulators.github;
    let limited = json!({ "kind": "status", "status": 429, "reset_secs": 2 });
    let broken = json!({ "kind": "status", "status": 502, "times": 2 });
    stage.break_tool(github.url(), json!([limited, broken])).await?;

    story.chapter("Priya offboards Dana");
    let begun = stage.offboard(&admin, &dana, json!({})).await?;
    let one = stage.settled(&admin, story, begun["offboarding_id"].as_str().unwrap_or_default()).await?;
    verified_everywhere(story, &one);
    let tasks = one["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (flaky, calm): (Vec<&Value>, Vec<&Value>) =
        tasks.iter().partition(|task| task["connector"]["kind"] == "github");
    let tries = |task: &Value| task["tries"].as_array().map(Vec::as_slice).unwrap_or_default().to_vec();
    let of_github = flaky.first().map(|task| tries(task)).unwrap_or_default();
    let classes: Vec<&str> = of_github.iter().filter_map(|one| one["failure"]["class"].as_str()).collect();
    story.equal(
        "GitHub was tried until it went well",
        classes,
        vec!["rate_limited", "transient", "transient"],
    );
    let until_ms = of_github.first().and_then(|one| one["failure"]["until_ms"].as_i64());
    let second = of_github.get(1).and_then(|one| crate::http::api::time_ms(one["begun_at"].as_str()?));
    story.fact(
        "not before the time that GitHub had named",
        until_ms.zip(second).is_some_and(|(until_ms, second_ms)| second_ms >= until_ms),
    );
    let failed = flaky.iter().flat_map(|task| task["steps"].as_array().into_iter().flatten());
    let failed = failed.filter(|step| step["outcome"]["status"] == "failed").count();
    story.equal("no failed step is left of it", failed, 0);
    let once = calm.iter().filter(|task| tries(task).len() == 1).count();
    story.equal("the others were done at the first try", once, TOOLS - 1);
    let met: Vec<u16> =
        github.journal().iter().filter(|one| one.fault.is_some()).map(|one| one.status).collect();
    story.equal("GitHub did answer 429, 502 and 502", met, vec![429, 502, 502]);

    story.chapter("Is she really out?");
    out_of_everywhere(stage, story, LEAVER).await?;
    stage.audit(&admin, story).await.map(drop)
}
