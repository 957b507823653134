//! What could not be attached or linked, and who wants all or nothing (contract sections 3, 5 and 6).

use crate::cases::{Cases, set};
use crate::util::*;

fn taken() -> serde_json::Value {
    json!({"ids": {"user_id": "u2", "email": "e1"}, "upsert": {"profile": {"a": 1}}})
}

#[tokio::test]
async fn what_stays_elsewhere_is_named_on_the_profile_or_in_a_header() {
    let mut cases = Cases::by_default().await;
    cases.take("U1,E1").await;
    let told = cases.world.write(taken()).await;
    assert_eq!(told.ok()[0]["notAttached"], json!(["email"]), "as the record named it, not its hash as well");
    assert_eq!(told.header("x-onefold-not-attached"), "");
    assert_eq!(cases.world.profile("u2").await.get("notAttached"), None, "a fetch does not tell");
    let minimal = cases.world.write(taken()).header("prefer", "return=minimal").await;
    assert_eq!(minimal.no_content().header("x-onefold-not-attached"), "email");
    assert_eq!(minimal.header("x-onefold-not-linked"), "");
}

#[tokio::test]
async fn who_asks_for_all_or_nothing_gets_nothing() {
    let mut cases = Cases::by_default().await;
    cases.take("U1,E1").await;
    let before = cases.found("E1").await;
    let strict = cases.world.write(taken()).header("prefer", "handling=strict").await;
    strict.refused(409, "identity.not_in_full");
    assert_eq!(cases.found("U2").await, json!([]), "nothing is done");
    assert_eq!(cases.found("E1").await, before);
    let full = json!({"ids": {"user_id": "u1", "email": "e1"}});
    cases.world.write(full).header("prefer", "handling=strict").await.ok();
    cases.world.write(taken()).header("prefer", "handling=lenient").await.ok();
}

#[tokio::test]
async fn who_was_split_is_not_linked_and_that_is_told() {
    let mut cases = Cases::by_default().await;
    cases.take("K1").await;
    cases.take("E1").await;
    cases.take("K1,E1").await;
    cases.world.split(&cases.made[0], &cases.made[1]).await.ok();
    let both = json!({"ids": {"k": "k1", "email": "e1"}});
    let told = cases.world.write(both.clone()).await.ok();
    assert_eq!(told[0]["ucid"], *cases.made[1], "of equal kinds the first by name, email");
    assert_eq!((&told[0]["notAttached"], &told[0]["notLinked"]), (&json!(["k"]), &json!(["k"])));
    let minimal = cases.world.write(both.clone()).header("prefer", "return=minimal").await;
    assert_eq!(minimal.no_content().header("x-onefold-not-linked"), "k");
    cases.world.write(both).header("prefer", "handling=strict").await.refused(409, "identity.not_in_full");
    assert_eq!(cases.shows("E1").await, (2, set("E1"), vec![]));
}

#[tokio::test]
async fn a_link_that_would_pass_a_limit_is_left_out_recorded_and_explained() {
    let cases = Cases::by_default().await;
    let large = "x".repeat(40_000);
    for ids in [json!({"k": "k1"}), json!({"nid": "n1"})] {
        let name = format!("about_{}", ids.as_object().unwrap().keys().next().unwrap());
        cases.world.write(json!({"ids": ids, "upsert": {"profile": {name: large}}})).await.ok();
        cases.world.clock.advance(1);
    }
    let told = cases.world.write(json!({"ids": {"k": "k1", "nid": "n1"}})).await.ok();
    assert_eq!(told[0]["notLinked"], json!(["nid"]));
    let explained = cases.world.explain("k", "k1").await;
    let refused = &explained["refusedLinks"][0];
    assert_eq!((&refused["reason"], &refused["rule"]), (&json!("limit_of_one_person"), &json!("2d")));
    let listed = cases.world.get(&format!("{ADMIN}/refused")).await.ok();
    assert_eq!(listed["items"][0]["reason"], "identity.limit_of_one_person");
}

#[tokio::test]
async fn deletes_take_primary_kinds_and_ucids() {
    let mut cases = Cases::custom().await;
    cases.take("U1,M1,CC1").await;
    for kind in ["maid", "ccode"] {
        let problem = cases.world.delete(json!({"ids": {kind: ["m1"]}})).await;
        problem.refused(400, "delete.not_primary");
    }
    cases.shows("U1").await;
    cases.world.delete(json!({"ids": {"ucid": [cases.made[0]]}})).await.ok();
    assert_eq!(cases.found("U1").await, json!([]));
}

#[tokio::test]
async fn a_conditional_write_does_not_link() {
    let mut cases = Cases::custom().await;
    cases.take("U1,E1").await;
    cases.take("C1").await;
    let etag = cases.world.find("user_id", "u1").await.header("etag").to_owned();
    let write = json!({"ids": {"user_id": "u1", "cellphone": "c1"}});
    cases.world.write(write).header("if-match", &etag).await.refused(412, "precondition.would_link");
}

#[tokio::test]
async fn a_ucid_is_the_person_and_brings_others_in() {
    let mut cases = Cases::custom().await;
    cases.take("U1,E1").await;
    cases.take("C1").await;
    let by = |ids| json!({"ucid": cases.made[0], "ids": ids});
    let written = cases.world.write(by(json!({"cellphone": "c1"}))).await.ok();
    assert_eq!(written[0]["ucid"], *cases.made[0]);
    assert_eq!(cases.shows("C1").await, (1, set("U1,E1,C1"), vec![2]));
    cases.world.write(by(json!({"email": "e2"}))).await.ok();
    assert_eq!(cases.shows("U1").await, (1, set("U1,E2,C1"), vec![2]), "what is not the best may be replaced");
    let linked = json!({"ucid": cases.made[1], "ids": {"user_id": "u9"}});
    cases.world.write(linked).await.refused(409, "identity.ucid_conflict");
}
