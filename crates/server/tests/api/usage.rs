//! `GET /cdp/v1/usage` and `GET /admin/v1/orgs/{orgId}/usage` (contract section 8): what is counted, and how it is told.

use crate::util::*;
use http::Method;
use onefold::{App, Config, config::Layer, system::SystemEntropy};
use onefold_core::org::{Scope, Scopes};
use onefold_core::service::Service;
use serde_json::Value;
use std::sync::Arc;

const USAGE: &str = "/cdp/v1/usage";
const OF_ORG: &str = "/admin/v1/orgs/7/usage";
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

async fn usage(world: &World, parameters: &str) -> Value {
    world.get(&format!("{OF_ORG}?{parameters}")).key(ROOT_KEY).await.ok()
}

/// The item whose member is this.
#[track_caller]
fn item<'a>(usage: &'a Value, member: &str, value: &str) -> &'a Value {
    let items = usage["items"].as_array().unwrap();
    items.iter().find(|item| item[member] == value).unwrap_or_else(|| panic!("no {value} in {usage:#}"))
}

fn sums(item: &Value) -> [u64; 4] {
    ["calls", "refused", "identifiers", "fetches"].map(|name| item[name].as_u64().unwrap())
}

#[tokio::test]
async fn calls_are_told_by_operation_key_and_hour() {
    let world = world().await;
    let reader = world.new_key(ORG, Scopes::NONE.with(Scope::ProfileRead)).await;
    world.say("jane", json!({"age": 34})).await.ok();
    let shown = world.find("user_id", "jane").key(&reader).await;
    world.search(json!({"search": {"user_id": ["x", "y"], "email": ["z"]}})).await.refused(404, "profile.not_found");
    world.find("user_id", "jane").body("{").await.refused(400, "request.malformed_json");
    world.say("jane", json!({"age": 35})).key(&reader).await.refused(403, "auth.scope");

    let by = usage(&world, "by=operation").await;
    assert_eq!((&by["orgId"], &by["by"]), (&json!(ORG), &json!("operation")));
    let fetches = item(&by, "operation", "POST /cdp/v1/users/_search");
    assert_eq!(sums(fetches), [3, 0, 4, 1]);
    assert_eq!(fetches["statuses"], json!({"200": 1, "400": 1, "404": 1}));
    assert_eq!(fetches["averageFetchBytes"], shown.bytes.len());
    let writes = item(&by, "operation", "POST /cdp/v1/users");
    assert_eq!((sums(writes), &writes["statuses"]), ([1, 1, 1, 0], &json!({"200": 1, "403": 1})));
    assert_eq!(writes["averageFetchBytes"], Value::Null);
    assert_eq!((by["items"].as_array().unwrap().len(), sums(&by["total"])), (2, [4, 1, 5, 1]));

    let by = usage(&world, "by=key").await;
    let keys = world.get("/admin/v1/orgs/7/keys").key(ROOT_KEY).await.ok()["items"].take();
    for key in keys.as_array().unwrap() {
        let expected = if key["scopes"] == json!(["profile.read"]) { [1, 1, 1, 1] } else { [3, 0, 4, 0] };
        assert_eq!(sums(item(&by, "keyId", key["keyId"].as_str().unwrap())), expected, "{by:#}");
    }
    assert_eq!((by["items"].as_array().unwrap().len(), &by["items"][0]["name"]), (2, &json!("tests")));
    assert_eq!(by["items"][0]["calls"], 3, "those with the most calls first");

    let by = usage(&world, "").await;
    assert_eq!((&by["by"], by["items"].as_array().unwrap().len()), (&json!("hour"), 1));
    assert_eq!((&by["items"][0]["hour"], sums(&by["items"][0])), (&json!(NOW), [4, 1, 5, 1]));
}

#[tokio::test]
async fn hours_are_those_of_the_calls_and_a_question_names_some_of_them() {
    let world = world().await;
    for calls in 1..=3 {
        for _ in 0..calls {
            world.find("user_id", "nobody").await.refused(404, "profile.not_found");
        }
        world.app.meter.flush(&world.app.service, false).await.unwrap();
        world.clock.advance(HOUR);
        world.app.meter.flush(&world.app.service, false).await.unwrap();
    }
    let hours = async |parameters: &str| {
        let usage = usage(&world, parameters).await;
        let items = usage["items"].as_array().unwrap().clone();
        let at = |item: &Value| (item["hour"].as_u64().unwrap() - NOW) / HOUR;
        let items: Vec<_> = items.iter().map(|item| (at(item), item["calls"].as_u64().unwrap())).collect();
        (usage["from"].as_u64().unwrap(), usage["to"].as_u64().unwrap(), items)
    };
    let now = NOW + 3 * HOUR;
    assert_eq!(hours("").await, (now + HOUR - DAY, now + HOUR, vec![(0, 1), (1, 2), (2, 3)]), "a day, up to now");
    let second = format!("from={}&to={}", NOW + HOUR + 5, NOW + 2 * HOUR - 5);
    assert_eq!(hours(&second).await, (NOW + HOUR, NOW + 2 * HOUR, vec![(1, 2)]), "whole hours");
    assert_eq!(hours("from=2025-01-01T02:00Z&to=2025-01-02").await, (NOW + 2 * HOUR, NOW + DAY, vec![(2, 3)]));
    assert_eq!(hours("to=2025-01-01T01:00:00Z").await, (NOW + HOUR - DAY, NOW + HOUR, vec![(0, 1)]));
    assert_eq!(hours("from=2025-01-01T02:59:59.999Z").await.2, [(2, 3)]);
}

#[tokio::test]
async fn nobody_who_is_unknown_is_counted_and_nor_is_the_root_key() {
    let world = world().await;
    world.find("user_id", "u").key("nonsense").await.refused(401, "auth.invalid");
    world.find("user_id", "u").without("apikey").await.refused(401, "auth.missing");
    world.find("user_id", "u").key(ROOT_KEY).await.refused(403, "auth.scope");
    world.get("/admin/v1/orgs/7").key(ROOT_KEY).await.ok();
    world.get("/no/such/url").await.refused(404, "request.no_such_url");
    assert_eq!(usage(&world, "by=operation").await["items"], json!([]));
    // Calls of administrators with a key of their own count; also one to another organisation, at home.
    world.get("/admin/v1/orgs/7").key(&world.other_key).await.refused(403, "auth.org");
    world.get("/admin/v1/orgs/7").await.ok();
    let by = usage(&world, "by=operation").await;
    assert_eq!(
        (&by["items"][0]["operation"], by["total"]["calls"].as_u64()),
        (&json!("GET /admin/v1/orgs/{orgId}"), Some(1))
    );
    let other = world.get("/admin/v1/orgs/8/usage?by=operation").key(ROOT_KEY).await.ok();
    assert_eq!(other["total"]["refused"], 1);
}

#[tokio::test]
async fn refused_calls_are_counted_apart() {
    let world = world().await;
    let limit = |limits: Value| {
        world.call(Method::PATCH, "/admin/v1/orgs/7").key(ROOT_KEY).body(json!({"limits": limits}).to_string())
    };
    limit(json!({"perSecond": 0, "perMinute": 2})).await.ok();
    for status in [404, 404, 429, 429, 429] {
        assert_eq!(world.find("user_id", "nobody").await.status, status);
    }
    limit(json!({"perMinute": 0})).await.ok();
    let total = usage(&world, "").await["total"].take();
    assert_eq!(sums(&total), [2, 3, 2, 0]);
    assert_eq!(total["statuses"], json!({"404": 2, "429": 3}));
}

#[tokio::test]
async fn an_organisation_sees_its_own_and_each_question_is_counted_for_the_next() {
    let world = world().await;
    assert_eq!(world.get(USAGE).await.ok()["total"]["calls"], 0);
    let second = world.get(&format!("{USAGE}?by=operation")).await.ok();
    assert_eq!((&second["orgId"], &second["items"][0]["operation"]), (&json!(ORG), &json!("GET /cdp/v1/usage")));
    assert_eq!(second["total"]["calls"], 1);
    assert_eq!(world.get(USAGE).key(&world.other_key).await.ok()["orgId"], OTHER_ORG);
    let by_url = world.get(&format!("{USAGE}?apikey={}", world.key)).without("apikey").await.ok();
    assert_eq!(by_url["total"]["calls"], 2);
    world.get("/admin/v1/orgs/999/usage").key(ROOT_KEY).await.refused(404, "org.unknown");
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_told_with_its_place() {
    let world = world().await;
    for (parameters, places) in [
        ("by=day", &["?by"][..]),
        ("by=", &["?by"]),
        ("from=yesterday", &["?from"]),
        ("from=2025-02-30&to=x&by=y", &["?from", "?to", "?by"]),
        ("from=2025-01-01&to=2025-01-01", &["?to"]),
        ("from=2025-01-02&to=2025-01-01", &["?to"]),
        ("from=2025-01-01&to=2025-02-02", &["?from"]),
        ("from=2024-01-01", &["?from"]),
        ("from=2025-01-03", &["?from"]),
        ("to=0", &["?to"]),
        ("from=1735689600000000", &["?from"]),
        ("by=hour&by=key", &["?by"]),
        ("limit=5", &["?limit"]),
        ("From=2025-01-01", &["?From"]),
    ] {
        for url in [USAGE, OF_ORG] {
            world.get(&format!("{url}?{parameters}")).await.wrong_at("request.invalid", places);
        }
    }
    world.get(&format!("{USAGE}?from=2025-01-01&to=2025-02-01")).await.ok();
    world.get(&format!("{USAGE}?to=2025-02-01")).await.ok();
}

#[tokio::test]
async fn bytes_are_those_of_bodies_as_sent() {
    let world = world().await;
    let large: serde_json::Map<_, _> = (0..200).map(|n| (format!("a{n}"), json!("same"))).collect();
    let written = world.say("u", large.into()).await;
    let plain = world.find("user_id", "u").await;
    let small = world.find("user_id", "u").header("accept-encoding", "gzip").await;
    assert!(small.bytes.len() < plain.bytes.len() / 4 && small.header("content-encoding") == "gzip");
    let refused = world.find("user_id", "u").body("{").await;
    let all = [&written, &plain, &small, &refused].iter().map(|answer| answer.bytes.len()).sum::<usize>();
    let total = usage(&world, "").await["total"].take();
    assert_eq!(total["bytes"], all);
    assert_eq!(total["averageFetchBytes"], (plain.bytes.len() + small.bytes.len()) / 2);
}

#[tokio::test]
async fn who_fetches_much_is_told_how_to_fetch_less() {
    let world = world().await;
    world.say("u", json!({"text": "x".repeat(1_200), "age": 34})).await.ok();
    let search = |body| world.search(with(json!({"search": {"user_id": ["u"]}}), body));
    assert_eq!(search(json!({})).await.header("x-onefold-notice"), "", "nothing is known yet");
    // What a key may do, and this with it, is looked up each second.
    let a_second_later = async || {
        world.app.meter.flush(&world.app.service, false).await.unwrap();
        world.app.auth.changed();
    };
    a_second_later().await;
    let told = search(json!({})).await;
    assert!(told.header("x-onefold-notice").contains("name what you need in the member \"fetch\""), "{told:?}");
    assert_eq!(world.find("user_id", "nobody").await.header("x-onefold-notice"), "");
    assert_eq!(world.say("u", json!({"age": 35})).await.header("x-onefold-notice"), "");
    for _ in 0..10 {
        search(json!({"fetch": {"profile": ["age"]}})).await.ok();
    }
    a_second_later().await;
    assert_eq!(search(json!({})).await.header("x-onefold-notice"), "", "small ones made up for it");
    world.clock.advance(30 * 60_000);
    for _ in 0..40 {
        search(json!({})).await.ok();
    }
    a_second_later().await;
    assert_ne!(search(json!({})).await.header("x-onefold-notice"), "");
    world.clock.advance(62 * 60_000);
    a_second_later().await;
    a_second_later().await;
    world.clock.advance(62 * 60_000);
    a_second_later().await;
    assert_eq!(search(json!({})).await.header("x-onefold-notice"), "", "the hour is over");
}

#[tokio::test]
async fn what_several_nodes_count_is_added_up_and_outlives_them() {
    let world = world().await;
    let node = async || {
        let service = Service::open(world.store.clone(), world.clock.clone(), Arc::new(SystemEntropy)).await.unwrap();
        let config = Config::load(&[Layer::document("tests", "[engine]\nkind = 'memory'")]).unwrap();
        Arc::new(App::new(service, config, ROOT_KEY))
    };
    world.find("user_id", "nobody").await.refused(404, "profile.not_found");
    for _ in 0..2 {
        let app = node().await;
        let here = World { front: onefold::front(app.clone()), app, key: world.key.clone(), ..self::world().await };
        here.find("user_id", "nobody").await.refused(404, "profile.not_found");
        here.find("user_id", "nobody").await.refused(404, "profile.not_found");
        here.app.meter.finish(&here.app.service).await;
    }
    assert_eq!(usage(&world, "").await["total"]["calls"], 5);
    assert_eq!(usage(&world, "").await["total"]["calls"], 5, "asking counts nothing twice");
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_counted() {
    let world = world().await;
    let never = axum::body::Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    for call in [world.find("user_id", "u").body(never), world.get("/admin/v1/orgs/7")] {
        let mut answer = Box::pin(call.into_future());
        // Once is enough for the key to be known; the second call is done by then.
        let _answered = futures_util::poll!(&mut answer);
    }
    let never = axum::body::Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let mut write = Box::pin(world.say("u", json!({})).body(never).into_future());
    assert!(futures_util::poll!(&mut write).is_pending());
    drop(write);
    let total = usage(&world, "").await["total"].take();
    assert_eq!(total["statuses"], json!({"200": 1, "499": 2}));
}

#[tokio::test]
async fn usage_ends_when_its_time_is_over() {
    let world = world().await;
    world.find("user_id", "nobody").await.refused(404, "profile.not_found");
    assert_eq!(usage(&world, "").await["total"]["calls"], 1);
    world.clock.advance(400 * DAY);
    assert_eq!(world.app.service.sweep_hours(400 * DAY).await.unwrap(), 0);
    world.clock.advance(HOUR);
    assert_eq!(world.app.service.sweep_hours(400 * DAY).await.unwrap(), 1);
    let then = format!("from={NOW}&to={}", NOW + HOUR);
    assert_eq!(usage(&world, &then).await["total"]["calls"], 0);
}
