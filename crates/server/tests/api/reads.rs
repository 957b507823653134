//! `GET /admin/v1/orgs/{orgId}/keys/{keyId}/reads`: whom a key read.

use crate::util::*;
use http::Method;
use onefold_core::org::{Scope, Scopes};
use serde_json::Value;

const KEYS: &str = "/admin/v1/orgs/7/keys";
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// A key that may read, and the URL of what it read.
async fn reader(world: &World) -> (String, String) {
    let made = world.post(KEYS, json!({"name": "leaks", "scopes": ["profile.read", "profile.write"]})).key(ROOT_KEY);
    let made = made.await.json();
    (made["apikey"].as_str().unwrap().into(), format!("{KEYS}/{}/reads", made["keyId"].as_str().unwrap()))
}

async fn write(world: &World, user: &str) -> String {
    let written = world.say(user, json!({"a": 1})).await;
    written.header("x-ucid").to_owned()
}

/// Hours since the beginning, and UCIDs.
async fn read(world: &World, url: &str) -> Vec<(u64, String)> {
    let reads = world.get(url).key(ROOT_KEY).await.ok();
    let one = |item: &Value| ((item["hour"].as_u64().unwrap() - NOW) / HOUR, item["ucid"].as_str().unwrap().to_owned());
    reads["items"].as_array().unwrap().iter().map(one).collect()
}

/// In the order in which they are told.
fn sorted<T: Ord, const N: usize>(mut items: [T; N]) -> [T; N] {
    items.sort();
    items
}

#[tokio::test]
async fn whom_a_key_was_shown_is_told_once_an_hour() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    let (jane, joe) = (write(&world, "jane").await, write(&world, "joe").await);
    for _ in 0..3 {
        world.find("user_id", "jane").key(&key).await.ok();
    }
    world.find("user_id", "nobody").key(&key).await.refused(404, "profile.not_found");
    assert_eq!(read(&world, &url).await, [(0, jane.clone())]);
    world.clock.advance(HOUR);
    world.app.meter.flush(&world.app.service, false).await.unwrap();
    world.search(json!({"search": {"user_id": ["joe", "jane", "nobody"]}})).key(&key).await.ok();
    assert_eq!(read(&world, &url).await, sorted([(0, jane.clone()), (1, jane.clone()), (1, joe)]));
    let answer = world.get(&url).await.ok();
    assert_eq!((&answer["orgId"], &answer["missed"], &answer["next"]), (&json!(ORG), &json!(0), &Value::Null));
    let first = format!("{url}?from=2025-01-01T00:00Z&to=2025-01-01T01:00Z");
    assert_eq!(read(&world, &first).await, [(0, jane)]);
    let (_, other) = reader(&world).await;
    assert!(read(&world, &other).await.is_empty());
}

#[tokio::test]
async fn answers_to_writes_and_explanations_show_people_too() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    let (jane, joe) = (write(&world, "jane").await, write(&world, "joe").await);
    world.say("jane", json!({"a": 2})).key(&key).header("prefer", "return=minimal").await.no_content();
    assert!(read(&world, &url).await.is_empty(), "no body, nobody shown");
    world.say("jane", json!({"a": 3})).key(&key).await.ok();
    world.post(EXPLAIN, json!({"orgId": ORG, "search": {"user_id": ["joe"]}})).key(&key).await.ok();
    assert_eq!(read(&world, &url).await, sorted([(0, jane), (0, joe)]));
}

#[tokio::test]
async fn who_has_the_answer_already_is_shown_nobody() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    write(&world, "jane").await;
    let etag = world.find("user_id", "jane").await.header("etag").to_owned();
    world.search(json!({"search": {"user_id": ["jane"]}, "unless": etag})).key(&key).await.no_content();
    assert!(read(&world, &url).await.is_empty());
}

#[tokio::test]
async fn of_a_revoked_key_it_is_told_as_well() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    let jane = write(&world, "jane").await;
    world.find("user_id", "jane").key(&key).await.ok();
    world.call(Method::DELETE, url.strip_suffix("/reads").unwrap()).await.no_content();
    assert_eq!(read(&world, &url).await, [(0, jane)]);
}

#[tokio::test]
async fn it_comes_in_pages() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    let mut ucids = Vec::new();
    for number in 0..7 {
        let user = format!("u{number}");
        ucids.push(write(&world, &user).await);
        world.find("user_id", &user).key(&key).await.ok();
        if number == 3 {
            world.app.meter.flush(&world.app.service, true).await.unwrap();
            world.clock.advance(2 * HOUR);
            world.app.meter.flush(&world.app.service, true).await.unwrap();
        }
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    for items in [3, 3, 1] {
        let page = world.get(&format!("{url}?limit=3{next}")).await.ok();
        let found = page["items"].as_array().unwrap().clone();
        assert_eq!(found.len(), items);
        seen.extend(found.iter().map(|item| item["ucid"].as_str().unwrap().to_owned()));
        next = page["next"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
    }
    ucids[..4].sort();
    ucids[4..].sort();
    assert_eq!((seen, next.as_str()), (ucids, ""));
}

#[tokio::test]
async fn what_is_not_kept_is_counted() {
    let world = world_with("[metering]\nreads_per_hour = 1").await;
    let (key, url) = reader(&world).await;
    let mut first = String::new();
    for user in ["a", "b", "c"] {
        let ucid = write(&world, user).await;
        world.find("user_id", user).key(&key).await.ok();
        first = if user == "a" { ucid } else { first };
    }
    assert_eq!(read(&world, &url).await, [(0, first)]);
    assert_eq!(world.get(&url).await.ok()["missed"], 2);
}

#[tokio::test]
async fn a_deleted_person_is_a_number_that_leads_to_nobody() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    let jane = write(&world, "jane").await;
    world.find("user_id", "jane").key(&key).await.ok();
    world.delete(json!({"ids": {"user_id": ["jane"]}})).await.ok();
    assert_eq!(read(&world, &url).await, [(0, jane.clone())]);
    world.find("ucid", &jane).await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn it_ends_after_thirty_days() {
    let world = world().await;
    let (key, url) = reader(&world).await;
    write(&world, "jane").await;
    world.find("user_id", "jane").key(&key).await.ok();
    let url = format!("{url}?from={NOW}&to={}", NOW + HOUR);
    assert_eq!(read(&world, &url).await.len(), 1);
    world.clock.advance(30 * DAY);
    world.app.service.sweep_hours(400 * DAY).await.unwrap();
    assert_eq!(read(&world, &url).await.len(), 1);
    world.clock.advance(HOUR);
    assert_eq!(world.app.service.sweep_hours(400 * DAY).await.unwrap(), 2, "and what the key that wrote was shown");
    assert!(read(&world, &url).await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_told_with_its_place() {
    let world = world().await;
    let (_, url) = reader(&world).await;
    for (parameters, places) in [
        ("from=x", &["?from"][..]),
        ("from=2025-01-02&to=2025-01-01", &["?to"]),
        ("from=2024-11-01&to=2025-01-01", &["?from"]),
        ("limit=0", &["?limit"]),
        ("limit=1001&cursor=x", &["?limit", "?cursor"]),
        ("by=key", &["?by"]),
    ] {
        world.get(&format!("{url}?{parameters}")).await.wrong_at("request.invalid", places);
    }
    for key in ["x", "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4"] {
        world.get(&format!("{KEYS}/{key}/reads")).await.refused(404, "key.unknown");
    }
    let reads_only = world.new_key(ORG, Scopes::NONE.with(Scope::ProfileRead)).await;
    world.get(&url).key(&reads_only).await.refused(403, "auth.scope");
    world.get(&url).key(&world.other_key).await.refused(403, "auth.org");
}
