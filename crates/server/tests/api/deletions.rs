//! `GET /cdp/v1/deletions/{deletionId}` and `GET /.well-known/onefold-keys.json`.

use crate::util::*;
use onefold::receipts::verify;
use onefold_api::receipts::{PublicKeys, SignedReceipt};

async fn deleted(world: &World) -> (String, String) {
    world.say("jane", json!({"age": 34})).await.ok();
    let deleted = world.delete(json!({"ids": {"user_id": ["jane", "nobody"]}})).await.ok();
    let text = |name: &str| deleted[name].as_str().unwrap().to_owned();
    (format!("/cdp/v1/deletions/{}", text("deletionId")), deleted["deletedProfiles"][0].as_str().unwrap().to_owned())
}

async fn keys(world: &World) -> PublicKeys {
    let answer = world.get("/.well-known/onefold-keys.json").without("apikey").await;
    serde_json::from_value(answer.ok()).unwrap()
}

#[tokio::test]
async fn a_receipt_says_what_was_deleted_and_verifies() {
    let world = world().await;
    let (url, ucid) = deleted(&world).await;
    let answer = world.get(&url).await;
    let signed: SignedReceipt = serde_json::from_value(answer.ok()).unwrap();
    let receipt = &signed.receipt;
    assert_eq!((receipt.at, receipt.org_id, &*receipt.region, receipt.requested), (NOW, ORG, "EU", 2));
    assert_eq!(receipt.deleted_profiles, [ucid]);
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("jane"));
    let keys = keys(&world).await;
    assert!(verify(&signed, &keys).is_ok());
    let mut changed = signed.clone();
    changed.receipt.requested = 1;
    assert!(verify(&changed, &keys).is_err());
}

#[tokio::test]
async fn a_receipt_is_for_its_own_organisation() {
    let world = world().await;
    let (url, _) = deleted(&world).await;
    world.get(&url).key(&world.other_key).await.refused(404, "deletion.unknown");
    for unknown in ["x", "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4"] {
        world.get(&format!("/cdp/v1/deletions/{unknown}")).await.refused(404, "deletion.unknown");
    }
}

#[tokio::test]
async fn after_a_rotation_new_receipts_name_the_new_key_and_old_ones_verify() {
    let world = world().await;
    let (url, _) = deleted(&world).await;
    let old: SignedReceipt = serde_json::from_value(world.get(&url).await.ok()).unwrap();
    let rotated = world.post("/admin/v1/server-keys/rotate", json!({"key": "receipts"})).key(ROOT_KEY).await.ok();
    let new: SignedReceipt = serde_json::from_value(world.get(&url).await.ok()).unwrap();
    assert_eq!(rotated["keyId"], new.receipt.key_id.as_str());
    assert_ne!(old.receipt.key_id, new.receipt.key_id);
    let keys = keys(&world).await;
    assert!(verify(&old, &keys).unwrap().retired_at.is_some() && verify(&new, &keys).unwrap().retired_at.is_none());
}
