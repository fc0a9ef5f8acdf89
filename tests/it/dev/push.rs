//! Okta's SCIM client against the real server.
use ceven::dev::okta::{
    OktaUser,
    scim_push::{ScimPush, Style},
};
use serde_json::json;

use super::okta::tenant;
use crate::support::{Database, Server};

async fn pushed(style: Style) {
    let server = Server::start(Database::Sqlite).await;
    let scim = server.organization("acme");
    let tenant = tenant().await;
    let users: Vec<OktaUser> = tenant.sim.with(|okta| okta.users.clone());
    let mut push = ScimPush::new(&scim.base, &scim.token, style).unwrap();
    push.push_everyone(&users).await.unwrap();
    assert_eq!(push.errors, 0);
    let (priya, dana) = (&users[0], &users[1]);
    let path = format!("/Users/{}", push.id_of(&dana.id).unwrap());
    let got = scim.get(&path).await.expect(200);
    assert_eq!((&got["externalId"], &got["active"]), (&json!(dana.id), &json!(true)));
    assert_eq!(got["roles"][0]["value"], "member");
    let admin = scim.get(&format!("/Users/{}", push.id_of(&priya.id).unwrap())).await.expect(200);
    assert_eq!(admin["roles"][0]["value"], "admin");
    let sales = format!("/Groups/{}", push.group_id("Sales").unwrap());
    assert_eq!(scim.get(&sales).await.expect(200)["members"].as_array().unwrap().len(), 2);
    push.change_membership("Sales", dana, false).await.unwrap();
    assert_eq!(scim.get(&sales).await.expect(200)["members"].as_array().unwrap().len(), 1);
    push.change_membership("Sales", dana, true).await.unwrap();
    assert_eq!(scim.get(&sales).await.expect(200)["members"].as_array().unwrap().len(), 2);
    push.set_active(dana, false).await.unwrap();
    assert_eq!(scim.get(&path).await.expect(200)["active"], false);
    push.set_active(dana, true).await.unwrap();
    let mut promoted = dana.clone();
    promoted.person.roles = vec!["admin".into()];
    push.update_user(&promoted).await.unwrap();
    let got = scim.get(&path).await.expect(200);
    assert_eq!((&got["active"], &got["roles"][0]["value"]), (&json!(true), &json!("admin")));
    // A tenant that starts over links who is there already.
    let mut again = ScimPush::new(&scim.base, &scim.token, style).unwrap();
    again.push_everyone(&users).await.unwrap();
    assert_eq!(
        (again.id_of(&dana.id), again.group_id("Sales")),
        (push.id_of(&dana.id), push.group_id("Sales"))
    );
    assert_eq!(again.import_users().await.unwrap().len(), 2);
    again.delete_group("Sales").await.unwrap();
    scim.get(&sales).await.refused(404, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_application_is_provisioned() {
    pushed(Style::Catalogue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wizards_application_is_provisioned() {
    pushed(Style::Wizard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_says_why() {
    let server = Server::start(Database::Sqlite).await;
    let scim = server.organization("acme");
    let mut push = ScimPush::new(&scim.base, "wrong", Style::Catalogue).unwrap();
    let error = push.test_credentials().await.unwrap_err();
    assert_eq!((error.status, push.errors), (Some(401), 1));
    assert!(!error.detail.is_empty(), "{error}");
}
