//! `PATCH /admin/v1/orgs/{orgId}/keys/{keyId}`: what the body names changes, on this node at once, on every other within a
//! second; the rest stays.

use crate::util::*;
use http::Method;
use onefold_core::id::OrgId;
use onefold_core::service::Service;
use onefold_core::service::keys::{KeyPatch, RatePatch};
use onefold_core::time::Clock;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEYS: &str = "/admin/v1/orgs/7/keys";

async fn made(world: &World) -> (String, String) {
    let made = world.post(KEYS, json!({"name": "web", "scopes": ["profile.read", "profile.write"]})).await.json();
    (format!("{KEYS}/{}", made["keyId"].as_str().unwrap()), made["apikey"].as_str().unwrap().into())
}

fn patch(world: &World, url: &str, body: serde_json::Value) -> Call {
    world.call(Method::PATCH, url).header("content-type", "application/json").body(body.to_string())
}

fn find(world: &World, secret: &str) -> Call {
    world.search(json!({"search": {"user_id": ["u"]}, "onMissing": "empty"})).key(secret)
}

#[tokio::test]
async fn it_changes_what_is_named_and_answers_as_lists_do() {
    let world = world().await;
    let (url, _) = made(&world).await;
    let rate = |body| patch(&world, &url, json!({"rateLimit": body}));
    let first = rate(json!({"perSecond": 5})).await.ok();
    assert_eq!((&first["rateLimit"], &first["name"]), (&json!({"perSecond": 5, "perMinute": 0}), &json!("web")));
    assert!(first.get("apikey").is_none() && !first["scopes"].as_array().unwrap().is_empty());
    assert_eq!(rate(json!({"perMinute": 9})).await.ok()["rateLimit"], json!({"perSecond": 5, "perMinute": 9}));
    let named = patch(&world, &url, json!({"name": " shop "})).await.ok();
    assert_eq!((&named["name"], &named["rateLimit"]["perMinute"]), (&json!("shop"), &json!(9)));
    assert_eq!(patch(&world, &url, json!({})).await.ok(), named, "nothing named, nothing changed");
    let listed = world.get(KEYS).await.ok();
    assert!(listed["items"].as_array().unwrap().contains(&named), "{listed}");
    assert_eq!(rate(json!(null)).await.ok()["rateLimit"], json!(null));
}

#[tokio::test]
async fn a_limit_holds_at_once_and_so_does_taking_it_away() {
    let world = world().await;
    let (url, secret) = made(&world).await;
    find(&world, &secret).await.ok();
    patch(&world, &url, json!({"rateLimit": {"perMinute": 2}})).await.ok();
    let first = find(&world, &secret).await;
    assert_eq!(first.header("ratelimit"), "\"key-minute\";r=1;t=30");
    find(&world, &secret).await.ok();
    find(&world, &secret).await.refused(429, "limit.key");
    patch(&world, &url, json!({"rateLimit": {"perMinute": 3000}})).await.ok();
    // What was taken stays taken; there is another call every 20 milliseconds now.
    tokio::time::sleep(Duration::from_millis(25)).await;
    let more = find(&world, &secret).await;
    more.ok();
    assert!(more.header("ratelimit-policy").contains("\"key-minute\";q=3000;w=60"), "{more:?}");
    patch(&world, &url, json!({"rateLimit": null})).await.ok();
    assert!(!find(&world, &secret).await.header("ratelimit-policy").contains("key-"));
}

/// Another node changes the key: this one has it in its cache, and learns of it by its age alone.
#[tokio::test]
async fn a_limit_that_another_node_sets_holds_within_a_second() {
    let world = world().await;
    let (url, secret) = made(&world).await;
    find(&world, &secret).await.ok();
    let clock: Arc<dyn Clock> = world.clock.clone();
    let entropy = Arc::new(onefold::system::SystemEntropy);
    let other_node = Service::open(world.store.clone(), clock, entropy).await.unwrap();
    let rate = RatePatch { per_minute: Some(1), per_second: None };
    let id = url.rsplit('/').next().unwrap().parse().unwrap();
    let patch = KeyPatch { rate: Some(Some(rate)), name: None };
    other_node.patch_key(OrgId::new(ORG).unwrap(), id, &patch).await.unwrap();
    let changed = Instant::now();
    while find(&world, &secret).await.status != 429 {
        assert!(changed.elapsed() < Duration::from_secs(1), "it is not limited after a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_it_writes_comes_from_its_new_name() {
    let world = world().await;
    let (url, secret) = made(&world).await;
    world.say("u", json!({"a": 1})).key(&secret).await.ok();
    patch(&world, &url, json!({"name": "shop"})).await.ok();
    world.say("u", json!({"b": 1})).key(&secret).await.ok();
    let shown = world.search(json!({"search": {"user_id": ["u"]}, "include": ["sources"]})).await.ok();
    let source = |name: &str| shown[0]["sources"][format!("profile.{name}")]["source"].clone();
    assert_eq!((source("a"), source("b")), (json!("web"), json!("shop")));
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let world = world().await;
    let (url, _) = made(&world).await;
    let before = world.get(KEYS).await.ok();
    let body = json!({
        "name": null, "scopes": ["org.admin"], "expiresAt": NOW + 1, "x": 1, "rateLimit": {"perSecond": -1, "perDay": 1}
    });
    let problem = patch(&world, &url, body).await.refused(400, "request.unknown_member");
    let faults = problem["errors"].as_array().unwrap().iter();
    let mut at: Vec<&str> = faults.map(|fault| fault["pointer"].as_str().unwrap()).collect();
    at.sort_unstable();
    assert_eq!(at, ["/expiresAt", "/name", "/rateLimit/perDay", "/rateLimit/perSecond", "/scopes", "/x"]);
    patch(&world, &url, json!([])).await.wrong_at("request.invalid", &[""]);
    patch(&world, &url, json!({"rateLimit": 5})).await.wrong_at("request.invalid", &["/rateLimit"]);
    patch(&world, &url, json!({"rateLimit": {"perSecond": null}}))
        .await
        .wrong_at("request.invalid", &["/rateLimit/perSecond"]);
    patch(&world, &url, json!({"name": "x".repeat(65)})).await.wrong_at("request.invalid", &["/name"]);
    assert_eq!(world.get(KEYS).await.ok(), before);
}

#[tokio::test]
async fn a_key_that_has_ended_is_not_changed() {
    let world = world().await;
    let (url, _) = made(&world).await;
    world.call(Method::DELETE, &url).await.no_content();
    patch(&world, &url, json!({"name": "shop"})).await.refused(409, "key.ended");
}

#[tokio::test]
async fn only_its_own_administrators_and_the_root_key_may_and_it_is_recorded() {
    let world = world().await;
    let (url, secret) = made(&world).await;
    let body = || json!({"rateLimit": {"perSecond": 5}});
    patch(&world, &url, body()).key(&secret).await.refused(403, "auth.scope");
    patch(&world, &url, body()).key(&world.other_key).await.refused(403, "auth.org");
    patch(&world, &url.replace("/7/", "/8/"), body()).key(ROOT_KEY).await.refused(404, "key.unknown");
    patch(&world, &format!("{KEYS}/nonsense"), body()).await.refused(404, "key.unknown");
    patch(&world, "/admin/v1/orgs/999/keys/x", body()).key(ROOT_KEY).await.refused(404, "org.unknown");
    assert!(world.get(KEYS).await.ok()["items"].as_array().unwrap().iter().all(|key| key["rateLimit"].is_null()));
    assert_eq!(patch(&world, &url, body()).key(ROOT_KEY).await.ok()["rateLimit"]["perSecond"], 5);
    let log = world.get("/admin/v1/orgs/7/audit").await.ok();
    let [entry, id] = [&log["items"][0], &json!(format!("7 {}", url.rsplit('/').next().unwrap()))];
    assert_eq!((&entry["about"], &entry["outcome"]), (id, &json!("done")));
    assert_eq!(entry["what"], "PATCH /admin/v1/orgs/{orgId}/keys/{keyId}");
}
