//! `DELETE /admin/v1/orgs/{orgId}/keys/{keyId}`: the key stops, on this node at once, on every other within a second.

use crate::util::*;
use http::Method;
use onefold_core::id::OrgId;
use onefold_core::service::Service;
use onefold_core::time::Clock;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEYS: &str = "/admin/v1/orgs/7/keys";

async fn made(world: &World) -> (String, String) {
    let made = world.post(KEYS, json!({"name": "web", "scopes": ["profile.read"]})).await.json();
    (made["keyId"].as_str().unwrap().into(), made["apikey"].as_str().unwrap().into())
}

#[tokio::test]
async fn a_revoked_key_stops_at_once_and_revoking_again_is_well() {
    let world = world().await;
    let (id, secret) = made(&world).await;
    let call = || world.find("user_id", "u").key(&secret);
    call().await.refused(404, "profile.not_found");
    let delete = || world.call(Method::DELETE, &format!("{KEYS}/{id}"));
    delete().await.no_content();
    call().await.refused(401, "auth.invalid");
    delete().await.no_content();
}

/// Another node revokes the key: this one has it in its cache, and learns of it by its age alone.
#[tokio::test]
async fn a_key_that_another_node_revokes_stops_within_a_second() {
    let world = world().await;
    let (id, secret) = made(&world).await;
    let call = || world.find("user_id", "u").key(&secret);
    call().await.refused(404, "profile.not_found");
    let clock: Arc<dyn Clock> = world.clock.clone();
    let entropy = Arc::new(onefold::system::SystemEntropy);
    let other_node = Service::open(world.store.clone(), clock, entropy).await.unwrap();
    other_node.revoke_key(OrgId::new(ORG).unwrap(), id.parse().unwrap()).await.unwrap();
    let revoked = Instant::now();
    while call().await.status != 401 {
        assert!(revoked.elapsed() < Duration::from_secs(1), "it still works after a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn it_says_nothing_of_keys_of_others() {
    let world = world().await;
    let (id, secret) = made(&world).await;
    let delete = |url: String| world.call(Method::DELETE, &url);
    delete(format!("{KEYS}/{id}")).key(&world.other_key).await.refused(403, "auth.org");
    delete(format!("/admin/v1/orgs/8/keys/{id}")).key(ROOT_KEY).await.refused(404, "key.unknown");
    delete(format!("{KEYS}/nonsense")).await.refused(404, "key.unknown");
    delete("/admin/v1/orgs/999/keys/x".into()).key(ROOT_KEY).await.refused(404, "org.unknown");
    world.find("user_id", "u").key(&secret).await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn an_administrator_may_revoke_the_key_in_hand() {
    let world = world().await;
    let own = world.get(KEYS).await.ok()["items"][0]["keyId"].as_str().unwrap().to_owned();
    world.call(Method::DELETE, &format!("{KEYS}/{own}")).await.no_content();
    world.get(KEYS).await.refused(401, "auth.invalid");
}
