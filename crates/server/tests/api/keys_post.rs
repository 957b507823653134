//! `POST /admin/v1/orgs/{orgId}/keys`: makes a key and shows it, this once.

use crate::util::*;

const KEYS: &str = "/admin/v1/orgs/7/keys";

fn body() -> serde_json::Value {
    json!({"name": "web", "scopes": ["profile.write", "profile.read"]})
}

#[tokio::test]
async fn it_makes_a_key_that_works_at_once() {
    let world = world().await;
    let answer = world.post(KEYS, body()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let made = answer.json();
    let secret = made["apikey"].as_str().unwrap();
    assert!(secret.starts_with("of_") && secret.len() >= 30, "{secret}");
    assert_eq!(made["scopes"], json!(["profile.read", "profile.write"]));
    assert_eq!((&made["name"], &made["createdAt"]), (&json!("web"), &json!(NOW)));
    assert_eq!((&made["expiresAt"], &made["rateLimit"]), (&json!(null), &json!(null)));

    let written = world.say("u", json!({"a": 1})).key(secret).await.ok();
    let sources = world.search(json!({"search": {"user_id": ["u"]}, "include": ["sources"]})).key(secret).await.ok();
    assert_eq!(sources[0]["sources"]["profile.a"]["source"], "web", "its name is the source of what it writes");
    assert_eq!(written[0]["ucid"], sources[0]["ucid"]);
    world.delete(json!({"ids": {"user_id": ["u"]}})).key(secret).await.refused(403, "auth.scope");
}

#[tokio::test]
async fn the_root_key_makes_keys_for_anybody() {
    let world = world().await;
    let made = world.post("/admin/v1/orgs/8/keys", body()).key(ROOT_KEY).await.json();
    let elsewhere = world.find("user_id", "u").key(made["apikey"].as_str().unwrap()).await;
    elsewhere.refused(403, "auth.org");
    world.post("/admin/v1/orgs/999/keys", body()).key(ROOT_KEY).await.refused(404, "org.unknown");
}

#[tokio::test]
async fn a_key_may_expire_and_have_a_limit() {
    let world = world().await;
    let more = json!({"expiresAt": NOW + 1000, "rateLimit": {"perSecond": 5}});
    let made = world.post(KEYS, with(body(), more)).await.json();
    assert_eq!(
        (&made["expiresAt"], &made["rateLimit"]),
        (&json!(NOW + 1000), &json!({"perSecond": 5, "perMinute": 0}))
    );
    let secret = made["apikey"].as_str().unwrap();
    world.find("user_id", "u").key(secret).await.refused(404, "profile.not_found");
    world.clock.advance(999);
    world.find("user_id", "u").key(secret).await.refused(404, "profile.not_found");
    world.clock.advance(1);
    world.find("user_id", "u").key(secret).await.refused(401, "auth.invalid");
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let world = world().await;
    let more = json!({
        "name": "x".repeat(65), "scopes": ["profile.read", "all", 5], "expiresAt": NOW,
        "rateLimit": {"perSecond": -1, "perDay": 1}, "keyId": "mine"
    });
    let problem = world.post(KEYS, with(body(), more)).await.refused(400, "request.unknown_member");
    let faults = problem["errors"].as_array().unwrap().iter();
    let mut at: Vec<&str> = faults.map(|fault| fault["pointer"].as_str().unwrap()).collect();
    at.sort_unstable();
    let expected =
        ["/expiresAt", "/keyId", "/name", "/rateLimit/perDay", "/rateLimit/perSecond", "/scopes/1", "/scopes/2"];
    assert_eq!(at, expected);
    world.post(KEYS, json!({})).await.wrong_at("request.invalid", &["/name", "/scopes"]);
    world.post(KEYS, with(body(), json!({"scopes": []}))).await.wrong_at("request.invalid", &["/scopes"]);
    for moment in [json!("2026-01-01"), json!(1.5), json!(NOW * 1000)] {
        let expires = with(body(), json!({"expiresAt": moment}));
        world.post(KEYS, expires).await.wrong_at("request.invalid", &["/expiresAt"]);
    }
}

#[tokio::test]
async fn only_its_own_administrators_and_the_root_key_may() {
    let world = world().await;
    world.post(KEYS, body()).key(&world.other_key).await.refused(403, "auth.org");
    let writer = world.new_key(ORG, ["profile.write".parse().unwrap()].into_iter().collect()).await;
    world.post(KEYS, body()).key(&writer).await.refused(403, "auth.scope");
    assert_eq!(world.get(KEYS).await.ok()["items"].as_array().unwrap().len(), 2, "the first two, and nothing new");
}
