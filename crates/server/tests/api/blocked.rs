//! Values that were blocked because too many people share them (contract section 6): `GET
//! /admin/v1/orgs/{orgId}/blocked`, `DELETE …/blocked/{blockedId}`, `POST …/blocked/_lift`.

use crate::util::*;
use http::Method;

/// A telephone in a shop, by which a hundred customers were written.
async fn with_a_shop() -> World {
    shared("cellphone", "+49301234567").await
}

async fn shared(kind: &str, value: &str) -> World {
    let world = world().await;
    share(&world, kind, value, 0..103).await;
    world
}

async fn share(world: &World, kind: &str, value: &str, by: std::ops::Range<usize>) {
    for n in by {
        world.clock.advance(1);
        let ids = json!({"user_id": format!("u{n}"), kind: value});
        world.write(json!({"ids": ids})).header("prefer", "return=minimal").await.no_content();
    }
}

async fn list(world: &World) -> serde_json::Value {
    world.get(&format!("{ADMIN}/blocked")).await.ok()
}

#[tokio::test]
async fn beyond_a_hundred_and_one_profiles_a_value_names_nobody() {
    let world = with_a_shop().await;
    let listed = list(&world).await;
    let item = &listed["items"][0];
    assert_eq!((&item["kind"], &item["region"], &listed["next"]), (&json!("cellphone"), &json!("EU"), &json!(null)));
    assert!(item["profiles"].as_u64().unwrap() > 101, "{item}");
    assert!(!listed.to_string().contains("49301234567"), "the list does not hold the value");
    world.find("cellphone", "+49301234567").await.refused(404, "profile.not_found");
    let alone = world.write(json!({"ids": {"cellphone": "+49 30 1234567"}})).await;
    alone.refused(400, "identity.no_usable_identifier");
    let told = world.explain("user_id", "u0").await;
    let held = told["identifiers"].as_array().unwrap().iter().find(|held| held["kind"] == "cellphone").unwrap();
    assert_eq!(held["blocked"], true);
}

#[tokio::test]
async fn an_administrator_lifts_it_by_its_id_or_by_the_value() {
    let world = with_a_shop().await;
    let id = list(&world).await["items"][0]["blockedId"].as_str().unwrap().to_owned();
    let lift = |id: &str| world.call(Method::DELETE, &format!("{ADMIN}/blocked/{id}"));
    lift(&id).key(&world.other_key).await.refused(403, "auth.org");
    lift("nonsense").await.refused(404, "blocked.unknown");
    lift(&"0".repeat(32)).await.refused(404, "blocked.unknown");
    lift(&id).await.no_content();
    assert_eq!(list(&world).await["items"], json!([]));
    assert_eq!(world.find("cellphone", "+49301234567").await.ok()[0]["ids"]["user_id"][0]["user_id"], "u0");
    lift(&id).await.refused(404, "blocked.unknown");

    let world = with_a_shop().await;
    let by_value = |body| world.admin(Method::POST, "/blocked/_lift", body);
    let value = json!({"region": "EU", "kind": "cellphone", "value": "0049 30 1234567"});
    by_value(with(value.clone(), json!({"region": "US"}))).await.refused(404, "blocked.unknown");
    by_value(value.clone()).await.no_content();
    by_value(value).await.refused(404, "blocked.unknown");
    world.find("cellphone", "+49301234567").await.ok();
    by_value(json!({"kind": "_x"})).await.wrong_at("request.invalid", &["/region", "/kind", "/value"]);
}

#[tokio::test]
async fn a_value_and_its_hashes_are_blocked_and_lifted_together() {
    let world = shared("email", "info@example.org").await;
    let items = list(&world).await["items"].take();
    assert!(!items.as_array().unwrap().is_empty());
    world.find("email", "info@example.org").await.refused(404, "profile.not_found");
    let id = items[0]["blockedId"].as_str().unwrap();
    world.call(Method::DELETE, &format!("{ADMIN}/blocked/{id}")).await.no_content();
    assert_eq!(list(&world).await["items"], json!([]), "in all of its writings");
    world.find("email", "INFO@example.org").await.ok();
}

#[tokio::test]
async fn whom_a_lifted_value_had_met_counts_no_more() {
    let world = world().await;
    let kinds = json!([{"kind": "user_id", "class": "primary"}, {"kind": "household", "class": "secondary"}]);
    world.admin(Method::PUT, "/strategy", json!({"mode": "custom", "kinds": kinds})).await.ok();
    share(&world, "household", "h1", 0..102).await;
    let id = list(&world).await["items"][0]["blockedId"].as_str().unwrap().to_owned();
    world.call(Method::DELETE, &format!("{ADMIN}/blocked/{id}")).await.no_content();
    share(&world, "household", "h1", 102..203).await;
    assert_eq!(list(&world).await["items"], json!([]), "a hundred and one others share it");
    share(&world, "household", "h1", 203..205).await;
    assert_eq!(list(&world).await["items"][0]["kind"], "household", "one more, and it names nobody again");
}
