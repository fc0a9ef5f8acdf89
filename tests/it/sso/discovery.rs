//! What an issuer says about itself is read when an admin saves it, and from nowhere but that issuer.
use ceven::okta::{OktaError, OktaForm, connect};
use ceven_actors::{domain::okta::EmailPolicy, protocol::oidc::MetadataError};
use serde_json::json;

use super::{
    place::{Place, header, place},
    tenant::{CLIENT, Keys, Tenant, metadata},
};

async fn save(place: &Place, issuer: &str) -> Result<(), OktaError> {
    let form = OktaForm { issuer: issuer.to_owned(), client_id: CLIENT.into(), ..OktaForm::default() };
    connect(&place.node.app, place.acme, form, place.node.app.operator()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_issuer_itself_is_read_within_limits() {
    let place = place(EmailPolicy::Notice).await;
    let other = Tenant::start().await;
    let fetches = other.fetches();
    let says = |keys: Keys| *place.tenant.discovery.lock().unwrap() = keys;
    let own = place.tenant.issuer.clone();
    let document = |name: &str, value: &str| {
        let mut document = metadata(&place.tenant.issuer);
        document[name] = value.into();
        Keys::Body(document.to_string().into_bytes())
    };
    for behaviour in [
        Keys::Redirect(format!("{}/.well-known/openid-configuration", other.issuer)),
        Keys::Status(404),
        Keys::Body(b"<html>".to_vec()),
        Keys::Body(vec![b' '; 1_048_577]),
        Keys::Body([metadata(&own).to_string().into_bytes(), vec![b' '; 1_048_577]].concat()),
        Keys::Hang,
        document("issuer", &other.issuer),
        document("issuer", &format!("{own}/")),
    ] {
        says(behaviour.clone());
        assert!(save(&place, &own).await.is_err(), "{behaviour:?}");
    }
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"] {
        let host = own.trim_start_matches("http://");
        for value in
            [&other.issuer, &format!("https://{host}"), &format!("http://{host}@evil.example/"), "x", ""]
        {
            says(document(name, value));
            let error = save(&place, &own).await.unwrap_err();
            assert!(
                matches!(error, OktaError::Metadata(MetadataError::ForeignEndpoint(_))),
                "{name} {value}: {error}"
            );
        }
    }
    assert_eq!(other.fetches(), fetches, "nobody else was asked");
    // What was saved first still holds, and is used.
    let way = place.start("org=acme").await;
    place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
    assert!(place.come_back(&way, "").await.1.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_private_address_and_nothing_but_an_address_is_asked() {
    let place = place(EmailPolicy::Notice).await;
    let port = place.tenant.issuer.rsplit_once(':').unwrap().1.to_owned();
    let before = place.node.app.fresh(place.acme).await.unwrap().head();
    for issuer in [
        "http://10.0.0.1",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "http://169.254.169.254/latest",
        "https://[::1]",
        "https://[fe80::1]",
        "https://[::ffff:10.0.0.1]",
        "https://0.0.0.0",
        "http://example.com",
        &format!("http://user@127.0.0.1:{port}"),
        &format!("http://user:secret@127.0.0.1:{port}"),
        &format!("{}?x=", place.tenant.issuer),
        &format!("{}#x", place.tenant.issuer),
        "ftp://acme.okta.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "acme.okta.com",
        "//acme.okta.com",
        "https://",
        "",
        "https://acme.okta.com\r\nhost: evil",
        &format!("https://{}.example", "x".repeat(300)),
    ] {
        assert!(save(&place, issuer).await.is_err(), "{issuer}");
    }
    assert_eq!(place.node.app.fresh(place.acme).await.unwrap().head(), before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_moves_takes_no_secret_along() {
    let place = place(EmailPolicy::Notice).await;
    let other = Tenant::start().await;
    let mut moved = metadata(&place.tenant.issuer);
    moved["token_endpoint"] = json!(format!("{}/oauth2/v1/token", other.issuer));
    *place.tenant.discovery.lock().unwrap() = Keys::Body(moved.to_string().into_bytes());
    let way = place.start("org=acme").await;
    place.say(&header(), &place.claims(&way, "00u1", "ada@acme.example"));
    assert!(place.come_back(&way, "").await.1.is_some());
    assert_eq!((place.tenant.asked.lock().unwrap().len(), other.asked.lock().unwrap().len()), (1, 0));
    // Another client or another issuer does not get the secret that was given for the first.
    for (issuer, client_id) in [(&place.tenant.issuer, "0onew"), (&other.issuer, CLIENT)] {
        *place.tenant.discovery.lock().unwrap() = Keys::Normal;
        let form = OktaForm { issuer: issuer.clone(), client_id: client_id.into(), ..OktaForm::default() };
        let saved = connect(&place.node.app, place.acme, form, place.node.app.operator()).await.unwrap();
        assert!(saved.client_secret.is_none());
    }
}
