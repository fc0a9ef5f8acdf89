//! Attacks on sign-in with Okta: what is planted, swapped, replayed, or too large signs nobody in.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ceven::okta::OktaForm;
use ceven_actors::domain::okta::EmailPolicy;
use serde_json::{Value, json};

use super::{
    place::{Place, Way, header, place, refused},
    tenant::{CLIENT, Tenant, TokenSays},
};

fn says(place: &Place, says: TokenSays) {
    *place.tenant.says.lock().unwrap() = says;
}

fn token(place: &Place, way: &Way) -> String {
    let claims = place.claims(way, "00u1", "ada@acme.example");
    place.tenant.key.sign(&header().to_string(), &claims.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_plants_is_not_taken() {
    let place = place(EmailPolicy::Notice).await;
    let planted = "org=acme&state=evil&nonce=evil&code_challenge=evil&redirect_uri=https%3A%2F%2Fevil.example\
                   &client_id=evil&scope=offline_access&prompt=none&response_mode=form_post";
    let way = place.start(planted).await;
    let callback = format!("{}/api/v1/sso/okta/oidc/callback", place.node.url);
    assert_eq!((way.sent["redirect_uri"].as_str(), way.sent["client_id"].as_str()), (&*callback, CLIENT));
    assert!(!format!("{:?}", way.sent).contains("evil"), "{:?}", way.sent);
    assert_eq!((way.sent.get("prompt"), way.sent.get("response_mode")), (None, None));
    // A cookie that was there before is not the one of this attempt.
    let path = "start?org=acme";
    let (_, _, cookies) = place.get(path, "ceven_sign_in=planted").await;
    assert!(cookies[0].starts_with("ceven_sign_in=") && !cookies[0].contains("planted"), "{cookies:?}");
    // Nor is a session's.
    let way = place.start("org=acme").await;
    says(&place, TokenSays::IdToken(token(&place, &way)));
    let planted = format!("ceven_session={}.{}", place.acme.0.simple(), "0".repeat(64));
    let with = Way { cookie: format!("{}; {planted}", way.cookie), sent: way.sent };
    let session = place.come_back(&with, "").await.1.unwrap();
    assert_ne!(session, planted);
    assert_eq!(place.me(&planted).await["status"], 401);
    let again = place.sign_in("00u1", "ada@acme.example").await.1.unwrap();
    assert_ne!(again, session, "an id is drawn for each sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_tokens_of_another_sign_in_are_refused() {
    let place = place(EmailPolicy::Notice).await;
    // A code that Okta gave for the attacker's own challenge, in the victim's answer.
    let (attacker, victim) = (place.start("org=acme").await, place.start("org=acme").await);
    let challenge = attacker.sent["code_challenge"].clone();
    says(&place, TokenSays::ForChallenge(challenge, token(&place, &victim)));
    refused(&place.come_back(&victim, "").await, "failed");
    let challenge = attacker.sent["code_challenge"].clone();
    says(&place, TokenSays::ForChallenge(challenge, token(&place, &attacker)));
    assert!(place.come_back(&attacker, "").await.1.is_some());
    // An ID token that has signed someone in, once more.
    let (first, second) = (place.start("org=acme").await, place.start("org=acme").await);
    says(&place, TokenSays::IdToken(token(&place, &first)));
    assert!(place.come_back(&first, "").await.1.is_some());
    refused(&place.come_back(&second, "").await, "failed");
    refused(&place.come_back(&first, "").await, "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn issuers_are_not_mixed_up_and_get_no_secret_of_each_other() {
    let place = place(EmailPolicy::Notice).await;
    let (evil, globex) = (Tenant::start().await, place.node.organization("globex").await);
    let form =
        OktaForm { client_id: CLIENT.into(), client_secret: Some("other".into()), ..OktaForm::default() };
    place.node.connect(globex, &evil, form).await;
    let asked = |tenant: &Tenant| tenant.asked.lock().unwrap().len();
    // The answer says itself that it is the other issuer's.
    let way = place.start("org=acme").await;
    refused(&place.come_back(&way, &format!("&iss={}", evil.issuer)).await, "failed");
    assert_eq!((asked(&place.tenant), asked(&evil)), (0, 0));
    // It does not, but its token is: of the other issuer by name, by signature, by both.
    let good = |way: &Way| place.claims(way, "00u1", "ada@acme.example");
    for (key, iss) in
        [(&evil.key, &evil.issuer), (&evil.key, &place.tenant.issuer), (&place.tenant.key, &evil.issuer)]
    {
        let way = place.start("org=acme").await;
        let mut claims = good(&way);
        claims["iss"] = iss.as_str().into();
        says(&place, TokenSays::IdToken(key.sign(&header().to_string(), &claims.to_string())));
        refused(&place.come_back(&way, "").await, "failed");
    }
    assert_eq!((asked(&place.tenant), asked(&evil)), (3, 0));
    assert_eq!(place.users().await, 0);
    // Nobody is created in the organization of an address's domain, but in the one that Okta was asked for.
    let way = place.start("org=acme").await;
    let claims = place.claims(&way, "00u1", "ada@globex.example");
    place.say(&header(), &claims);
    assert!(place.come_back(&way, "").await.1.is_some());
    assert_eq!(place.node.app.fresh(globex).await.unwrap().user_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_signed_with_something_else_are_refused() {
    let place = place(EmailPolicy::Notice).await;
    for part in ["none", "None", "HS256", "key in header"] {
        let way = place.start("org=acme").await;
        let claims = place.claims(&way, "00u1", "ada@acme.example").to_string();
        let mut header = header();
        let token = match part {
            "HS256" => {
                header["alg"] = part.into();
                hs256(&place.tenant.key.public_der(), &header, &claims)
            }
            "key in header" => {
                let own = Tenant::start().await;
                header["jwk"] = own.key.jwk("k1");
                header["jku"] = json!(format!("{}/oauth2/v1/keys", own.issuer));
                own.key.sign(&header.to_string(), &claims)
            }
            alg => {
                header["alg"] = alg.into();
                let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
                format!("{}.{}.", encode(&header.to_string()), encode(&claims))
            }
        };
        says(&place, TokenSays::IdToken(token));
        refused(&place.come_back(&way, "").await, "failed");
    }
    for claims in ["[]", "\"x\"", "{", "{\"sub\":\"a\",\"sub\":\"b\"}"] {
        let way = place.start("org=acme").await;
        says(&place, TokenSays::IdToken(place.tenant.key.sign(&header().to_string(), claims)));
        refused(&place.come_back(&way, "").await, "failed");
    }
    for claim in
        [json!({ "nbf": place.node.now_secs() + 301 }), json!({ "exp": "tomorrow" }), json!({ "iat": null })]
    {
        let way = place.start("org=acme").await;
        let mut claims = place.claims(&way, "00u1", "ada@acme.example");
        claims.as_object_mut().unwrap().extend(claim.as_object().unwrap().clone());
        place.say(&header(), &claims);
        refused(&place.come_back(&way, "").await, "failed");
    }
    assert_eq!(place.users().await, 0);
}

fn hs256(key: &[u8], header: &Value, claims: &str) -> String {
    use aws_lc_rs::hmac;
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_missing_goes_no_further() {
    let place = place(EmailPolicy::Notice).await;
    let huge = "x".repeat(20_000);
    for hint in [&huge, "a%0d%0aset-cookie:x=y@acme.example", "%00"] {
        let way = place.start(&format!("org=acme&login_hint={hint}")).await;
        assert_eq!(way.sent.get("login_hint"), None);
    }
    let markup = place.start("org=acme&login_hint=%22%3E%3Cscript%3E%40acme.example").await;
    assert_eq!(markup.sent["login_hint"], "\"><script>@acme.example");
    for query in [format!("org={huge}"), format!("iss={huge}"), format!("login_hint={huge}%40acme.example")] {
        let (status, location, cookies) = place.get(&format!("start?{query}"), "").await;
        assert!(location.ends_with("/login?okta_sso_error=unknown_organization"), "{location}");
        assert_eq!((status, cookies.len()), (302, 0));
    }
    for target in [format!("%2Fapp%2F{huge}"), format!("%2F{huge}")] {
        let way = place.start(&format!("org=acme&next={target}")).await;
        place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
        assert_eq!(place.come_back(&way, "").await.0, format!("{}/app", place.node.url));
    }
    let asked = place.tenant.asked.lock().unwrap().len();
    for (path, code) in [
        ("callback".to_owned(), "expired"),
        ("callback?code=c".into(), "expired"),
        (format!("callback?code=c&state={huge}"), "expired"),
        ("callback?error=%3Cscript%3E&error_description=%3Cscript%3E".into(), "expired"),
    ] {
        let (status, location, _) = place.get(&path, "ceven_sign_in=x").await;
        assert_eq!(
            (status, location),
            (302, format!("{}/login?okta_sso_error={code}", place.node.url)),
            "{path}"
        );
    }
    for code in ["", "&code=", &format!("&code={huge}")] {
        let way = place.start("org=acme").await;
        let (_, location, _) =
            place.get(&format!("callback?state={}{code}", way.sent["state"]), &way.cookie).await;
        assert!(location.ends_with("/login?okta_sso_error=failed"), "{location}");
    }
    assert_eq!(place.tenant.asked.lock().unwrap().len(), asked, "Okta was not asked");
    // Neither the way there nor the way back is shown in a frame, kept, or told to another site.
    let start = place.node.http.get(format!("{}/api/v1/sso/okta/oidc/start?org=acme", place.node.url)).send();
    let back = place.node.http.get(format!("{}/api/v1/sso/okta/oidc/callback", place.node.url)).send();
    for answer in [start.await.unwrap(), back.await.unwrap()] {
        for (name, value) in
            [("x-frame-options", "DENY"), ("cache-control", "no-store"), ("referrer-policy", "no-referrer")]
        {
            assert_eq!(answer.headers()[name], value);
        }
    }
}
