//! Someone comes back before everything is over.
use serde_json::{Value, json};

use super::{
    Told,
    leaving::{TOOLS, at_work},
    stage::Stage,
    story::Story,
};
use crate::dev::company::LEAVER;

pub(super) async fn reactivate(stage: &Stage<'_>, story: &mut Story) -> Told {
    story.chapter("Dana is at work");
    let (admin, dana) = stage.admin_and(story, LEAVER).await?;
    let visitor = at_work(stage, story, LEAVER).await?;

    story.chapter("Okta deactivates Dana by mistake, while GitHub takes no requests for ten minutes");
    let limited = json!({ "kind": "status", "status": 429, "reset_secs": 600 });
    stage.break_tool(stage.dev.simulators.github.url(), json!([limited])).await?;
    stage.tenant("deactivate", json!({ "email": LEAVER })).await?;
    let all_but_github = async || {
        let all = stage.offboardings(&admin, &dana).await?;
        let Some(id) = all.first().and_then(|one| one["id"].as_str()) else { return Ok(None) };
        let one = admin.get(&format!("/api/v1/offboardings/{id}")).await?.expect(200, "the offboarding")?;
        let tasks = one["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let done = tasks.iter().filter(|task| task["state"] == "done").count();
        let has_tried =
            tasks.iter().any(|task| task["connector"]["kind"] == "github" && task["attempt"] != 0);
        Ok((done == TOOLS - 1 && has_tried).then_some(one))
    };
    let one = stage.until("every tool but GitHub is done", all_but_github).await?;
    story.equal("her session has ended", visitor.get("/api/v1/me").await?.status, 401);
    story.equal("the offboarding waits for GitHub", one["status"].as_str(), Some("running"));
    story.equal("Okta's push was taken", stage.pushed().await?, Vec::new());

    story.chapter("Okta activates her again");
    stage.tenant("activate", json!({ "email": LEAVER })).await?;
    story.equal("Okta's push was taken", stage.pushed().await?, Vec::new());
    let now = stage.person(&admin, LEAVER).await?;
    story.equal(
        "she is active, under the same id",
        (now["active"].as_bool(), &now["id"]),
        (Some(true), &dana["id"]),
    );
    let id = one["id"].as_str().unwrap_or_default();
    let one = stage.settled(&admin, story, id).await?;
    story.equal("what was left of the offboarding is cancelled", one["status"].as_str(), Some("cancelled"));
    let tasks = one["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let github: Vec<&Value> = tasks.iter().filter(|task| task["connector"]["kind"] == "github").collect();
    story.equal(
        "GitHub will not be asked again",
        github.first().map(|task| &task["state"]),
        Some(&json!("cancelled")),
    );

    story.chapter("Where does she stand?");
    let standings = stage.standings(LEAVER).await?;
    let open: Vec<&str> = standings.iter().filter(|one| one.is_open()).map(|one| one.tool).collect();
    story.equal(
        "at Okta and GitHub; the others let her in when their admins say so",
        open,
        vec!["okta", "github"],
    );
    story.equal("her old session stays ended", visitor.get("/api/v1/me").await?.status, 401);
    let again = stage.sign_in(LEAVER).await?;
    story.equal("she signs in anew with Okta", again.get("/api/v1/me").await?.status, 200);
    let entries = stage.audit(&admin, story).await?;
    let has = |action: &str| entries.iter().any(|entry| entry["action"] == action);
    story.equal("both ways are in it", (has("user.deactivate"), has("user.reactivate")), (true, true));
    Ok(())
}
