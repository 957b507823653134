//! `PATCH /admin/v1/orgs/{orgId}`: what the body names changes, at once on this node; the rest stays.

use crate::util::*;
use http::Method;

const URL: &str = "/admin/v1/orgs/7";

fn patch(world: &World, url: &str, body: serde_json::Value) -> Call {
    world.call(Method::PATCH, url).header("content-type", "application/json").body(body.to_string())
}

#[tokio::test]
async fn it_changes_what_is_named_and_answers_with_all() {
    let world = world().await;
    let before = world.get(URL).await.ok();
    let after = patch(&world, URL, json!({"name": "Acme", "limits": {"perSecond": 3}})).await.ok();
    let expected =
        with(before, json!({"name": "Acme", "limits": {"perSecond": 3, "perMinute": 10000, "idsPerFetch": 5}}));
    assert_eq!(after, expected);
    assert_eq!(world.get(URL).await.ok(), after);
    assert_eq!(patch(&world, URL, json!({})).await.ok(), after, "nothing named, nothing changed");
}

#[tokio::test]
async fn more_identifiers_for_a_fetch_hold_at_once() {
    let world = world().await;
    let search = || {
        let values: Vec<String> = (0..7).map(|n| format!("u{n}")).collect();
        world.search(json!({"search": {"user_id": values}, "onMissing": "empty"}))
    };
    search().await.refused(400, "search.too_many_values");
    patch(&world, URL, json!({"limits": {"idsPerFetch": 7}})).key(ROOT_KEY).await.ok();
    search().await.ok();
}

#[tokio::test]
async fn the_limit_of_one_person_is_shown_where_it_is_its_own() {
    let world = world().await;
    let before = world.get(URL).await.ok();
    let limits = |body| patch(&world, URL, json!({"limits": body}));
    let with = |more| with(before["limits"].clone(), more);
    let first = limits(json!({"personPerSecond": 0})).await.ok();
    assert_eq!(first["limits"], with(json!({"personPerSecond": 0})));
    let both = limits(json!({"personBurst": 1_000_000})).await.ok();
    assert_eq!(both["limits"], with(json!({"personPerSecond": 0, "personBurst": 1_000_000})));
    for bad in [json!(-1), json!(1_000_001), json!(1.5), json!("5")] {
        limits(json!({"personPerSecond": bad})).await.wrong_at("request.invalid", &["/limits/personPerSecond"]);
        limits(json!({"personBurst": bad})).await.wrong_at("request.invalid", &["/limits/personBurst"]);
    }
    limits(json!({"personBurst": 0})).await.wrong_at("request.invalid", &["/limits/personBurst"]);
    assert_eq!(patch(&world, URL, json!({"adminEmail": "a@b"})).await.ok()["limits"], both["limits"]);
    assert_eq!(world.get(URL).await.ok()["limits"], both["limits"]);
    let none = limits(json!({"personPerSecond": null, "personBurst": null})).await.ok();
    assert_eq!(none["limits"], before["limits"]);
}

#[tokio::test]
async fn minimal_answers_may_become_the_default() {
    let world = world().await;
    world.say("u", json!({"a": 1})).await.ok();
    patch(&world, URL, json!({"writeAnswer": "minimal"})).await.ok();
    world.say("u", json!({"a": 2})).await.no_content();
}

#[tokio::test]
async fn regions_may_be_added_and_put_in_another_order() {
    let world = world().await;
    let regions = patch(&world, URL, json!({"regions": ["IN", "US", "EU"]})).await.ok()["regions"].take();
    assert_eq!(regions, json!(["IN", "US", "EU"]));
    let write = json!({"region": "IN", "ids": {"user_id": "u"}});
    world.write(write).await.ok();
}

#[tokio::test]
async fn an_administrator_may_have_an_address() {
    let world = world().await;
    let before = world.get(URL).await.ok();
    assert!(before.get("adminEmail").is_none());
    let address = |value| patch(&world, URL, json!({"adminEmail": value}));
    assert_eq!(
        address(json!("dpo@example.org")).await.ok(),
        with(before.clone(), json!({"adminEmail": "dpo@example.org"}))
    );
    for bad in ["", "dpo", " a@b", "a@b, c@d", "a@b\r\nBcc: c@d", "Jane <a@b>"] {
        address(json!(bad)).await.wrong_at("request.invalid", &["/adminEmail"]);
    }
    address(json!(5)).await.wrong_at("request.invalid", &["/adminEmail"]);
    assert_eq!(world.get(URL).await.ok()["adminEmail"], "dpo@example.org");
    assert_eq!(address(json!(null)).await.ok(), before);
    let new = json!({"name": "x", "adminEmail": "a@b"});
    let made = world.call(Method::POST, "/admin/v1/orgs").key(ROOT_KEY).header("content-type", "application/json");
    made.body(new.to_string()).await.wrong_at("request.invalid", &["/adminEmail"]);
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let world = world().await;
    let before = world.get(URL).await.ok();
    let body = json!({"name": null, "orgId": 9, "limits": {"idsPerFetch": 6, "perSecond": 1.5}, "x": 1});
    let problem = patch(&world, URL, body).await.refused(400, "request.unknown_member");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 4, "{problem}");
    assert_eq!(world.get(URL).await.ok(), before);
}

#[tokio::test]
async fn only_its_own_administrators_and_the_root_key_may() {
    let world = world().await;
    let name = || json!({"name": "Mine"});
    patch(&world, URL, name()).key(&world.other_key).await.refused(403, "auth.org");
    patch(&world, URL, json!({"x": 1})).key(&world.other_key).await.refused(400, "request.unknown_member");
    patch(&world, "/admin/v1/orgs/999", name()).await.refused(403, "auth.org");
    patch(&world, "/admin/v1/orgs/999", name()).key(ROOT_KEY).await.refused(404, "org.unknown");
    assert_eq!(world.get(URL).await.ok()["name"], "Tests");
}
