//! `GET /admin/v1/orgs/{orgId}/keys`: all keys that there ever were, without their secrets.

use crate::util::*;
use http::Method;

const KEYS: &str = "/admin/v1/orgs/7/keys";

#[tokio::test]
async fn it_lists_keys_in_order_of_creation_without_secrets() {
    let world = world().await;
    let mut secrets = vec![world.key.clone()];
    for name in ["web", "app"] {
        world.clock.advance(1);
        let made = world.post(KEYS, json!({"name": name, "scopes": ["profile.read"]})).await.json();
        secrets.push(made["apikey"].as_str().unwrap().to_owned());
    }
    let answer = world.get(KEYS).await;
    let names: Vec<String> =
        answer.ok()["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().into()).collect();
    assert_eq!(names, ["tests", "web", "app"]);
    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
    assert!(!text.contains("apikey"), "{text}");
    assert!(secrets.iter().all(|secret| !text.contains(&secret[3..])), "{text}");
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor() {
    let world = world().await;
    for n in 0..4 {
        world.clock.advance(1);
        world.post(KEYS, json!({"name": format!("k{n}"), "scopes": ["profile.read"]})).await;
    }
    let first = world.get(&format!("{KEYS}?limit=3")).await.ok();
    let next = first["next"].as_str().unwrap();
    let last = world.get(&format!("{KEYS}?limit=3&cursor={next}")).await.ok();
    let names = |page: &serde_json::Value| {
        page["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["tests", "k0", "k1"]);
    assert_eq!((names(&last), &last["next"]), (vec!["k2".into(), "k3".into()], &json!(null)));
    world.get(&format!("{KEYS}?cursor=5")).await.wrong_at("request.invalid", &["?cursor"]);
}

#[tokio::test]
async fn revoked_keys_stay_listed() {
    let world = world().await;
    let made = world.post(KEYS, json!({"name": "web", "scopes": ["profile.read"]})).await.json();
    let id = made["keyId"].as_str().unwrap();
    world.clock.advance(5);
    world.call(Method::DELETE, &format!("{KEYS}/{id}")).await.no_content();
    let listed = world.get(KEYS).await.ok();
    let found = listed["items"].as_array().unwrap().iter().find(|key| key["keyId"] == id).unwrap();
    assert_eq!(found["revokedAt"], NOW + 5);
}

#[tokio::test]
async fn only_its_own_administrators_and_the_root_key_may() {
    let world = world().await;
    world.get(KEYS).key(&world.other_key).await.refused(403, "auth.org");
    world.get("/admin/v1/orgs/999/keys").await.refused(403, "auth.org");
    world.get("/admin/v1/orgs/999/keys").key(ROOT_KEY).await.refused(404, "org.unknown");
    world.get(KEYS).key(ROOT_KEY).await.ok();
}
