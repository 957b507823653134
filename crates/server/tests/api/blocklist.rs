//! `GET` and `PUT /admin/v1/orgs/{orgId}/blocklist`: what an organisation blocks itself, beside what is blocked from the
//! start (contract section 6).

use crate::util::*;
use http::Method;

fn put(world: &World, body: serde_json::Value) -> Call {
    world.admin(Method::PUT, "/blocklist", body)
}

/// Whether a record of this value and another one is attached in full.
async fn is_kept(world: &World, kind: &str, value: &str) -> bool {
    world.clock.advance(1);
    let ids = json!({"user_id": format!("beside {value}"), kind: value});
    let written = world.write(json!({"ids": ids})).await.ok();
    let kept = written[0].get("notAttached").is_none();
    assert_eq!(kept, world.find(kind, value).await.status == 200, "{value}: what is not kept is not found");
    kept
}

#[tokio::test]
async fn words_that_stand_for_nobody_are_blocked_from_the_start() {
    let world = world().await;
    let empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let nobody = ["0", "000-00", "null", "undefined", "none", "anonymous", "unknown", "-1", empty_sha256];
    for value in nobody {
        for kind in ["email", "device_id", "email_sha256_lowercase"] {
            assert!(!is_kept(&world, kind, value).await, "{kind} {value}");
        }
        let alone = world.write(json!({"ids": {"email": value}})).await;
        alone.refused(400, "identity.no_usable_identifier");
    }
    assert!(is_kept(&world, "device_id", "01").await);
    let told = world.explain("user_id", "beside null").await;
    assert_eq!(told["blockedValues"][0]["kind"], "email", "explain tells what was met");
    assert!(!told.to_string().contains("74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"));
}

#[tokio::test]
async fn two_with_a_blocked_address_are_not_one_by_the_hash_of_it() {
    let world = world().await;
    for user in ["a", "b"] {
        world.write(json!({"ids": {"device_id": user, "email": "Null"}})).await.ok();
    }
    let ucids = [world.find("device_id", "a").await.ok(), world.find("device_id", "b").await.ok()];
    assert_ne!(ucids[0][0]["ucid"], ucids[1][0]["ucid"]);
}

#[tokio::test]
async fn an_organisation_blocks_values_and_patterns_at_once() {
    let world = world().await;
    let list = json!({"values": ["test@example.org", "T-1"], "patterns": ["^demo-[0-9]+$"]});
    assert_eq!(world.get(&format!("{ADMIN}/blocklist")).await.ok(), json!({"values": [], "patterns": []}));
    assert!(is_kept(&world, "email", "test@example.org").await);
    assert_eq!(put(&world, list.clone()).await.ok(), list);
    assert_eq!(world.get(&format!("{ADMIN}/blocklist")).await.ok(), list);
    world.find("email", "test@example.org").await.refused(404, "profile.not_found");
    assert!(!is_kept(&world, "email", "Test@Example.ORG").await, "in whatever writing");
    assert!(!is_kept(&world, "device_id", "demo-17").await && is_kept(&world, "device_id", "demo-x").await);
    let strict = json!({"ids": {"user_id": "u", "device_id": "T-1"}});
    world.write(strict).header("prefer", "handling=strict").await.refused(409, "identity.not_in_full");
    put(&world, json!({})).await.ok();
    assert!(world.find("email", "test@example.org").await.status == 200, "lifted, it finds again");
}

#[tokio::test]
async fn what_is_wrong_with_it_is_told_and_changes_nothing() {
    let world = world().await;
    put(&world, json!({"values": "a", "x": 1})).await.wrong_at("request.unknown_member", &["/values", "/x"]);
    put(&world, json!({"values": ["", 1]})).await.wrong_at("request.invalid", &["/values/0", "/values/1"]);
    put(&world, json!({"patterns": ["ok", "(", "[", "x"]}))
        .await
        .wrong_at("blocked.invalid", &["/patterns/1", "/patterns/2"]);
    put(&world, json!({"patterns": ["(a{1000}){1000}"]})).await.wrong_at("blocked.invalid", &["/patterns/0"]);
    let many: Vec<String> = (0..1001).map(|n| format!("v{n}")).collect();
    put(&world, json!({"values": many})).await.wrong_at("blocked.invalid", &["/values"]);
    assert_eq!(world.get(&format!("{ADMIN}/blocklist")).await.ok(), json!({"values": [], "patterns": []}));
    put(&world, json!({})).key(&world.other_key).await.refused(403, "auth.org");
}

#[tokio::test]
async fn a_pattern_takes_time_in_proportion_to_the_value_alone() {
    let world = world().await;
    put(&world, json!({"patterns": ["^(a+)+$"]})).await.ok();
    assert!(is_kept(&world, "device_id", &("a".repeat(500) + "b")).await, "and ends at all");
}
