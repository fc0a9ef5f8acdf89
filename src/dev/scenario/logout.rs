//! Universal Logout: Okta says who must go, and nobody else can.
use serde_json::{Value, json};

use super::{
    Told, Untold,
    leaving::{at_work, out_of_everywhere, verified_everywhere},
    stage::Stage,
    story::Story,
};
use crate::{
    dev::{
        DevError,
        company::{COLLEAGUE, LEAVER},
        okta::Okta,
    },
    http::sso::{SECURITY_EVENTS, UNIVERSAL_LOGOUT},
};

const TOKEN_TYPE: &str = "global-token-revocation+jwt";

pub(super) async fn universal_logout(stage: &Stage<'_>, story: &mut Story) -> Told {
    story.chapter("Dana is at work");
    let (admin, dana) = stage.admin_and(story, LEAVER).await?;
    let visitor = at_work(stage, story, LEAVER).await?;
    let lou = stage.sign_in(COLLEAGUE).await?;

    story.chapter("Okta's admin presses Universal Logout for Dana");
    stage.tenant("universal_logout", json!({ "email": LEAVER })).await?;
    let answered = async || {
        let sent = stage.sent(UNIVERSAL_LOGOUT).await?;
        Ok((!sent.is_empty()).then_some(sent))
    };
    let first = stage.until("Ceven has answered Okta", answered).await?;
    story.equal("Ceven answers Okta's signed token with 204", first[0], 204);
    story.equal("with the answer, her session has ended", visitor.get("/api/v1/me").await?.status, 401);
    let now = stage.person(&admin, LEAVER).await?;
    story.equal("she is deactivated in Ceven", now["active"].as_bool(), Some(false));
    let all = stage.offboardings(&admin, &dana).await?;
    let causes: Vec<&str> = all.iter().filter_map(|one| one["cause"].as_str()).collect();
    story.equal("an offboarding has begun by itself", causes, vec!["universal_logout"]);
    let id = all.first().and_then(|one| one["id"].as_str()).unwrap_or_default();
    let one = stage.settled(&admin, story, id).await?;
    verified_everywhere(story, &one);

    story.chapter("Is she really out?");
    out_of_everywhere(stage, story, LEAVER).await?;
    let failed = stage.pushed().await?;
    story.equal("what Okta pushed of it was taken", failed, Vec::new());
    let refused: Vec<u64> =
        stage.sent(UNIVERSAL_LOGOUT).await?.into_iter().filter(|status| *status != 204).collect();
    story.equal("what Ceven told Okta came back as a logout, and ended there", refused, Vec::new());
    story.equal("there is one offboarding still", stage.offboardings(&admin, &dana).await?.len(), 1);
    story.equal("Lou noticed nothing", lou.get("/api/v1/me").await?.status, 200);

    story.chapter("Okta sends a security event: Lou's sessions were revoked");
    stage.tenant("session_revoked", json!({ "email": COLLEAGUE })).await?;
    let taken = async || Ok(Some(stage.sent(SECURITY_EVENTS).await?).filter(|sent| !sent.is_empty()));
    story.equal("Ceven takes it with 202", stage.until("Ceven has answered", taken).await?, vec![202]);
    story.equal("Lou's session has ended", lou.get("/api/v1/me").await?.status, 401);
    let known = stage.person(&admin, COLLEAGUE).await?;
    story.equal("but Lou stays", known["active"].as_bool(), Some(true));
    let again = stage.sign_in(COLLEAGUE).await?;
    story.equal("and signs in anew", again.get("/api/v1/me").await?.status, 200);
    let entries = stage.audit(&admin, story).await?;
    let accepted = |entry: &&Value| entry["action"] == "universal_logout.accept";
    story.fact("the token is in it", entries.iter().any(|entry| accepted(&entry)));
    Ok(())
}

/// What is wrong with a token.
type Forgery = (&'static str, fn(&Okta, &mut Value) -> Result<String, DevError>);

const FORGERIES: [Forgery; 6] = [
    ("a token that ended a quarter of an hour ago", |okta, claims| {
        for (name, ago) in [("iat", 1200), ("nbf", 1500), ("exp", 900)] {
            claims[name] = (claims["iat"].as_i64().unwrap_or_default() - ago).into();
        }
        okta.sign(TOKEN_TYPE, claims)
    }),
    ("a token for somebody else's server", |okta, claims| {
        claims["aud"] = "http://127.0.0.1:9/api/v1/sso/okta/universal-logout".into();
        okta.sign(TOKEN_TYPE, claims)
    }),
    ("a token of another client", |okta, claims| {
        claims["sub"] = "0oaOfSomebodyElse".into();
        okta.sign(TOKEN_TYPE, claims)
    }),
    ("a token of another issuer", |okta, claims| {
        claims["iss"] = "http://127.0.0.1:9".into();
        okta.sign(TOKEN_TYPE, claims)
    }),
    ("a token signed with a key that Okta never published", |okta, claims| {
        okta.sign_with_stray_key(TOKEN_TYPE, claims)
    }),
    ("an ID token in its place", |okta, claims| okta.sign("JWT", claims)),
];

pub(super) async fn replay(stage: &Stage<'_>, story: &mut Story) -> Told {
    let url = format!("{}{UNIVERSAL_LOGOUT}", stage.dev.app.public_url);
    let now = stage.now_ms().div_euclid(1000);
    let client = stage.dev.simulators.okta.with(|okta| okta.apps[0].client_id.clone());
    let body = |email: &str| json!({ "sub_id": { "format": "email", "email": email } }).to_string();
    let send = async |token: &str, email: &str| {
        stage.post(UNIVERSAL_LOGOUT, token, "application/json", body(email)).await
    };
    let untold = |error: DevError| Untold(error.to_string());

    story.chapter("Dana and Lou are at work");
    let (admin, dana) = stage.admin_and(story, LEAVER).await?;
    let visitor = at_work(stage, story, LEAVER).await?;
    let lou = stage.sign_in(COLLEAGUE).await?;

    story.chapter("Forged tokens");
    for (words, forge) in FORGERIES {
        let forged = stage.dev.simulators.okta.with(|okta| {
            let mut claims = okta.universal_logout_claims(&client, &url, now);
            forge(okta, &mut claims)
        });
        story.equal(format!("{words} is refused"), send(&forged.map_err(untold)?, LEAVER).await?, 401);
    }
    story.equal("Dana is still signed in", visitor.get("/api/v1/me").await?.status, 200);

    story.chapter("Okta's own token for Dana, once");
    let token = stage.dev.simulators.okta.with(|okta| okta.universal_logout_token(&client, &url, now));
    let token = token.map_err(untold)?;
    story.equal("the token is obeyed", send(&token, LEAVER).await?, 204);
    story.equal("Dana's session has ended", visitor.get("/api/v1/me").await?.status, 401);

    story.chapter("The same token again");
    story.equal("the same request is refused", send(&token, LEAVER).await?, 401);
    story.equal("so is the token with Lou's name beside it", send(&token, COLLEAGUE).await?, 401);
    story.equal("Lou is still signed in", lou.get("/api/v1/me").await?.status, 200);
    let known = stage.person(&admin, COLLEAGUE).await?;
    story.equal("and active", known["active"].as_bool(), Some(true));

    story.chapter("Okta changes its key");
    stage.tenant("rotate_keys", Value::Null).await?;
    let fresh = stage.dev.simulators.okta.with(|okta| okta.universal_logout_token(&client, &url, now));
    story.equal("a token of the new key is obeyed", send(&fresh.map_err(untold)?, COLLEAGUE).await?, 204);
    story.equal("now Lou is out, too", lou.get("/api/v1/me").await?.status, 401);

    story.chapter("Dana's offboarding");
    let all = stage.offboardings(&admin, &dana).await?;
    story.equal("there is one, however often the token came", all.len(), 1);
    let id = all.first().and_then(|one| one["id"].as_str()).unwrap_or_default();
    let one = stage.settled(&admin, story, id).await?;
    verified_everywhere(story, &one);
    let entries = stage.audit(&admin, story).await?;
    let accepted = entries.iter().filter(|entry| entry["action"] == "universal_logout.accept").count();
    story.fact(
        format!("{accepted} tokens were accepted: two, and those that Okta sent itself"),
        accepted >= 2,
    );
    Ok(())
}
