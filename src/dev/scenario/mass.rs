//! A whole department disappears at the identity provider.
use reqwest::Method;
use serde_json::{Value, json};

use super::{Told, leaving::TOOLS, stage::Stage, story::Story};
use crate::dev::company::LEAVER;

/// How many deactivations go on by themselves.
const GUARD: usize = 2;
/// How many of the held ones were a mistake.
const MISTAKES: usize = 4;

pub(super) async fn mass_deactivation(stage: &Stage<'_>, story: &mut Story) -> Told {
    let department: Vec<String> = stage.dev.simulators.okta.with(|okta| {
        let users =
            okta.users.iter().filter(|user| user.person.groups.iter().any(|name| name == "Engineering"));
        users.map(|user| user.person.email.clone()).collect()
    });
    let held = department.len() - GUARD;

    story.chapter("Priya sets a guard");
    let (admin, _) = stage.admin_and(story, LEAVER).await?;
    let guard = json!({ "mass_deactivation_guard": { "deactivations": GUARD, "window_secs": 3600 } });
    let set =
        admin.send(Method::PUT, "/api/v1/settings", guard.clone()).await?.expect(200, "the settings")?;
    story.equal("two deactivations by SCIM in an hour go on by themselves", set, guard);
    let last = department.last().map(String::as_str).unwrap_or_default();
    let visitor = stage.sign_in(last).await?;

    story.chapter(format!("Someone at Okta removes the Engineering group: {} people", department.len()));
    for email in &department {
        stage.tenant("unassign", json!({ "email": email })).await?;
    }
    story.equal("Okta's pushes were taken, each of them", stage.pushed().await?, Vec::new());
    let people =
        admin.get("/api/v1/users?active=false&limit=100").await?.expect(200, "the list of people")?;
    story.equal("all of them are deactivated", people["total"].as_u64(), Some(department.len() as u64));
    story.equal("and signed out of Ceven, the last one too", visitor.get("/api/v1/me").await?.status, 401);
    let all = async |status: &str| {
        let found = admin.get("/api/v1/offboardings").await?.expect(200, "offboardings")?;
        let found = found["offboardings"].as_array().into_iter().flatten();
        Ok::<_, super::Untold>(found.filter(|one| one["status"] == status).cloned().collect::<Vec<Value>>())
    };
    story.equal("beyond the guard, the tools wait for an admin's word", all("held").await?.len(), held);
    let done = async || Ok(Some(all("done").await?).filter(|done| done.len() == GUARD));
    let done = stage.until("the first two are done", done).await?;
    for one in &done {
        stage.settled(&admin, story, one["id"].as_str().unwrap_or_default()).await?;
    }
    story.equal("nobody who is held has lost anything", lost(stage, &department[GUARD..]).await?, 0);

    story.chapter("It was a mistake for four of them: Okta assigns them again");
    let (mistakes, leavers) = department[GUARD..].split_at(MISTAKES);
    for email in mistakes {
        stage.tenant("assign", json!({ "email": email })).await?;
    }
    story.equal("Okta's pushes were taken", stage.pushed().await?, Vec::new());
    story.equal("their offboardings are cancelled", all("cancelled").await?.len(), MISTAKES);
    story.equal("they have lost nothing", lost(stage, mistakes).await?, 0);

    story.chapter("Priya releases the others");
    let released = admin.send(Method::POST, "/api/v1/offboardings/release", json!({})).await?;
    let released = released.expect(202, "the release")?;
    story.equal("the rest goes on", released, json!({ "released": leavers.len(), "held": 0 }));
    let gone = async || Ok(Some(all("done").await?).filter(|done| done.len() == GUARD + leavers.len()));
    stage.until("all leavers are out", gone).await?;
    story.equal("they are out of every tool", lost(stage, leavers).await?, leavers.len() * (TOOLS - 1));
    story.equal("those who were a mistake are not", lost(stage, mistakes).await?, 0);
    let entries = stage.audit(&admin, story).await?;
    let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).count();
    story.equal("holding is in it", of("offboarding.hold"), held);
    story.fact(
        "and so are the release and the setting",
        of("offboarding.release") > 0 && of("organization.policy") == 1,
    );
    Ok(())
}

/// Accounts of these people that were open and are not any more.
async fn lost(stage: &Stage<'_>, emails: &[String]) -> Told<usize> {
    let mut lost = 0;
    for email in emails {
        lost += stage.standings(email).await?.iter().filter(|one| !one.is_open()).count();
    }
    Ok(lost)
}
