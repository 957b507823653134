//! Deletes for good (contract section 7): `suppress` in a delete, `GET /admin/v1/orgs/{orgId}/suppressions`, `DELETE
//! …/suppressions/{suppressionId}`, `POST …/suppressions/_lift`.

use crate::util::*;
use http::Method;

/// SHA-256 of `jane@example.com`.
const HASH: &str = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d";
const PHONE: &str = "38400000-8cf0-11bd-b23e-10b96e40000d";

/// Jane was there, and was deleted for good; the id of that delete.
async fn without_jane() -> (World, String) {
    let world = world().await;
    let jane = json!({"ids": {"user_id": "jane", "email": "Jane@Example.com", "AdId": PHONE}});
    world.write(jane).await.ok();
    let deleted = world.delete(json!({"ids": {"user_id": ["jane"]}, "suppress": true})).await.ok();
    assert_eq!(deleted["deletedProfiles"].as_array().unwrap().len(), 1);
    world.clock.advance(1000);
    let id = deleted["deletionId"].as_str().unwrap().to_owned();
    (world, id)
}

async fn list(world: &World) -> serde_json::Value {
    world.get(&format!("{ADMIN}/suppressions")).await.ok()
}

#[tokio::test]
async fn a_write_of_any_of_their_identifiers_is_refused_and_changes_nothing() {
    let (world, _) = without_jane().await;
    world.say("joe", json!({"age": 1})).await.ok();
    let before = world.find("user_id", "joe").await.ok();
    for ids in [
        json!({"user_id": "jane"}),
        json!({"email": "jane@example.com"}),
        json!({"email_sha256_lowercase": HASH}),
        json!({"email_sha256_lowercase": HASH.to_uppercase()}),
        json!({"user_id": "joe", "email": " JANE@example.com "}),
    ] {
        let problem = world.write(json!({"ids": ids, "upsert": {"profile": {"age": 2}}})).await;
        let problem = problem.refused(400, "identity.suppressed");
        assert_eq!(problem["retry"], "no");
        assert!(!problem.to_string().to_lowercase().contains("jane@"), "{problem}");
    }
    assert_eq!(world.find("user_id", "joe").await.ok(), before);
    world.find("email", "jane@example.com").await.refused(404, "profile.not_found");
    let refused = world.get(&format!("{ADMIN}/refused")).await.ok();
    assert_eq!(refused["items"][0]["reason"], "identity.suppressed", "administrators see that it is still sent");
}

#[tokio::test]
async fn a_device_of_theirs_is_left_out_and_said() {
    let (world, _) = without_jane().await;
    let written = world.write(json!({"ids": {"user_id": "joe", "AdId": PHONE}})).await;
    assert_eq!(written.ok()[0]["notAttached"], json!(["AdId"]));
    world.find("AdId", PHONE).await.refused(404, "profile.not_found");
    world.write(json!({"ids": {"AdId": PHONE}})).await.refused(400, "identity.no_usable_identifier");
    let told = world.explain("user_id", "joe").await;
    assert_eq!(told["blockedValues"][0]["kind"], "AdId", "{told}");
    let strict = world.write(json!({"ids": {"user_id": "joe", "AdId": PHONE}})).header("prefer", "handling=strict");
    strict.await.refused(409, "identity.not_in_full");
}

#[tokio::test]
async fn the_list_says_which_kinds_and_which_delete_and_no_value() {
    let (world, deletion) = without_jane().await;
    let listed = list(&world).await;
    let items = listed["items"].as_array().unwrap();
    let mut kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!((kinds, &listed["next"]), (vec!["AdId", "email", "user_id"], &json!(null)));
    for item in items {
        let about = (&item["deletionId"], &item["region"], &item["suppressedAt"]);
        assert_eq!(about, (&json!(deletion), &json!("EU"), &json!(NOW)));
    }
    let email = items.iter().find(|item| item["kind"] == "email").unwrap();
    assert_eq!(email["writings"], json!(["email", "email_sha256_lowercase"]));
    let text = listed.to_string().to_lowercase();
    assert!(!text.contains("jane") && !text.contains(HASH) && !text.contains(PHONE), "{text}");
    let page = world.get(&format!("{ADMIN}/suppressions?limit=2")).await.ok();
    let next = page["next"].as_str().unwrap();
    let rest = world.get(&format!("{ADMIN}/suppressions?cursor={next}")).await.ok();
    let both = [page["items"].as_array().unwrap().as_slice(), rest["items"].as_array().unwrap()].concat();
    assert_eq!((&both, &rest["next"]), (items, &json!(null)));
    world.get(&format!("{ADMIN}/suppressions?cursor=x")).await.wrong_at("request.invalid", &["?cursor"]);
    let other = world.get("/admin/v1/orgs/8/suppressions").key(&world.other_key).await.ok();
    assert_eq!(other["items"], json!([]));
}

#[tokio::test]
async fn an_administrator_lifts_it_by_its_id_in_all_writings() {
    let (world, _) = without_jane().await;
    let listed = list(&world).await;
    let email = listed["items"].as_array().unwrap().iter().find(|item| item["kind"] == "email").unwrap();
    let id = email["suppressionId"].as_str().unwrap();
    let lift = |id: &str| world.call(Method::DELETE, &format!("{ADMIN}/suppressions/{id}"));
    lift(id).key(&world.other_key).await.refused(403, "auth.org");
    lift("nonsense").await.refused(404, "suppression.unknown");
    lift(&"0".repeat(32)).await.refused(404, "suppression.unknown");
    lift(id).await.no_content();
    lift(id).await.refused(404, "suppression.unknown");
    assert_eq!(list(&world).await["items"].as_array().unwrap().len(), 2);
    world.write(json!({"ids": {"email_sha256_lowercase": HASH}})).await.ok();
    world.write(json!({"ids": {"email": "jane@example.com"}})).await.ok();
    world.say("jane", json!({})).await.refused(400, "identity.suppressed");
    let audit = world.get(&format!("{ADMIN}/audit")).await.ok();
    let lifted = audit["items"].as_array().unwrap().iter().any(|entry| {
        entry["what"] == "DELETE /admin/v1/orgs/{orgId}/suppressions/{suppressionId}"
            && entry["outcome"] == "done"
            && entry["about"].as_str().unwrap().ends_with(id)
    });
    assert!(lifted, "{audit}");
}

/// What the last entry of the audit log is about.
async fn last_about(world: &World) -> String {
    world.get(&format!("{ADMIN}/audit?limit=1")).await.ok()["items"][0]["about"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn or_by_the_value_in_whatever_writing_in_one_region_or_in_all() {
    let (world, _) = without_jane().await;
    let lift = |body| world.admin(Method::POST, "/suppressions/_lift", body);
    let email = json!({"kind": "email", "value": "JANE@example.com"});
    let listed = list(&world).await;
    let id = &listed["items"].as_array().unwrap().iter().find(|item| item["kind"] == "email").unwrap()["suppressionId"];
    lift(with(email.clone(), json!({"region": "US"}))).await.refused(404, "suppression.unknown");
    assert_eq!(last_about(&world).await, "7");
    lift(with(email.clone(), json!({"region": "eu"}))).await.no_content();
    assert_eq!(last_about(&world).await, format!("7 {}", id.as_str().unwrap()));
    lift(email).await.refused(404, "suppression.unknown");
    world.write(json!({"ids": {"email": "jane@example.com"}})).await.ok();
    lift(json!({"kind": "user_id", "value": "jane"})).await.no_content();
    let listed = list(&world).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "the device: {listed}");
    lift(json!({})).await.wrong_at("request.invalid", &["/kind", "/value"]);
    lift(json!({"kind": "a", "value": "b", "region": "IN"})).await.wrong_at("request.unknown_region", &["/region"]);
    lift(json!({"kind": "a", "value": "b", "why": "x"})).await.wrong_at("request.unknown_member", &["/why"]);
}

#[tokio::test]
async fn whoever_was_not_found_is_not_suppressed_and_regions_and_organisations_are_apart() {
    let (world, _) = without_jane().await;
    let nobody = world.delete(json!({"ids": {"user_id": ["nobody"]}, "suppress": true})).await.ok();
    assert_eq!(nobody["profilesNotFound"], json!(["nobody"]));
    world.say("nobody", json!({})).await.ok();
    world.write(json!({"ids": {"user_id": "jane"}, "region": "US"})).await.ok();
    let other = json!({"orgId": OTHER_ORG, "ids": {"user_id": "jane"}});
    world.write(other).key(&world.other_key).await.ok();
}

#[tokio::test]
async fn an_update_under_way_and_a_repeat_from_before_are_told_what_is_true() {
    let world = world().await;
    let write = || world.say("jane", json!({"age": 1})).header("idempotency-key", "k");
    write().await.ok();
    let delete = |key: &str| {
        let body = json!({"ids": {"user_id": ["jane"]}, "suppress": true});
        world.delete(body).header("idempotency-key", key)
    };
    let first = delete("d").await.ok();
    assert_eq!(delete("d").await.ok(), first, "a repeat gives the same answer");
    delete("e").await.refused(400, "delete.already_deleted");
    assert_eq!(write().await.ok(), json!([]), "what was done before the delete is not refused, and shows nobody");
    world.say("jane", json!({"age": 1})).await.refused(400, "identity.suppressed");
}
