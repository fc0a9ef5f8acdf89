use crate::{on_each_database, support::Server};

on_each_database!(tokens_open_and_close_at_the_next_request);

async fn tokens_open_and_close_at_the_next_request(server: Server) {
    let scim = server.organization("acme");
    scim.get("/Users").await.expect(200);
    let reply = scim.http.get(format!("{}/Users", scim.base)).send().await.unwrap();
    assert_eq!(reply.status(), 401);
    assert!(reply.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    let typo = format!("{}{}", &scim.token[..63], if scim.token.ends_with('x') { 'y' } else { 'x' });
    for wrong in [&scim.token[..60], &typo, "", "cvn_"] {
        server.client(wrong).get("/Users").await.refused(401, None);
    }
    // What people paste by mistake.
    for header in
        [format!("Bearer Bearer {}", scim.token), scim.token.clone(), format!("bearer  {}", scim.token)]
    {
        let reply = scim
            .http
            .get(format!("{}/Users", scim.base))
            .header("authorization", header)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
    }
    // Minted by another process: works at once. Revoked there: fails at once.
    let minted = server.json(&["token", "mint", "--org", "acme", "--label", "second", "--expires-in", "1h"]);
    let second = server.client(minted["token"].as_str().unwrap());
    second.get("/Users").await.expect(200);
    second.user("ann").await;
    server.json(&["token", "revoke", minted["id"].as_str().unwrap(), "--org", "acme"]);
    second.get("/Users").await.refused(401, None);
    second.post("/Users", &serde_json::json!({ "userName": "bob" })).await.refused(401, None);
    let expired = server.json(&["token", "mint", "--org", "acme", "--label", "short", "--expires-in", "0s"]);
    server.client(expired["token"].as_str().unwrap()).get("/Users").await.refused(401, None);
    let audit = server.json(&["token", "mint", "--org", "acme", "--label", "auditor", "--kind", "audit"]);
    server.client(audit["token"].as_str().unwrap()).get("/Users").await.refused(403, None);
    // A rotation leaves both working for the overlap, and ends the old one without it.
    let old = server.json(&["token", "mint", "--org", "acme", "--label", "old"]);
    let id = old["id"].as_str().unwrap();
    let new = server.json(&["token", "rotate", id, "--org", "acme", "--overlap", "1h"]);
    server.client(old["token"].as_str().unwrap()).get("/Users").await.expect(200);
    server.client(new["token"].as_str().unwrap()).get("/Users").await.expect(200);
    server.json(&["token", "rotate", id, "--org", "acme", "--overlap", "0s"]);
    server.client(old["token"].as_str().unwrap()).get("/Users").await.refused(401, None);
    let listed = server.json(&["token", "list", "--org", "acme"]);
    assert_eq!(listed.as_array().unwrap().len(), 7);
    assert!(!listed.to_string().contains(&scim.token));
    assert!(!server.log_text().contains(&scim.token), "a token is in the log");
}
