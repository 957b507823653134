//! `GET /admin/v1/audit`, `GET /admin/v1/orgs/{orgId}/audit` and their `…/verify`.

use crate::util::*;
use http::Method;
use onefold_core::store::{Guard, Store};
use onefold_core::tables::Table;
use onefold_engines::faulty::Fault;
use serde_json::Value;

const LOG: &str = "/admin/v1/orgs/7/audit";
const SERVER_LOG: &str = "/admin/v1/audit";

async fn entries(world: &World, log: &str) -> Vec<Value> {
    world.get(log).key(ROOT_KEY).await.ok()["items"].as_array().unwrap().clone()
}

/// What, outcome and request id of each entry, the newest first.
fn told(entries: &[Value]) -> Vec<[&str; 3]> {
    entries.iter().map(|entry| ["what", "outcome", "requestId"].map(|name| entry[name].as_str().unwrap())).collect()
}

#[tokio::test]
async fn an_administrative_call_is_recorded_before_and_after() {
    let world = world().await;
    let keys = "/admin/v1/orgs/7/keys";
    let made = world.post(keys, json!({"name": "web", "scopes": ["profile.read"]})).header("x-request-id", "r1").await;
    let id = made.json()["keyId"].as_str().unwrap().to_owned();
    world.call(Method::DELETE, &format!("{keys}/{id}")).key(ROOT_KEY).header("x-request-id", "r2").await.no_content();
    let log = entries(&world, LOG).await;
    let (post, delete) = ("POST /admin/v1/orgs/{orgId}/keys", "DELETE /admin/v1/orgs/{orgId}/keys/{keyId}");
    assert_eq!(
        told(&log),
        [[delete, "done", "r2"], [delete, "begun", "r2"], [post, "done", "r1"], [post, "begun", "r1"]]
    );
    assert_eq!((&log[0]["who"], &log[0]["keyId"], &log[0]["at"]), (&json!("root"), &Value::Null, &json!(NOW)));
    assert_eq!((&log[2]["who"], log[2]["keyId"].is_string()), (&json!("key"), true));
    assert_eq!((&log[2]["about"], &log[0]["about"]), (&json!(format!("7 {id}")), &json!(format!("7 {id}"))));
    assert!(!log.iter().any(|entry| entry.to_string().contains("web")), "no names");
}

#[tokio::test]
async fn a_delete_is_recorded_with_its_number_and_no_value() {
    let world = world().await;
    world.say("jane", json!({"age": 34})).await.ok();
    let deleted = world.delete(json!({"ids": {"user_id": ["jane"]}})).await.ok();
    let log = entries(&world, LOG).await;
    assert_eq!(log.len(), 2, "writes are not recorded: {log:?}");
    assert_eq!((&log[0]["outcome"], &log[0]["about"]), (&json!("done"), &deleted["deletionId"]));
    world.delete(json!({"ids": {"user_id": ["jane"]}})).await.refused(400, "delete.already_deleted");
    let log = entries(&world, LOG).await;
    assert_eq!(log[0]["outcome"], "delete.already_deleted");
    assert!(!log.iter().any(|entry| entry.to_string().contains("jane")));
}

#[tokio::test]
async fn a_split_is_recorded_with_the_two_it_parted() {
    let world = world().await;
    let write = async |ids: Value| world.write(json!({"ids": ids, "upsert": {}})).await.ok()[0]["ucid"].take();
    let one = write(json!({"email": "e1"})).await;
    world.clock.advance(1);
    let other = write(json!({"phone": "4911"})).await;
    write(json!({"email": "e1", "phone": "4911"})).await;
    let (one, other) = (one.as_str().unwrap(), other.as_str().unwrap());
    world.split(one, other).await.ok();
    let log = entries(&world, LOG).await;
    let about = format!("{one} {other}");
    assert_eq!((&log[0]["outcome"], &log[0]["about"], &log[1]["about"]), (&json!("done"), &json!(about), &json!("")));
}

#[tokio::test]
async fn what_root_does_to_no_organisation_is_in_the_log_of_the_server() {
    let world = world().await;
    world.post("/admin/v1/orgs", json!({"name": "Acme", "orgId": 70})).key(ROOT_KEY).await;
    world.call(Method::DELETE, "/admin/v1/orgs/999/keys/jane@example.com").key(ROOT_KEY).await;
    let log = entries(&world, SERVER_LOG).await;
    let about: Vec<&str> = log.iter().map(|entry| entry["about"].as_str().unwrap()).collect();
    assert_eq!(about, ["999 …", "999 …", "70", ""]);
    assert_eq!(log[0]["outcome"], "org.unknown");
}

#[tokio::test]
async fn an_administrator_of_another_organisation_is_recorded_at_home() {
    let world = world().await;
    let patch = world.call(Method::PATCH, "/admin/v1/orgs/7").header("content-type", "application/json");
    patch.key(&world.other_key).body("{}").await.refused(403, "auth.org");
    assert!(entries(&world, LOG).await.is_empty());
    assert_eq!(entries(&world, "/admin/v1/orgs/8/audit").await[0]["outcome"], "auth.org");
    world.get(LOG).key(&world.other_key).await.refused(403, "auth.org");
    world.get(SERVER_LOG).await.refused(403, "auth.scope");
}

#[tokio::test]
async fn refused_credentials_are_counted_and_told_once() {
    let world = world().await;
    for _ in 0..3 {
        world.find("user_id", "u").key("nobody-knows").header("x-request-id", "r9").await.refused(401, "auth.invalid");
    }
    world.find("user_id", "u").without("apikey").await.refused(401, "auth.missing");
    world.app.failures.record(&world.app.service).await;
    world.app.failures.record(&world.app.service).await;
    let log = entries(&world, SERVER_LOG).await;
    let counts: Vec<_> = log.iter().map(|entry| (&entry["outcome"], &entry["count"], &entry["who"])).collect();
    let nobody = json!("nobody");
    assert_eq!(counts, [(&json!("auth.invalid"), &json!(3), &nobody), (&json!("auth.missing"), &json!(1), &nobody)]);
    assert_eq!(log[0]["requestId"], "r9");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let (world, trouble) = world_in_trouble().await;
    trouble.with(Table::Audit, Fault::Refuse);
    let keys = "/admin/v1/orgs/7/keys";
    world.post(keys, json!({"name": "web", "scopes": ["profile.read"]})).await.refused(503, "store.unavailable");
    assert_eq!(world.get(keys).await.ok()["items"].as_array().unwrap().len(), 1, "only the key of the tests");
}

#[tokio::test]
async fn pages_lead_on_and_a_change_is_found() {
    let world = world().await;
    for name in ["a", "b", "c"] {
        let patch = world.call(Method::PATCH, "/admin/v1/orgs/7").header("content-type", "application/json");
        patch.body(json!({"name": name}).to_string()).await.ok();
    }
    let first = world.get(&format!("{LOG}?limit=4")).await.ok();
    let next = first["next"].as_str().unwrap();
    let rest = world.get(&format!("{LOG}?cursor={next}")).await.ok();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));
    world.get(&format!("{LOG}?cursor=x")).await.refused(400, "request.invalid");

    let good = world.get(&format!("{LOG}/verify")).await.ok();
    assert_eq!((&good["items"][0]["entries"], &good["items"][0]["broken"]), (&json!(6), &Value::Null));
    let chain: onefold_core::id::Ucid = good["items"][0]["chain"].as_str().unwrap().parse().unwrap();
    let at =
        |number| onefold_core::tables::audit_entry(onefold_core::id::OrgId::new(ORG).ok(), chain.as_u128(), number);
    let other = world.store.read(&at(2)).await.unwrap().unwrap().value;
    world.store.write(&at(5), Guard::Any, other).await.unwrap();
    let bad = world.get(&format!("{LOG}/verify")).await.ok();
    assert_eq!((&bad["items"][0]["brokenAt"], &bad["items"][0]["broken"]), (&json!(5), &json!("changed")));
}
