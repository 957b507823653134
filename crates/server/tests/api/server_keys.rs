//! `POST /admin/v1/server-keys/rotate`.

use crate::util::*;

const ROTATE: &str = "/admin/v1/server-keys/rotate";

#[tokio::test]
async fn a_new_root_key_takes_the_place_of_the_old_one_at_once() {
    let world = world().await;
    let rotated = world.post(ROTATE, json!({"key": "root"})).key(ROOT_KEY).await.ok();
    let new = rotated["apikey"].as_str().unwrap();
    world.get("/admin/v1/orgs").key(ROOT_KEY).await.refused(401, "auth.invalid");
    world.get("/admin/v1/orgs").key(new).await.ok();
    let log = world.get("/admin/v1/audit").key(new).await.ok();
    let last = &log["items"][0];
    assert_eq!((&last["about"], &last["outcome"]), (&json!("root"), &json!("done")));
    assert!(!log.to_string().contains(new));
}

#[tokio::test]
async fn what_is_not_understood_changes_nothing() {
    let world = world().await;
    for (body, code, pointer) in [
        (json!({}), "request.invalid", "/key"),
        (json!({"key": "other"}), "request.invalid", "/key"),
        (json!({"key": 1}), "request.invalid", "/key"),
        (json!({"key": "root", "x": 1}), "request.unknown_member", "/x"),
    ] {
        world.post(ROTATE, body).key(ROOT_KEY).await.wrong_at(code, &[pointer]);
    }
    world.get("/admin/v1/orgs").key(ROOT_KEY).await.ok();
    world.post(ROTATE, json!({"key": "root"})).await.refused(403, "auth.scope");
}
