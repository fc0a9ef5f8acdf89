//! A SCIM token's life: shown once, exchanged without a gap, ended at once.
use reqwest::Method;
use serde_json::{Value, json};

use super::{Told, stage::Stage, story::Story};
use crate::dev::company::LEAVER;

const TOKENS: &str = "/api/v1/sso/scim-tokens";
const READ: &str = "/Users?startIndex=1&count=2";

pub(super) async fn rotation(stage: &Stage<'_>, story: &mut Story) -> Told {
    let read = async |authorization: String| {
        Ok::<u16, super::Untold>(stage.scim(&authorization, READ).await?.status)
    };
    let bearer = |token: &str| format!("Bearer {token}");

    story.chapter("Priya mints a token for Okta");
    let (admin, _) = stage.admin_and(story, LEAVER).await?;
    let body = json!({ "label": "okta-production", "expires_in": "90d" });
    let minted = admin.send(Method::POST, TOKENS, body).await?.expect(201, "a new token")?;
    let (id, first) = (text(&minted, "id"), text(&minted, "token"));
    story.equal("it has 64 characters", first.len(), 64);
    story.equal("it reads people over SCIM", read(bearer(&first)).await?, 200);
    story.equal(
        "pasted with Bearer twice it does, too",
        read(format!("Bearer {}", bearer(&first))).await?,
        200,
    );
    story.equal("with a typo it is refused", read(bearer(&first.replace("cvn_", "cvm_"))).await?, 401);
    let listed = admin.get(TOKENS).await?;
    story.fact(
        "the list of tokens does not show it again",
        listed.status == 200 && !listed.text().contains(&first),
    );

    story.chapter("Okta uses it");
    stage.tenant("use_token", json!({ "token": first })).await?;
    stage.tenant("push_groups", Value::Null).await?;
    story.equal("Okta pushes its groups with it", stage.pushed().await?, Vec::new());

    story.chapter("Priya rotates it, with an hour for Okta to change over");
    let path = format!("{TOKENS}/{id}/rotate");
    let rotated =
        admin.send(Method::POST, &path, json!({ "overlap": "1h" })).await?.expect(201, "rotation")?;
    let second = text(&rotated, "token");
    story.fact("the new one is another", second != first && second.len() == 64);
    story.equal("the new one works", read(bearer(&second)).await?, 200);
    story.equal("the old one still works", read(bearer(&first)).await?, 200);
    stage.tenant("use_token", json!({ "token": second })).await?;
    story.equal("Okta changes over without a gap", stage.pushed().await?, Vec::new());

    story.chapter("Priya revokes the old one");
    let revoked = admin.send(Method::DELETE, &format!("{TOKENS}/{id}"), Value::Null).await?;
    story.equal("it is revoked", revoked.status, 204);
    story.equal("it is refused at the next request", read(bearer(&first)).await?, 401);
    story.equal("the new one works", read(bearer(&second)).await?, 200);
    stage.tenant("push_groups", Value::Null).await?;
    story.equal("Okta noticed nothing", stage.pushed().await?, Vec::new());

    let entries = stage.audit(&admin, story).await?;
    let text = json!(entries).to_string();
    story.fact("neither token is in it", !text.contains(&first) && !text.contains(&second));
    let has = |action: &str| entries.iter().any(|entry| entry["action"] == action);
    let all = ["scim_token.mint", "scim_token.rotate", "scim_token.revoke"].map(has);
    story.equal("minting, rotating and revoking are", all, [true; 3]);
    Ok(())
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
