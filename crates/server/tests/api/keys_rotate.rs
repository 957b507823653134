//! `POST /admin/v1/orgs/{orgId}/keys/{keyId}/rotate`: a new secret, the old one valid for an overlap.

use crate::util::*;
use http::Method;

const KEYS: &str = "/admin/v1/orgs/7/keys";

async fn made(world: &World) -> (String, String) {
    let made = world.post(KEYS, json!({"name": "web", "scopes": ["profile.read"]})).await.json();
    (made["keyId"].as_str().unwrap().into(), made["apikey"].as_str().unwrap().into())
}

async fn works(world: &World, secret: &str) -> bool {
    match world.find("user_id", "nobody").key(secret).await.status.as_u16() {
        404 => true,
        401 => false,
        status => panic!("{status}"),
    }
}

#[tokio::test]
async fn both_secrets_work_during_the_overlap_and_then_only_the_new_one() {
    let world = world().await;
    let (id, old) = made(&world).await;
    world.clock.advance(3);
    let answer = world.post(&format!("{KEYS}/{id}/rotate"), json!({"overlapSeconds": 60})).await;
    assert_eq!(answer.status, 201);
    let rotated = answer.json();
    let new = rotated["apikey"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!((&rotated["keyId"], &rotated["name"]), (&json!(id), &json!("web")));
    assert_eq!((&rotated["rotatedAt"], &rotated["oldSecretUntil"]), (&json!(NOW + 3), &json!(NOW + 60_003)));
    assert!(works(&world, &old).await && works(&world, new).await);
    world.clock.advance(59_999);
    assert!(works(&world, &old).await);
    world.clock.advance(1);
    assert!(!works(&world, &old).await && works(&world, new).await);
}

#[tokio::test]
async fn without_overlap_the_old_secret_ends_at_once() {
    let world = world().await;
    let (id, old) = made(&world).await;
    assert!(works(&world, &old).await);
    let rotated = world.post(&format!("{KEYS}/{id}/rotate"), json!({"overlapSeconds": 0})).await.json();
    assert!(!works(&world, &old).await && works(&world, rotated["apikey"].as_str().unwrap()).await);
}

#[tokio::test]
async fn the_overlap_is_required_and_bounded() {
    let world = world().await;
    let (id, old) = made(&world).await;
    let url = format!("{KEYS}/{id}/rotate");
    for body in
        [json!({}), json!({"overlapSeconds": -1}), json!({"overlapSeconds": 7_776_001}), json!({"overlapSeconds": "5"})]
    {
        world.post(&url, body).await.wrong_at("request.invalid", &["/overlapSeconds"]);
    }
    let both = world.post(&url, json!({"overlapSeconds": null, "x": 1})).await;
    assert_eq!(both.refused(400, "request.unknown_member")["errors"].as_array().unwrap().len(), 2);
    assert!(works(&world, &old).await);
    world.post(&url, json!({"overlapSeconds": 7_776_000})).await;
    assert!(works(&world, &old).await);
}

#[tokio::test]
async fn a_key_that_has_ended_is_not_rotated() {
    let world = world().await;
    let (id, _) = made(&world).await;
    world.call(Method::DELETE, &format!("{KEYS}/{id}")).await.no_content();
    world.post(&format!("{KEYS}/{id}/rotate"), json!({"overlapSeconds": 0})).await.refused(409, "key.ended");
}

#[tokio::test]
async fn it_says_nothing_of_keys_of_others() {
    let world = world().await;
    let (id, old) = made(&world).await;
    let body = || json!({"overlapSeconds": 0});
    world.post(&format!("{KEYS}/{id}/rotate"), body()).key(&world.other_key).await.refused(403, "auth.org");
    let wrong_place = format!("/admin/v1/orgs/8/keys/{id}/rotate");
    world.post(&wrong_place, body()).key(ROOT_KEY).await.refused(404, "key.unknown");
    world.post(&format!("{KEYS}/nonsense/rotate"), body()).await.refused(404, "key.unknown");
    world.post("/admin/v1/orgs/999/keys/x/rotate", body()).key(ROOT_KEY).await.refused(404, "org.unknown");
    assert!(works(&world, &old).await);
}
