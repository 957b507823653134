//! Values that leave by themselves (contract section 6): by kind, counted from receipt; and profiles of which nothing is
//! heard, or to which nothing leads.

use crate::util::*;
use http::Method;

const DAY: u64 = 24 * 3_600 * 1_000;

/// An organisation whose `session` ids leave after ten days.
async fn with_sessions() -> World {
    let world = world().await;
    sessions_leave_after(&world, 10).await;
    world
}

async fn sessions_leave_after(world: &World, days: u32) {
    let kinds = json!([
        {"kind": "user_id", "class": "primary", "priority": 1, "keep": 1},
        {"kind": "session", "class": "primary", "priority": 3, "ttlDays": days},
    ]);
    world.admin(Method::PUT, "/strategy", json!({"mode": "custom", "kinds": kinds})).await.ok();
}

async fn write(world: &World, ids: serde_json::Value) {
    world.write(json!({"ids": ids})).await.ok();
}

#[tokio::test]
async fn a_value_leaves_at_its_moment_without_any_write_or_sweep() {
    let world = with_sessions().await;
    write(&world, json!({"user_id": "u", "session": "s"})).await;
    world.clock.advance(10 * DAY - 1);
    world.find("session", "s").await.ok();
    assert!(world.profile("u").await["ids"].get("session").is_some());
    world.clock.advance(1);
    world.find("session", "s").await.refused(404, "profile.not_found");
    assert!(world.profile("u").await["ids"].get("session").is_none(), "it is not shown either");
    let projected = json!({"search": {"user_id": ["u"]}, "fetch": {"ids": ["session"]}});
    assert_eq!(world.search(projected).await.ok()[0]["ids"], json!({}));
    world.delete(json!({"ids": {"session": ["s"]}})).await.ok();
    world.find("user_id", "u").await.ok();
}

#[tokio::test]
async fn every_communication_begins_it_anew_and_a_timestamp_does_not_count() {
    let world = with_sessions().await;
    write(&world, json!({"user_id": "u", "session": "s"})).await;
    world.clock.advance(9 * DAY);
    let long_ago = json!({"ids": {"user_id": "u", "session": "s"}, "timestamp": NOW - 365 * DAY});
    world.write(long_ago).await.ok();
    world.clock.advance(9 * DAY);
    world.find("session", "s").await.ok();
    world.clock.advance(DAY);
    world.find("session", "s").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn a_value_that_left_is_free_for_another() {
    let world = with_sessions().await;
    write(&world, json!({"user_id": "u1", "session": "s"})).await;
    world.clock.advance(10 * DAY);
    let second = world.write(json!({"ids": {"user_id": "u2", "session": "s"}})).await.ok()[0].take();
    assert_eq!(second.get("notAttached"), None);
    assert_eq!(world.find("session", "s").await.ok()[0]["ucid"], second["ucid"]);
    world.clock.advance(1);
    assert_ne!(world.profile("u1").await["ucid"], second["ucid"]);
}

#[tokio::test]
async fn changing_it_counts_for_later_communications_only() {
    let world = with_sessions().await;
    write(&world, json!({"user_id": "u", "session": "s"})).await;
    write(&world, json!({"user_id": "u", "session": "t"})).await;
    sessions_leave_after(&world, 2).await;
    write(&world, json!({"user_id": "u", "session": "t"})).await;
    world.clock.advance(2 * DAY);
    world.find("session", "s").await.ok();
    world.find("session", "t").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn cookies_leave_by_default_and_others_stay() {
    let world = world().await;
    write(&world, json!({"user_id": "u", "ga": "g", "google_gid": "t", "email": "e", "device_id": "d"})).await;
    let held = async || {
        let ids = world.profile("u").await["ids"].take();
        ids.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    world.clock.advance(90 * DAY);
    assert_eq!(held().await, ["device_id", "email", "ga", "user_id"], "cookies of others: 90 days");
    world.clock.advance(90 * DAY);
    assert_eq!(held().await, ["device_id", "email", "user_id"], "one's own: 180 days");
    world.clock.advance(3_650 * DAY);
    assert_eq!(held().await, ["device_id", "email", "user_id"]);
}

#[tokio::test]
async fn whom_no_identifier_leads_to_any_more_is_erased_after_thirty_days() {
    let world = with_sessions().await;
    let ucid = world.write(json!({"ids": {"session": "s"}})).await.header("x-ucid").to_owned();
    world.clock.advance(10 * DAY);
    world.find("session", "s").await.refused(404, "profile.not_found");
    world.find("ucid", &ucid).await.ok();
    world.clock.advance(30 * DAY);
    world.app.service.sweep().await.unwrap();
    world.find("ucid", &ucid).await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn an_organisation_may_have_profiles_erased_that_it_hears_nothing_of() {
    let world = world().await;
    let patch = |days| world.admin(Method::PATCH, "", json!({"profileTtlDays": days}));
    assert_eq!(world.get(ADMIN).await.ok().get("profileTtlDays"), None, "off by default");
    assert_eq!(patch(json!(100)).await.ok()["profileTtlDays"], 100);
    for bad in [json!(0), json!(-1), json!(1.5), json!("10"), json!(36_501)] {
        patch(bad).await.wrong_at("request.invalid", &["/profileTtlDays"]);
    }
    let write = async |user: &str| world.say(user, json!({"a": 1})).await.header("x-ucid").to_owned();
    let (quiet, heard) = (write("quiet").await, write("heard").await);
    world.clock.advance(60 * DAY);
    write("heard").await;
    world.clock.advance(41 * DAY);
    for _ in 0..4 {
        world.app.service.sweep().await.unwrap();
    }
    world.find("ucid", &quiet).await.refused(404, "profile.not_found");
    world.find("ucid", &heard).await.ok();
    assert_eq!(patch(json!(null)).await.ok().get("profileTtlDays"), None);
}
