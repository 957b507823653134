//! Values that were displaced (contract section 6, rule 5): not shown and no reason to merge, but alone they still lead
//! to their profile.

use crate::cases::{Cases, set};
use crate::util::*;

#[tokio::test]
async fn a_former_value_finds_deletes_and_is_explained() {
    let mut cases = Cases::custom().await;
    cases.take("U1,E1").await;
    cases.take("U1,E2").await;
    assert_eq!(cases.shows("E1").await, (1, set("U1,E2"), vec![]));
    let told = cases.world.explain("email", "e1").await;
    let state = |value| {
        let held = told["identifiers"].as_array().unwrap().iter().find(|held| held["value"] == value);
        held.unwrap()["state"].clone()
    };
    assert_eq!((state("e1"), state("e2")), (json!("former"), json!("current")));
    let deleted = cases.world.delete(json!({"ids": {"email": ["e1"]}})).await.ok();
    assert_eq!(deleted["deletedProfiles"], json!([cases.made[0]]));
    assert_eq!(cases.found("U1").await, json!([]));
}

#[tokio::test]
async fn it_comes_back_beside_a_better_identifier_of_its_profile() {
    let mut cases = Cases::custom().await;
    cases.take("U1,E1").await;
    cases.take("U1,E2").await;
    cases.take("U1,E1").await;
    assert_eq!(cases.shows("U1").await, (1, set("U1,E1"), vec![]), "the customer changed back");
    assert_eq!(cases.shows("E2").await, (1, set("U1,E1"), vec![]));
}

#[tokio::test]
async fn it_joins_nobody_and_goes_to_whom_another_record_gives_it() {
    let mut cases = Cases::custom().await;
    cases.take("U1,E1").await;
    cases.take("U1,E2").await;
    assert_eq!(cases.take("E1,C9").await, 2, "a former value is no reason to use its profile");
    assert_eq!(cases.shows("E1").await, (2, set("E1,C9"), vec![]));
    assert_eq!(cases.shows("U1").await, (1, set("U1,E2"), vec![]));
}

#[tokio::test]
async fn a_displaced_secondary_leaves() {
    let mut cases = Cases::custom().await;
    for n in 1..=6 {
        cases.take(&format!("U1,M{n}")).await;
    }
    assert_eq!(cases.shows("U1").await, (1, set("U1,M2,M3,M4,M5,M6"), vec![]), "five are kept");
    assert_eq!(cases.found("M1").await, json!([]));
    assert_eq!(cases.take("M1").await, 2, "whom it led to it no longer leads to");
}

#[tokio::test]
async fn beyond_what_is_kept_the_least_recently_communicated_is_displaced() {
    let mut cases = Cases::custom().await;
    for n in 1..=5 {
        cases.take(&format!("U1,G{n}")).await;
    }
    cases.take("U1,G1").await;
    cases.take("U1,G6").await;
    assert_eq!(cases.shows("U1").await, (1, set("U1,G1,G3,G4,G5,G6"), vec![]));
    assert_eq!(cases.shows("G2").await.0, 1, "former");
}
