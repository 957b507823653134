//! `POST /cdp/v1/users`: preconditions and idempotency keys (contract section 5).

use crate::util::*;

#[tokio::test]
async fn if_match_writes_only_to_the_profile_as_it_was_seen() {
    let world = world().await;
    let etag = world.say("u", json!({"a": 1})).await.header("etag").to_owned();
    world.clock.advance(1);
    let write = |etag: &str, value: i64| world.say("u", json!({"a": value})).header("if-match", etag);
    let newer = write(&etag, 2).await.header("etag").to_owned();
    write(&etag, 3).await.refused(412, "precondition.failed");
    write(&format!("\"x\", {newer}"), 4).await.ok();
    write("*", 5).await.ok();
    write("W/\"a\"", 6).await.refused(412, "precondition.failed");
    write("nonsense", 7).await.wrong_at("request.header", &["#If-Match"]);
    assert_eq!(world.profile("u").await["profile"]["a"]["a"], 5);
    world.say("new", json!({})).header("if-match", "*").await.refused(412, "precondition.failed");
}

#[tokio::test]
async fn only_the_first_part_of_an_etag_is_compared() {
    let world = world().await;
    let etag = world.say("u", json!({"a": 1})).await.header("etag").to_owned();
    let (writes, _) = etag.split_once('.').unwrap();
    world.say("u", json!({"a": 2})).header("if-match", &format!("{writes}.0000000000000000\"")).await.ok();
}

#[tokio::test]
async fn if_none_match_creates_only() {
    let world = world().await;
    let create = || world.say("u", json!({"a": 1})).header("if-none-match", "*");
    create().await.ok();
    create().await.refused(412, "precondition.failed");
    world.say("u", json!({})).header("if-none-match", "\"x\"").await.wrong_at("request.header", &["#If-None-Match"]);
    create().header("if-match", "*").await.wrong_at("request.header", &["#If-Match"]);
}

#[tokio::test]
async fn a_conditional_write_never_links_people() {
    let world = world().await;
    let etag = world.write(json!({"ids": {"user_id": "u"}})).await.header("etag").to_owned();
    world.write(json!({"ids": {"email": "e"}})).await.ok();
    let both = || world.write(json!({"ids": {"user_id": "u", "email": "e"}}));
    both().header("if-match", &etag).await.refused(412, "precondition.would_link");
    let person = world.profile("u").await;
    assert_eq!(person["ids"].get("linkedUcid"), None, "nothing was done");
}

#[tokio::test]
async fn a_repeat_does_nothing_and_answers_with_the_profile_as_it_now_is() {
    let world = world().await;
    let add = || world.say("u", json!({"a": {"$add": 1}})).header("idempotency-key", "key-1");
    add().await.ok();
    world.clock.advance(1);
    world.say("u", json!({"b": 2})).await.ok();
    let repeat = add().await.ok()[0].take();
    assert_eq!((&repeat["profile"]["a"]["a"], &repeat["profile"]["b"]["b"]), (&json!(1), &json!(2)));
    add().header("prefer", "return=minimal").await.no_content();
    world.clock.advance(24 * 3_600_000 + 1);
    assert_eq!(add().await.ok()[0]["profile"]["a"]["a"], 2, "after a day it is forgotten");
}

#[tokio::test]
async fn another_request_under_the_same_key_is_409() {
    let world = world().await;
    let write = |value: i64| world.say("u", json!({"a": value})).header("idempotency-key", "key-1");
    write(1).await.ok();
    assert_eq!(write(2).await.refused(409, "idempotency.mismatch")["retry"], "no");
    write(1).header("if-match", "*").await.refused(409, "idempotency.mismatch");
    write(1).header("prefer", "handling=strict").await.refused(409, "idempotency.mismatch");
    let other = world.post(USERS, json!({"orgId": OTHER_ORG, "region": "EU", "ids": {"a": "b"}, "upsert": {}}));
    other.header("idempotency-key", "key-1").key(&world.other_key).await.ok();
}

#[tokio::test]
async fn a_key_has_1_to_128_visible_characters() {
    let world = world().await;
    let write = |key: &str| world.say("u", json!({})).header("idempotency-key", key);
    write(&"k".repeat(128)).await.ok();
    for bad in ["", "with space", "ümlaut", &"k".repeat(129)] {
        write(bad).await.wrong_at("request.header", &["#Idempotency-Key"]);
    }
}
